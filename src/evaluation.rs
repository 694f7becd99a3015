//! Measuring a network on a data set: loss and classification.

use crate::codegen::Work;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels;
use crate::loss::Loss;
use crate::network::Network;
use crate::trainer::{Plan, TrainConfig, Trainer};

/// The batch size for evaluating a single network.
const BATCH_SIZE: usize = 256;

/// The class of a row of outputs or targets: the index of the largest value, of equal ones the first. A single output
/// distinguishes two classes: 1 from 0.5 on, otherwise 0.
///
/// NaN is never the largest unless all values are NaN. An empty row, or one of NaN only, is class 0.
///
/// ```
/// use wgrad::class_of;
/// assert_eq!(class_of(&[0.1, 0.9, 0.3]), 1);
/// assert_eq!(class_of(&[0.7]), 1);
/// ```
pub fn class_of(outputs: &[f32]) -> usize {
    if let [output] = outputs {
        return usize::from(*output >= 0.5);
    }
    let is_better = |value: f32, best: f32| value > best || (best.is_nan() && !value.is_nan());
    (1..outputs.len()).fold(0, |best, index| if is_better(outputs[index], outputs[best]) { index } else { best })
}

/// How a network classifies a data set's samples.
///
/// Outputs and targets map to classes as in [`class_of`], but a single output that is a logit is class 1 from 0 on. Counted
/// on the GPU, where shaders may assume that no value is NaN: a row with NaN may be counted for any class.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    loss: f32,
    classes: usize,
    counts: Vec<u32>,
}

impl Classification {
    /// The mean of the loss over the samples; not finite for a network that has diverged.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// An element of the confusion matrix: how many samples of class `actual` the network classifies as `predicted`; 0
    /// for classes that do not exist.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        let is_class = actual < self.classes && predicted < self.classes;
        if is_class { self.counts[actual * self.classes + predicted].into() } else { 0 }
    }

    /// The number of samples.
    pub fn samples(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// The fraction of samples that the network classifies correctly, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let correct = (0..self.classes).map(|class| self.count(class, class)).sum::<u64>();
        correct as f64 / self.samples() as f64
    }
}

impl Network {
    /// The loss of each network of a population on a data set, or of the one network: the mean over the samples. Not finite
    /// for a network that has diverged. Waits.
    ///
    /// # Errors
    /// [`Error::Count`] for a data set without samples; those of [`Trainer::new`], [`Trainer::train`] and
    /// [`Trainer::read_losses`].
    #[cfg(not(target_family = "wasm"))]
    pub fn evaluate(&self, data: &Dataset, loss: Loss) -> Result<Vec<f32>> {
        pollster::block_on(self.evaluate_async(data, loss))
    }

    /// [`Network::evaluate`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn evaluate_async(&self, data: &Dataset, loss: Loss) -> Result<Vec<f32>> {
        let mut trainer = self.measure(data, loss, Work::Evaluate).await?;
        Ok(trainer.read_losses_async().await?.iter().map(|report| report.loss).collect())
    }

    /// How the network classifies a data set's samples: accuracy, confusion matrix, loss. Counted on the GPU; only the
    /// counts are read back. Waits.
    ///
    /// # Errors
    /// [`Error::Count`] for a population, [`Error::TooLarge`] for too many classes for the confusion matrix, and those
    /// of [`Network::evaluate`].
    #[cfg(not(target_family = "wasm"))]
    pub fn classify(&self, data: &Dataset, loss: Loss) -> Result<Classification> {
        pollster::block_on(self.classify_async(data, loss))
    }

    /// [`Network::classify`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn classify_async(&self, data: &Dataset, loss: Loss) -> Result<Classification> {
        self.check_single(Work::Classify.operation())?;
        let mut trainer = self.measure(data, loss, Work::Classify).await?;
        let counts = trainer.read_counts(Work::Classify.operation()).await?;
        let loss = trainer.read_losses_async().await?.first().map_or(f32::NAN, |report| report.loss);
        Ok(Classification { loss, classes: kernels::classes(self.mlp().output_width()), counts })
    }

    /// Measures one epoch, without training.
    async fn measure(&self, data: &Dataset, loss: Loss, work: Work) -> Result<Trainer> {
        if data.samples() == 0 {
            return Err(Error::zero(work.operation(), "the number of samples"));
        }
        // A population takes one sample per step, for which there is always enough memory.
        let batch_size = if self.count() == 1 { data.samples().min(self.max_batch_size()) } else { 1 };
        let plan = if work == Work::Classify { Plan::Plain } else { Plan::Auto };
        let config = TrainConfig { loss, batch_size, plan, ..TrainConfig::default() };
        let mut trainer = Trainer::for_work(self, data, config, work)?;
        match trainer.train_async(1, |_| ()).await {
            Ok(()) | Err(Error::Diverged { .. }) => Ok(trainer),
            Err(error) => Err(error),
        }
    }

    /// The most samples, up to `BATCH_SIZE`, for which the activations of the widest layer fit in one binding.
    fn max_batch_size(&self) -> usize {
        let widths = self.mlp().layers().iter().flat_map(|layer| [layer.inputs, layer.outputs]);
        let widest = widths.max().unwrap_or(1) as u64;
        let samples = self.gpu().limits().max_storage_buffer_binding_size / (4 * widest);
        samples.clamp(1, BATCH_SIZE as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_the_first_largest_output_and_a_single_output_is_compared_to_one_half() {
        assert_eq!(class_of(&[0.2, 0.7, 0.7, 0.1]), 1);
        assert_eq!(class_of(&[-3.0, -1.0]), 1);
        assert_eq!(class_of(&[0.0, -0.0]), 0);
        assert_eq!(class_of(&[-0.0, 0.0]), 0);
        assert_eq!(class_of(&[f32::NEG_INFINITY, f32::MIN, f32::INFINITY]), 2);
        assert_eq!([0.5, 0.499_999_97, -7.0, f32::INFINITY].map(|output| class_of(&[output])), [1, 0, 0, 1]);
        assert_eq!(class_of(&[]), 0);
    }

    #[test]
    fn nan_is_never_the_largest_unless_all_are_nan() {
        for nan in [f32::NAN, -f32::NAN] {
            assert_eq!(class_of(&[nan, -1.0, 2.0]), 2);
            assert_eq!(class_of(&[nan, f32::NEG_INFINITY]), 1);
            assert_eq!(class_of(&[1.0, nan, 0.5]), 0);
            assert_eq!(class_of(&[1.0, nan, 1.5]), 2);
            assert_eq!(class_of(&[nan; 3]), 0);
            assert_eq!(class_of(&[nan]), 0);
        }
    }
}
