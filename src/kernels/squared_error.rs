//! `d_output = y - t`, and the batch's loss.

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, LONGEST_SUM, Uniform, UniformType};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::Rows;

const SOURCE: &str = concat!(
    include_str!("../../shaders/state.wgsl"),
    include_str!("../../shaders/tree_sum.wgsl"),
    include_str!("../../shaders/squared_error.wgsl")
);

/// The invocations of the single workgroup that sums the partial losses.
pub(super) const SUM_WORKGROUP: u32 = 256;

/// The most partial losses: per invocation, the loops over its terms and their blocks and the 8 iterations of `tree_sum`
/// together stay within the longest loop.
const MOST_PARTIALS: u32 = SUM_WORKGROUP * LONGEST_SUM;

pub(super) const SQUARED_ERROR: Shader<'static> = Shader {
    entry_point: "squared_error",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("y_view", UniformType::Vec2U32),
        ("t_view", UniformType::Vec2U32),
        ("d_output_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("outputs", UniformType::U32),
        ("partials", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
};

pub(super) const SQUARED_ERROR_SUM: Shader<'static> = Shader {
    entry_point: "squared_error_sum",
    source: SOURCE,
    workgroup: Some(SUM_WORKGROUP),
    uniform: &[("partials", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite],
};

/// `d_output = y - t`, and the batch's loss `Σ_samples ½ Σ_outputs (y - t)²` in [`TrainingState::loss`]: `y`, `t` and
/// `d_output` are `[rows, outputs]`.
///
/// Rows past the end of the current batch of `state` are not samples: there `d_output` becomes 0, and the loss gets no
/// term. Two dispatches. Source: [`reference::squared_error`](crate::reference::squared_error).
///
/// # Errors
/// [`Error::Shapes`] where the operands have different shapes, [`Error::TooLarge`] where `y` has more than
/// 520,093,696 values, and the errors of invalid [`Rows`].
pub fn squared_error(gpu: &Gpu, state: &TrainingState, y: &Rows, t: &Rows, d_output: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "squared_error";
    let y = y.operand(gpu, operation, "y")?;
    let t = t.operand(gpu, operation, "t")?;
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let rule = "both must have the same shape";
    y.check_fit(operation, &t, y.shape() == t.shape(), rule)?;
    y.check_fit(operation, &d_output, y.shape() == d_output.shape(), rule)?;
    d_output.check_written_alone(operation, &[&y, &t])?;
    state.check_batch(operation, &y)?;
    state.check_apart(operation, &[&y, &t, &d_output])?;

    let partials = y.len().div_ceil(WORKGROUP);
    check_partials(operation, partials)?;
    let partial_losses = Rows::create(gpu, operation, "partial losses", partials.into(), 1)?;
    let partial_losses = partial_losses.operand(gpu, operation, "partial_losses")?;

    let uniform = Uniform::default()
        .vec2_u32("y_view", y.view)
        .vec2_u32("t_view", t.view)
        .vec2_u32("d_output_view", d_output.view)
        .u32("rows", y.rows)
        .u32("outputs", y.width)
        .u32("partials", partials);
    let storage = [state.batch(), y.binding(), t.binding(), d_output.binding(), partial_losses.binding()];
    let differences = Dispatch::new(gpu, &SQUARED_ERROR, uniform, &storage, y.len())?;

    let uniform = Uniform::default().u32("partials", partials);
    let storage = [partial_losses.binding(), state.loss().as_entire_binding()];
    let sum = Dispatch::new(gpu, &SQUARED_ERROR_SUM, uniform, &storage, SUM_WORKGROUP)?;
    Ok(vec![differences, sum])
}

/// Refuses more partial losses than one workgroup can sum.
pub(super) fn check_partials(operation: &'static str, partials: u32) -> Result<()> {
    if partials <= MOST_PARTIALS {
        return Ok(());
    }
    Err(Error::TooLarge {
        operation,
        what: "y",
        needed: u64::from(partials) * u64::from(WORKGROUP) * 4,
        limit: "the loss's sum",
        allowed: u64::from(MOST_PARTIALS) * u64::from(WORKGROUP) * 4,
        way_out: "use a smaller batch",
    })
}
