//! Fits a training state to samples that have become fewer.

use std::borrow::Cow;

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::shaders::shader;

pub(super) const FIT: Shader<'static> = Shader {
    entry_point: "fit",
    source: Cow::Borrowed(shader!("state", "fit")),
    workgroup: Some(WORKGROUP),
    uniform: &[("batch_size", UniformType::U32), ("networks", UniformType::U32)],
    storage: &[Access::ReadWrite, Access::Read],
};

/// The next batch of each network takes what is left of the epoch, or begins the next epoch. Changes nothing where the batch
/// lies within the samples.
pub(crate) fn fit(gpu: &Gpu, state: &TrainingState) -> Result<Dispatch> {
    let uniform = Uniform::default().u32("batch_size", state.batch_size).u32("networks", state.networks());
    let storage = [state.buffer().as_entire_binding(), state.samples().binding()];
    Dispatch::new(gpu, &FIT, uniform, &storage, state.networks())
}
