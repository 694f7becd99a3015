//! Samples on the GPU: rows in several formats, and the number of samples.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::gpu::{Gpu, words_as_bytes};
use crate::loss::Loss;
use crate::rows::Rows;

/// A data set's inputs or targets, one row per sample.
#[derive(Clone, Debug)]
pub(crate) struct SampleRows {
    /// The rows in their buffer, in words of 32 bits.
    pub rows: Rows,
    pub format: Format,
    /// How many values a sample has.
    pub width: usize,
}

impl SampleRows {
    /// Rows of f32.
    pub fn floats(rows: Rows) -> Self {
        SampleRows { width: rows.shape().columns as usize, rows, format: Format::Floats }
    }

    /// These targets as a loss takes them: one of probabilities takes classes for certain.
    pub fn for_loss(&self, loss: Loss) -> Self {
        match (self.format, loss.probabilities()) {
            (Format::Class { .. }, Some(_)) => {
                SampleRows { format: Format::Class { off: 0.0, on: 1.0 }, ..self.clone() }
            }
            _ => self.clone(),
        }
    }
}

/// What the words of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    /// One f32 each.
    Floats,
    /// Four bytes each, the lowest first; a byte's value is `byte · scale + offset`.
    Bytes { scale: f32, offset: f32 },
    /// A single word, the sample's class: the value with that index is `on`, all others are `off`.
    Class { off: f32, on: f32 },
}

/// A picture's pixels.
#[derive(Clone, Debug)]
pub(crate) enum Pixels {
    /// `[height · width, channels]`.
    Rows(Rows),
    Texture(wgpu::TextureView),
}

/// Points of a picture, drawn anew for each training step.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub pixels: Pixels,
    /// Width and height.
    pub size: [u32; 2],
    /// Whether the values are encoded as sRGB says, and those of light are learned.
    pub is_srgb: bool,
    pub seed: u64,
}

/// The number of samples, on the host and on the GPU: where it varies, the app changes it, up to `capacity`.
#[derive(Clone, Debug)]
pub(crate) struct SampleCount {
    buffer: wgpu::Buffer,
    count: Arc<Mutex<u32>>,
    /// Whether it has ever fallen.
    has_fallen: Arc<AtomicBool>,
    /// The most samples that fit in the buffers.
    pub capacity: u32,
    /// Whether the app may change it.
    pub varies: bool,
}

impl SampleCount {
    /// A number that stays as it is.
    pub fn fixed(operation: &'static str, gpu: &Gpu, count: u32) -> Result<Self> {
        Self::varying(operation, gpu, count, count).map(|samples| SampleCount { varies: false, ..samples })
    }

    /// A number that the app may change.
    pub fn varying(operation: &'static str, gpu: &Gpu, count: u32, capacity: u32) -> Result<Self> {
        let buffer = gpu.storage_buffer(operation, "number of samples", 4)?;
        gpu.write_buffer(&buffer, 0, words_as_bytes(&[count]))?;
        Ok(SampleCount {
            buffer,
            count: Arc::new(Mutex::new(count)),
            has_fallen: Arc::default(),
            capacity,
            varies: true,
        })
    }

    /// Whether the number has ever fallen: a training's next batch may then lie past the end.
    pub fn has_fallen(&self) -> bool {
        self.has_fallen.load(Ordering::Acquire)
    }

    pub fn get(&self) -> u32 {
        *self.lock()
    }

    /// The count, locked against changes by other threads.
    pub fn lock(&self) -> MutexGuard<'_, u32> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        self.buffer.as_entire_binding()
    }

    /// Sets the count, effective from the next submission. `count` is the locked count.
    pub fn write(&self, gpu: &Gpu, count: &mut u32, new: u32) -> Result<()> {
        gpu.write_buffer(&self.buffer, 0, words_as_bytes(&[new]))?;
        if new < *count {
            self.has_fallen.store(true, Ordering::Release);
        }
        *count = new;
        Ok(())
    }

    /// The buffer that holds the count, one u32.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}
