//! Training runs.

use std::path::Path;

use safetensors::tensor::Dtype;

use super::contents::Contents;
use super::format::bytes_of;
#[cfg(not(target_family = "wasm"))]
use super::format::{read, write};
use super::{
    AVERAGE, BATCH_SIZE, CLIP_NORM, ENTRY_STEPS, FROZEN, GRID_LEARNING_RATE, GRID_WEIGHT_DECAY, LEARNING_RATES, LOSS,
    MEMORY, MLP, MOMENTS, OPTIMIZER, PART_OF, PLAN, SAMPLES, SCHEDULE, SEED, SHUFFLE, STATE, WEIGHT_DECAY,
    WEIGHT_DECAYS, parameter_tensors,
};
use crate::data::Dataset;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::gpu::words_as_bytes;
use crate::network::Network;
use crate::trainer::Trainer;

impl Trainer {
    /// Saves the training run and its network after all earlier submissions: parameters, moments, learning rates,
    /// configuration and training state. Waits. [`Trainer::resume`] continues from there, bit for bit.
    ///
    /// # Errors
    /// Those of [`Network::save`].
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), &pollster::block_on(self.bytes_for("Trainer::save", path.as_ref()))?)
    }

    /// What [`Trainer::save`] writes to a file, as bytes.
    ///
    /// # Errors
    /// Those of [`Trainer::save`].
    #[cfg(not(target_family = "wasm"))]
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        pollster::block_on(self.to_bytes_async())
    }

    /// [`Trainer::to_bytes`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn to_bytes_async(&self) -> Result<Vec<u8>> {
        self.bytes_for("Trainer::to_bytes", Path::new(MEMORY)).await
    }

    async fn bytes_for(&self, operation: &'static str, path: &Path) -> Result<Vec<u8>> {
        let (network, config) = (self.network(), self.config());
        let mut tensors = parameter_tensors(network, operation).await?;
        let state = self.read_state(operation).await?;
        let [learning_rates, weight_decays] = self.read_rates(operation).await?;
        let count = network.count();
        let words = state.len() / count;
        tensors.push((STATE.to_owned(), Dtype::U32, vec![count, words], words_as_bytes(&state).to_vec()));
        for (name, rates) in [(LEARNING_RATES, learning_rates), (WEIGHT_DECAYS, weight_decays)] {
            tensors.push((name.to_owned(), Dtype::F32, vec![count], bytemuck::cast_slice(&rates).to_vec()));
        }
        if let Some((kept, moments)) = self.read_moments(operation).await? {
            let shape = vec![count, kept, network.mlp().parameter_count()];
            tensors.push((MOMENTS.to_owned(), Dtype::F32, shape, bytemuck::cast_slice(&moments).to_vec()));
        }
        if let Some(steps) = self.read_entry_steps(operation).await? {
            tensors.push((ENTRY_STEPS.to_owned(), Dtype::U32, vec![steps.len()], words_as_bytes(&steps).to_vec()));
        }
        let metadata = [
            (MLP, network.mlp().to_string()),
            (SAMPLES, self.samples().to_string()),
            (BATCH_SIZE, config.batch_size.to_string()),
            (SHUFFLE, config.shuffle.to_string()),
            (SEED, config.seed.to_string()),
            (PLAN, config.plan.to_string()),
            (LOSS, config.loss.to_string()),
            (OPTIMIZER, config.optimizer.to_string()),
            (SCHEDULE, config.schedule.to_string()),
            (WEIGHT_DECAY, config.weight_decay.to_string()),
            (GRID_LEARNING_RATE, config.grid_learning_rate.to_string()),
            (GRID_WEIGHT_DECAY, config.grid_weight_decay.to_string()),
            (FROZEN, config.frozen.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")),
        ];
        let clip_norm = config.clip_norm.map(|norm| (CLIP_NORM, norm.to_string()));
        let average = config.average.map(|factor| (AVERAGE, factor.to_string()));
        let part_of = config.part_of.map(|networks| (PART_OF, networks.to_string()));
        let metadata = metadata.into_iter().chain(clip_norm).chain(average).chain(part_of);
        bytes_of(path, &tensors, metadata.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Resumes a training run that [`Trainer::save`] wrote, on the same data set. On the same device and build, the
    /// results are bit for bit those of an uninterrupted run.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Malformed`], also for a data set with another number of samples; those of
    /// [`Trainer::new`].
    #[cfg(not(target_family = "wasm"))]
    pub fn resume(data: &Dataset, path: impl AsRef<Path>) -> Result<(Network, Self)> {
        Self::resume_from(data, path.as_ref(), &read(path.as_ref())?)
    }

    /// Resumes as [`Trainer::resume`] does, from bytes that [`Trainer::to_bytes`] returned.
    ///
    /// # Errors
    /// Those of [`Trainer::resume`], but for reading a file.
    pub fn resume_from_bytes(data: &Dataset, bytes: &[u8]) -> Result<(Network, Self)> {
        Self::resume_from(data, Path::new(MEMORY), bytes)
    }

    fn resume_from(data: &Dataset, path: &Path, bytes: &[u8]) -> Result<(Network, Self)> {
        let contents = Contents::new(path, bytes)?;
        let network = contents.network(data.gpu())?;
        let config = contents.config()?;
        let count = network.count();
        let learning_rates = contents.f32s(LEARNING_RATES, &[count])?;
        let kept = config.descent().kept().len();
        let shape = [count, kept, network.mlp().parameter_count()];
        let moments = if kept > 0 { contents.f32s(MOMENTS, &shape)? } else { Vec::new() };
        let weight_decays = match config.weight_decay {
            0.0 => Vec::new(),
            _ => contents.f32s(WEIGHT_DECAYS, &[count])?,
        };
        let words = contents.state(count)?;
        let mut trainer = Trainer::new(&network, data, config)?;
        let samples = contents.value::<usize>(SAMPLES)?;
        if samples != data.samples() {
            let (found, expected) =
                (format!("{samples} samples"), format!("the data set's {} samples", data.samples()));
            return Err(contents.malformed(format!("metadata {SAMPLES}"), found, expected));
        }
        if !trainer.is_valid(&words) {
            let expected = format!("a position in an epoch of {samples} samples");
            return Err(contents.malformed(format!("tensor {STATE}"), "another position", expected));
        }
        trainer.write_learning_rates(&learning_rates)?;
        if !weight_decays.is_empty() {
            trainer.write_weight_decays(&weight_decays)?;
        }
        trainer.write_moments(&moments)?;
        if let Some(grid) = network.mlp().grid() {
            trainer.write_entry_steps(&contents.words(ENTRY_STEPS, &[grid.entries(network.mlp().input_width())])?)?;
        }
        trainer.write_state(&words)?;
        Ok((network, trainer))
    }
}
