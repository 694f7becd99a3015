//! The training steps whose numbers every plan on the GPU must give.

use super::{Matrix, NeuralNetwork, Order, gather};
use crate::error::{Error, Result};

/// Training of a network on a data set, in f64.
pub struct Training {
    /// The network as trained so far.
    pub network: NeuralNetwork,
    inputs: Matrix,
    targets: Matrix,
    order: Order,
    learning_rate: f64,
    step: u64,
    error: f64,
    epoch_loss: Option<f64>,
}

impl Training {
    /// Training of `network` on `inputs` and `targets`, one sample a row, in `order`.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the inputs, the targets and `order.samples` are not as many;
    /// [`Error::Count`] for a batch size of 0 or above the samples.
    pub fn new(
        network: NeuralNetwork,
        inputs: Matrix,
        targets: Matrix,
        order: Order,
        learning_rate: f64,
    ) -> Result<Self> {
        if inputs.rows() != targets.rows() || inputs.rows() != order.samples as usize {
            return Err(Error::Shapes {
                operation: "Training::new",
                left_name: "inputs",
                left: inputs.shape(),
                right_name: "targets",
                right: targets.shape(),
                rule: "both must have one row a sample, as many as the order has samples",
            });
        }
        if order.batch_size == 0 || order.batch_size > order.samples {
            return Err(Error::batch_size("Training::new", order.batch_size.into(), order.samples.into()));
        }
        Ok(Training { network, inputs, targets, order, learning_rate, step: 0, error: 0.0, epoch_loss: None })
    }

    /// Trains this many steps more, a batch each.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the data do not fit the network.
    pub fn train_steps(&mut self, steps: u64) -> Result<()> {
        for _ in 0..steps {
            let samples = self.order.batch(self.step);
            let x = gather(&self.inputs, &samples)?;
            let t = gather(&self.targets, &samples)?;
            let loss = self.network.train_step(&x, &t, self.learning_rate)?;
            self.error += loss * samples.len() as f64;
            self.step += 1;
            if self.step.is_multiple_of(self.order.steps_per_epoch()) {
                self.epoch_loss = Some(self.error / f64::from(self.order.samples));
                self.error = 0.0;
            }
        }
        Ok(())
    }

    /// The steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The epochs completed.
    pub fn epoch(&self) -> u64 {
        self.step / self.order.steps_per_epoch()
    }

    /// The mean loss over the samples of the last complete epoch; during the first, over the samples so far; `None`
    /// before the first step.
    pub fn loss(&self) -> Option<f64> {
        if self.step == 0 {
            return None;
        }
        self.epoch_loss.or_else(|| Some(self.error / f64::from(self.order.positions(self.step - 1).end)))
    }
}
