//! How good a network is on a data set.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::trainer::{TrainConfig, Trainer, Work};

/// The samples that one network takes at a time.
const BATCH_SIZE: usize = 256;

impl Network {
    /// The loss of each network of a population on a data set, or of the one network: the mean over the samples of
    /// `½ Σ_outputs (y - t)²`. Not finite for a network that has diverged. Waits.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], [`Trainer::train`] and [`Trainer::read_losses`].
    pub fn evaluate(&self, data: &Dataset) -> Result<Vec<f32>> {
        if self.mlp().parameter_count() == 0 && self.count() > 1 {
            // All are the same, and no plan for populations takes what has nothing to train.
            return Ok(vec![self.extract(0)?.evaluate(data)?[0]; self.count()]);
        }
        // A population's networks take sample after sample, which any of them has the memory for.
        let batch_size = if self.count() == 1 { data.samples().min(self.most_rows()) } else { 1 };
        let config = TrainConfig { batch_size, ..TrainConfig::default() };
        let mut evaluation = Trainer::for_work(self, data, config, Work::Evaluate)?;
        match evaluation.train(1, |_| ()) {
            Ok(()) | Err(Error::Diverged { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(evaluation.read_losses()?.iter().map(|reading| reading.loss).collect())
    }

    /// The rows to take at a time: no more than have activations, of the widest layer, that fit in one binding.
    fn most_rows(&self) -> usize {
        let widths = self.mlp().layers().iter().flat_map(|layer| [layer.input_width(), layer.output_width()]);
        let widest = widths.max().unwrap_or(1) as u64;
        let rows = self.gpu().limits().max_storage_buffer_binding_size / (4 * widest);
        rows.clamp(1, BATCH_SIZE as u64) as usize
    }
}
