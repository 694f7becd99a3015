//! What a training run takes.

use super::Trainer;

/// The GPU memory of a training run, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The data set.
    pub data: u64,
    /// The parameters.
    pub parameters: u64,
    /// What the optimizer keeps of each parameter: its moments, and the average if there is one.
    pub moments: u64,
    /// What a batch needs: activations, gradients, and the state of the training.
    pub batch: u64,
}

impl Memory {
    /// The sum of all.
    pub fn total(&self) -> u64 {
        self.data + self.parameters + self.moments + self.batch
    }
}

impl Trainer {
    /// The GPU memory of this training run, in bytes.
    pub fn memory(&self) -> Memory {
        let summed = self.summed.as_ref().map_or(0, |summed| summed.bytes());
        Memory {
            data: self.data.bytes(),
            parameters: self.network.parameters().size(),
            moments: self.moments.bytes(),
            batch: self.steps.bytes() + self.state.bytes() + summed,
        }
    }
}
