//! The table of activations. A further one is a variant with its entry here, and its file in `shaders/activations`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::mlp::Mlp;
use crate::named;
use crate::shaders::shader;

/// The function that a dense layer applies to its pre-activations `z`, one by one; [`Activation::Softmax`] takes a row's
/// together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `y = z`. PyTorch: no module.
    #[default]
    Identity,
    /// `y = 1 / (1 + e^-z)`. PyTorch: `Sigmoid`.
    Sigmoid,
    /// `y = (e^z - e^-z) / (e^z + e^-z)`. PyTorch: `Tanh`.
    Tanh,
    /// `y = max(z, 0)`; its derivative at 0 is 0. PyTorch: `ReLU`.
    Relu,
    /// `y = z` for `z > 0`, otherwise `slope · z`; the slope is at least 0. PyTorch: `LeakyReLU(slope)`.
    LeakyRelu(f32),
    /// `y = z` for `z > 0`, otherwise `e^z - 1`. PyTorch: `ELU`.
    Elu,
    /// `y = e^z`, for outputs such as densities; from z = 88 on, near the largest f32, it is `e^88`. PyTorch: `torch.exp`.
    Exponential,
    /// `y = ln(1 + e^z)`. PyTorch: `Softplus`.
    Softplus,
    /// `y = z / (1 + e^-z)`. PyTorch: `SiLU`.
    Silu,
    /// `y = z/2 · (1 + tanh(√(2/π) · (z + 0.044715 z³)))`. PyTorch: `GELU(approximate='tanh')`.
    Gelu,
    /// `y = sin(ω z)`, for networks of coordinates (SIREN, Sitzmann et al. 2020). ω is not 0.
    Sine(f32),
    /// `y_j = e^z_j / Σ_k e^z_k` over the row's outputs `k`: probabilities. Only of the last layer. PyTorch: `Softmax(dim=1)`.
    Softmax,
}

/// The value and derivative of an activation that takes each pre-activation by itself, for shaders.
pub(crate) struct Formula {
    /// Its name in messages, files and WGSL, where the functions are `name_value` and `name_derivative`.
    pub name: &'static str,
    /// What the derivative is computed from.
    pub derivative: Derivative,
    /// Both functions, for f32; an activation's parameter is their second argument.
    pub wgsl: &'static str,
}

/// What an activation's derivative is computed from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Derivative {
    /// The output `y`, which is there anyway.
    OfOutput,
    /// The pre-activation `z`: the forward pass keeps more than `y`.
    OfPreActivation,
}

/// The same for the reference, in f64; an activation's parameter is the second argument.
struct Reference {
    value: fn(f64, f64) -> f64,
    derivative: fn(f64, f64) -> f64,
}

/// 1 / (1 + e^-z). For a negative z, e^z / (1 + e^z) is the same: e is never raised to a positive power, which could overflow.
pub(crate) fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// 2 / √(2π).
const GELU_SLOPE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;

/// The most that e is raised to by [`Activation::Exponential`].
const LARGEST_EXPONENT: f64 = 88.0;

/// The entries: the name, the value from `z`, and the derivative, of the output `y` or of `z`. They become two functions, so that a
/// program without the reference does not have its half.
macro_rules! formulas {
    ($($activation:pat => $name:literal, $value:expr, $of:ident($derivative:expr);)*) => {
        impl Activation {
            /// The activation's entry; none for the identity, and for softmax, which takes a row's pre-activations together.
            #[inline(never)]
            pub(crate) fn formula(self) -> Option<&'static Formula> {
                match self {
                    Activation::Identity | Activation::Softmax => None,
                    $($activation => Some(
                        const { &Formula { name: $name, derivative: Derivative::$of, wgsl: shader!("activations/" $name) } },
                    ),)*
                }
            }

            fn reference(self) -> Option<Reference> {
                match self {
                    Activation::Identity | Activation::Softmax => None,
                    $($activation => Some(Reference { value: $value, derivative: $derivative }),)*
                }
            }
        }
    };
}

formulas! {
    Activation::Sigmoid => "sigmoid", |z, _| sigmoid(z), OfOutput(|y, _| y * (1.0 - y));
    Activation::Tanh => "tanh", |z, _| z.tanh(), OfOutput(|y, _| 1.0 - y * y);
    Activation::Relu => "relu", |z, _| z.max(0.0), OfOutput(|y, _| if y > 0.0 { 1.0 } else { 0.0 });
    Activation::LeakyRelu(_) => "leaky_relu",
        |z, slope| if z > 0.0 { z } else { slope * z },
        OfOutput(|y, slope| if y > 0.0 { 1.0 } else { slope });
    Activation::Elu => "elu",
        |z, _| if z > 0.0 { z } else { z.exp_m1() },
        OfOutput(|y, _| if y > 0.0 { 1.0 } else { y + 1.0 });
    Activation::Exponential => "exponential", |z, _| z.min(LARGEST_EXPONENT).exp(), OfOutput(|y, _| y);
    Activation::Softplus => "softplus",
        |z, _| z.max(0.0) + (-z.abs()).exp().ln_1p(),
        OfOutput(|y, _| -(-y).exp_m1());
    Activation::Silu => "silu",
        |z, _| z * sigmoid(z),
        OfPreActivation(|z, _| sigmoid(z) + z * sigmoid(z) * sigmoid(-z));
    Activation::Gelu => "gelu",
        |z, _| 0.5 * z * (1.0 + (GELU_SLOPE * (z + 0.044715 * z.powi(3))).tanh()),
        OfPreActivation(|z, _| {
            let tanh = (GELU_SLOPE * (z + 0.044715 * z.powi(3))).tanh();
            let slope = GELU_SLOPE * (1.0 + 3.0 * 0.044715 * z * z);
            // Where 1 - tanh² is 0, z² may be infinite.
            0.5 * (1.0 + tanh) + if tanh.abs() < 1.0 { 0.5 * z * (1.0 - tanh * tanh) * slope } else { 0.0 }
        });
    Activation::Sine(_) => "sine",
        |z, omega| (omega * z).sin(),
        OfPreActivation(|z, omega| omega * (omega * z).cos());
}

impl Activation {
    /// Each activation, with the usual parameter where it has one.
    pub const ALL: &'static [Activation] = &[
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu(0.01),
        Activation::Elu,
        Activation::Exponential,
        Activation::Softplus,
        Activation::Silu,
        Activation::Gelu,
        Activation::Sine(30.0),
        Activation::Softmax,
    ];

    /// The activation's name, without its parameter: `identity`, `sigmoid`, `leaky_relu`, …
    pub fn name(self) -> &'static str {
        match self {
            Activation::Softmax => "softmax",
            _ => self.formula().map_or("identity", |formula| formula.name),
        }
    }

    /// The activation's parameter, if it has one.
    pub(crate) fn parameter(self) -> Option<f32> {
        match self {
            Activation::LeakyRelu(parameter) | Activation::Sine(parameter) => Some(parameter),
            _ => None,
        }
    }

    /// Refuses a parameter that makes no activation. Errors name `operation`.
    pub(crate) fn check(self, operation: &'static str) -> Result<()> {
        let (what, value, rule) = match self {
            Activation::LeakyRelu(slope) if !(slope.is_finite() && slope >= 0.0) => {
                ("the slope of leaky_relu", slope, "choose a finite one of at least 0, for example 0.01")
            }
            Activation::Sine(omega) if !omega.is_finite() || omega == 0.0 => {
                ("the factor ω of sine", omega, "choose a finite one other than 0, for example 30")
            }
            _ => return Ok(()),
        };
        Err(Error::out_of_range(operation, what, value, rule))
    }

    /// Whether the derivative needs more than the output `y`.
    pub(crate) fn keeps_derivative(self) -> bool {
        self.formula().is_some_and(|formula| formula.derivative == Derivative::OfPreActivation)
    }

    /// Whether `y` of a pre-activation of 0 is 0, so that padding stays padding; of a softmax, for lack of the row, yes.
    pub(crate) fn keeps_zero(self) -> bool {
        !matches!(self, Activation::Sigmoid | Activation::Exponential | Activation::Softplus)
    }

    /// `y`, from a pre-activation `z`; of a softmax, for lack of the row, `z`.
    pub(crate) fn value(self, z: f64) -> f64 {
        self.reference().map_or(z, |reference| (reference.value)(z, self.parameter_or_zero()))
    }

    /// `dy/dz`, from `z` and the output `y`; of a softmax, for lack of the row, 1.
    pub(crate) fn derivative(self, z: f64, y: f64) -> f64 {
        let of = if self.keeps_derivative() { z } else { y };
        self.reference().map_or(1.0, |reference| (reference.derivative)(of, self.parameter_or_zero()))
    }

    fn parameter_or_zero(self) -> f64 {
        self.parameter().map_or(0.0, f64::from)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        self.parameter().map_or(Ok(()), |parameter| write!(formatter, "({parameter})"))
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// Reads what `Display` writes: `tanh`, `sine(30)`; without the parentheses, the usual parameter.
    ///
    /// # Errors
    /// [`Error::Name`] for what names no activation.
    fn from_str(text: &str) -> Result<Self> {
        let kind = ("activation", "Activation::from_str");
        named::parse(kind, Activation::ALL, text, Activation::name, |activation, parameters| {
            match (activation, parameters) {
                (Activation::LeakyRelu(_), &[slope]) => Some(Activation::LeakyRelu(slope as f32)),
                (Activation::Sine(_), &[omega]) => Some(Activation::Sine(omega as f32)),
                _ => None,
            }
        })
    }
}

/// Each makes its activation that of the last layer, which must have none yet.
impl Mlp {
    /// [`Activation::Sigmoid`].
    pub fn sigmoid(self) -> Self {
        self.activation(Activation::Sigmoid)
    }

    /// [`Activation::Tanh`].
    pub fn tanh(self) -> Self {
        self.activation(Activation::Tanh)
    }

    /// [`Activation::Relu`].
    pub fn relu(self) -> Self {
        self.activation(Activation::Relu)
    }

    /// [`Activation::LeakyRelu`], for negative z with this slope.
    pub fn leaky_relu(self, slope: f32) -> Self {
        self.activation(Activation::LeakyRelu(slope))
    }

    /// [`Activation::Elu`].
    pub fn elu(self) -> Self {
        self.activation(Activation::Elu)
    }

    /// [`Activation::Exponential`].
    pub fn exponential(self) -> Self {
        self.activation(Activation::Exponential)
    }

    /// [`Activation::Softplus`].
    pub fn softplus(self) -> Self {
        self.activation(Activation::Softplus)
    }

    /// [`Activation::Silu`].
    pub fn silu(self) -> Self {
        self.activation(Activation::Silu)
    }

    /// [`Activation::Gelu`].
    pub fn gelu(self) -> Self {
        self.activation(Activation::Gelu)
    }

    /// [`Activation::Sine`], with this factor of z.
    pub fn sine(self, omega: f32) -> Self {
        self.activation(Activation::Sine(omega))
    }

    /// [`Activation::Softmax`], for the last layer alone.
    pub fn softmax(self) -> Self {
        self.activation(Activation::Softmax)
    }
}
