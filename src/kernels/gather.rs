//! The samples of a batch, in the data set's order or a shuffled one.

use super::{Dispatch, Parameters, TrainingState, WORKGROUP};
use crate::error::Result;
use crate::gpu::{Access, Gpu, Shader};
use crate::matrix::Rows;

pub(super) const GATHER: Shader<'static> = Shader {
    entry_point: "gather",
    source: concat!(
        include_str!("../../shaders/state.wgsl"),
        include_str!("../../shaders/permutation.wgsl"),
        include_str!("../../shaders/gather.wgsl")
    ),
    workgroup: Some(WORKGROUP),
    parameters: &[
        "inputs_view",
        "targets_view",
        "x_view",
        "t_view",
        "seed",
        "shuffle",
        "samples",
        "batch_size",
        "input_width",
        "target_width",
    ],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
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
    /// The seed of a new random order each epoch, or `None` for the data set's own order.
    pub shuffle: Option<u64>,
}

/// Copies the samples of the current batch, as `state` says which, from the data set to `x` and `t`. Rows past the
/// batch's end become 0.
///
/// Source: [`reference::gather`](crate::reference::gather) of the samples that
/// [`reference::Order`](crate::reference::Order) names.
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands do not fit each other, and what [`Rows`] are refused for.
pub fn gather(gpu: &Gpu, state: &TrainingState, config: GatherConfig<'_>) -> Result<Dispatch> {
    let operation = "gather";
    let inputs = config.inputs.operand(gpu, operation, "inputs")?;
    let targets = config.targets.operand(gpu, operation, "targets")?;
    let x = config.x.operand(gpu, operation, "x")?;
    let t = config.t.operand(gpu, operation, "t")?;
    inputs.check_fit(operation, &targets, inputs.rows == targets.rows, "both must have one row a sample")?;
    inputs.check_fit(operation, &x, inputs.width == x.width, "both must be as wide as the network's input")?;
    targets.check_fit(operation, &t, targets.width == t.width, "both must be as wide as the network's output")?;
    x.check_fit(operation, &t, x.rows == t.rows, "both must have one row a sample of the batch")?;
    x.check_written_alone(operation, &[&inputs, &targets, &t])?;
    t.check_written_alone(operation, &[&inputs, &targets])?;
    state.check_samples(operation, &inputs)?;
    state.check_batch(operation, &x)?;
    state.check_apart(operation, &[&inputs, &targets, &x, &t])?;

    let seed = config.shuffle.unwrap_or(0);
    let parameters = Parameters::default()
        .pair("inputs_view", inputs.view)
        .pair("targets_view", targets.view)
        .pair("x_view", x.view)
        .pair("t_view", t.view)
        .pair("seed", [seed as u32, (seed >> 32) as u32])
        .word("shuffle", config.shuffle.is_some().into())
        .word("samples", inputs.rows)
        .word("batch_size", x.rows)
        .word("input_width", x.width)
        .word("target_width", t.width);
    let storage = [state.batch(), inputs.binding(), targets.binding(), x.binding(), t.binding()];
    Dispatch::new(gpu, &GATHER, parameters, &storage, x.len() + t.len())
}
