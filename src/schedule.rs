//! The table of schedules. A further one is a variant of [`Decay`] with its entry here, and its file in `shaders/schedules`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::named;
use crate::shaders::shader;

/// A factor of the learning rate for each step: a linear warm-up, and after that a decay. It is a function of the GPU's own step
/// counter, so that recording steps writes nothing. After 2³² steps it stands still.
///
/// ```
/// use wgrad::{Decay, Schedule};
/// let schedule = Schedule::new(Decay::Cosine { steps: 10_000, floor: 0.1 }).warm_up(500);
/// assert_eq!([schedule.factor(0), schedule.factor(499), schedule.factor(20_000)], [0.002, 1.0, 0.1]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    warm_up: u32,
    decay: Decay,
}

/// How a learning rate goes down after its warm-up: a factor, for the number of steps since then.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// By a `factor` at the steps `first`, `first + every`, `first + 2 every`, … PyTorch's `StepLR` has `first` = `every`.
    Steps {
        /// The first step with the factor.
        first: u32,
        /// The steps until the next, at least 1.
        every: u32,
        /// Above 0.
        factor: f64,
    },
    /// By a `factor` each step. PyTorch: `ExponentialLR`, stepped after every batch.
    Exponential {
        /// Above 0; a learning rate that grows to find the highest good one has a factor above 1.
        factor: f64,
    },
    /// Along half a cosine to a `floor` over this many `steps`, and then stays there. PyTorch: `CosineAnnealingLR`.
    Cosine {
        /// At least 1.
        steps: u32,
        /// From 0 to 1.
        floor: f64,
    },
}

/// An argument of a schedule's function in WGSL.
pub(crate) enum Argument {
    Count(u32),
    Number(f64),
}

/// A function of the step in WGSL: its name, its file, and its arguments after the step.
pub(crate) struct Function {
    pub name: &'static str,
    pub wgsl: &'static str,
    pub arguments: Vec<Argument>,
}

macro_rules! function {
    ($name:literal, $arguments:expr) => {
        Function {
            name: $name,
            wgsl: shader!("schedules/" $name),
            arguments: $arguments.into(),
        }
    };
}

/// A number's logarithm as a sum of two f32.
pub(crate) fn logarithm(value: f64) -> [f64; 2] {
    let logarithm = value.ln();
    let high = logarithm as f32;
    [high.into(), logarithm - f64::from(high)]
}

impl Decay {
    /// Each decay, with parameters as an example.
    pub const ALL: &'static [Decay] = &[
        Decay::Constant,
        Decay::Steps { first: 1_000, every: 1_000, factor: 0.5 },
        Decay::Exponential { factor: 0.999 },
        Decay::Cosine { steps: 10_000, floor: 0.0 },
    ];

    /// The decay's name: `constant`, `steps`, `exponential`, `cosine`.
    pub fn name(self) -> &'static str {
        match self {
            Decay::Constant => "constant",
            Decay::Steps { .. } => "steps",
            Decay::Exponential { .. } => "exponential",
            Decay::Cosine { .. } => "cosine",
        }
    }

    /// The factor, after this many steps since the warm-up.
    fn factor(self, step: u64) -> f64 {
        match self {
            Decay::Constant => 1.0,
            Decay::Steps { first, every, factor } => match step.checked_sub(first.into()) {
                Some(since) => factor.powf((since / u64::from(every) + 1) as f64),
                None => 1.0,
            },
            Decay::Exponential { factor } => factor.powf(step as f64),
            Decay::Cosine { steps, floor } => {
                let part = step.min(steps.into()) as f64 / f64::from(steps);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * part).cos())
            }
        }
    }

    /// The function in WGSL; none of a constant.
    fn function(self) -> Option<Function> {
        use Argument::{Count, Number};
        match self {
            Decay::Constant => None,
            Decay::Steps { first, every, factor } => {
                let [high, low] = logarithm(factor).map(Number);
                Some(function!("steps", [Count(first), Count(every), high, low]))
            }
            Decay::Exponential { factor } => Some(function!("exponential_decay", logarithm(factor).map(Number))),
            Decay::Cosine { steps, floor } => Some(function!("cosine", [Count(steps), Number(floor)])),
        }
    }
}

impl Schedule {
    /// This decay, without a warm-up.
    pub fn new(decay: Decay) -> Self {
        Schedule { warm_up: 0, decay }
    }

    /// The same schedule after a warm-up: over this many steps the factor grows linearly to 1. 0 is none.
    pub fn warm_up(self, steps: u32) -> Self {
        Schedule { warm_up: steps, ..self }
    }

    /// The factor of the learning rate at a step, counted from 0.
    pub fn factor(self, step: u64) -> f64 {
        let step = step.min(u32::MAX.into());
        match step.checked_sub(self.warm_up.into()) {
            Some(since) => self.decay.factor(since),
            None => (step + 1) as f64 / f64::from(self.warm_up),
        }
    }

    /// The warm-up's steps, its function and the decay's: that of the steps since the warm-up.
    pub(crate) fn functions(self) -> (u32, Option<Function>, Option<Function>) {
        let warm_up = (self.warm_up > 0).then(|| function!("warm_up", [Argument::Count(self.warm_up)]));
        (self.warm_up, warm_up, self.decay.function())
    }

    /// Refuses parameters that make no schedule. Errors name `operation`.
    pub(crate) fn check(self, operation: &'static str) -> Result<()> {
        let is_factor = |factor: f64| factor.is_finite() && factor > 0.0;
        let (what, value, rule) = match self.decay {
            Decay::Steps { every: 0, .. } => ("the number of steps from decay to decay", 0.0, "choose 1 or more"),
            Decay::Cosine { steps: 0, .. } => ("the number of steps of the cosine", 0.0, "choose 1 or more"),
            Decay::Steps { factor, .. } | Decay::Exponential { factor } if !is_factor(factor) => {
                ("the factor of the schedule", factor, "choose a finite one above 0, for example 0.5")
            }
            Decay::Cosine { floor, .. } if !(0.0..=1.0).contains(&floor) => {
                ("the floor of the cosine", floor, "choose one from 0 to 1, for example 0.1")
            }
            _ => return Ok(()),
        };
        Err(Error::out_of_range(operation, what, value, rule))
    }
}

impl From<Decay> for Schedule {
    fn from(decay: Decay) -> Self {
        Schedule::new(decay)
    }
}

impl fmt::Display for Decay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Decay::Constant => Ok(()),
            Decay::Steps { first, every, factor } => write!(formatter, "({first}, {every}, {factor})"),
            Decay::Exponential { factor } => write!(formatter, "({factor})"),
            Decay::Cosine { steps, floor } => write!(formatter, "({steps}, {floor})"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.warm_up > 0 {
            write!(formatter, "warm_up({}) ", self.warm_up)?;
        }
        write!(formatter, "{}", self.decay)
    }
}

impl FromStr for Schedule {
    type Err = Error;

    /// Reads what `Display` writes: `cosine(10000, 0.1)`, `warm_up(500) constant`.
    ///
    /// # Errors
    /// [`Error::Name`] for what names no schedule.
    fn from_str(text: &str) -> Result<Self> {
        let kind = ("schedule", "Schedule::from_str");
        let (warm_up, decay) = match text.strip_prefix("warm_up(").and_then(|rest| rest.split_once(") ")) {
            Some((steps, decay)) => (steps.parse().ok(), decay),
            None => (Some(0), text),
        };
        // An f64 that is no count becomes 0, which is refused where a count is needed.
        let count = |value: f64| if value.fract() == 0.0 { value as u32 } else { 0 };
        let decay =
            named::parse(kind, Decay::ALL, decay, Decay::name, |decay, parameters| match (decay, parameters) {
                (Decay::Steps { .. }, &[first, every, factor]) => {
                    Some(Decay::Steps { first: count(first), every: count(every), factor })
                }
                (Decay::Exponential { .. }, &[factor]) => Some(Decay::Exponential { factor }),
                (Decay::Cosine { .. }, &[steps, floor]) => Some(Decay::Cosine { steps: count(steps), floor }),
                _ => None,
            })?;
        let problem = || "names no schedule; write warm_up(STEPS) before one".to_owned();
        let unknown = || Error::Name { operation: kind.1, name: text.to_owned(), problem: problem() };
        Ok(Schedule { warm_up: warm_up.ok_or_else(unknown)?, decay })
    }
}
