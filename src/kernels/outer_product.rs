//! `d_weights = xᵀ · d_output`.

use super::{Dispatch, LONGEST_LOOP, Parameters, WORKGROUP, dispatches_of, has_bias};
use crate::error::Result;
use crate::gpu::{Access, Gpu, Shader};
use crate::matrix::Rows;

pub(super) const OUTER_PRODUCT: Shader<'static> = Shader {
    entry_point: "outer_product",
    source: include_str!("../../shaders/outer_product.wgsl"),
    workgroup: Some(WORKGROUP),
    parameters: &["x_view", "d_output_view", "d_weights_view", "inputs", "outputs", "bias", "first", "last", "block"],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

/// The rows that are summed on their own, and so many of these sums again: rounding grows by no more than twice this
/// and one for each square of it, instead of with the rows.
const BLOCK: u32 = 32;

/// The rows of a dispatch: whole squares of blocks, so few that their loops, over the squares, the blocks and the rows,
/// stay within the longest.
const ROWS_A_DISPATCH: u32 = LONGEST_LOOP / (BLOCK * BLOCK + BLOCK + 1) * BLOCK * BLOCK;

/// `d_weights = xᵀ · d_output`, a sum over the batch: `x` is `[rows, inputs]`, `d_output` is `[rows, outputs]`,
/// `d_weights` is `[inputs, outputs]`, or with a bias one row more, which gets the sum of `d_output`'s rows.
///
/// One dispatch for each 31,744 rows. Source: [`reference::outer_product`](crate::reference::outer_product).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands do not fit each other, and what [`Rows`] are refused for.
pub fn outer_product(gpu: &Gpu, x: &Rows, d_output: &Rows, d_weights: &Rows) -> Result<Vec<Dispatch>> {
    let operation = "outer_product";
    let x = x.operand(gpu, operation, "x")?;
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let d_weights = d_weights.operand(gpu, operation, "d_weights")?;
    let bias = has_bias(operation, &x, &d_weights)?;
    x.check_fit(operation, &d_output, x.rows == d_output.rows, "both must have one row a sample")?;
    d_output.check_fit(
        operation,
        &d_weights,
        d_output.width == d_weights.width,
        "both must have one column an output",
    )?;
    d_weights.check_written_alone(operation, &[&x, &d_output])?;

    let dispatch = |terms: std::ops::Range<u32>| {
        let parameters = Parameters::default()
            .pair("x_view", x.view)
            .pair("d_output_view", d_output.view)
            .pair("d_weights_view", d_weights.view)
            .word("inputs", x.width)
            .word("outputs", d_output.width)
            .word("bias", bias.into())
            .word("first", terms.start)
            .word("last", terms.end)
            .word("block", BLOCK);
        let storage = [x.binding(), d_output.binding(), d_weights.binding()];
        Dispatch::new(gpu, &OUTER_PRODUCT, parameters, &storage, d_weights.len())
    };
    dispatches_of(x.rows, ROWS_A_DISPATCH).map(dispatch).collect()
}
