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

/// The value and derivative of an activation that takes each pre-activation by itself, for the reference and for shaders.
/// Functions of f64 have the activation's parameter as their second argument.
pub(crate) struct Formula {
    /// Its name in messages, files and WGSL, where the functions are `name_value` and `name_derivative`.
    pub name: &'static str,
    /// `y`, from `z`.
    pub value: fn(f64, f64) -> f64,
    /// `dy/dz`.
    pub derivative: Derivative,
    /// Both functions in WGSL, for f32; an activation's parameter is their second argument.
    pub wgsl: &'static str,
}

/// What an activation's derivative is computed from.
#[derive(Clone, Copy)]
pub(crate) enum Derivative {
    /// From the output `y`, which is there anyway.
    OfOutput(fn(f64, f64) -> f64),
    /// From the pre-activation `z`: the forward pass keeps more than `y`.
    OfPreActivation(fn(f64, f64) -> f64),
}

use Derivative::{OfOutput, OfPreActivation};

/// 1 / (1 + e^-z). For a negative z, e^z / (1 + e^z) is the same: e is never raised to a positive power, which could overflow.
fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// 2 / √(2π).
const GELU_SLOPE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;

/// The most that e is raised to by [`Activation::Exponential`].
const LARGEST_EXPONENT: f64 = 88.0;

macro_rules! formula {
    ($name:literal, $value:expr, $derivative:expr) => {
        Some(
            const {
                &Formula {
                    name: $name,
                    value: $value,
                    derivative: $derivative,
                    wgsl: shader!("activations/" $name),
                }
            },
        )
    };
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

    /// The activation's entry; none for the identity, and for softmax, which takes a row's pre-activations together.
    #[inline(never)]
    pub(crate) fn formula(self) -> Option<&'static Formula> {
        match self {
            Activation::Identity | Activation::Softmax => None,
            Activation::Sigmoid => formula!("sigmoid", |z, _| sigmoid(z), OfOutput(|y, _| y * (1.0 - y))),
            Activation::Tanh => formula!("tanh", |z, _| z.tanh(), OfOutput(|y, _| 1.0 - y * y)),
            Activation::Relu => {
                formula!("relu", |z, _| z.max(0.0), OfOutput(|y, _| if y > 0.0 { 1.0 } else { 0.0 }))
            }
            Activation::LeakyRelu(_) => formula!(
                "leaky_relu",
                |z, slope| if z > 0.0 { z } else { slope * z },
                OfOutput(|y, slope| if y > 0.0 { 1.0 } else { slope })
            ),
            Activation::Elu => formula!(
                "elu",
                |z, _| if z > 0.0 { z } else { z.exp_m1() },
                OfOutput(|y, _| if y > 0.0 { 1.0 } else { y + 1.0 })
            ),
            Activation::Exponential => {
                formula!("exponential", |z, _| z.min(LARGEST_EXPONENT).exp(), OfOutput(|y, _| y))
            }
            Activation::Softplus => {
                formula!("softplus", |z, _| z.max(0.0) + (-z.abs()).exp().ln_1p(), OfOutput(|y, _| -(-y).exp_m1()))
            }
            Activation::Silu => formula!(
                "silu",
                |z, _| z * sigmoid(z),
                OfPreActivation(|z, _| sigmoid(z) + z * sigmoid(z) * sigmoid(-z))
            ),
            Activation::Gelu => formula!(
                "gelu",
                |z, _| 0.5 * z * (1.0 + (GELU_SLOPE * (z + 0.044715 * z.powi(3))).tanh()),
                OfPreActivation(|z, _| {
                    let tanh = (GELU_SLOPE * (z + 0.044715 * z.powi(3))).tanh();
                    let slope = GELU_SLOPE * (1.0 + 3.0 * 0.044715 * z * z);
                    // Where 1 - tanh² is 0, z² may be infinite.
                    0.5 * (1.0 + tanh) + if tanh.abs() < 1.0 { 0.5 * z * (1.0 - tanh * tanh) * slope } else { 0.0 }
                })
            ),
            Activation::Sine(_) => {
                formula!("sine", |z, omega| (omega * z).sin(), OfPreActivation(|z, omega| omega * (omega * z).cos()))
            }
        }
    }

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
        self.formula().is_some_and(|formula| matches!(formula.derivative, OfPreActivation(_)))
    }

    /// `y`, from a pre-activation `z`; of a softmax, for lack of the row, `z`.
    pub(crate) fn value(self, z: f64) -> f64 {
        self.formula().map_or(z, |formula| (formula.value)(z, self.parameter_or_zero()))
    }

    /// `dy/dz`, from `z` and the output `y`; of a softmax, for lack of the row, 1.
    pub(crate) fn derivative(self, z: f64, y: f64) -> f64 {
        let parameter = self.parameter_or_zero();
        self.formula().map_or(1.0, |formula| match formula.derivative {
            OfOutput(derivative) => derivative(y, parameter),
            OfPreActivation(derivative) => derivative(z, parameter),
        })
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
