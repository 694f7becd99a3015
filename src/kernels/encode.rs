//! The values of an input encoding, of rows or of the samples of a batch, and the gradient with respect to the inputs.

use std::borrow::Cow;

use super::{Dispatch, Shader, WORKGROUP};
use crate::codegen::{Access, Uniform, UniformType, plain};
use crate::encoding::Encoding;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::{Operand, Rows};

const FIT: &str = "both must have one row per sample, and the second a column per value of the encoding";

/// The values of the rows of `x`, or of samples that `order` names.
pub(super) fn forward(encoding: Encoding, of_samples: bool) -> Shader<'static> {
    let storage: &[Access] = &[Access::Read, Access::ReadWrite, Access::Read];
    Shader {
        entry_point: "encode",
        source: Cow::Owned(plain::encoding(encoding, of_samples)),
        workgroup: Some(WORKGROUP),
        uniform: &[
            ("x_view", UniformType::Vec2U32),
            ("e_view", UniformType::Vec2U32),
            ("rows", UniformType::U32),
            ("width", UniformType::U32),
        ],
        // The samples of the batch are the last binding.
        storage: if of_samples { storage } else { &storage[..2] },
    }
}

/// The gradient with respect to the inputs.
pub(super) fn backward(encoding: Encoding) -> Shader<'static> {
    Shader {
        entry_point: "encode_backward",
        source: Cow::Owned(plain::encoding(encoding, false)),
        workgroup: Some(WORKGROUP),
        uniform: &[
            ("x_view", UniformType::Vec2U32),
            ("d_e_view", UniformType::Vec2U32),
            ("d_x_view", UniformType::Vec2U32),
            ("rows", UniformType::U32),
            ("inputs", UniformType::U32),
        ],
        storage: &[Access::Read, Access::Read, Access::ReadWrite],
    }
}

/// `e`, `[rows, width]`: the encoding's values of the inputs `x`, `[rows, inputs]`.
///
/// Source: [`reference::encode`](crate::reference::encode).
///
/// # Errors
/// [`Error::Count`](crate::Error::Count) for the encoding's parameter or a number of inputs that it does not take;
/// [`Error::Name`](crate::Error::Name) for a hash grid, which has parameters; [`Error::Shapes`](crate::Error::Shapes) where the
/// operands do not fit; the errors of invalid [`Rows`].
pub fn encode(gpu: &Gpu, encoding: Encoding, x: &Rows, e: &Rows) -> Result<Dispatch> {
    let operation = "encode";
    let x = x.operand(gpu, operation, "x")?;
    let e = e.operand(gpu, operation, "e")?;
    check(operation, encoding, &x, &e)?;
    e.check_written_alone(operation, &[&x])?;
    Dispatch::new(gpu, &forward(encoding, false), uniform(&x, &e), &[x.binding(), e.binding()], e.len())
}

/// [`encode`](fn@encode) of the samples of a data set's inputs `x`, f32s, that `order` names: a word for their number, then one
/// for each row of `e`.
pub(crate) fn encode_samples(
    gpu: &Gpu,
    encoding: Encoding,
    (x, order): (&Rows, &wgpu::Buffer),
    e: &Rows,
) -> Result<Dispatch> {
    let operation = "encode";
    let x = x.operand(gpu, operation, "x")?;
    let e = e.operand(gpu, operation, "e")?;
    let storage = [x.binding(), e.binding(), order.as_entire_binding()];
    Dispatch::new(gpu, &forward(encoding, true), uniform(&x, &e), &storage, e.len())
}

fn check(operation: &'static str, encoding: Encoding, x: &Operand<'_>, e: &Operand<'_>) -> Result<()> {
    encoding.check(operation, x.width as usize)?;
    encoding.check_without_parameters(operation)?;
    let fit = x.rows == e.rows && encoding.width(x.width as usize) == e.width as usize;
    x.check_fit(operation, e, fit, FIT)
}

fn uniform(x: &Operand<'_>, e: &Operand<'_>) -> Uniform {
    Uniform::default().vec2_u32("x_view", x.view).vec2_u32("e_view", e.view).u32("rows", e.rows).u32("width", e.width)
}

/// `d_x`, `[rows, inputs]`: the gradient with respect to the inputs `x`, from the gradient `d_e` with respect to the encoding's
/// values, `[rows, width]`.
///
/// Source: [`reference::encode_backward`](crate::reference::encode_backward).
///
/// # Errors
/// Those of [`encode`](fn@encode).
pub fn encode_backward(gpu: &Gpu, encoding: Encoding, x: &Rows, d_e: &Rows, d_x: &Rows) -> Result<Dispatch> {
    let operation = "encode_backward";
    let x = x.operand(gpu, operation, "x")?;
    let d_e = d_e.operand(gpu, operation, "d_e")?;
    let d_x = d_x.operand(gpu, operation, "d_x")?;
    check(operation, encoding, &x, &d_e)?;
    x.check_fit(operation, &d_x, x.shape() == d_x.shape(), "both must have the same shape")?;
    d_x.check_written_alone(operation, &[&x, &d_e])?;

    let uniform = Uniform::default()
        .vec2_u32("x_view", x.view)
        .vec2_u32("d_e_view", d_e.view)
        .vec2_u32("d_x_view", d_x.view)
        .u32("rows", d_x.rows)
        .u32("inputs", d_x.width);
    Dispatch::new(gpu, &backward(encoding), uniform, &[x.binding(), d_e.binding(), d_x.binding()], d_x.len())
}
