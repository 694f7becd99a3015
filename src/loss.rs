//! The table of losses. A further one is a variant with its entry here, and its file in `shaders/losses`.

use std::fmt;
use std::str::FromStr;

use crate::activation::{Activation, sigmoid};
use crate::error::{Error, Result};
use crate::named;
use crate::shaders::shader;

/// What training makes small: a number for each sample, from its outputs `y` and targets `t`. A batch's loss is the mean over
/// its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// `½ Σ (y - t)²`, the notebook's. With C outputs, C/2 times PyTorch's `MSELoss`.
    #[default]
    SquaredError,
    /// The mean of `(y - t)²` over the outputs. PyTorch: `MSELoss`.
    MeanSquaredError,
    /// The mean of `|y - t|` over the outputs. PyTorch: `L1Loss`.
    L1,
    /// The mean over the outputs of `d²/2` where `|d| ≤ delta`, otherwise of `delta (|d| - delta/2)`, with `d = y - t`.
    /// PyTorch: `HuberLoss(delta)`.
    Huber {
        /// The distance from which on the loss grows linearly, above 0. PyTorch's default is 1.
        delta: f32,
    },
    /// The mean of `(y - t)² / (y² + 0.01)` over the outputs, whose gradient takes the denominator for a constant, for
    /// targets that differ by orders of magnitude. tiny-cuda-nn: `RelativeL2`.
    RelativeSquaredError,
    /// The mean of `-t ln(p) - (1 - t) ln(1 - p)` over the outputs, for yes or no each. `p` is the output of a network that
    /// ends with a sigmoid; of one that ends with a linear map, whose outputs are logits, their sigmoid. Both are computed
    /// from the logits. PyTorch: `BCEWithLogitsLoss`.
    BinaryCrossEntropy,
    /// `-Σ t' ln(p)`, for one of several classes. `p` is the output of a network that ends with a softmax; of one that ends
    /// with a linear map, whose outputs are logits, their softmax. Both are computed from the logits. Targets are a
    /// probability for each class: 1 for a sample's own. PyTorch: `CrossEntropyLoss(label_smoothing)`.
    CrossEntropy {
        /// `a` in `t' = (1 - a) t + a / C`, for C classes; at least 0, less than 1.
        label_smoothing: f32,
    },
}

/// The loss of one output and its derivative, for shaders.
pub(crate) struct Formula {
    /// Its name in WGSL, where the functions are `name_value` and `name_derivative`.
    pub name: &'static str,
    /// Both functions, for f32; a loss's parameter is their last argument.
    pub wgsl: &'static str,
}

/// The same for the reference, in f64; a loss's parameter is the last argument.
pub(crate) struct Reference {
    /// From the output `y` (of [`Loss::BinaryCrossEntropy`], the logit), and the target.
    pub value: fn(f64, f64, f64) -> f64,
    /// The derivative with respect to that, but for [`Loss::factors`].
    pub derivative: fn(f64, f64, f64) -> f64,
}

/// Keeps [`Loss::RelativeSquaredError`] finite where an output is 0.
const LEAST_SQUARE: f64 = 0.01;

/// The entries: the name, the value and the derivative. They become two functions, so that a program without the reference does not
/// have its half.
macro_rules! formulas {
    ($($loss:pat => $name:literal, $value:expr, $derivative:expr;)*) => {
        impl Loss {
            /// The loss's entry.
            pub(crate) fn formula(self) -> &'static Formula {
                match self {
                    $($loss => const { &Formula { name: $name, wgsl: shader!("losses/" $name) } },)*
                }
            }

            /// The loss's entry in f64. That of [`Loss::CrossEntropy`] is of a row whose only logit is not 0: [`Loss::is_of_rows`].
            pub(crate) fn reference(self) -> Reference {
                match self {
                    $($loss => Reference { value: $value, derivative: $derivative },)*
                }
            }
        }
    };
}

formulas! {
    Loss::SquaredError | Loss::MeanSquaredError => "squared_error", |y, t, _| (y - t) * (y - t), |y, t, _| y - t;
    Loss::L1 => "l1",
        |y, t, _| (y - t).abs(),
        |y, t, _| match y - t {
            0.0 => 0.0,
            difference => difference.signum(),
        };
    Loss::Huber { .. } => "huber",
        |y, t, delta| match (y - t).abs() {
            d if d <= delta => 0.5 * d * d,
            d => delta * (d - 0.5 * delta),
        },
        |y, t, delta| (y - t).clamp(-delta, delta);
    Loss::RelativeSquaredError => "relative_squared_error",
        |y, t, _| (y - t) * (y - t) / (y * y + LEAST_SQUARE),
        |y, t, _| 2.0 * (y - t) / (y * y + LEAST_SQUARE);
    Loss::BinaryCrossEntropy => "binary_cross_entropy",
        |z, t, _| z.max(0.0) - z * t + (-z.abs()).exp().ln_1p(),
        |z, t, _| sigmoid(z) - t;
    Loss::CrossEntropy { .. } => "cross_entropy", |_, _, _| f64::NAN, |_, _, _| f64::NAN;
}

impl Loss {
    /// Each loss, with the usual parameter where it has one.
    pub const ALL: &'static [Loss] = &[
        Loss::SquaredError,
        Loss::MeanSquaredError,
        Loss::L1,
        Loss::Huber { delta: 1.0 },
        Loss::RelativeSquaredError,
        Loss::BinaryCrossEntropy,
        Loss::CrossEntropy { label_smoothing: 0.0 },
    ];

    /// The loss's name, without its parameter: `squared_error`, `cross_entropy`, …
    pub fn name(self) -> &'static str {
        match self {
            Loss::MeanSquaredError => "mean_squared_error",
            _ => self.formula().name,
        }
    }

    /// The loss's parameter, if it has one.
    pub(crate) fn parameter(self) -> Option<f32> {
        match self {
            Loss::Huber { delta: parameter } | Loss::CrossEntropy { label_smoothing: parameter } => Some(parameter),
            _ => None,
        }
    }

    /// Whether it takes a row's outputs together.
    pub(crate) fn is_of_rows(self) -> bool {
        matches!(self, Loss::CrossEntropy { .. })
    }

    /// The activation whose outputs are the probabilities that the loss is of, if it is of such.
    pub(crate) fn probabilities(self) -> Option<Activation> {
        match self {
            Loss::BinaryCrossEntropy => Some(Activation::Sigmoid),
            Loss::CrossEntropy { .. } => Some(Activation::Softmax),
            _ => None,
        }
    }

    /// The factors of the entry's value, in the sum over the outputs, and of its derivative: of a mean, one by the number of
    /// outputs.
    pub(crate) fn factors(self, outputs: usize) -> [f64; 2] {
        let outputs = outputs as f64;
        match self {
            // The entry has half the derivative.
            Loss::SquaredError => [0.5, 1.0],
            Loss::MeanSquaredError => [1.0 / outputs, 2.0 / outputs],
            Loss::CrossEntropy { .. } => [1.0; 2],
            _ => [1.0 / outputs; 2],
        }
    }

    /// `(1 - a, a / C)` of the smoothed targets `(1 - a) t + a / C`, if they are smoothed.
    pub(crate) fn smoothing(self, outputs: usize) -> Option<[f64; 2]> {
        match self {
            Loss::CrossEntropy { label_smoothing } if label_smoothing != 0.0 => {
                let a = f64::from(label_smoothing);
                Some([1.0 - a, a / outputs as f64])
            }
            _ => None,
        }
    }

    /// Whether an output and a target of 0 have no loss and no gradient.
    pub(crate) fn keeps_zero(self) -> bool {
        !matches!(self, Loss::BinaryCrossEntropy | Loss::CrossEntropy { .. })
    }

    /// The least single output that is class 1: ½ of a probability or of what imitates one, 0 of a logit.
    pub(crate) fn threshold(self, last: Activation) -> f32 {
        if self.probabilities().is_some_and(|activation| activation != last) { 0.0 } else { 0.5 }
    }

    /// Refuses a parameter that makes no loss, and a network that ends with this activation of `outputs` outputs, if the loss is
    /// not of such. Errors name `operation`.
    pub(crate) fn check(self, operation: &'static str, last: Activation, outputs: usize) -> Result<()> {
        let (what, value, rule) = match self {
            Loss::Huber { delta } if !(delta.is_finite() && delta > 0.0) => {
                ("the delta of huber", delta, "choose a finite one above 0, for example 1")
            }
            Loss::CrossEntropy { label_smoothing } if !(0.0..1.0).contains(&label_smoothing) => (
                "the label smoothing of cross_entropy",
                label_smoothing,
                "choose one from 0, for none, to less than 1, for example 0.1",
            ),
            _ => return self.check_outputs(operation, last, outputs),
        };
        Err(Error::out_of_range(operation, what, value, rule))
    }

    fn check_outputs(self, operation: &'static str, last: Activation, outputs: usize) -> Result<()> {
        let is_of_logits = last == Activation::Identity;
        let rule = match self.probabilities() {
            None if last == Activation::Softmax => "a softmax goes with cross_entropy: choose that loss",
            Some(Activation::Softmax) if outputs == 1 => {
                "a single output is the only class that there is: choose binary_cross_entropy"
            }
            Some(Activation::Softmax) if !is_of_logits && last != Activation::Softmax => {
                "it is of logits, or of a softmax: end the network with .linear(classes).softmax()"
            }
            Some(Activation::Sigmoid) if !is_of_logits && last != Activation::Sigmoid => {
                "it is of logits, or of a sigmoid: end the network with .linear(outputs).sigmoid()"
            }
            _ => return Ok(()),
        };
        Err(Error::UnsuitableLoss { operation, loss: self.to_string(), activation: last.to_string(), outputs, rule })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Loss::CrossEntropy { label_smoothing: 0.0 } => Ok(()),
            _ => self.parameter().map_or(Ok(()), |parameter| write!(formatter, "({parameter})")),
        }
    }
}

impl FromStr for Loss {
    type Err = Error;

    /// Reads what `Display` writes: `l1`, `huber(1)`, `cross_entropy(0.1)`; without the parentheses, the usual parameter.
    ///
    /// # Errors
    /// [`Error::Name`] for what names no loss.
    fn from_str(text: &str) -> Result<Self> {
        let kind = ("loss", "Loss::from_str");
        named::parse(kind, Loss::ALL, text, Loss::name, |loss, parameters| match (loss, parameters) {
            (Loss::Huber { .. }, &[delta]) => Some(Loss::Huber { delta: delta as f32 }),
            (Loss::CrossEntropy { .. }, &[a]) => Some(Loss::CrossEntropy { label_smoothing: a as f32 }),
            _ => None,
        })
    }
}
