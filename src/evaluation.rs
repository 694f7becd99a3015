//! How good a network is on a data set.

use crate::codegen::Work;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels;
use crate::network::Network;
use crate::trainer::{Plan, TrainConfig, Trainer};

/// The samples that one network takes at a time.
const BATCH_SIZE: usize = 256;

/// The class that a row of outputs, or of targets, stands for: the index of the largest value, of equal ones the first. A
/// single output stands for two classes: 1 from 0.5 on, otherwise 0.
///
/// NaN is never the largest unless there is nothing else. A row without any values, or of NaN alone, is class 0.
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
/// The class of a row of outputs, and of targets, is that of [`class_of`]. Counted on the GPU, where shaders may assume that
/// no value is NaN: a row with NaN may be counted for any class.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    loss: f32,
    classes: usize,
    counts: Vec<u32>,
}

impl Classification {
    /// The mean over the samples of `½ Σ_outputs (y - t)²`; not finite for a network that has diverged.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The confusion matrix: how many samples of class `actual` the network takes for class `predicted`; 0 for classes
    /// that there are not.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        let is_class = actual < self.classes && predicted < self.classes;
        if is_class { self.counts[actual * self.classes + predicted].into() } else { 0 }
    }

    /// How many samples.
    pub fn samples(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// The samples that the network takes for what they are, from 0, none, to 1, all.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes).map(|class| self.count(class, class)).sum::<u64>();
        right as f64 / self.samples() as f64
    }
}

impl Network {
    /// The loss of each network of a population on a data set, or of the one network: the mean over the samples of
    /// `½ Σ_outputs (y - t)²`. Not finite for a network that has diverged. Waits.
    ///
    /// # Errors
    /// [`Error::Count`] for a data set without samples; those of [`Trainer::new`], [`Trainer::train`] and
    /// [`Trainer::read_losses`].
    pub fn evaluate(&self, data: &Dataset) -> Result<Vec<f32>> {
        Ok(self.measure(data, Work::Evaluate)?.read_losses()?.iter().map(|report| report.loss).collect())
    }

    /// How the network classifies a data set's samples: accuracy, confusion matrix, loss. Counted on the GPU, from which
    /// only the counts come back. Waits.
    ///
    /// # Errors
    /// [`Error::Count`] for a population, [`Error::TooLarge`] for more classes than a table of counts has room for, and
    /// those of [`Network::evaluate`].
    pub fn classify(&self, data: &Dataset) -> Result<Classification> {
        self.check_single(Work::Classify.operation())?;
        let mut measured = self.measure(data, Work::Classify)?;
        let counts = measured.read_counts(Work::Classify.operation())?;
        let loss = measured.read_losses()?.first().map_or(f32::NAN, |report| report.loss);
        Ok(Classification { loss, classes: kernels::classes(self.mlp().output_width()), counts })
    }

    /// Goes once through a data set.
    fn measure(&self, data: &Dataset, work: Work) -> Result<Trainer> {
        if data.samples() == 0 {
            return Err(Error::zero(work.operation(), "the number of samples"));
        }
        // A population's networks take sample after sample, which any of them has the memory for.
        let batch_size = if self.count() == 1 { data.samples().min(self.most_rows()) } else { 1 };
        let plan = if work == Work::Classify { Plan::Plain } else { Plan::Auto };
        let config = TrainConfig { batch_size, plan, ..TrainConfig::default() };
        let mut measured = Trainer::for_work(self, data, config, work)?;
        match measured.train(1, |_| ()) {
            Ok(()) | Err(Error::Diverged { .. }) => Ok(measured),
            Err(error) => Err(error),
        }
    }

    /// The rows to take at a time: no more than have activations, of the widest layer, that fit in one binding.
    fn most_rows(&self) -> usize {
        let widths = self.mlp().layers().iter().flat_map(|layer| [layer.inputs, layer.outputs]);
        let widest = widths.max().unwrap_or(1) as u64;
        let rows = self.gpu().limits().max_storage_buffer_binding_size / (4 * widest);
        rows.clamp(1, BATCH_SIZE as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_the_first_of_the_largest_and_of_one_output_its_side_of_one_half() {
        assert_eq!(class_of(&[0.2, 0.7, 0.7, 0.1]), 1);
        assert_eq!(class_of(&[-3.0, -1.0]), 1);
        assert_eq!(class_of(&[0.0, -0.0]), 0);
        assert_eq!(class_of(&[-0.0, 0.0]), 0);
        assert_eq!(class_of(&[f32::NEG_INFINITY, f32::MIN, f32::INFINITY]), 2);
        assert_eq!([0.5, 0.499_999_97, -7.0, f32::INFINITY].map(|output| class_of(&[output])), [1, 0, 0, 1]);
        assert_eq!(class_of(&[]), 0);
    }

    #[test]
    fn nan_is_never_the_largest_unless_there_is_nothing_else() {
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
