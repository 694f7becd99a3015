//! Copies the samples of a batch, in the data set's order or a shuffled one.

use std::borrow::Cow;

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::samples::{Format, SampleRows};
use crate::shaders::shader;

pub(super) const GATHER: Shader<'static> = Shader {
    entry_point: "gather",
    source: Cow::Borrowed(shader!("state", "permutation", "gather")),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("inputs_view", UniformType::Vec2U32),
        ("targets_view", UniformType::Vec2U32),
        ("x_view", UniformType::Vec2U32),
        ("t_view", UniformType::Vec2U32),
        ("seed", UniformType::Vec2U32),
        ("inputs_scale", UniformType::Vec2F32),
        ("targets_scale", UniformType::Vec2F32),
        ("inputs_format", UniformType::U32),
        ("targets_format", UniformType::U32),
        ("shuffle", UniformType::U32),
        ("batch_size", UniformType::U32),
        ("input_width", UniformType::U32),
        ("target_width", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite, Access::Read],
};

/// The operands of [`gather`](fn@gather).
#[derive(Clone, Copy, Debug)]
pub struct GatherConfig<'a> {
    /// The data set's inputs, `[samples, input_width]`.
    pub inputs: &'a Rows,
    /// The data set's targets, `[samples, target_width]`.
    pub targets: &'a Rows,
    /// The batch's inputs, `[batch_size, input_width]`.
    pub x: &'a Rows,
    /// The batch's targets, `[batch_size, target_width]`.
    pub t: &'a Rows,
    /// The seed of a new random order each epoch; `None` for the data set's order.
    pub shuffle: Option<u64>,
}

/// Copies the samples of the current batch of `state` from the data set to `x` and `t`. Rows past the end of the batch
/// become 0.
///
/// Source: [`reference::gather`](crate::reference::gather) of the samples that
/// [`reference::Order`](crate::reference::Order) lists.
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn gather(gpu: &Gpu, state: &TrainingState, config: GatherConfig<'_>) -> Result<Dispatch> {
    let floats = |rows: &Rows| SampleRows::floats(rows.clone());
    let (inputs, targets) = (floats(config.inputs), floats(config.targets));
    gather_samples(gpu, state, [&inputs, &targets], [config.x, config.t], config.shuffle)
}

/// [`gather`](fn@gather) from rows in any format.
pub(crate) fn gather_samples(
    gpu: &Gpu,
    state: &TrainingState,
    [inputs, targets]: [&SampleRows; 2],
    [x, t]: [&Rows; 2],
    shuffle: Option<u64>,
) -> Result<Dispatch> {
    let operation = "gather";
    let formats = [inputs.format, targets.format];
    let [input_width, target_width] = [inputs, targets].map(|rows| rows.width as u32);
    let inputs = inputs.rows.operand(gpu, operation, "inputs")?;
    let targets = targets.rows.operand(gpu, operation, "targets")?;
    let x = x.operand(gpu, operation, "x")?;
    let t = t.operand(gpu, operation, "t")?;
    inputs.check_fit(operation, &targets, inputs.rows == targets.rows, "both must have one row per sample")?;
    inputs.check_fit(operation, &x, input_width == x.width, "both must be as wide as the network's input")?;
    targets.check_fit(operation, &t, target_width == t.width, "both must be as wide as the network's output")?;
    x.check_fit(operation, &t, x.rows == t.rows, "both must have one row per sample of the batch")?;
    x.check_written_alone(operation, &[&inputs, &targets, &t])?;
    t.check_written_alone(operation, &[&inputs, &targets])?;
    state.check_samples(operation, &inputs)?;
    state.check_batch(operation, &x)?;
    state.check_apart(operation, &[&inputs, &targets, &x, &t])?;

    let [(inputs_format, inputs_scale), (targets_format, targets_scale)] = formats.map(format_constants);
    let uniform = Uniform::default()
        .vec2_u32("inputs_view", inputs.view)
        .vec2_u32("targets_view", targets.view)
        .vec2_u32("x_view", x.view)
        .vec2_u32("t_view", t.view)
        .vec2_u32("seed", seed_words(shuffle))
        .vec2_f32("inputs_scale", inputs_scale)
        .vec2_f32("targets_scale", targets_scale)
        .u32("inputs_format", inputs_format)
        .u32("targets_format", targets_format)
        .u32("shuffle", shuffle.is_some().into())
        .u32("batch_size", x.rows)
        .u32("input_width", x.width)
        .u32("target_width", t.width);
    let storage =
        [state.batch(), inputs.binding(), targets.binding(), x.binding(), t.binding(), state.samples().binding()];
    Dispatch::new(gpu, &GATHER, uniform, &storage, x.len() + t.len())
}

/// The seed's low and high word; 0 without a seed.
pub(crate) fn seed_words(shuffle: Option<u64>) -> [u32; 2] {
    let seed = shuffle.unwrap_or(0);
    [seed as u32, (seed >> 32) as u32]
}

/// A format's constant in `shaders/gather.wgsl`, and the two values of its scale there.
fn format_constants(format: Format) -> (u32, [f32; 2]) {
    match format {
        Format::Floats => (0, [0.0; 2]),
        Format::Bytes { scale, offset } => (1, [scale, offset]),
        Format::Class { off, on } => (2, [on, off]),
    }
}
