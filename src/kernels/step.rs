//! Ends a training step.

use std::borrow::Cow;

use super::loss::{SUM_WORKGROUP, check_partials};
use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::shaders::shader;

const SOURCE: &str = shader!("state", "tree_sum", "end_step", "step");

pub(super) const STEP: Shader<'static> = Shader {
    entry_point: "step",
    source: Cow::Borrowed(SOURCE),
    workgroup: Some(WORKGROUP),
    uniform: &[("batch_size", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite, Access::Read],
};

pub(super) const STEP_OF_PARTIALS: Shader<'static> = Shader {
    entry_point: "step_of_partials",
    source: Cow::Borrowed(SOURCE),
    workgroup: Some(SUM_WORKGROUP),
    uniform: &[("batch_size", UniformType::U32), ("partials", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite, Access::Read],
};

/// Ends a training step: adds the batch's loss to the epoch's, and advances to the next batch.
///
/// Source: [`reference::Training`](crate::reference::Training).
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn step(gpu: &Gpu, state: &TrainingState) -> Result<Dispatch> {
    let uniform = Uniform::default().u32("batch_size", state.batch_size);
    let storage = [state.loss().as_entire_binding(), state.buffer().as_entire_binding(), state.samples().binding()];
    Dispatch::new(gpu, &STEP, uniform, &storage, 1u32)
}

/// [`step`](fn@step) where the batch's loss is the sum of `partial_losses`, `[partials, 1]`.
pub(crate) fn step_of_partials(gpu: &Gpu, state: &TrainingState, partial_losses: &Rows) -> Result<Dispatch> {
    let partial_losses = partial_losses.operand(gpu, "step_of_partials", "partial_losses")?;
    check_partials("step_of_partials", "z", partial_losses.rows, WORKGROUP)?;
    let uniform = Uniform::default().u32("batch_size", state.batch_size).u32("partials", partial_losses.rows);
    let storage = [partial_losses.binding(), state.buffer().as_entire_binding(), state.samples().binding()];
    Dispatch::new(gpu, &STEP_OF_PARTIALS, uniform, &storage, SUM_WORKGROUP)
}
