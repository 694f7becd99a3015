//! The change of all parameters by a step: clipping, weight decay, the optimizer at the schedule's learning rate, the average.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

/// How parameters are changed, and what is kept of them from step to step.
#[derive(Clone, Debug)]
pub struct Descent {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The learning rate, before the schedule's factor.
    pub learning_rate: f64,
    /// The factor of the learning rate for each step.
    pub schedule: Schedule,
    /// The weight decay.
    pub weight_decay: f64,
    /// The largest norm of the gradient, if it is clipped.
    pub clip_norm: Option<f64>,
    /// The factor of the average of the parameters, if there is one.
    pub average: Option<f64>,
    /// The parameters that stay as they are.
    pub frozen: Vec<Range<usize>>,
    step: u64,
    /// The moments of each parameter.
    moments: Vec<Vec<f64>>,
    averages: Vec<f64>,
}

impl Descent {
    /// Descent by this optimizer, and nothing else: the fields can be set before the first step.
    pub fn new(optimizer: Optimizer, learning_rate: f64) -> Self {
        Descent {
            optimizer,
            learning_rate,
            schedule: Schedule::default(),
            weight_decay: 0.0,
            clip_norm: None,
            average: None,
            frozen: Vec::new(),
            step: 0,
            moments: Vec::new(),
            averages: Vec::new(),
        }
    }

    /// The parameters after a step, from these and their gradient, the mean over the batch's samples.
    ///
    /// # Errors
    /// [`Error::Count`] for a gradient of another length.
    pub fn step(&mut self, parameters: &[f64], gradient: &[f64]) -> Result<Vec<f64>> {
        let lengths = [gradient.len(), parameters.len()];
        if lengths[0] != lengths[1] {
            return Err(Error::length("Descent::step", "gradient", lengths, "one per parameter"));
        }
        let formula = self.optimizer.formula();
        self.moments.resize(parameters.len(), vec![0.0; formula.moments.len()]);
        if self.averages.len() < parameters.len() {
            self.averages = parameters.to_vec();
        }
        let is_frozen = |i: usize| self.frozen.iter().any(|range| range.contains(&i));
        let rate = self.learning_rate * self.schedule.factor(self.step);
        self.step += 1;
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf(self.step as f64));
        let corrections = self.optimizer.betas().into_iter().map(correction).collect::<Vec<_>>();
        let constants = self.optimizer.constants();
        let squares = (0..gradient.len()).filter(|&i| !is_frozen(i)).map(|i| gradient[i] * gradient[i]);
        let norm = squares.sum::<f64>().sqrt();
        let clip = self.clip_norm.map_or(1.0, |most| (most / (norm + 1e-6)).min(1.0));

        let mut new = parameters.to_vec();
        for i in (0..parameters.len()).filter(|&i| !is_frozen(i)) {
            let (mut w, mut g) = (parameters[i], gradient[i] * clip);
            if self.optimizer.decouples_decay() {
                w -= rate * self.weight_decay * w;
            } else {
                g += self.weight_decay * w;
            }
            new[i] = (formula.update)(w, &mut self.moments[i], g, rate, &corrections, &constants);
            if let Some(factor) = self.average {
                self.averages[i] += correction(factor) * (1.0 - factor) * (new[i] - self.averages[i]);
            }
        }
        Ok(new)
    }

    /// The averages of the parameters; none before the first step.
    pub fn averages(&self) -> &[f64] {
        &self.averages
    }
}
