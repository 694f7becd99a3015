//! The update of parameters by their gradient.

use std::borrow::Cow;
use std::ops::Range;

use super::loss::{SUM_WORKGROUP, check_partials, sum_partials};
use super::{Dispatch, Shader, TrainingState, WORKGROUP, grid};
use crate::codegen::descent::Descent;
use crate::codegen::plain::{GridUpdate, UpdateOperands, WeightUpdate};
use crate::codegen::tiles::INVOCATIONS_OF_A_GPU;
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::{Operand, Rows};
use crate::shaders::shader;

pub(super) const SUM_OF_SQUARES: Shader<'static> = Shader {
    entry_point: "sum_of_squares",
    source: Cow::Borrowed(shader!("tree_sum", "sum_of_squares")),
    workgroup: Some(SUM_WORKGROUP),
    uniform: &[("parameters", UniformType::U32), ("partials", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite],
};

/// Stochastic gradient descent on all parameters, `w -= learning_rate · d_weights / batch size`: `w` and `d_weights` are
/// `[1, parameters]`; the learning rate and the size of the current batch are those of `state`.
///
/// Source: [`reference::weight_update`](crate::reference::weight_update).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn weight_update(gpu: &Gpu, state: &TrainingState, d_weights: &Rows, w: &Rows) -> Result<Dispatch> {
    let parameters = 0..w.shape().columns as u32;
    let update = UpdateBy { descent: Descent::default(), moments: None, largest: None, grid: None, batch: None };
    let mut dispatches = update_by(gpu, state, update, [d_weights, w], &[parameters])?;
    // Without a norm to clip by, a range is one dispatch.
    Ok(dispatches.remove(0))
}

/// By what parameters are updated.
pub(crate) struct UpdateBy<'a> {
    pub descent: Descent,
    /// What is kept of each parameter.
    pub moments: Option<&'a wgpu::Buffer>,
    /// Of a network with a hash grid, the bits of the largest gradient with respect to its values.
    pub largest: Option<&'a wgpu::Buffer>,
    /// For the first parameters, the features of that grid.
    pub grid: Option<GridBy<'a>>,
    /// The batch by whose samples the gradient is divided, where that is not the state's.
    pub batch: Option<&'a wgpu::Buffer>,
}

/// By what the features of a hash grid are updated.
#[derive(Clone, Copy)]
pub(crate) struct GridBy<'a> {
    pub descent: Descent,
    pub update: GridUpdate,
    /// How many features there are.
    pub features: u32,
    /// The steps of each entry.
    pub entry_steps: &'a wgpu::Buffer,
}

/// The update of a hash grid's features, if there is one, and of these ranges of the parameters by any descent.
pub(crate) fn update_by(
    gpu: &Gpu,
    state: &TrainingState,
    by: UpdateBy<'_>,
    [d_weights, w]: [&Rows; 2],
    ranges: &[Range<u32>],
) -> Result<Vec<Dispatch>> {
    let operation = "weight_update";
    let d_weights = d_weights.operand(gpu, operation, "d_weights")?;
    let w = w.operand(gpu, operation, "w")?;
    let fits = w.rows == 1 && w.shape() == d_weights.shape() && w.view[0] == 0 && d_weights.view[0] == 0;
    w.check_fit(operation, &d_weights, fits, "both must be one row, at an offset that a binding can begin at")?;
    w.check_written_alone(operation, &[&d_weights])?;
    state.check_apart(operation, &[&d_weights, &w])?;

    let UpdateBy { descent, moments, largest, grid: of_grid, batch } = by;
    let squares = descent.clip_norm.map(|_| gpu.storage_buffer(operation, "squares of a gradient", 4)).transpose()?;
    let mut dispatches = match &squares {
        Some(squares) => sum_of_squares(gpu, &d_weights, squares)?,
        None => Vec::new(),
    };
    let of_layers = WeightUpdate { descent, skips: largest.is_some(), grid: None };
    let mut updates = ranges.iter().map(|range| (of_layers, range.clone(), 1)).collect::<Vec<_>>();
    if let Some(GridBy { descent, update, features, .. }) = of_grid {
        updates.push((WeightUpdate { descent, grid: Some(update), ..of_layers }, 0..features, update.features));
    }
    let entry_steps = of_grid.map(|grid| grid.entry_steps);
    for (kernel, range, each) in updates {
        let operation = if kernel.grid.is_some() { "grid_update" } else { operation };
        let source = kernel.source();
        let parameters = range.end - range.start;
        let stride = invocations(gpu, parameters / each);
        let bindings = kernel.bindings(UpdateOperands {
            batch: Some(batch.map_or(state.batch(), wgpu::Buffer::as_entire_binding)),
            learning_rates: Some(state.learning_rate().as_entire_binding()),
            d_weights: Some(d_weights.binding()),
            w: Some(w.binding()),
            moments: moments.map(wgpu::Buffer::as_entire_binding),
            squares: squares.as_ref().map(wgpu::Buffer::as_entire_binding),
            largest: largest.map(wgpu::Buffer::as_entire_binding),
            entry_steps: entry_steps.map(wgpu::Buffer::as_entire_binding),
            first: range.start,
            parameters,
            stride,
            all: w.width,
        });
        let workgroups = grid(gpu, operation, WORKGROUP, stride.into())?;
        dispatches.push(Dispatch::generated(gpu, (operation, &source, WORKGROUP), bindings, workgroups)?);
    }
    Ok(dispatches)
}

/// The most parameters of an invocation: what is the same for all of them, the corrections of Adam among it, is computed once for
/// these.
const MOST_PER_INVOCATION: u32 = 16;

/// How many invocations update this many parameters.
fn invocations(gpu: &Gpu, parameters: u32) -> u32 {
    let fewest = if gpu.is_cpu() { 1 } else { INVOCATIONS_OF_A_GPU };
    parameters.div_ceil(MOST_PER_INVOCATION).max(fewest).min(parameters)
}

/// The sum of the squares of a gradient.
fn sum_of_squares(gpu: &Gpu, d_weights: &Operand<'_>, squares: &wgpu::Buffer) -> Result<Vec<Dispatch>> {
    let operation = "sum_of_squares";
    let partials = d_weights.len().div_ceil(SUM_WORKGROUP);
    check_partials(operation, "d_weights", partials, SUM_WORKGROUP)?;
    let rows = Rows::create(gpu, operation, "partial sums of squares", partials.into(), 1)?;
    let partial_sums = rows.operand(gpu, operation, "partials")?;
    let uniform = Uniform::default().u32("parameters", d_weights.len()).u32("partials", partials);
    let storage = [d_weights.binding(), partial_sums.binding()];
    let of_workgroups = Dispatch::new(gpu, &SUM_OF_SQUARES, uniform, &storage, d_weights.len())?;
    Ok(vec![of_workgroups, sum_partials(gpu, &partial_sums, squares)?])
}
