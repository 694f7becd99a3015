//! What samples are on the GPU: rows in an encoding, and how many of them there are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::gpu::{Gpu, words_as_bytes};
use crate::rows::Rows;

/// A data set's inputs or targets, one row per sample.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRows {
    /// The rows as they lie in their buffer, in words of 32 bits.
    pub rows: Rows,
    pub encoding: Encoding,
    /// How many values a sample has.
    pub width: usize,
}

impl EncodedRows {
    /// Rows of f32.
    pub fn floats(rows: Rows) -> Self {
        EncodedRows { width: rows.shape().columns as usize, rows, encoding: Encoding::Floats }
    }
}

/// What the words of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Encoding {
    /// One f32 each.
    Floats,
    /// Four bytes each, the first the lowest; a byte stands for `byte · scale + offset`.
    Bytes { scale: f32, offset: f32 },
    /// The sample's class, the only word: the value of that index is `on`, all others are `off`.
    Class { off: f32, on: f32 },
}

/// How many samples there are, on the host and on the GPU: more as an app adds rows, up to as many as there is room for.
#[derive(Clone, Debug)]
pub(crate) struct SampleCount {
    buffer: wgpu::Buffer,
    count: Arc<Mutex<u32>>,
    /// How many samples there is room for.
    pub capacity: u32,
}

impl SampleCount {
    pub fn new(operation: &'static str, gpu: &Gpu, count: u32, capacity: u32) -> Result<Self> {
        let buffer = gpu.storage_buffer(operation, "number of samples", 4)?;
        gpu.write_buffer(&buffer, 0, words_as_bytes(&[count]))?;
        Ok(SampleCount { buffer, count: Arc::new(Mutex::new(count)), capacity })
    }

    pub fn get(&self) -> u32 {
        *self.lock()
    }

    /// The count, which nobody else changes meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, u32> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        self.buffer.as_entire_binding()
    }

    /// Sets the count, from the next submission on.
    pub fn write(&self, gpu: &Gpu, count: &mut u32, new: u32) -> Result<()> {
        gpu.write_buffer(&self.buffer, 0, words_as_bytes(&[new]))?;
        *count = new;
        Ok(())
    }

    /// The buffer that holds the count, one u32.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}
