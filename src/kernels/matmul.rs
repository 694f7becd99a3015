//! `y = x · w` and `d_input = d_output · wᵀ`.

use std::borrow::Cow;

use super::{Dispatch, Shader, WORKGROUP, has_bias, term_ranges};
use crate::codegen::{Access, LONGEST_LOOP, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::shaders::shader;

const SOURCE: &str = shader!("matmul");

pub(super) const MATMUL: Shader<'static> = Shader {
    entry_point: "matmul",
    source: Cow::Borrowed(SOURCE),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("x_view", UniformType::Vec2U32),
        ("w_view", UniformType::Vec2U32),
        ("y_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("inputs", UniformType::U32),
        ("outputs", UniformType::U32),
        ("bias", UniformType::U32),
        ("first", UniformType::U32),
        ("last", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

pub(super) const MATMUL_TRANSPOSED: Shader<'static> = Shader {
    entry_point: "matmul_transposed",
    source: Cow::Borrowed(SOURCE),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("d_output_view", UniformType::Vec2U32),
        ("w_view", UniformType::Vec2U32),
        ("d_input_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("inputs", UniformType::U32),
        ("first", UniformType::U32),
        ("last", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// `y = x · w`: `x` is `[rows, inputs]`, `y` is `[rows, outputs]`, and `w` is `[inputs, outputs]`; with a bias, `w` has
/// one more row.
///
/// One dispatch per 32,768 inputs. Source: [`reference::matmul`](crate::reference::matmul).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn matmul(gpu: &Gpu, x: &Rows, w: &Rows, y: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "matmul";
    let x = x.operand(gpu, operation, "x")?;
    let w = w.operand(gpu, operation, "w")?;
    let y = y.operand(gpu, operation, "y")?;
    let bias = has_bias(operation, &x, &w)?;
    x.check_fit(operation, &y, x.rows == y.rows, "both must have one row per sample")?;
    w.check_fit(operation, &y, w.width == y.width, "both must have one column per output")?;
    y.check_written_alone(operation, &[&x, &w])?;

    let dispatch = |terms: std::ops::Range<u32>| {
        let uniform = Uniform::default()
            .vec2_u32("x_view", x.view)
            .vec2_u32("w_view", w.view)
            .vec2_u32("y_view", y.view)
            .u32("rows", x.rows)
            .u32("inputs", x.width)
            .u32("outputs", y.width)
            .u32("bias", bias.into())
            .u32("first", terms.start)
            .u32("last", terms.end);
        Dispatch::new(gpu, &MATMUL, uniform, &[x.binding(), w.binding(), y.binding()], y.len())
    };
    term_ranges(x.width, LONGEST_LOOP).map(dispatch).collect()
}

/// `d_input = d_output · wᵀ`: `d_output` is `[rows, outputs]`, `d_input` is `[rows, inputs]`, and `w` is
/// `[inputs, outputs]`; with a bias, `w` has one more row, which is not read.
///
/// One dispatch per 32,768 outputs. Source: [`reference::matmul_transposed`](crate::reference::matmul_transposed).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn matmul_transposed(gpu: &Gpu, d_output: &Rows, w: &Rows, d_input: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "matmul_transposed";
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let w = w.operand(gpu, operation, "w")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    has_bias(operation, &d_input, &w)?;
    d_output.check_fit(operation, &d_input, d_output.rows == d_input.rows, "both must have one row per sample")?;
    d_output.check_fit(operation, &w, d_output.width == w.width, "both must have one column per output")?;
    d_input.check_written_alone(operation, &[&d_output, &w])?;

    let dispatch = |terms: std::ops::Range<u32>| {
        let uniform = Uniform::default()
            .vec2_u32("d_output_view", d_output.view)
            .vec2_u32("w_view", w.view)
            .vec2_u32("d_input_view", d_input.view)
            .u32("rows", d_input.rows)
            .u32("inputs", d_input.width)
            .u32("first", terms.start)
            .u32("last", terms.end);
        let storage = [d_output.binding(), w.binding(), d_input.binding()];
        Dispatch::new(gpu, &MATMUL_TRANSPOSED, uniform, &storage, d_input.len())
    };
    term_ranges(d_output.width, LONGEST_LOOP).map(dispatch).collect()
}
