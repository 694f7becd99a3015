//! The samples that a network is trained on, in GPU memory.

use crate::error::{BufferProblem, Error, Result, Shape};
use crate::gpu::{Gpu, words_as_bytes};
use crate::rows::{Rows, check_finite};
use crate::samples::{Drawn, Format, SampleCount, SampleRows};

/// Samples in GPU memory: a row of inputs and a row of targets per sample. Cheap to clone: clones are handles to the
/// same samples.
///
/// The values are f32, or bytes and classes ([`Dataset::from_bytes`]), whose inputs take a quarter of the memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    gpu: Gpu,
    inputs: SampleRows,
    targets: SampleRows,
    samples: SampleCount,
    /// What the samples are drawn from for each training step, if they are.
    pub(crate) drawn: Option<Drawn>,
}

/// How bytes map to inputs and classes to targets. The default is for digits: bytes become 0.01 to 1, and the targets
/// of ten classes are 0.01 and 0.99, which a sigmoid can reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BytesConfig {
    /// The number of classes: the width of the targets.
    pub classes: usize,
    /// The inputs for the bytes 0 and 255; the bytes between are interpolated linearly.
    pub inputs: [f32; 2],
    /// The target of every other class, and that of the sample's class. The cross entropies, losses of probabilities, take
    /// 0 and 1 instead.
    pub targets: [f32; 2],
}

impl Default for BytesConfig {
    fn default() -> Self {
        BytesConfig { classes: 10, inputs: [0.01, 1.0], targets: [0.01, 0.99] }
    }
}

impl Dataset {
    /// Samples from arrays: `inputs[i]` belongs to `targets[i]`.
    ///
    /// # Errors
    /// [`Error::Shapes`] unless there are as many inputs as targets, and those of [`Dataset::from_slices`].
    pub fn new<const INPUTS: usize, const TARGETS: usize>(
        gpu: &Gpu,
        inputs: &[[f32; INPUTS]],
        targets: &[[f32; TARGETS]],
    ) -> Result<Self> {
        let operation = "Dataset::new";
        let left = Shape { rows: inputs.len() as u64, columns: INPUTS as u64 };
        let right = Shape { rows: targets.len() as u64, columns: TARGETS as u64 };
        if left.rows != right.rows {
            return Err(Error::Shapes {
                operation,
                left_name: "inputs",
                left,
                right_name: "targets",
                right,
                rule: ONE_ROW_PER_SAMPLE,
            });
        }
        Dataset::upload(operation, gpu, inputs.len(), inputs.as_flattened(), targets.as_flattened())
    }

    /// `samples` samples from flat row-major slices: the widths are the lengths divided by `samples`. Waits for each
    /// full 4 MiB of the upload.
    ///
    /// # Errors
    /// [`Error::Count`] for no samples, a width of 0, or a length that is not a multiple of `samples`,
    /// [`Error::NotFinite`] for NaN or infinity, [`Error::TooLarge`] if the device's limits are too low (bytes take a
    /// quarter: [`Dataset::from_bytes`]), [`Error::OutOfMemory`], [`Error::Timeout`], [`Error::DeviceLost`].
    pub fn from_slices(gpu: &Gpu, samples: usize, inputs: &[f32], targets: &[f32]) -> Result<Self> {
        Dataset::upload("Dataset::from_slices", gpu, samples, inputs, targets)
    }

    fn upload(operation: &'static str, gpu: &Gpu, samples: usize, inputs: &[f32], targets: &[f32]) -> Result<Self> {
        let width_of = |what: &'static str, values: &[f32]| {
            let width = row_width(operation, what, samples, values.len())?;
            check_finite(operation, what, values)?;
            Ok(width)
        };
        let widths = [width_of("inputs", inputs)?, width_of("targets", targets)?];
        let data = Dataset::floats(operation, gpu, samples, widths, SampleCount::fixed)?;
        gpu.upload(data.inputs.rows.buffer(), 0, bytemuck::cast_slice(inputs))?;
        gpu.upload(data.targets.rows.buffer(), 0, bytemuck::cast_slice(targets))?;
        Ok(data)
    }

    /// Room for samples of f32.
    pub(crate) fn floats(
        operation: &'static str,
        gpu: &Gpu,
        capacity: usize,
        [inputs, targets]: [usize; 2],
        count: impl FnOnce(&'static str, &Gpu, u32) -> Result<SampleCount>,
    ) -> Result<Self> {
        let create = |what: &'static str, width: usize| {
            let rows = Rows::create(gpu, operation, what, capacity as u64, width as u64).map_err(suggest_bytes)?;
            Ok(SampleRows { rows, format: Format::Floats, width })
        };
        let (inputs, targets) = (create("inputs", inputs)?, create("targets", targets)?);
        // It fits in 32 bits, since the rows' sizes in bytes do.
        let samples = count(operation, gpu, capacity as u32)?;
        Ok(Dataset { gpu: gpu.clone(), inputs, targets, samples, drawn: None })
    }

    /// `samples` samples of bytes, row-major, and the class of each; `config` maps them to inputs and targets. They
    /// stay bytes in GPU memory; the kernels scale them. Only the layered and the plain plan train on them. Waits for
    /// each full 4 MiB of the upload.
    ///
    /// # Errors
    /// [`Error::Count`] for no samples, a width of 0, no classes, inputs whose length is not a multiple of `samples`,
    /// `classes` of a length other than `samples`, or a class that is not below `config.classes`; [`Error::NotFinite`]
    /// for NaN or infinity in `config`, [`Error::TooLarge`] if the device's limits are too low, [`Error::OutOfMemory`],
    /// [`Error::Timeout`], [`Error::DeviceLost`].
    pub fn from_bytes(gpu: &Gpu, samples: usize, inputs: &[u8], classes: &[u8], config: BytesConfig) -> Result<Self> {
        let operation = "Dataset::from_bytes";
        let width = row_width(operation, "inputs", samples, inputs.len())?;
        if config.classes == 0 {
            return Err(Error::zero(operation, "the number of classes"));
        }
        if classes.len() != samples {
            return Err(Error::length(operation, "classes", [classes.len(), samples], "one per sample"));
        }
        check_finite(operation, "config.inputs", &config.inputs)?;
        check_finite(operation, "config.targets", &config.targets)?;
        if let Some(index) = classes.iter().position(|&class| usize::from(class) >= config.classes) {
            let (what, most) = (format!("classes[{index}]"), config.classes as u64 - 1);
            let rule = format!("there are {} classes, numbered from 0", config.classes);
            return Err(Error::count(operation, &what, classes[index].into(), [0, most], &rule));
        }

        let words = width.div_ceil(4);
        let rows = Rows::create(gpu, operation, "inputs", samples as u64, words as u64)?;
        if width.is_multiple_of(4) {
            gpu.upload(rows.buffer(), 0, inputs)?;
        } else {
            // Each row begins at a word: pad the rows, about 1 MiB at a time.
            let chunk_rows = (1 << 20) / width + 1;
            for (chunk, inputs) in inputs.chunks(chunk_rows * width).enumerate() {
                let mut padded = Vec::with_capacity(chunk_rows * words * 4);
                for row in inputs.chunks(width) {
                    padded.extend_from_slice(row);
                    padded.resize(padded.len().next_multiple_of(4), 0);
                }
                gpu.upload(rows.buffer(), (chunk * chunk_rows * words * 4) as u64, &padded)?;
            }
        }
        let [low, high] = config.inputs;
        let format = Format::Bytes { scale: ((f64::from(high) - f64::from(low)) / 255.0) as f32, offset: low };
        let inputs = SampleRows { rows, format, width };

        let rows = Rows::create(gpu, operation, "classes", samples as u64, 1)?;
        let classes = classes.iter().map(|&class| u32::from(class)).collect::<Vec<_>>();
        gpu.upload(rows.buffer(), 0, words_as_bytes(&classes))?;
        let [off, on] = config.targets;
        let targets = SampleRows { rows, format: Format::Class { off, on }, width: config.classes };
        let samples = SampleCount::fixed(operation, gpu, samples as u32)?;
        Ok(Dataset { gpu: gpu.clone(), inputs, targets, samples, drawn: None })
    }

    /// An empty data set with memory for `capacity` samples of `inputs` and `targets` values each.
    /// [`Dataset::write_rows`] adds samples, also during training.
    ///
    /// # Errors
    /// [`Error::Count`] for a capacity or a width of 0, [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn with_capacity(gpu: &Gpu, capacity: usize, inputs: usize, targets: usize) -> Result<Self> {
        let operation = "Dataset::with_capacity";
        let sizes = [("the capacity", capacity), ("the width of the inputs or of the targets", inputs.min(targets))];
        match sizes.into_iter().find(|&(_, size)| size == 0) {
            Some((what, _)) => Err(Error::zero(operation, what)),
            None => Dataset::floats(operation, gpu, capacity, [inputs, targets], |operation, gpu, capacity| {
                SampleCount::varying(operation, gpu, 0, capacity)
            }),
        }
    }

    /// Writes samples from flat row-major slices, from sample `first` on: replaces existing samples and appends new
    /// ones, up to the capacity. Takes effect at the next submission. A trainer includes the new samples in its current
    /// epoch; if it shuffles, that epoch may take some samples twice and skip others.
    ///
    /// # Errors
    /// [`Error::Count`] unless both slices have the same number of whole rows, and for samples past the capacity or
    /// with a gap before them; [`Error::NotFinite`], [`Error::NotFloats`] for a data set of bytes, [`Error::Buffer`]
    /// for an app's buffer without `COPY_DST`: then nothing is written.
    pub fn write_rows(&self, first: usize, inputs: &[f32], targets: &[f32]) -> Result<()> {
        let operation = "Dataset::write_rows";
        if self.inputs.format != Format::Floats {
            return Err(Error::NotFloats { operation });
        }
        let rows = inputs.len() / self.inputs.width;
        for (what, values, samples) in [("inputs", inputs, &self.inputs), ("targets", targets, &self.targets)] {
            if values.len() != rows * samples.width {
                let rule = "whole rows, as many for inputs as for targets";
                return Err(Error::length(operation, what, [values.len(), rows * samples.width], rule));
            }
            check_finite(operation, what, values)?;
            if !samples.rows.buffer().usage().contains(wgpu::BufferUsages::COPY_DST) {
                let problem = BufferProblem::LacksUsage { missing: "COPY_DST" };
                return Err(Error::buffer(operation, what, problem));
            }
        }
        let mut samples = self.samples.lock();
        let (count, capacity) = (*samples as usize, self.samples.capacity as usize);
        let end = first.saturating_add(rows);
        if first > count || end > capacity {
            return Err(no_room([first, rows], [count, capacity]));
        }
        self.inputs.rows.write(&self.gpu, first, inputs)?;
        self.targets.rows.write(&self.gpu, first, targets)?;
        if end > count {
            self.samples.write(&self.gpu, &mut samples, end as u32)?;
        }
        Ok(())
    }

    /// The same rows, with only the first `samples` in use: for app buffers with room for more samples, which
    /// [`Dataset::write_samples`] and [`Dataset::write_rows`] add.
    ///
    /// # Errors
    /// [`Error::Count`] for more samples than rows; [`Error::OutOfMemory`].
    pub fn with_samples(&self, samples: usize) -> Result<Self> {
        let (operation, capacity) = ("Dataset::with_samples", self.samples.capacity);
        let count = check_sample_count(operation, samples, 0, capacity)?;
        Ok(Dataset { samples: SampleCount::varying(operation, &self.gpu, count, capacity)?, ..self.clone() })
    }

    /// Sets the number of samples, effective from the next submission: more, after the app's own shaders have written the
    /// rows, or fewer. Rows past the end keep their values.
    ///
    /// A trainer includes new samples as after [`Dataset::write_rows`]. Of fewer samples, the first steps that it records
    /// afterwards take what is left of the current epoch, or begin the next. Steps that were recorded before, and are
    /// submitted after, may take rows past the end in one batch.
    ///
    /// # Errors
    /// [`Error::Count`] for no samples where there are some, for more than rows, or for fewer of a data set that was not made by
    /// [`Dataset::with_capacity`] or [`Dataset::with_samples`]: then nothing is changed.
    pub fn write_samples(&self, samples: usize) -> Result<()> {
        let mut count = self.samples.lock();
        let least = if self.samples.varies { (*count).min(1) } else { *count };
        let samples = check_sample_count("Dataset::write_samples", samples, least, self.samples.capacity)?;
        self.samples.write(&self.gpu, &mut count, samples)
    }

    /// Samples in the app's own buffers, used without a copy: training uses whatever the app writes there. If the
    /// buffers have room for more samples than there are now, set the number with [`Dataset::with_samples`].
    ///
    /// # Errors
    /// [`Error::Shapes`] unless there are as many inputs as targets; [`Error::Buffer`] for rows that do not fit their
    /// buffer or a buffer without `STORAGE`; [`Error::Count`] for no rows or a width of 0; [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn from_buffers(gpu: &Gpu, inputs: Rows, targets: Rows) -> Result<Self> {
        let operation = "Dataset::from_buffers";
        let count = {
            let inputs = inputs.operand(gpu, operation, "inputs")?;
            let targets = targets.operand(gpu, operation, "targets")?;
            inputs.check_fit(operation, &targets, inputs.rows == targets.rows, ONE_ROW_PER_SAMPLE)?;
            inputs.rows
        };
        let samples = SampleCount::fixed(operation, gpu, count)?;
        let (inputs, targets) = (SampleRows::floats(inputs), SampleRows::floats(targets));
        Ok(Dataset { gpu: gpu.clone(), inputs, targets, samples, drawn: None })
    }

    /// Splits off the first `first` samples: two data sets that share this one's memory.
    ///
    /// # Errors
    /// [`Error::Count`] if one of them would be empty; [`Error::OutOfMemory`].
    pub fn split_at(&self, first: usize) -> Result<(Dataset, Dataset)> {
        let samples = self.samples();
        if first == 0 || first >= samples {
            let rule = format!("both parts need at least one of the {samples} samples");
            let most = samples.saturating_sub(1) as u64;
            return Err(Error::count("Dataset::split_at", "first", first as u64, [1, most], &rule));
        }
        let part = |start: usize, count: usize| {
            let rows = |all: &SampleRows| SampleRows { rows: all.rows.range(start, count), ..all.clone() };
            let samples = SampleCount::fixed("Dataset::split_at", &self.gpu, count as u32)?;
            let (inputs, targets) = (rows(&self.inputs), rows(&self.targets));
            Ok(Dataset { gpu: self.gpu.clone(), inputs, targets, samples, drawn: None })
        };
        Ok((part(0, first)?, part(first, samples - first)?))
    }

    /// The device that holds the samples.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.samples.get() as usize
    }

    /// The size of the samples in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        [&self.inputs, &self.targets].map(|samples| samples.rows.bytes()).iter().sum()
    }

    /// The inputs, one row per sample.
    pub(crate) fn inputs(&self) -> &SampleRows {
        &self.inputs
    }

    /// The targets, one row per sample.
    pub(crate) fn targets(&self) -> &SampleRows {
        &self.targets
    }

    /// The number of samples, on the host and on the GPU.
    pub(crate) fn sample_count(&self) -> &SampleCount {
        &self.samples
    }

    /// Refuses a data set whose samples do not fit the network.
    pub(crate) fn check_widths(&self, operation: &'static str, inputs: usize, outputs: usize) -> Result<()> {
        let check = |left_name, samples: &SampleRows, right_name, width: usize| {
            if samples.width == width {
                return Ok(());
            }
            let shape = |columns: usize| Shape { rows: self.samples() as u64, columns: columns as u64 };
            let rule = "both must have the same number of columns";
            Err(Error::Shapes {
                operation,
                left_name,
                left: shape(samples.width),
                right_name,
                right: shape(width),
                rule,
            })
        };
        check("the data set's inputs", &self.inputs, "the network's input", inputs)?;
        check("the data set's targets", &self.targets, "the network's output", outputs)
    }
}

/// Refuses a number of samples outside `least..=capacity`.
fn check_sample_count(operation: &'static str, samples: usize, least: u32, capacity: u32) -> Result<u32> {
    let in_range = u32::try_from(samples).ok().filter(|samples| (least..=capacity).contains(samples));
    in_range.ok_or_else(|| {
        let rule = format!("the data set has rows for {capacity} samples");
        Error::count(operation, "the number of samples", samples as u64, [least.into(), capacity.into()], &rule)
    })
}

/// The error for writing `rows` rows from `first` on to a data set of `count` rows with this capacity.
fn no_room([first, rows]: [usize; 2], [count, capacity]: [usize; 2]) -> Error {
    let (what, found, most) = if first > count {
        (format!("the first of {rows} rows"), first, count)
    } else {
        (format!("the end of {rows} rows from {first} on"), first.saturating_add(rows), capacity)
    };
    let rule = format!(
        "the data set has {count} rows with room for {capacity}; begin at {count} or before, and end at {capacity}"
    );
    Error::count("Dataset::write_rows", &what, found as u64, [0, most as u64], &rule)
}

const ONE_ROW_PER_SAMPLE: &str = "both must have one row per sample";

/// How many of the slice's `length` values each sample has.
fn row_width(operation: &'static str, what: &'static str, samples: usize, length: usize) -> Result<usize> {
    if samples == 0 {
        return Err(Error::zero(operation, "the number of samples"));
    }
    if length == 0 {
        return Err(Error::zero(operation, "the width of the inputs or of the targets"));
    }
    if !length.is_multiple_of(samples) {
        let rule = format!("or another multiple of {samples}, the number of samples");
        return Err(Error::length(operation, what, [length, length.next_multiple_of(samples)], &rule));
    }
    Ok(length / samples)
}

/// Samples that do not fit as f32 may fit as bytes.
fn suggest_bytes(error: Error) -> Error {
    match error {
        Error::TooLarge { operation, what, needed, limit, allowed, .. } => {
            let way_out = "store the samples as bytes, a quarter of that, with Dataset::from_bytes; or use fewer samples, or \
                           request a device with a higher limit";
            Error::TooLarge { operation, what, needed, limit, allowed, way_out }
        }
        other => other,
    }
}
