//! The samples that a network is trained on, in GPU memory.

use crate::error::{Error, Result, Shape};
use crate::gpu::Gpu;
use crate::matrix::{Rows, check_finite};

/// Samples in GPU memory: a row of inputs and a row of targets each. Cheap to clone: clones are handles to the same
/// samples.
#[derive(Clone, Debug)]
pub struct Dataset {
    gpu: Gpu,
    inputs: Rows,
    targets: Rows,
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
                rule: ONE_ROW_A_SAMPLE,
            });
        }
        Dataset::upload(operation, gpu, inputs.len(), inputs.as_flattened(), targets.as_flattened())
    }

    /// `samples` samples from flat slices, one row after the other: the widths are the lengths divided by `samples`.
    ///
    /// # Errors
    /// [`Error::Zero`] without samples or with rows of width 0, [`Error::Length`] for a length that is not whole rows,
    /// [`Error::NotFinite`] for NaN or infinity, [`Error::TooLarge`] where the device's limits are too low,
    /// [`Error::OutOfMemory`].
    pub fn from_slices(gpu: &Gpu, samples: usize, inputs: &[f32], targets: &[f32]) -> Result<Self> {
        Dataset::upload("Dataset::from_slices", gpu, samples, inputs, targets)
    }

    fn upload(operation: &'static str, gpu: &Gpu, samples: usize, inputs: &[f32], targets: &[f32]) -> Result<Self> {
        if samples == 0 {
            return Err(Error::Zero { operation, what: "the number of samples" });
        }
        let upload = |what: &'static str, numbers: &[f32]| {
            if numbers.is_empty() {
                return Err(Error::Zero { operation, what: "the width of the inputs or of the targets" });
            }
            if !numbers.len().is_multiple_of(samples) {
                return Err(Error::Length {
                    operation,
                    what,
                    expected: numbers.len().next_multiple_of(samples) as u64,
                    found: numbers.len() as u64,
                    rule: "a multiple of the number of samples",
                });
            }
            check_finite(operation, what, numbers)?;
            let rows = Rows::create(gpu, operation, what, samples as u64, (numbers.len() / samples) as u64)?;
            gpu.write_buffer(rows.buffer(), 0, bytemuck::cast_slice(numbers))?;
            Ok(rows)
        };
        let (inputs, targets) = (upload("inputs", inputs)?, upload("targets", targets)?);
        Ok(Dataset { gpu: gpu.clone(), inputs, targets })
    }

    /// Samples that stand in the app's own buffers, used where they are: what the app writes there is what is trained
    /// on.
    ///
    /// # Errors
    /// [`Error::Shapes`] unless there are as many inputs as targets, and what [`Rows`] are refused for.
    pub fn from_buffers(gpu: &Gpu, inputs: Rows, targets: Rows) -> Result<Self> {
        let operation = "Dataset::from_buffers";
        {
            let inputs = inputs.operand(gpu, operation, "inputs")?;
            let targets = targets.operand(gpu, operation, "targets")?;
            inputs.check_fit(operation, &targets, inputs.rows == targets.rows, ONE_ROW_A_SAMPLE)?;
        }
        Ok(Dataset { gpu: gpu.clone(), inputs, targets })
    }

    /// The device that the samples are on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// How many samples.
    pub fn samples(&self) -> usize {
        self.inputs.shape().rows as usize
    }

    /// The inputs, `[samples, inputs]`.
    pub(crate) fn inputs(&self) -> &Rows {
        &self.inputs
    }

    /// The targets, `[samples, outputs]`.
    pub(crate) fn targets(&self) -> &Rows {
        &self.targets
    }
}

const ONE_ROW_A_SAMPLE: &str = "both must have one row a sample";
