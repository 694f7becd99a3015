//! The end of a training step, and the GPU's own record of where training stands.

use super::{Dispatch, Parameters};
use crate::error::{Error, Result};
use crate::gpu::{Access, Gpu, Shader, words_as_bytes};

pub(super) const STEP: Shader = Shader {
    entry_point: "step",
    source: include_str!("../../shaders/step.wgsl"),
    workgroup: None,
    parameters: &["samples", "batch_size"],
    storage: &[Access::Read, Access::ReadWrite],
};

/// Where training stands, kept on the GPU: the samples of the next batch, the steps and epochs done, the errors added up;
/// and beside it the learning rate.
///
/// In its buffer, as in `shaders/step.wgsl`: words 0 and 1 the batch's number of samples and its position in the epoch,
/// 2 and 3 the epochs completed, 4 and 5 the steps done (each the low word first), 6 the error of the last complete epoch
/// and 7 to 9 the current one's in three parts, all four f32.
#[derive(Clone, Debug)]
pub struct TrainingState {
    buffer: wgpu::Buffer,
    error: wgpu::Buffer,
    learning_rate: wgpu::Buffer,
    samples: u32,
    batch_size: u32,
}

impl TrainingState {
    /// The bytes of the buffer.
    pub(crate) const BYTES: u64 = 40;

    /// The bytes at the buffer's start that say which samples are the current batch.
    const BATCH_BYTES: u64 = 16;

    /// The state before the first step of training on `samples` samples in batches of `batch_size`.
    ///
    /// # Errors
    /// [`Error::BatchSize`] for a `batch_size` of 0 or above the samples, [`Error::LearningRate`] for one that is not finite.
    pub fn new(gpu: &Gpu, samples: u32, batch_size: u32, learning_rate: f32) -> Result<Self> {
        let operation = "TrainingState::new";
        if batch_size == 0 || batch_size > samples {
            return Err(Error::BatchSize { batch_size: batch_size.into(), samples: samples.into() });
        }
        let state = TrainingState {
            buffer: gpu.storage_buffer(operation, "training state", Self::BYTES)?,
            error: gpu.storage_buffer(operation, "error of a batch", 4)?,
            learning_rate: gpu.storage_buffer(operation, "learning rate", 4)?,
            samples,
            batch_size,
        };
        state.write_learning_rate(gpu, learning_rate)?;
        let mut words = [0; Self::BYTES as usize / 4];
        words[0] = batch_size;
        gpu.write_buffer(&state.buffer, 0, words_as_bytes(&words))?;
        Ok(state)
    }

    /// The buffer that holds the state.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// The buffer that holds the error of the current batch, one f32.
    pub fn error(&self) -> &wgpu::Buffer {
        &self.error
    }

    /// The buffer that holds the learning rate, one f32.
    pub fn learning_rate(&self) -> &wgpu::Buffer {
        &self.learning_rate
    }

    /// Sets the learning rate of the steps that are submitted from now on.
    ///
    /// # Errors
    /// [`Error::LearningRate`] for one that is not finite.
    pub fn write_learning_rate(&self, gpu: &Gpu, learning_rate: f32) -> Result<()> {
        if !learning_rate.is_finite() {
            return Err(Error::LearningRate(learning_rate.to_string()));
        }
        gpu.write_buffer(&self.learning_rate, 0, &learning_rate.to_le_bytes())
    }

    /// The binding of the part that says which samples are the current batch.
    pub(super) fn batch(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: 0,
            size: wgpu::BufferSize::new(Self::BATCH_BYTES),
        })
    }

    /// The steps done, from the buffer's words.
    pub(crate) fn steps(words: &[u32]) -> u64 {
        pair(words, 4)
    }

    /// The epochs completed, from the buffer's words.
    pub(crate) fn epochs(words: &[u32]) -> u64 {
        pair(words, 2)
    }

    /// The mean error of a sample, from the buffer's words: over the last complete epoch, or during the first one over the
    /// samples so far.
    pub(crate) fn loss(&self, words: &[u32]) -> f32 {
        let float = |word: usize| f64::from(f32::from_bits(words[word]));
        let loss = if Self::epochs(words) > 0 {
            float(6) / f64::from(self.samples)
        } else {
            (float(7) + float(8) + float(9)) / f64::from(words[1])
        };
        loss as f32
    }
}

fn pair(words: &[u32], low: usize) -> u64 {
    u64::from(words[low]) | u64::from(words[low + 1]) << 32
}

/// Ends a training step: adds the batch's error up, and moves on to the next batch.
///
/// Source: [`reference::Training`](crate::reference::Training).
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn step(gpu: &Gpu, state: &TrainingState) -> Result<Dispatch> {
    let parameters = Parameters::default().word("samples", state.samples).word("batch_size", state.batch_size);
    let storage = [state.error.as_entire_binding(), state.buffer.as_entire_binding()];
    Dispatch::new(gpu, &STEP, parameters, &storage, 1)
}
