//! What a file of a training run holds beside the network.

use super::Trainer;
use crate::error::Result;
use crate::gpu::words_as_bytes;
use crate::kernels::TrainingState;

impl Trainer {
    /// The words of one network's state.
    pub(crate) const STATE_WORDS: usize = TrainingState::WORDS;

    /// How many samples the data set has.
    pub(crate) fn samples(&self) -> u32 {
        self.state.samples().get()
    }

    pub(crate) async fn read_state(&self, operation: &'static str) -> Result<Vec<u32>> {
        self.gpu.read(operation, self.state.buffer(), &|_| ())?.words().await
    }

    /// The learning rate and the weight decay of each network.
    pub(crate) async fn read_rates(&self, operation: &'static str) -> Result<[Vec<f32>; 2]> {
        let mut rates = self.gpu.read(operation, self.state.learning_rate(), &|_| ())?.values().await?;
        let decays = rates.split_off(rates.len() / 2);
        Ok([rates, decays])
    }

    /// How much is kept of each parameter, and what, `[networks, kept, parameters]`; none if nothing is kept.
    pub(crate) async fn read_moments(&self, operation: &'static str) -> Result<Option<(usize, Vec<f32>)>> {
        let Some(moments) = &self.moments.kept else { return Ok(None) };
        let moments = self.gpu.read(operation, moments, &|_| ())?.values().await?;
        Ok(Some((self.config.descent().kept().len(), moments)))
    }

    /// Replaces what is kept of each parameter; nothing where nothing is.
    pub(crate) fn write_moments(&self, moments: &[f32]) -> Result<()> {
        match &self.moments.kept {
            Some(buffer) => self.gpu.upload(buffer, 0, bytemuck::cast_slice(moments)),
            None => Ok(()),
        }
    }

    /// The steps of each entry of a hash grid; none without one.
    pub(crate) async fn read_entry_steps(&self, operation: &'static str) -> Result<Option<Vec<u32>>> {
        let Some(steps) = &self.moments.entry_steps else { return Ok(None) };
        self.gpu.read(operation, steps, &|_| ())?.words().await.map(Some)
    }

    /// Replaces the steps of each entry of a hash grid, if there is one.
    pub(crate) fn write_entry_steps(&self, steps: &[u32]) -> Result<()> {
        match &self.moments.entry_steps {
            Some(buffer) => self.gpu.upload(buffer, 0, words_as_bytes(steps)),
            None => Ok(()),
        }
    }

    /// Whether these words are a state of this training.
    pub(crate) fn is_valid(&self, words: &[u32]) -> bool {
        self.state.is_valid(words)
    }

    /// Resumes training at this state.
    pub(crate) fn write_state(&mut self, words: &[u32]) -> Result<()> {
        self.gpu.write_buffer(self.state.buffer(), 0, words_as_bytes(words))?;
        self.first_step = TrainingState::steps(words);
        self.ring.resume_at(self.first_step);
        Ok(())
    }
}
