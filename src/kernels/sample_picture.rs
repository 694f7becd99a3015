//! Random points of a picture, drawn anew for each training step.

use std::borrow::Cow;

use super::gather::seed_words;
use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType, plain};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::samples::{Drawn, Pixels};

/// The kernel for a picture in rows of values, or in a texture.
pub(super) fn shader(is_texture: bool) -> Shader<'static> {
    let storage: &[Access] = match is_texture {
        true => &[Access::Read, Access::Texture, Access::ReadWrite, Access::ReadWrite],
        false => &[Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
    };
    Shader {
        entry_point: "sample_picture",
        source: Cow::Owned(plain::sample_picture(is_texture)),
        workgroup: Some(WORKGROUP),
        uniform: UNIFORM,
        storage,
    }
}

const UNIFORM: &[(&str, UniformType)] = &[
    ("pixels_view", UniformType::Vec2U32),
    ("x_view", UniformType::Vec2U32),
    ("t_view", UniformType::Vec2U32),
    ("seed", UniformType::Vec2U32),
    ("size", UniformType::Vec2U32),
    ("samples", UniformType::U32),
    ("channels", UniformType::U32),
    ("is_srgb", UniformType::U32),
];

/// Draws points `x`, `[samples, 2]`, and the values `t`, `[samples, channels]`, of a picture there. The points are
/// those of the seed and the training step of `state`.
///
/// Source: [`reference::sample_picture`](crate::reference::sample_picture).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands do not fit; the errors of invalid [`Rows`].
pub(crate) fn sample_picture(gpu: &Gpu, state: &TrainingState, drawn: &Drawn, [x, t]: [&Rows; 2]) -> Result<Dispatch> {
    let operation = "sample_picture";
    let x = x.operand(gpu, operation, "x")?;
    let t = t.operand(gpu, operation, "t")?;
    x.check_fit(operation, &t, x.rows == t.rows, "both must have one row per sample")?;
    x.check_written_alone(operation, &[&t])?;
    state.check_apart(operation, &[&x, &t])?;
    let of_rows;
    let (view, pixels) = match &drawn.pixels {
        Pixels::Texture(view) => ([0; 2], wgpu::BindingResource::TextureView(view)),
        Pixels::Rows(pixels) => {
            of_rows = pixels.operand(gpu, operation, "pixels")?;
            of_rows.check_fit(operation, &t, of_rows.width == t.width, "both must have one column per channel")?;
            x.check_written_alone(operation, &[&of_rows])?;
            t.check_written_alone(operation, &[&of_rows])?;
            state.check_apart(operation, &[&of_rows])?;
            (of_rows.view, of_rows.binding())
        }
    };

    let uniform = Uniform::default()
        .vec2_u32("pixels_view", view)
        .vec2_u32("x_view", x.view)
        .vec2_u32("t_view", t.view)
        .vec2_u32("seed", seed_words(Some(drawn.seed)))
        .vec2_u32("size", drawn.size)
        .u32("samples", x.rows)
        .u32("channels", t.width)
        .u32("is_srgb", drawn.is_srgb.into());
    let storage = [state.batch(), pixels, x.binding(), t.binding()];
    let is_texture = matches!(drawn.pixels, Pixels::Texture(_));
    Dispatch::new(gpu, &shader(is_texture), uniform, &storage, x.rows)
}
