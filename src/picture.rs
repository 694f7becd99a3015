//! Pictures to draw samples from.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::{Rows, check_finite};
use crate::samples::{Drawn, Pixels, SampleCount};

/// A picture in GPU memory, rows of values or a texture, whose points are samples: [`Dataset::from_picture`].
///
/// Values are taken as they are stored, those of a file of 8 bits for example; [`in_linear_light`](Picture::in_linear_light) has
/// a network learn the light that they stand for.
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
    pixels: Pixels,
    /// Width and height.
    size: [u32; 2],
    channels: u32,
    is_srgb: bool,
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
        let (size, channels) = ([width as u32, rows / width as u32], pixels.shape().columns as u32);
        Ok(Picture { gpu: gpu.clone(), pixels: Pixels::Rows(pixels.clone()), size, channels, is_srgb: false })
    }

    /// A picture from a slice: pixel after pixel, each of `channels` values.
    ///
    /// # Errors
    /// Those of [`Picture::new`]; [`Error::NotFinite`] for NaN or infinity; [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn from_slice(gpu: &Gpu, width: usize, channels: usize, values: &[f32]) -> Result<Self> {
        check_finite("Picture::from_slice", "values", values)?;
        Picture::new(gpu, &Rows::from_slice(gpu, channels, values)?, width)
    }

    /// A picture that is a texture of the app's, which may change: the first `channels` of its format's, for example the 3 of
    /// `Rgba8Unorm` that are not alpha. Of a format whose name ends with `Srgb` a shader reads light, and that is learned; a
    /// network that is to learn the stored values needs a texture of the format without that ending.
    ///
    /// # Errors
    /// [`Error::Texture`] for one that is not plain, of one sample and of a format that reads as f32, or whose usage lacks
    /// `TEXTURE_BINDING`; [`Error::Count`] for no channels or more than the format has.
    pub fn from_texture(gpu: &Gpu, texture: &wgpu::Texture, channels: usize) -> Result<Self> {
        let operation = "Picture::from_texture";
        check_texture(operation, gpu, texture)?;
        let most = texture.format().components();
        if channels == 0 || channels > most.into() {
            let rule = format!("as many as the format {:?} has, or fewer", texture.format());
            return Err(Error::count(operation, "the number of channels", channels as u64, [1, most.into()], &rule));
        }
        let view = gpu.texture_view(texture)?;
        let (size, pixels) = ([texture.width(), texture.height()], Pixels::Texture(view));
        Ok(Picture { gpu: gpu.clone(), pixels, size, channels: channels as u32, is_srgb: false })
    }

    /// The same picture, its values understood as sRGB encodes light, IEC 61966-2-1: samples are of the light, which is
    /// also what is interpolated. A fourth channel stays as it is stored. Not for values that are light already, such as those
    /// that a texture of an `Srgb` format gives.
    pub fn in_linear_light(self) -> Self {
        Picture { is_srgb: true, ..self }
    }

    /// Width and height, in pixels.
    pub fn size(&self) -> [usize; 2] {
        self.size.map(|side| side as usize)
    }

    /// The values of a pixel.
    pub fn channels(&self) -> usize {
        self.channels as usize
    }
}

/// Refuses a texture that the kernel cannot read.
fn check_texture(operation: &'static str, gpu: &Gpu, texture: &wgpu::Texture) -> Result<()> {
    let format = texture.format();
    let is_plain = texture.dimension() == wgpu::TextureDimension::D2 && texture.depth_or_array_layers() == 1;
    let reads_as_f32 =
        matches!(format.sample_type(None, Some(gpu.device().features())), Some(wgpu::TextureSampleType::Float { .. }));
    let problem = if !is_plain || texture.sample_count() != 1 {
        let [layers, samples] = [texture.depth_or_array_layers(), texture.sample_count()];
        format!(
            "is {:?} of {layers} layers and {samples} samples a pixel; it must be D2, of one each",
            texture.dimension()
        )
    } else if !reads_as_f32 {
        format!("has the format {format:?}; it must be one that reads as f32, for example Rgba8Unorm")
    } else if !texture.usage().contains(wgpu::TextureUsages::TEXTURE_BINDING) {
        "lacks TextureUsages::TEXTURE_BINDING; create it with that usage".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Texture { operation, problem })
}

impl Dataset {
    /// `samples` random points of a picture, other ones for each training step: two inputs from 0 to 1, from left to right and from top
    /// to bottom, and the picture's channels there as targets, bilinear between the pixels' centres. With a
    /// [`batch_size`](crate::TrainConfig::batch_size) of `samples`, a step trains on all of them.
    ///
    /// Training steps alone draw them: an evaluation takes those that were drawn last, and so do the parts that
    /// [`Dataset::split_at`] gives. The points depend on the seed and on the training's step alone: a recording writes nothing, and a run
    /// that is resumed draws what it would have drawn. Only the layered and the plain plan draw them.
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
        data.drawn = Some(Drawn { pixels: picture.pixels.clone(), size: picture.size, is_srgb: picture.is_srgb, seed });
        Ok(data)
    }
}
