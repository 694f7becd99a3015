//! What the GPU said of the training.

use crate::error::{Error, Result};
use crate::kernels::TrainingState;

/// What the GPU reported of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossReport {
    /// The steps done.
    pub step: u64,
    /// The epochs completed.
    pub epoch: u64,
    /// The mean over the samples of the last complete epoch (during the first: over the samples so far) of
    /// `½ Σ_outputs (y - t)²`, each measured before its own step's update. Of a population, the mean over those of its
    /// networks that have not diverged.
    pub loss: f32,
}

/// What the GPU last said of the training: of each network its loss.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub step: u64,
    epoch: u64,
    losses: Vec<f32>,
}

impl Report {
    pub fn new(state: &TrainingState, words: &[u32]) -> Self {
        let [step, epoch] = [TrainingState::steps(words), TrainingState::epochs(words)];
        Report { step, epoch, losses: state.losses(words) }
    }

    /// All networks in one; an error if none of them has a finite loss any more.
    pub fn together(&self) -> Result<LossReport> {
        let finite = self.losses.iter().filter(|loss| loss.is_finite()).map(|&loss| f64::from(loss));
        let (sum, count) = finite.fold((0.0, 0u32), |(sum, count), loss| (sum + loss, count + 1));
        if count == 0 {
            let loss = self.losses.first().map(f32::to_string).unwrap_or_default();
            return Err(Error::Diverged { step: self.step, loss });
        }
        Ok(LossReport { step: self.step, epoch: self.epoch, loss: (sum / f64::from(count)) as f32 })
    }

    /// A report a network.
    pub fn each(&self) -> Vec<LossReport> {
        self.losses.iter().map(|&loss| LossReport { step: self.step, epoch: self.epoch, loss }).collect()
    }
}
