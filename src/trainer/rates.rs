//! What can be set while a training runs, and the averages that come of it.

use super::{Trainer, moments};
use crate::error::{Error, Result};
use crate::network::Network;

impl Trainer {
    /// Sets the learning rate of each network of a population, for the steps that are submitted from now on. The schedule
    /// multiplies it.
    ///
    /// # Errors
    /// [`Error::Count`] unless there is one per network, [`Error::NotFinite`]: then none is changed. [`Error::OutOfMemory`].
    pub fn write_learning_rates(&mut self, learning_rates: &[f32]) -> Result<()> {
        self.state.write_learning_rates("Trainer::write_learning_rates", &self.gpu, learning_rates)
    }

    /// Sets the learning rate, for all networks of a population, for the steps that are submitted from now on. The schedule
    /// multiplies it.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::OutOfMemory`].
    pub fn write_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        self.state.fill_learning_rates("Trainer::write_learning_rate", &self.gpu, learning_rate)
    }

    /// Sets the weight decay of each network of a population, for the steps that are submitted from now on.
    ///
    /// # Errors
    /// [`Error::Count`] unless there is one per network, [`Error::OutOfRange`] for one that is negative or not finite, or if
    /// [`weight_decay`](crate::TrainConfig::weight_decay) was 0 in the configuration, with which the shaders have none: then none
    /// is changed. [`Error::OutOfMemory`].
    pub fn write_weight_decays(&mut self, weight_decays: &[f32]) -> Result<()> {
        let operation = "Trainer::write_weight_decays";
        if self.config.weight_decay == 0.0 {
            let rule = "the shaders were made without; create the trainer with another, which can be changed then";
            return Err(Error::out_of_range(operation, "the configuration's weight_decay", 0, rule));
        }
        self.state.write_weight_decays(operation, &self.gpu, weight_decays)
    }

    /// The network, or population, of the averages of the parameters over the steps so far, if the configuration asks for these
    /// ([`average`](crate::TrainConfig::average)): a copy as of everything that was submitted before. Before the first step, the network as it is.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a training without averages; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn averaged(&self) -> Result<Network> {
        moments::averaged("Trainer::averaged", &self.network, &self.config, &self.moments)
    }
}
