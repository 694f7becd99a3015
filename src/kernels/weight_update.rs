//! `w -= learning_rate · d_weights / batch size`.

use std::borrow::Cow;

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;

pub(super) const WEIGHT_UPDATE: Shader<'static> = Shader {
    entry_point: "weight_update",
    source: Cow::Borrowed(concat!(
        include_str!("../../shaders/state.wgsl"),
        include_str!("../../shaders/weight_update.wgsl")
    )),
    workgroup: Some(WORKGROUP),
    uniform: &[("parameters", UniformType::U32)],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// Stochastic gradient descent on all parameters, `w -= learning_rate · d_weights / batch size`: `w` and `d_weights` are
/// `[1, parameters]`; the learning rate and the size of the current batch are those of `state`.
///
/// Source: [`reference::weight_update`](crate::reference::weight_update).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn weight_update(gpu: &Gpu, state: &TrainingState, d_weights: &Rows, w: &Rows) -> Result<Dispatch> {
    let operation = "weight_update";
    let d_weights = d_weights.operand(gpu, operation, "d_weights")?;
    let w = w.operand(gpu, operation, "w")?;
    let fits = w.rows == 1 && w.shape() == d_weights.shape() && w.view[0] == 0 && d_weights.view[0] == 0;
    w.check_fit(operation, &d_weights, fits, "both must be one row, at an offset that a binding can begin at")?;
    w.check_written_alone(operation, &[&d_weights])?;
    state.check_apart(operation, &[&d_weights, &w])?;

    let uniform = Uniform::default().u32("parameters", w.width);
    let storage = [state.batch(), state.learning_rate().as_entire_binding(), d_weights.binding(), w.binding()];
    Dispatch::new(gpu, &WEIGHT_UPDATE, uniform, &storage, w.len())
}
