//! The training state, kept on the GPU.

use crate::error::{Error, Result, Shape};
use crate::gpu::{Gpu, words_as_bytes};
use crate::rows::{Operand, check_finite};
use crate::samples::SampleCount;

/// The offsets of the members of `State` in `shaders/state.wgsl`, in 32-bit words. Pairs are low and high word.
const ROWS: usize = 0;
const POSITION: usize = 1;
const EPOCH: usize = 2;
const STEP_COUNT: usize = 4;
#[cfg(test)]
const NUMBER: usize = 6;
const EPOCH_LOSS: usize = 8;
const PARTIAL_LOSSES: usize = 9;
const WORDS: usize = 12;

/// The training state, kept on the GPU: the samples of the next batch, the completed steps and epochs, the sums of the
/// losses; and in a buffer of its own the learning rate. For a population, one state and one learning rate per network.
///
/// Its buffer holds one `State` of `shaders/state.wgsl` per network.
#[derive(Clone, Debug)]
pub struct TrainingState {
    buffer: wgpu::Buffer,
    loss: wgpu::Buffer,
    learning_rate: wgpu::Buffer,
    networks: u32,
    samples: SampleCount,
    pub(super) batch_size: u32,
}

impl TrainingState {
    /// Bytes per network.
    pub(crate) const BYTES: u64 = WORDS as u64 * 4;

    /// Words per network.
    #[cfg(feature = "files")]
    pub(crate) const WORDS: usize = WORDS;

    /// The size of the `Batch` at the start of a state.
    pub(crate) const BATCH_BYTES: u64 = 32;

    /// The state before the first step of training on `samples` samples in batches of `batch_size`.
    ///
    /// # Errors
    /// [`Error::Count`] for a `batch_size` of 0 or above the samples, [`Error::NotFinite`] for a learning rate
    /// that is not finite.
    pub fn new(gpu: &Gpu, samples: u32, batch_size: u32, learning_rate: f32) -> Result<Self> {
        let operation = "TrainingState::new";
        let samples = SampleCount::fixed(operation, gpu, samples)?;
        Self::of_population(operation, gpu, 1, &samples, batch_size, learning_rate)
    }

    /// The states of a population, one per network.
    pub(crate) fn of_population(
        operation: &'static str,
        gpu: &Gpu,
        networks: u32,
        samples: &SampleCount,
        batch_size: u32,
        learning_rate: f32,
    ) -> Result<Self> {
        if batch_size == 0 || batch_size > samples.capacity {
            return Err(Error::batch_size(operation, batch_size.into(), samples.capacity.into()));
        }
        check_learning_rate(operation, learning_rate)?;
        let (needed, allowed) = (Self::BYTES * u64::from(networks), gpu.limits().max_storage_buffer_binding_size);
        if needed > allowed {
            return Err(Error::TooLarge {
                operation,
                what: "the population's training states",
                needed,
                limit: "max_storage_buffer_binding_size",
                allowed,
                way_out: "train fewer networks at a time, or request a device with a higher limit",
            });
        }
        let state = TrainingState {
            buffer: gpu.storage_buffer(operation, "training states", needed)?,
            loss: gpu.storage_buffer(operation, "loss of a batch", 4)?,
            learning_rate: gpu.storage_buffer(operation, "learning rates", 8 * u64::from(networks))?,
            networks,
            samples: samples.clone(),
            batch_size,
        };
        state.fill_learning_rates(operation, gpu, learning_rate)?;
        let mut words = [0; WORDS];
        // If there are no samples yet, the first batch will have one.
        words[ROWS] = batch_size.min(samples.get()).max(1);
        gpu.write_buffer(&state.buffer, 0, words_as_bytes(&words.repeat(networks as usize)))?;
        Ok(state)
    }

    /// Whether these words are valid states for this batch size and data set.
    #[cfg(feature = "files")]
    pub(crate) fn is_valid(&self, words: &[u32]) -> bool {
        words.len() == self.networks as usize * WORDS
            && words.chunks_exact(WORDS).all(|words| {
                let [rows, position] = [ROWS, POSITION].map(|word| words[word]);
                // A batch may be smaller than the batch size where the data set grew during the epoch, and may end past the
                // samples where it has just shrunk. Without samples, the first batch has one.
                let samples = if self.samples.varies { self.samples.capacity } else { self.samples.get() };
                let end = u64::from(position) + u64::from(rows);
                (1..=self.batch_size).contains(&rows) && end <= u64::from(samples)
            })
    }

    /// The number of samples.
    pub(crate) fn samples(&self) -> &SampleCount {
        &self.samples
    }

    /// The number of networks.
    pub(crate) fn networks(&self) -> u32 {
        self.networks
    }

    /// The bytes of the state and the learning rates.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffer.size() + self.learning_rate.size()
    }

    /// The buffer of the state.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// The buffer of the current batch's loss, one f32.
    pub fn loss(&self) -> &wgpu::Buffer {
        &self.loss
    }

    /// The buffer of the learning rates, one f32 per network, and after these of the weight decays, one f32 per network.
    pub fn learning_rate(&self) -> &wgpu::Buffer {
        &self.learning_rate
    }

    /// Sets the learning rate of all networks, for the steps that are submitted from now on.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for one that is not finite.
    pub fn write_learning_rate(&self, gpu: &Gpu, learning_rate: f32) -> Result<()> {
        let operation = "TrainingState::write_learning_rate";
        self.fill_learning_rates(operation, gpu, learning_rate)
    }

    /// Sets all learning rates to one value. Errors name `operation`.
    pub(crate) fn fill_learning_rates(&self, operation: &'static str, gpu: &Gpu, learning_rate: f32) -> Result<()> {
        check_learning_rate(operation, learning_rate)?;
        self.write_learning_rates(operation, gpu, &vec![learning_rate; self.networks as usize])
    }

    /// Sets each network's learning rate. Errors name `operation`.
    pub(crate) fn write_learning_rates(
        &self,
        operation: &'static str,
        gpu: &Gpu,
        learning_rates: &[f32],
    ) -> Result<()> {
        let lengths = [learning_rates.len(), self.networks as usize];
        if lengths[0] != lengths[1] {
            return Err(Error::length(operation, "learning_rates", lengths, "one per network"));
        }
        check_finite(operation, "learning_rates", learning_rates)?;
        gpu.write_buffer(&self.learning_rate, 0, bytemuck::cast_slice(learning_rates))
    }

    /// Sets each network's weight decay. Errors name `operation`.
    pub(crate) fn write_weight_decays(&self, operation: &'static str, gpu: &Gpu, decays: &[f32]) -> Result<()> {
        let lengths = [decays.len(), self.networks as usize];
        if lengths[0] != lengths[1] {
            return Err(Error::length(operation, "weight_decays", lengths, "one per network"));
        }
        decays.iter().try_for_each(|&decay| check_weight_decay(operation, decay))?;
        gpu.write_buffer(&self.learning_rate, 4 * u64::from(self.networks), bytemuck::cast_slice(decays))
    }

    /// The binding of the first network's `Batch`.
    pub(crate) fn batch(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: 0,
            size: wgpu::BufferSize::new(Self::BATCH_BYTES),
        })
    }

    /// Refuses a data set of another number of samples.
    pub(super) fn check_samples(&self, operation: &'static str, inputs: &Operand<'_>) -> Result<()> {
        self.check_rows(operation, inputs, "the training state's data set", self.samples.capacity)
    }

    /// Refuses a batch of another number of rows.
    pub(super) fn check_batch(&self, operation: &'static str, x: &Operand<'_>) -> Result<()> {
        self.check_rows(operation, x, "the training state's batch", self.batch_size)
    }

    fn check_rows(&self, operation: &'static str, left: &Operand<'_>, name: &'static str, rows: u32) -> Result<()> {
        if left.rows == rows {
            return Ok(());
        }
        Err(Error::Shapes {
            operation,
            left_name: left.what(),
            left: left.shape(),
            right_name: name,
            right: Shape { rows: rows.into(), ..left.shape() },
            rule: "both must have the same number of rows",
        })
    }

    /// Refuses operands that lie in one of the state's buffers.
    pub(super) fn check_apart(&self, operation: &'static str, operands: &[&Operand<'_>]) -> Result<()> {
        let own = [&self.buffer, &self.loss, &self.learning_rate, self.samples.buffer()];
        match operands.iter().find(|operand| own.iter().any(|own| operand.is_in(own))) {
            Some(operand) => Err(Error::aliased(operation, "the training state", operand.what())),
            None => Ok(()),
        }
    }

    /// The steps that all networks have completed, from the buffer's words.
    pub(crate) fn steps(words: &[u32]) -> u64 {
        words.chunks_exact(WORDS).map(|words| pair(words, STEP_COUNT)).min().unwrap_or(0)
    }

    /// The samples of the current batch, from the buffer's words.
    pub(crate) fn rows(words: &[u32]) -> u32 {
        words[ROWS]
    }

    /// Whether the words are those of a state: every batch has rows.
    pub(crate) fn is_written(words: &[u32]) -> bool {
        words[ROWS] > 0
    }

    /// The completed epochs, from the buffer's words.
    pub(crate) fn epochs(words: &[u32]) -> u64 {
        pair(words, EPOCH)
    }

    /// The mean loss per sample of each network, from the buffer's words: over the last complete epoch, or during the
    /// first epoch over the samples so far. Not finite as soon as one loss is not finite.
    pub(crate) fn losses(&self, words: &[u32]) -> Vec<f32> {
        words.chunks_exact(WORDS).map(loss).collect()
    }
}

/// The loss of one network, from the words of its state.
fn loss(words: &[u32]) -> f32 {
    let float = |word: usize| f64::from(f32::from_bits(words[word]));
    let current = float(PARTIAL_LOSSES) + float(PARTIAL_LOSSES + 1) + float(PARTIAL_LOSSES + 2);
    let loss = if TrainingState::epochs(words) == 0 {
        current / f64::from(words[POSITION])
    } else if current.is_finite() {
        float(EPOCH_LOSS)
    } else {
        current
    };
    loss as f32
}

fn check_learning_rate(operation: &'static str, learning_rate: f32) -> Result<()> {
    if learning_rate.is_finite() {
        return Ok(());
    }
    Err(Error::NotFinite { operation, what: "the learning rate", index: None, value: learning_rate.to_string() })
}

/// Refuses a weight decay that is negative or not finite.
pub(crate) fn check_weight_decay(operation: &'static str, decay: f32) -> Result<()> {
    if decay.is_finite() && decay >= 0.0 {
        return Ok(());
    }
    let rule = "choose a finite one of at least 0, for example 0.01";
    Err(Error::out_of_range(operation, "the weight decay", decay, rule))
}

fn pair(words: &[u32], low: usize) -> u64 {
    u64::from(words[low]) | u64::from(words[low + 1]) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::TypeInner;

    #[test]
    fn the_offsets_are_those_of_the_shader() {
        let module = naga::front::wgsl::parse_str(include_str!("../../shaders/state.wgsl")).unwrap();
        let members = |name| {
            let found = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap().1;
            let TypeInner::Struct { members, span } = &found.inner else { panic!("{name} is no struct") };
            let offsets = members.iter().map(|member| (member.name.clone().unwrap(), member.offset as usize / 4));
            (offsets.collect::<Vec<_>>(), *span)
        };
        let named = |offsets: &[(&str, usize)]| {
            offsets.iter().map(|&(name, offset)| (name.to_owned(), offset)).collect::<Vec<_>>()
        };
        let batch =
            [("rows", ROWS), ("position", POSITION), ("epoch", EPOCH), ("step", STEP_COUNT), ("number", NUMBER)];
        assert_eq!(members("Batch"), (named(&batch), TrainingState::BATCH_BYTES as u32));
        let losses = [("epoch", 0), ("partial", PARTIAL_LOSSES - EPOCH_LOSS)];
        assert_eq!(members("Losses").0, named(&losses));
        let state = [("batch", 0), ("losses", EPOCH_LOSS)];
        assert_eq!(members("State"), (named(&state), TrainingState::BYTES as u32));
    }
}
