//! The training steps whose results every plan on the GPU must reproduce.

use super::{Descent, Matrix, NeuralNetwork, Order, gather};
use crate::error::{Error, Result};
use crate::loss::Loss;
use crate::optimizer::Optimizer;

/// Training of a network on a data set, in f64: the default loss and gradient descent, or others.
pub struct Training {
    /// The network as trained so far.
    pub network: NeuralNetwork,
    inputs: Matrix,
    targets: Matrix,
    order: Order,
    loss: Loss,
    descent: Descent,
    step: u64,
    /// The sum over the samples of the current epoch so far.
    loss_sum: f64,
    epoch_loss: Option<f64>,
}

impl Training {
    /// Training of `network` on `inputs` and `targets`, one row per sample, in `order`.
    ///
    /// # Errors
    /// [`Error::Shapes`] unless `inputs` and `targets` both have `order.samples` rows;
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
                rule: "both must have one row per sample of the order",
            });
        }
        if order.batch_size == 0 || order.batch_size > order.samples {
            return Err(Error::batch_size("Training::new", order.batch_size.into(), order.samples.into()));
        }
        let (loss, descent) = (Loss::default(), Descent::new(Optimizer::Sgd, learning_rate));
        Ok(Training { network, inputs, targets, order, loss, descent, step: 0, loss_sum: 0.0, epoch_loss: None })
    }

    /// The same training by another loss than the default.
    pub fn with_loss(self, loss: Loss) -> Self {
        Training { loss, ..self }
    }

    /// The same training by another descent than that of the learning rate alone.
    pub fn with_descent(self, descent: Descent) -> Self {
        Training { descent, ..self }
    }

    /// How parameters are changed.
    pub fn descent(&self) -> &Descent {
        &self.descent
    }

    /// Trains for this many more steps, one batch each.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the data does not fit the network.
    pub fn train_steps(&mut self, steps: u64) -> Result<()> {
        for _ in 0..steps {
            let samples = self.order.batch(self.step);
            let x = gather(&self.inputs, &samples)?;
            let t = gather(&self.targets, &samples)?;
            let loss = self.network.backpropagate(&x, &t, self.loss)?;
            let gradient = self.network.d_parameters().iter().map(|g| g / samples.len() as f64).collect::<Vec<_>>();
            let parameters = self.descent.step(&self.network.parameters(), &gradient)?;
            self.network.write_parameters(&parameters)?;
            self.loss_sum += loss * samples.len() as f64;
            self.step += 1;
            if self.step.is_multiple_of(self.order.steps_per_epoch()) {
                self.epoch_loss = Some(self.loss_sum / f64::from(self.order.samples));
                self.loss_sum = 0.0;
            }
        }
        Ok(())
    }

    /// The completed steps.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The completed epochs.
    pub fn epoch(&self) -> u64 {
        self.step / self.order.steps_per_epoch()
    }

    /// The mean loss per sample over the last complete epoch; during the first epoch, over the samples so far; `None`
    /// before the first step.
    pub fn loss(&self) -> Option<f64> {
        if self.step == 0 {
            return None;
        }
        self.epoch_loss.or_else(|| Some(self.loss_sum / f64::from(self.order.positions(self.step - 1).end)))
    }
}
