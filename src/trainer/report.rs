//! What the GPU reports of the training.

use crate::error::{Error, Result};
use crate::kernels::TrainingState;

/// What the GPU reported of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossReport {
    /// The steps done.
    pub step: u64,
    /// The epochs completed.
    pub epoch: u64,
    /// The mean of the loss over the samples of the last complete epoch (during the first: over the samples so far), each
    /// measured before the update of its step. For a population, the mean over the networks that have not
    /// diverged.
    pub loss: f32,
}

/// The latest report on all networks.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub step: u64,
    pub epoch: u64,
    losses: Vec<f32>,
}

impl Report {
    pub fn new(state: &TrainingState, words: &[u32]) -> Self {
        let [step, epoch] = [TrainingState::steps(words), TrainingState::epochs(words)];
        Report { step, epoch, losses: state.losses(words) }
    }

    /// The mean over the networks; an error if none has a finite loss any more.
    pub fn together(&self) -> Result<LossReport> {
        let finite = self.losses.iter().filter(|loss| loss.is_finite()).map(|&loss| f64::from(loss));
        let (sum, count) = finite.fold((0.0, 0u32), |(sum, count), loss| (sum + loss, count + 1));
        if count == 0 {
            let loss = self.losses.first().map(f32::to_string).unwrap_or_default();
            return Err(Error::Diverged { step: self.step, loss });
        }
        Ok(LossReport { step: self.step, epoch: self.epoch, loss: (sum / f64::from(count)) as f32 })
    }

    /// The first count of epochs whose losses are of the parameters as they are now. If the training has diverged, the app may
    /// have written other parameters since: then an epoch that begins from now on must be complete.
    pub fn sure_from(&self, steps_per_epoch: u64) -> u64 {
        match self.together() {
            Ok(_) => 0,
            Err(_) => self.epoch + 1 + u64::from(!self.step.is_multiple_of(steps_per_epoch)),
        }
    }

    /// One report per network.
    pub fn each(&self) -> Vec<LossReport> {
        self.losses.iter().map(|&loss| LossReport { step: self.step, epoch: self.epoch, loss }).collect()
    }
}
