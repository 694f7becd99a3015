//! The change of all parameters by a step: clipping, weight decay, the optimizer at the schedule's learning rate, the average.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

/// What is different for the features of a hash grid: an entry whose gradient is 0 stays as it is, its moments too, and the
/// corrections of the others are those of their own steps.
#[derive(Clone, Debug)]
pub struct GridDescent {
    /// The features among the parameters, entry after entry.
    pub features: Range<usize>,
    /// How many features an entry has.
    pub per_entry: usize,
    /// The learning rate, as a multiple of that of the other parameters.
    pub learning_rate: f64,
    /// The weight decay.
    pub weight_decay: f64,
}

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
    /// The features of a hash grid among the parameters, if there is one.
    pub grid: Option<GridDescent>,
    step: u64,
    /// The steps of each entry of the grid.
    entry_steps: Vec<u64>,
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
            grid: None,
            step: 0,
            entry_steps: Vec::new(),
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
        let betas = self.optimizer.betas();
        let correction = |beta: f64, step: u64| 1.0 / (1.0 - beta.powf(step as f64));
        let corrections_of = |step: u64| betas.iter().map(|&beta| correction(beta, step)).collect::<Vec<_>>();
        let corrections = corrections_of(self.step);
        let touched = self.grid.as_ref().map_or(Vec::new(), |grid| grid.touched(gradient));
        self.entry_steps.resize(touched.len(), 0);
        self.entry_steps.iter_mut().zip(&touched).for_each(|(steps, &is_touched)| *steps += u64::from(is_touched));
        let constants = self.optimizer.constants();
        let squares = (0..gradient.len()).filter(|&i| !is_frozen(i)).map(|i| gradient[i] * gradient[i]);
        let norm = squares.sum::<f64>().sqrt();
        let clip = self.clip_norm.map_or(1.0, |most| (most / (norm + 1e-6)).min(1.0));

        let mut new = parameters.to_vec();
        for i in (0..parameters.len()).filter(|&i| !is_frozen(i)) {
            let (mut w, mut g) = (parameters[i], gradient[i] * clip);
            let grid = self.grid.as_ref().filter(|grid| grid.features.contains(&i));
            let entry = grid.map(|grid| (i - grid.features.start) / grid.per_entry);
            if entry.is_none_or(|entry| touched[entry]) {
                let rate = rate * grid.map_or(1.0, |grid| grid.learning_rate);
                let decay = grid.map_or(self.weight_decay, |grid| grid.weight_decay);
                if self.optimizer.decouples_decay() {
                    w -= rate * decay * w;
                } else {
                    g += decay * w;
                }
                let of_entry = entry.map(|entry| corrections_of(self.entry_steps[entry]));
                let corrections = of_entry.as_ref().unwrap_or(&corrections);
                new[i] = (formula.update)(w, &mut self.moments[i], g, rate, corrections, &constants);
            }
            if let Some(factor) = self.average {
                self.averages[i] += correction(factor, self.step) * (1.0 - factor) * (new[i] - self.averages[i]);
            }
        }
        Ok(new)
    }

    /// The averages of the parameters; none before the first step.
    pub fn averages(&self) -> &[f64] {
        &self.averages
    }
}

impl GridDescent {
    /// Of each entry, whether its gradient is not 0.
    fn touched(&self, gradient: &[f64]) -> Vec<bool> {
        let features = gradient.get(self.features.clone()).unwrap_or_default();
        features.chunks(self.per_entry.max(1)).map(|entry| entry.iter().any(|&g| g != 0.0)).collect()
    }
}
