//! `d_weights = xᵀ · d_output`.

use std::borrow::Cow;

use super::{Dispatch, Shader, WORKGROUP, has_bias, term_ranges};
use crate::codegen::{Access, LONGEST_LOOP, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::shaders::shader;

pub(super) const OUTER_PRODUCT: Shader<'static> = Shader {
    entry_point: "outer_product",
    source: Cow::Borrowed(shader!("outer_product")),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("x_view", UniformType::Vec2U32),
        ("d_output_view", UniformType::Vec2U32),
        ("d_weights_view", UniformType::Vec2U32),
        ("inputs", UniformType::U32),
        ("outputs", UniformType::U32),
        ("bias", UniformType::U32),
        ("first", UniformType::U32),
        ("last", UniformType::U32),
        ("block", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// Gradients are summed in blocks of this many rows, and blocks of this many blocks: a term is rounded at most
/// `2 · BLOCK + rows / BLOCK²` times. In a running f32 sum it would be up to `rows` times.
const BLOCK: u32 = 32;

/// The rows per dispatch: a multiple of `BLOCK²`, small enough that the loops over blocks of blocks, blocks and rows
/// together stay within [`LONGEST_LOOP`].
const ROWS_PER_DISPATCH: u32 = LONGEST_LOOP / (BLOCK * BLOCK + BLOCK + 1) * BLOCK * BLOCK;

/// `d_weights = xᵀ · d_output`, a sum over the batch: `x` is `[rows, inputs]`, `d_output` is `[rows, outputs]`,
/// `d_weights` is `[inputs, outputs]`; with a bias, it has one more row: the sum of `d_output`'s rows.
///
/// One dispatch per 31,744 rows. Source: [`reference::outer_product`](crate::reference::outer_product).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) for operands whose shapes do not match; the errors of invalid [`Rows`].
pub fn outer_product(gpu: &Gpu, x: &Rows, d_output: &Rows, d_weights: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "outer_product";
    let x = x.operand(gpu, operation, "x")?;
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let d_weights = d_weights.operand(gpu, operation, "d_weights")?;
    let bias = has_bias(operation, &x, &d_weights)?;
    x.check_fit(operation, &d_output, x.rows == d_output.rows, "both must have one row per sample")?;
    d_output.check_fit(
        operation,
        &d_weights,
        d_output.width == d_weights.width,
        "both must have one column per output",
    )?;
    d_weights.check_written_alone(operation, &[&x, &d_output])?;

    let dispatch = |terms: std::ops::Range<u32>| {
        let uniform = Uniform::default()
            .vec2_u32("x_view", x.view)
            .vec2_u32("d_output_view", d_output.view)
            .vec2_u32("d_weights_view", d_weights.view)
            .u32("inputs", x.width)
            .u32("outputs", d_output.width)
            .u32("bias", bias.into())
            .u32("first", terms.start)
            .u32("last", terms.end)
            .u32("block", BLOCK);
        let storage = [x.binding(), d_output.binding(), d_weights.binding()];
        Dispatch::new(gpu, &OUTER_PRODUCT, uniform, &storage, d_weights.len())
    };
    term_ranges(x.rows, ROWS_PER_DISPATCH).map(dispatch).collect()
}
