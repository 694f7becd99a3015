//! `d_output = y - t`, and the batch's error.

use super::{Dispatch, LONGEST_LOOP, Parameters, TrainingState, WORKGROUP};
use crate::error::{Error, Result};
use crate::gpu::{Access, Gpu, Shader};
use crate::matrix::Rows;

const SOURCE: &str = concat!(
    include_str!("../../shaders/state.wgsl"),
    include_str!("../../shaders/tree_sum.wgsl"),
    include_str!("../../shaders/squared_error.wgsl")
);

/// The invocations of the one workgroup that adds the partial errors up.
pub(super) const SUM_WORKGROUP: u32 = 256;

/// The partial errors at most: each invocation's share, its blocks, and the 8 halvings of the tree after it, stay within
/// the longest loop.
const MOST_PARTIALS: u32 = SUM_WORKGROUP * (LONGEST_LOOP - 1024);

pub(super) const SQUARED_ERROR: Shader<'static> = Shader {
    entry_point: "squared_error",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    parameters: &["y_view", "t_view", "d_output_view", "rows", "outputs", "partials"],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
};

pub(super) const SQUARED_ERROR_SUM: Shader<'static> = Shader {
    entry_point: "squared_error_sum",
    source: SOURCE,
    workgroup: Some(SUM_WORKGROUP),
    parameters: &["partials"],
    storage: &[Access::Read, Access::ReadWrite],
};

/// `d_output = y - t`, and in [`TrainingState::error`] the batch's `Σ_samples ½ Σ_outputs (y - t)²`: `y`, `t` and
/// `d_output` are `[rows, outputs]`.
///
/// Only as many rows as `state` says the batch has are samples; the rest of `d_output` becomes 0 and counts nothing.
/// Two dispatches. Source: [`reference::squared_error`](crate::reference::squared_error).
///
/// # Errors
/// [`Error::Shapes`] where the operands have different shapes, [`Error::TooLarge`] where there are more than
/// 520,093,696 numbers in `y`, and what [`Rows`] are refused for.
pub fn squared_error(gpu: &Gpu, state: &TrainingState, y: &Rows, t: &Rows, d_output: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "squared_error";
    let y = y.operand(gpu, operation, "y")?;
    let t = t.operand(gpu, operation, "t")?;
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let rule = "both must have one shape";
    y.check_fit(operation, &t, y.shape() == t.shape(), rule)?;
    y.check_fit(operation, &d_output, y.shape() == d_output.shape(), rule)?;
    d_output.check_written_alone(operation, &[&y, &t])?;
    state.check_batch(operation, &y)?;
    state.check_apart(operation, &[&y, &t, &d_output])?;

    let partials = y.len().div_ceil(WORKGROUP);
    check_partials(operation, partials)?;
    let partial_errors = Rows::create(gpu, operation, "partial errors", partials.into(), 1)?;
    let partial_errors = partial_errors.operand(gpu, operation, "partial_errors")?;

    let parameters = Parameters::default()
        .pair("y_view", y.view)
        .pair("t_view", t.view)
        .pair("d_output_view", d_output.view)
        .word("rows", y.rows)
        .word("outputs", y.width)
        .word("partials", partials);
    let storage = [state.batch(), y.binding(), t.binding(), d_output.binding(), partial_errors.binding()];
    let differences = Dispatch::new(gpu, &SQUARED_ERROR, parameters, &storage, y.len())?;

    let parameters = Parameters::default().word("partials", partials);
    let storage = [partial_errors.binding(), state.error().as_entire_binding()];
    let sum = Dispatch::new(gpu, &SQUARED_ERROR_SUM, parameters, &storage, SUM_WORKGROUP)?;
    Ok(vec![differences, sum])
}

/// Refuses more partial errors than one workgroup adds up.
pub(super) fn check_partials(operation: &'static str, partials: u32) -> Result<()> {
    if partials <= MOST_PARTIALS {
        return Ok(());
    }
    Err(Error::TooLarge {
        operation,
        what: "y",
        needed: u64::from(partials) * u64::from(WORKGROUP) * 4,
        limit: "the error's sum",
        allowed: u64::from(MOST_PARTIALS) * u64::from(WORKGROUP) * 4,
        way_out: "use a smaller batch",
    })
}
