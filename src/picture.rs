//! Pictures to draw samples from.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::{Rows, check_finite};
use crate::samples::{Drawn, SampleCount};

/// A picture in GPU memory, whose points are samples: [`Dataset::from_picture`].
///
/// Values are taken as they are stored: a network learns light if they are light, and what a file of 8 bits has if they are that.
///
/// ```no_run
/// # fn learn(gpu: &wgrad::Gpu, width: usize, rgb: &[f32]) -> wgrad::Result<wgrad::Network> {
/// use wgrad::{Dataset, HashGrid, Loss, Mlp, Network, Picture, TrainConfig, Trainer};
/// let mlp = Mlp::inputs(2).hash_grid(HashGrid::default()).linear(64).relu().linear(64).relu().linear(3);
/// let network = Network::new(gpu, &mlp, 1)?;
/// let picture = Picture::from_slice(gpu, width, 3, rgb)?;
/// let points = Dataset::from_picture(&picture, 1 << 14, 1)?; // others each step
/// let config = TrainConfig { batch_size: 1 << 14, loss: Loss::RelativeSquaredError, ..TrainConfig::adam() };
/// Trainer::new(&network, &points, config)?.train(1_000, |_| ())?;
/// # Ok(network)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Picture {
    gpu: Gpu,
    pixels: Rows,
    /// Width and height.
    size: [u32; 2],
}

impl Picture {
    /// A picture from rows of pixels, which may be in a buffer of the app's that changes: a row of f32 channels per pixel, the picture's
    /// rows of `width` pixels one after the other from the top.
    ///
    /// # Errors
    /// [`Error::Count`] for a width of 0, or a number of pixels that is no multiple of it; the errors of invalid [`Rows`].
    pub fn new(gpu: &Gpu, pixels: &Rows, width: usize) -> Result<Self> {
        let operation = "Picture::new";
        let rows = pixels.operand(gpu, operation, "pixels")?.rows;
        if width == 0 {
            return Err(Error::zero(operation, "the picture's width"));
        }
        if !u64::from(rows).is_multiple_of(width as u64) {
            let rule = format!("or another multiple of the width, {width}");
            let lengths = [rows as usize, (rows as usize).next_multiple_of(width)];
            return Err(Error::length(operation, "pixels", lengths, &rule));
        }
        // The width is no more than the rows, which fit in 32 bits.
        Ok(Picture { gpu: gpu.clone(), pixels: pixels.clone(), size: [width as u32, rows / width as u32] })
    }

    /// A picture from a slice: pixel after pixel, each of `channels` values.
    ///
    /// # Errors
    /// Those of [`Picture::new`]; [`Error::NotFinite`] for NaN or infinity; [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn from_slice(gpu: &Gpu, width: usize, channels: usize, values: &[f32]) -> Result<Self> {
        check_finite("Picture::from_slice", "values", values)?;
        Picture::new(gpu, &Rows::from_slice(gpu, channels, values)?, width)
    }

    /// Width and height, in pixels.
    pub fn size(&self) -> [usize; 2] {
        self.size.map(|side| side as usize)
    }

    /// The values of a pixel.
    pub fn channels(&self) -> usize {
        self.pixels.shape().columns as usize
    }
}

impl Dataset {
    /// `samples` random points of a picture, other ones for each training step: two inputs from 0 to 1, from left to right and from top
    /// to bottom, and the picture's channels there as targets, bilinear between the pixels' centres. With a
    /// [`batch_size`](crate::TrainConfig::batch_size) of `samples`, a step trains on all of them.
    ///
    /// Training steps alone draw them: an evaluation takes those that were drawn last, and so do the parts that
    /// [`Dataset::split_at`] gives. The points depend on the seed and on the training's step alone: a recording writes nothing, and a run that is resumed draws
    /// what it would have drawn. Only the layered and the plain plan draw them.
    ///
    /// # Errors
    /// [`Error::Count`] for no samples; [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn from_picture(picture: &Picture, samples: usize, seed: u64) -> Result<Self> {
        let operation = "Dataset::from_picture";
        if samples == 0 {
            return Err(Error::zero(operation, "the number of samples"));
        }
        let widths = [2, picture.channels()];
        let mut data = Dataset::floats(operation, &picture.gpu, samples, widths, SampleCount::fixed)?;
        data.drawn = Some(Drawn { pixels: picture.pixels.clone(), size: picture.size, seed });
        Ok(data)
    }
}
