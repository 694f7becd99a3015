//! The samples of a batch, in the data set's order or a shuffled one.

use super::{Dispatch, Parameters, TrainingState, WORKGROUP};
use crate::data::{Coding, Numbers};
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
        "inputs_scale",
        "targets_scale",
        "inputs_coding",
        "targets_coding",
        "shuffle",
        "batch_size",
        "input_width",
        "target_width",
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
    let floats = |rows: &Rows| Numbers::floats(rows.clone());
    let (inputs, targets) = (floats(config.inputs), floats(config.targets));
    gather_numbers(gpu, state, [&inputs, &targets], [config.x, config.t], config.shuffle)
}

/// The same from numbers in any coding.
pub(crate) fn gather_numbers(
    gpu: &Gpu,
    state: &TrainingState,
    [inputs, targets]: [&Numbers; 2],
    [x, t]: [&Rows; 2],
    shuffle: Option<u64>,
) -> Result<Dispatch> {
    let operation = "gather";
    let codings = [inputs.coding, targets.coding];
    let [input_width, target_width] = [inputs, targets].map(|numbers| numbers.width as u32);
    let inputs = inputs.rows.operand(gpu, operation, "inputs")?;
    let targets = targets.rows.operand(gpu, operation, "targets")?;
    let x = x.operand(gpu, operation, "x")?;
    let t = t.operand(gpu, operation, "t")?;
    inputs.check_fit(operation, &targets, inputs.rows == targets.rows, "both must have one row a sample")?;
    inputs.check_fit(operation, &x, input_width == x.width, "both must be as wide as the network's input")?;
    targets.check_fit(operation, &t, target_width == t.width, "both must be as wide as the network's output")?;
    x.check_fit(operation, &t, x.rows == t.rows, "both must have one row a sample of the batch")?;
    x.check_written_alone(operation, &[&inputs, &targets, &t])?;
    t.check_written_alone(operation, &[&inputs, &targets])?;
    state.check_samples(operation, &inputs)?;
    state.check_batch(operation, &x)?;
    state.check_apart(operation, &[&inputs, &targets, &x, &t])?;

    let [[inputs_coding, inputs_scale @ ..], [targets_coding, targets_scale @ ..]] = codings.map(coding_words);
    let parameters = Parameters::default()
        .pair("inputs_view", inputs.view)
        .pair("targets_view", targets.view)
        .pair("x_view", x.view)
        .pair("t_view", t.view)
        .pair("seed", seed_words(shuffle))
        .pair("inputs_scale", inputs_scale)
        .pair("targets_scale", targets_scale)
        .word("inputs_coding", inputs_coding)
        .word("targets_coding", targets_coding)
        .word("shuffle", shuffle.is_some().into())
        .word("batch_size", x.rows)
        .word("input_width", x.width)
        .word("target_width", t.width);
    let storage =
        [state.batch(), inputs.binding(), targets.binding(), x.binding(), t.binding(), state.samples().binding()];
    Dispatch::new(gpu, &GATHER, parameters, &storage, x.len() + t.len())
}

/// A seed's low and high word.
pub(crate) fn seed_words(shuffle: Option<u64>) -> [u32; 2] {
    let seed = shuffle.unwrap_or(0);
    [seed as u32, (seed >> 32) as u32]
}

/// The constant that stands for a coding in `shaders/gather.wgsl`, and its two numbers.
fn coding_words(coding: Coding) -> [u32; 3] {
    match coding {
        Coding::Floats => [0; 3],
        Coding::Bytes { scale, offset } => [1, scale.to_bits(), offset.to_bits()],
        Coding::Class { off, on } => [2, on.to_bits(), off.to_bits()],
    }
}
