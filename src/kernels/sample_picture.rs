//! Random points of a picture, drawn anew for each training step.

use std::borrow::Cow;

use super::gather::seed_words;
use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::samples::Drawn;

pub(super) const SAMPLE_PICTURE: Shader<'static> = Shader {
    entry_point: "sample_picture",
    source: Cow::Borrowed(concat!(
        include_str!("../../shaders/state.wgsl"),
        include_str!("../../shaders/sample_picture.wgsl")
    )),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("pixels_view", UniformType::Vec2U32),
        ("x_view", UniformType::Vec2U32),
        ("t_view", UniformType::Vec2U32),
        ("seed", UniformType::Vec2U32),
        ("size", UniformType::Vec2U32),
        ("samples", UniformType::U32),
        ("channels", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
};

/// Draws points `x`, `[samples, 2]`, and the values `t`, `[samples, channels]`, of a picture there. The points are
/// those of the seed and the training step of `state`.
///
/// Source: [`reference::sample_picture`](crate::reference::sample_picture).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands do not fit; the errors of invalid [`Rows`].
pub(crate) fn sample_picture(gpu: &Gpu, state: &TrainingState, drawn: &Drawn, [x, t]: [&Rows; 2]) -> Result<Dispatch> {
    let operation = "sample_picture";
    let pixels = drawn.pixels.operand(gpu, operation, "pixels")?;
    let x = x.operand(gpu, operation, "x")?;
    let t = t.operand(gpu, operation, "t")?;
    pixels.check_fit(operation, &t, pixels.width == t.width, "both must have one column per channel")?;
    x.check_fit(operation, &t, x.rows == t.rows, "both must have one row per sample")?;
    x.check_written_alone(operation, &[&pixels, &t])?;
    t.check_written_alone(operation, &[&pixels])?;
    state.check_apart(operation, &[&pixels, &x, &t])?;

    let uniform = Uniform::default()
        .vec2_u32("pixels_view", pixels.view)
        .vec2_u32("x_view", x.view)
        .vec2_u32("t_view", t.view)
        .vec2_u32("seed", seed_words(Some(drawn.seed)))
        .vec2_u32("size", drawn.size)
        .u32("samples", x.rows)
        .u32("channels", t.width);
    let storage = [state.batch(), pixels.binding(), x.binding(), t.binding()];
    Dispatch::new(gpu, &SAMPLE_PICTURE, uniform, &storage, x.rows)
}
