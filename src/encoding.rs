//! The table of input encodings. A further one is a variant with its entry here, and its file in `shaders/encodings`.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::hash_grid::HashGrid;
use crate::mlp::Mlp;
use crate::named;
use crate::shaders::shader;

/// What a network makes of its inputs before the first layer: more values, by which a small network learns fine structure where
/// it could only learn a blur of the coordinates themselves. Without parameters, but for the hash grid.
///
/// | encoding | for | values per sample |
/// | --- | --- | --- |
/// | [`Encoding::Frequency`] | coordinates, times | 2 · frequencies · inputs |
/// | [`Encoding::OneBlob`] | coordinates, angles from 0 to 1 | bins · inputs |
/// | [`Encoding::SphericalHarmonics`] | directions | degree² |
/// | [`Encoding::HashGrid`] | pictures, distance fields, light: all that is learned at two or three coordinates | levels · features |
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Encoding {
    /// Of each input x: sin(2^k π x), cos(2^k π x) for k = 0, 1, … below this number of frequencies, 1 to 32 (Mildenhall et al.
    /// 2020). The values of the first input come first. Exact for all k; tiny-cuda-nn's `Frequency` in another order.
    Frequency(u32),
    /// Of each input x: how much of a bump around it, a quartic kernel (1 - u²)² of the radius of one bin, lies in each of this
    /// many bins of 0 to 1 (Müller et al. 2019). What leaves at one end comes in at the other: the values sum to 1 and repeat
    /// with x + 1. Bins are a power of two from 4 to 1,024. tiny-cuda-nn: `OneBlob`.
    OneBlob(u32),
    /// Of three inputs from 0 to 1, which are a direction 2 x - 1 of length 1: the real spherical harmonics below this degree, 1
    /// to 4, as polynomials of the direction's components. tiny-cuda-nn: `SphericalHarmonics`.
    SphericalHarmonics(u32),
    /// Of two or three inputs from 0 to 1: features of tables that are trained, interpolated at several resolutions.
    HashGrid(HashGrid),
}

/// The values of an encoding and their derivatives, for shaders.
pub(crate) struct Formula {
    /// Its name in messages, files and WGSL, where the functions are `name_value` and `name_derivative`.
    pub name: &'static str,
    pub of: Of,
    /// Both functions, for f32; after the inputs and the value's number, [`Encoding::wgsl_parameter`] is their last argument.
    pub wgsl: &'static str,
}

/// What values are made of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Of {
    /// One input each.
    EachInput,
    /// Three inputs together.
    ThreeInputs,
    /// Parameters: [`HashGrid::corners`] says which.
    Parameters,
}

/// The same for the reference, in f64: value number `j`, and its derivative. `p` is the encoding's parameter.
enum Reference {
    /// Of `(x, j, p)`; the derivative with respect to x.
    EachInput(fn(f64, u32, u32) -> f64, fn(f64, u32, u32) -> f64),
    /// Of `(x, j)`; the derivatives with respect to each input.
    ThreeInputs(fn([f64; 3], u32) -> f64, fn([f64; 3], u32) -> [f64; 3]),
    Parameters,
}

/// The entries: the name, what the values are made of, the value and the derivative. They become two functions, so that a program
/// without the reference does not have its half.
macro_rules! formulas {
    ($($encoding:pat => $name:literal, $of:ident $(($value:expr, $derivative:expr))?;)*) => {
        impl Encoding {
            /// The encoding's entry.
            #[inline(never)]
            pub(crate) fn formula(self) -> &'static Formula {
                match self {
                    $($encoding => const { &Formula { name: $name, of: Of::$of, wgsl: shader!("encodings/" $name) } },)*
                }
            }

            fn reference(self) -> Reference {
                match self {
                    $($encoding => Reference::$of $(($value, $derivative))?,)*
                }
            }
        }
    };
}

formulas! {
    Encoding::Frequency(_) => "frequency", EachInput(frequency, frequency_derivative);
    Encoding::OneBlob(_) => "one_blob", EachInput(one_blob, one_blob_derivative);
    Encoding::SphericalHarmonics(_) => "spherical_harmonics",
        ThreeInputs(spherical_harmonics, spherical_harmonics_derivative);
    Encoding::HashGrid(_) => "hash_grid", Parameters;
}

/// 2^k π x, without whole turns.
fn angle(x: f64, k: u32) -> f64 {
    let turns = x * 2f64.powi(k as i32 - 1);
    2.0 * PI * (turns - turns.round())
}

fn frequency(x: f64, j: u32, _: u32) -> f64 {
    if j.is_multiple_of(2) { angle(x, j / 2).sin() } else { angle(x, j / 2).cos() }
}

fn frequency_derivative(x: f64, j: u32, _: u32) -> f64 {
    let factor = PI * 2f64.powi((j / 2) as i32);
    factor * if j.is_multiple_of(2) { angle(x, j / 2).cos() } else { -angle(x, j / 2).sin() }
}

/// The quartic kernel around 0, of radius 1 and area 1.
fn quartic(u: f64) -> f64 {
    if u.abs() < 1.0 { 15.0 / 16.0 * (1.0 - u * u).powi(2) } else { 0.0 }
}

/// Its area below `u`.
fn quartic_below(u: f64) -> f64 {
    let u = u.clamp(-1.0, 1.0);
    0.5 + 15.0 / 16.0 * (u - 2.0 / 3.0 * u.powi(3) + 0.2 * u.powi(5))
}

/// The beginning and the end of bin `j`, as seen from x, at three repetitions of the bins.
fn bins_around(x: f64, j: u32, bins: u32) -> impl Iterator<Item = [f64; 2]> {
    let place = (x - x.floor()) * f64::from(bins);
    [-1.0, 0.0, 1.0].into_iter().map(move |repetition| {
        let begin = f64::from(j) + repetition * f64::from(bins) - place;
        [begin, begin + 1.0]
    })
}

fn one_blob(x: f64, j: u32, bins: u32) -> f64 {
    bins_around(x, j, bins).map(|[begin, end]| quartic_below(end) - quartic_below(begin)).sum()
}

fn one_blob_derivative(x: f64, j: u32, bins: u32) -> f64 {
    f64::from(bins) * bins_around(x, j, bins).map(|[begin, end]| quartic(begin) - quartic(end)).sum::<f64>()
}

/// The factors of the spherical harmonics of each degree, by the absolute order.
fn factors() -> [f64; 9] {
    [
        (1.0 / (4.0 * PI)).sqrt(),
        (3.0 / (4.0 * PI)).sqrt(),
        (15.0 / (4.0 * PI)).sqrt(),
        (5.0 / (16.0 * PI)).sqrt(),
        (15.0 / (16.0 * PI)).sqrt(),
        (35.0 / (32.0 * PI)).sqrt(),
        (105.0 / (4.0 * PI)).sqrt(),
        (21.0 / (32.0 * PI)).sqrt(),
        (7.0 / (16.0 * PI)).sqrt(),
    ]
}

fn spherical_harmonics(x: [f64; 3], j: u32) -> f64 {
    let [x, y, z] = x.map(|x| 2.0 * x - 1.0);
    let [a, b, c, d, e, f, g, h, i] = factors();
    match j {
        0 => a,
        1 => -b * y,
        2 => b * z,
        3 => -b * x,
        4 => c * x * y,
        5 => -c * y * z,
        6 => d * (3.0 * z * z - 1.0),
        7 => -c * x * z,
        8 => e * (x * x - y * y),
        9 => f * y * (y * y - 3.0 * x * x),
        10 => g * x * y * z,
        11 => h * y * (1.0 - 5.0 * z * z),
        12 => i * z * (5.0 * z * z - 3.0),
        13 => h * x * (1.0 - 5.0 * z * z),
        14 => 0.5 * g * z * (x * x - y * y),
        _ => f * x * (3.0 * y * y - x * x),
    }
}

fn spherical_harmonics_derivative(x: [f64; 3], j: u32) -> [f64; 3] {
    let [x, y, z] = x.map(|x| 2.0 * x - 1.0);
    let [_, b, c, d, e, f, g, h, i] = factors();
    let of_direction = match j {
        0 => [0.0; 3],
        1 => [0.0, -b, 0.0],
        2 => [0.0, 0.0, b],
        3 => [-b, 0.0, 0.0],
        4 => [c * y, c * x, 0.0],
        5 => [0.0, -c * z, -c * y],
        6 => [0.0, 0.0, 6.0 * d * z],
        7 => [-c * z, 0.0, -c * x],
        8 => [2.0 * e * x, -2.0 * e * y, 0.0],
        9 => [-6.0 * f * x * y, 3.0 * f * (y * y - x * x), 0.0],
        10 => [g * y * z, g * x * z, g * x * y],
        11 => [0.0, h * (1.0 - 5.0 * z * z), -10.0 * h * y * z],
        12 => [0.0, 0.0, i * (15.0 * z * z - 3.0)],
        13 => [h * (1.0 - 5.0 * z * z), 0.0, -10.0 * h * x * z],
        14 => [g * z * x, -g * z * y, 0.5 * g * (x * x - y * y)],
        _ => [3.0 * f * (y * y - x * x), 6.0 * f * x * y, 0.0],
    };
    of_direction.map(|derivative| 2.0 * derivative)
}

impl Encoding {
    /// Each encoding, with a usual parameter.
    pub const ALL: &'static [Encoding] = &[
        Encoding::Frequency(8),
        Encoding::OneBlob(16),
        Encoding::SphericalHarmonics(4),
        Encoding::HashGrid(HashGrid::USUAL),
    ];

    /// The encoding's name, without its parameter: `frequency`, `one_blob`, …
    pub fn name(self) -> &'static str {
        self.formula().name
    }

    /// Its only number; of a hash grid, which has more, 0.
    fn parameter(self) -> u32 {
        match self {
            Encoding::Frequency(parameter) | Encoding::OneBlob(parameter) | Encoding::SphericalHarmonics(parameter) => {
                parameter
            }
            Encoding::HashGrid(_) => 0,
        }
    }

    /// The hash grid, if it is one.
    pub(crate) fn grid(self) -> Option<HashGrid> {
        match self {
            Encoding::HashGrid(grid) => Some(grid),
            _ => None,
        }
    }

    /// How many parameters it has with this many inputs.
    pub(crate) fn parameter_count(self, inputs: usize) -> usize {
        self.grid().map_or(0, |grid| grid.parameter_count(inputs))
    }

    /// Refuses an encoding with parameters.
    pub(crate) fn check_without_parameters(self, operation: &'static str) -> Result<()> {
        if self.grid().is_none() {
            return Ok(());
        }
        let problem = "has parameters, which a network has: use Network::forward".to_owned();
        Err(Error::Name { operation, name: self.to_string(), problem })
    }

    /// The last argument of the functions in WGSL, if they have one.
    pub(crate) fn wgsl_parameter(self) -> Option<u32> {
        matches!(self, Encoding::OneBlob(_)).then(|| self.parameter())
    }

    /// How many values it makes of each input, or of three inputs together.
    pub(crate) fn values(self) -> u32 {
        match self {
            Encoding::Frequency(frequencies) => frequencies.saturating_mul(2),
            Encoding::OneBlob(bins) => bins,
            Encoding::SphericalHarmonics(degree) => degree.saturating_mul(degree),
            Encoding::HashGrid(grid) => grid.levels.saturating_mul(grid.features),
        }
    }

    /// How many values it makes of a sample with this many inputs; `usize::MAX` if that overflows.
    pub fn width(self, inputs: usize) -> usize {
        let values = self.values() as usize;
        if self.is_of_each_input() { values.saturating_mul(inputs) } else { values }
    }

    /// Whether it takes each input by itself.
    pub(crate) fn is_of_each_input(self) -> bool {
        self.formula().of == Of::EachInput
    }

    /// Refuses an impossible parameter, and a number of inputs that it does not take. Errors name `operation`.
    #[inline(never)]
    pub(crate) fn check(self, operation: &'static str, inputs: usize) -> Result<()> {
        let (what, [least, most], rule) = match self {
            Encoding::Frequency(_) => ("the number of frequencies", [1, 32], "for example .frequency(8)"),
            Encoding::OneBlob(_) => ("the number of bins", [4, 1024], "a power of two, for example .one_blob(16)"),
            Encoding::SphericalHarmonics(_) => {
                ("the degree of the spherical harmonics", [1, 4], "for example .spherical_harmonics(4)")
            }
            Encoding::HashGrid(grid) => return grid.check(operation, inputs),
        };
        let parameter = u64::from(self.parameter());
        let is_power = !matches!(self, Encoding::OneBlob(_)) || parameter.is_power_of_two();
        if !(least..=most).contains(&parameter) || !is_power {
            return Err(Error::count(operation, what, parameter, [least, most], rule));
        }
        if !self.is_of_each_input() && inputs != 3 {
            let rule = "spherical harmonics are of a direction: three inputs";
            return Err(Error::count(operation, "the width of the input", inputs as u64, [3, 3], rule));
        }
        Ok(())
    }

    /// Value number `column` of a sample's, from its inputs `x`; of an encoding without parameters.
    pub(crate) fn value(self, x: &[f64], column: usize) -> f64 {
        let values = self.values() as usize;
        match self.reference() {
            Reference::EachInput(value, _) => value(x[column / values], (column % values) as u32, self.parameter()),
            Reference::ThreeInputs(value, _) => value([x[0], x[1], x[2]], column as u32),
            Reference::Parameters => 0.0,
        }
    }

    /// The derivative of value number `column` with respect to an input.
    pub(crate) fn derivative(self, x: &[f64], column: usize, input: usize) -> f64 {
        let values = self.values() as usize;
        match self.reference() {
            Reference::EachInput(..) if column / values != input => 0.0,
            Reference::EachInput(_, derivative) => derivative(x[input], (column % values) as u32, self.parameter()),
            Reference::ThreeInputs(_, derivative) => derivative([x[0], x[1], x[2]], column as u32)[input],
            Reference::Parameters => 0.0,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encoding::HashGrid(grid) => {
                let HashGrid { levels, features, table_log2, base_resolution, per_level_scale, smoothstep } = grid;
                write!(
                    formatter,
                    "hash_grid({levels}, {features}, {table_log2}, {base_resolution}, {per_level_scale}"
                )?;
                formatter.write_str(if *smoothstep { ", 1)" } else { ")" })
            }
            _ => write!(formatter, "{}({})", self.name(), self.parameter()),
        }
    }
}

impl FromStr for Encoding {
    type Err = Error;

    /// Reads what `Display` writes: `frequency(8)`; of a hash grid its fields in order, the last 1 or left out:
    /// `hash_grid(16, 2, 15, 16, 1.5)`. Without the parentheses, usual parameters.
    ///
    /// # Errors
    /// [`Error::Name`] for what names no encoding.
    fn from_str(text: &str) -> Result<Self> {
        let kind = ("encoding", "Encoding::from_str");
        named::parse(kind, Encoding::ALL, text, Encoding::name, |encoding, parameters| {
            let whole = |i: usize| Some(parameters[i] as u32).filter(|&whole| f64::from(whole) == parameters[i]);
            match (encoding, parameters.len()) {
                (Encoding::Frequency(_), 1) => whole(0).map(Encoding::Frequency),
                (Encoding::OneBlob(_), 1) => whole(0).map(Encoding::OneBlob),
                (Encoding::SphericalHarmonics(_), 1) => whole(0).map(Encoding::SphericalHarmonics),
                (Encoding::HashGrid(_), 5 | 6) => Some(Encoding::HashGrid(HashGrid {
                    levels: whole(0)?,
                    features: whole(1)?,
                    table_log2: whole(2)?,
                    base_resolution: whole(3)?,
                    per_level_scale: parameters[4],
                    smoothstep: parameters.get(5).is_some_and(|&smoothstep| smoothstep == 1.0),
                })),
                _ => None,
            }
        })
    }
}

/// Each encodes the network's inputs; written before the first layer.
impl Mlp {
    /// [`Encoding::Frequency`], with this many frequencies per input.
    pub fn frequency(self, frequencies: u32) -> Self {
        self.encoding(Encoding::Frequency(frequencies))
    }

    /// [`Encoding::OneBlob`], with this many bins per input.
    pub fn one_blob(self, bins: u32) -> Self {
        self.encoding(Encoding::OneBlob(bins))
    }

    /// [`Encoding::HashGrid`], trained with the network.
    pub fn hash_grid(self, grid: HashGrid) -> Self {
        self.encoding(Encoding::HashGrid(grid))
    }

    /// [`Encoding::SphericalHarmonics`] below this degree.
    pub fn spherical_harmonics(self, degree: u32) -> Self {
        self.encoding(Encoding::SphericalHarmonics(degree))
    }
}
