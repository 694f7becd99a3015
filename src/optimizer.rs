//! The table of optimizers. A further one is a variant with its entry here, and its file in `shaders/optimizers`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::named;
use crate::shaders::shader;

/// How a step changes each parameter `w` by its gradient `g`, the mean over the batch's samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Gradient descent: `w -= rate · g`. PyTorch: `SGD`.
    #[default]
    Sgd,
    /// `m = momentum · m + g`, `w -= rate · m`; with Nesterov's change `w -= rate · (g + momentum · m)`. PyTorch:
    /// `SGD(momentum, nesterov)`.
    Momentum {
        /// From 0 to less than 1; usually 0.9.
        momentum: f64,
        /// Whether the change looks ahead.
        nesterov: bool,
    },
    /// `m += (1 - β₁)(g - m)`, `v += (1 - β₂)(g² - v)`, `w -= rate · m / (1 - β₁^t) / (√(v / (1 - β₂^t)) + ε)` at step t, counted
    /// from 1 (Kingma and Ba 2014). Weight decay is added to the gradient. PyTorch: `Adam`.
    Adam {
        /// β₁, from 0 to less than 1.
        beta1: f64,
        /// β₂, from 0 to less than 1.
        beta2: f64,
        /// ε, above 0: 0 would make NaN of a parameter that has no gradient.
        epsilon: f64,
    },
    /// Adam, whose weight decay is no part of the gradient, but `w -= rate · decay · w` before the change (Loshchilov and Hutter
    /// 2017). PyTorch: `AdamW`.
    AdamW {
        /// β₁, from 0 to less than 1.
        beta1: f64,
        /// β₂, from 0 to less than 1.
        beta2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
}

/// A change in f64.
type Update = fn(w: f64, moments: &mut [f64], g: f64, rate: f64, corrections: &[f64], constants: &[f64]) -> f64;

/// An entry: the same formula in f64 and in WGSL.
pub(crate) struct Formula {
    /// The function in WGSL: of pointers to the parameter and its moments, the gradient, the rate, the corrections and the
    /// constants.
    pub name: &'static str,
    /// The names of its moments, each one letter.
    pub moments: &'static [&'static str],
    /// The new parameter; the moments are updated.
    pub update: Update,
    pub wgsl: &'static str,
}

macro_rules! formula {
    ($name:literal, $moments:expr, $update:expr) => {
const { &Formula { name: $name, moments: &$moments, update: $update, wgsl: shader!("optimizers/" $name) } }
    };
}

/// The average of the parameters over the steps, in WGSL.
pub(crate) const AVERAGE: &str = shader!("optimizers/average");

impl Optimizer {
    /// Each optimizer, with the usual parameters.
    pub const ALL: &'static [Optimizer] =
        &[Optimizer::Sgd, Optimizer::momentum(0.9), Optimizer::nesterov(0.9), Optimizer::adam(), Optimizer::adamw()];

    /// Gradient descent with momentum.
    pub const fn momentum(momentum: f64) -> Self {
        Optimizer::Momentum { momentum, nesterov: false }
    }

    /// Gradient descent with Nesterov's momentum.
    pub const fn nesterov(momentum: f64) -> Self {
        Optimizer::Momentum { momentum, nesterov: true }
    }

    /// Adam with the usual parameters: β₁ 0.9, β₂ 0.999, ε 1e-8. A usual learning rate is 0.001.
    pub const fn adam() -> Self {
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// AdamW with the usual parameters, those of [`Optimizer::adam`]. A usual weight decay is 0.01.
    pub const fn adamw() -> Self {
        Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// The optimizer's entry.
    pub(crate) fn formula(self) -> &'static Formula {
        match self {
            Optimizer::Sgd => formula!("sgd", [], |w, _, g, rate, _, _| w - rate * g),
            Optimizer::Momentum { nesterov: false, .. } => {
                formula!("momentum", ["m"], |w, m, g, rate, _, constants| {
                    m[0] = constants[0] * m[0] + g;
                    w - rate * m[0]
                })
            }
            Optimizer::Momentum { nesterov: true, .. } => formula!("nesterov", ["m"], |w, m, g, rate, _, constants| {
                m[0] = constants[0] * m[0] + g;
                w - rate * (g + constants[0] * m[0])
            }),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => {
                formula!("adam", ["m", "v"], |w, moments, g, rate, corrections, constants| {
                    let &[rest1, rest2, epsilon] = constants else { return f64::NAN };
                    moments[0] += rest1 * (g - moments[0]);
                    moments[1] += rest2 * (g * g - moments[1]);
                    w - rate * corrections[0] * moments[0] / ((moments[1] * corrections[1]).sqrt() + epsilon)
                })
            }
        }
    }

    /// The constants of the entry's function.
    pub(crate) fn constants(self) -> Vec<f64> {
        match self {
            Optimizer::Sgd => Vec::new(),
            Optimizer::Momentum { momentum, .. } => vec![momentum],
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                vec![1.0 - beta1, 1.0 - beta2, epsilon]
            }
        }
    }

    /// The β of the corrections `1 / (1 - β^t)` that the entry's function takes.
    pub(crate) fn betas(self) -> Vec<f64> {
        match self {
            Optimizer::Sgd | Optimizer::Momentum { .. } => Vec::new(),
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => vec![beta1, beta2],
        }
    }

    /// Whether weight decay is no part of the gradient.
    pub(crate) fn decouples_decay(self) -> bool {
        matches!(self, Optimizer::AdamW { .. })
    }

    /// The optimizer's name, without its parameters: `sgd`, `momentum`, `nesterov`, `adam`, `adamw`.
    pub fn name(self) -> &'static str {
        match self {
            Optimizer::AdamW { .. } => "adamw",
            _ => self.formula().name,
        }
    }

    /// Refuses parameters that make no optimizer. Errors name `operation`.
    pub(crate) fn check(self, operation: &'static str) -> Result<()> {
        let is_factor = |value: f64| (0.0..1.0).contains(&value) && (value as f32) < 1.0;
        let rule = "choose one from 0 to less than 1, for example 0.9";
        match self {
            Optimizer::Momentum { momentum, .. } if !is_factor(momentum) => {
                Err(Error::out_of_range(operation, "the momentum", momentum, rule))
            }
            Optimizer::Adam { beta1, .. } | Optimizer::AdamW { beta1, .. } if !is_factor(beta1) => {
                Err(Error::out_of_range(operation, "β₁ of the optimizer", beta1, rule))
            }
            Optimizer::Adam { beta2, .. } | Optimizer::AdamW { beta2, .. } if !is_factor(beta2) => {
                Err(Error::out_of_range(operation, "β₂ of the optimizer", beta2, rule))
            }
            Optimizer::Adam { epsilon, .. } | Optimizer::AdamW { epsilon, .. }
                if !(epsilon.is_finite() && epsilon as f32 >= f32::MIN_POSITIVE) =>
            {
                let rule = "choose one above 0 that an f32 can hold, for example 1e-8";
                Err(Error::out_of_range(operation, "ε of the optimizer", epsilon, rule))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Optimizer::Sgd => Ok(()),
            Optimizer::Momentum { momentum, .. } => write!(formatter, "({momentum})"),
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                write!(formatter, "({beta1}, {beta2}, {epsilon:e})")
            }
        }
    }
}

impl FromStr for Optimizer {
    type Err = Error;

    /// Reads what `Display` writes: `sgd`, `momentum(0.9)`, `adam(0.9, 0.999, 1e-8)`; without the parentheses, the usual
    /// parameters.
    ///
    /// # Errors
    /// [`Error::Name`] for what names no optimizer.
    fn from_str(text: &str) -> Result<Self> {
        let kind = ("optimizer", "Optimizer::from_str");
        named::parse(kind, Optimizer::ALL, text, Optimizer::name, |optimizer, parameters| {
            match (optimizer, parameters) {
                (Optimizer::Momentum { nesterov, .. }, &[momentum]) => Some(Optimizer::Momentum { momentum, nesterov }),
                (Optimizer::Adam { .. }, &[beta1, beta2, epsilon]) => Some(Optimizer::Adam { beta1, beta2, epsilon }),
                (Optimizer::AdamW { .. }, &[beta1, beta2, epsilon]) => Some(Optimizer::AdamW { beta1, beta2, epsilon }),
                _ => None,
            }
        })
    }
}
