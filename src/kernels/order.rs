//! The samples of the current batch, for kernels that read these where they lie.

use std::borrow::Cow;

use super::gather::seed_words;
use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::shaders::shader;

pub(super) const ORDER: Shader<'static> = Shader {
    entry_point: "order",
    source: Cow::Borrowed(shader!("state", "permutation", "order")),
    workgroup: Some(WORKGROUP),
    uniform: &[("seed", UniformType::Vec2U32), ("shuffle", UniformType::U32), ("batch_size", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite, Access::Read],
};

/// Writes the number of samples in the current batch of `state`, and which they are, to `order`: `[1 + batch_size]` words. Rows
/// past the batch's end have its last sample once more.
pub(crate) fn order(
    gpu: &Gpu,
    state: &TrainingState,
    shuffle: Option<u64>,
    batch_size: u32,
    order: &wgpu::Buffer,
) -> Result<Dispatch> {
    let uniform = Uniform::default()
        .vec2_u32("seed", seed_words(shuffle))
        .u32("shuffle", shuffle.is_some().into())
        .u32("batch_size", batch_size);
    let storage = [state.batch(), order.as_entire_binding(), state.samples().binding()];
    Dispatch::new(gpu, &ORDER, uniform, &storage, batch_size)
}
