//! `y = f(z)` for every activation, and its backward pass.

use std::borrow::Cow;

use super::{Dispatch, Shader, WORKGROUP};
use crate::activation::Activation;
use crate::codegen::{Access, LONGEST_LOOP, Uniform, UniformType, plain};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::{Operand, Rows};

const SAME_SHAPE: &str = "both must have the same shape";

/// The widest row that one invocation takes, in loops over its values and their blocks, three at most.
const WIDEST_ROW: u32 = (LONGEST_LOOP - 1024) / 3;

/// The kernels of an activation: forward and backward.
pub(super) fn shaders(activation: Activation) -> [Shader<'static>; 2] {
    let source = plain::activation(activation);
    let [forward, backward] = match activation {
        Activation::Softmax => ["softmax", "softmax_backward"],
        _ => ["activation", "activation_backward"],
    };
    [
        Shader {
            entry_point: forward,
            source: Cow::Owned(source.clone()),
            workgroup: Some(WORKGROUP),
            uniform: &[
                ("z_view", UniformType::Vec2U32),
                ("y_view", UniformType::Vec2U32),
                ("rows", UniformType::U32),
                ("width", UniformType::U32),
            ],
            storage: &[Access::Read, Access::ReadWrite],
        },
        Shader {
            entry_point: backward,
            source: Cow::Owned(source),
            workgroup: Some(WORKGROUP),
            uniform: &[
                ("d_output_view", UniformType::Vec2U32),
                ("kept_view", UniformType::Vec2U32),
                ("d_input_view", UniformType::Vec2U32),
                ("rows", UniformType::U32),
                ("width", UniformType::U32),
            ],
            storage: &[Access::Read, Access::Read, Access::ReadWrite],
        },
    ]
}

/// `y = f(z)`, element by element, for a softmax row by row: `z` and `y` are `[rows, width]`.
///
/// Source: [`reference::activation`](crate::reference::activation).
///
/// # Errors
/// [`Error::OutOfRange`] for the activation's parameter, [`Error::Shapes`] where the operands have different shapes,
/// [`Error::TooLarge`] for a softmax of more than 10,581 values; the errors of invalid [`Rows`].
pub fn activation(gpu: &Gpu, activation: Activation, z: &Rows, y: &Rows) -> Result<Dispatch> {
    let operation = "activation";
    activation.check(operation)?;
    let z = z.operand(gpu, operation, "z")?;
    let y = y.operand(gpu, operation, "y")?;
    z.check_fit(operation, &y, z.shape() == y.shape(), SAME_SHAPE)?;
    y.check_written_alone(operation, &[&z])?;

    let uniform = Uniform::default()
        .vec2_u32("z_view", z.view)
        .vec2_u32("y_view", y.view)
        .u32("rows", y.rows)
        .u32("width", y.width);
    let [shader, _] = shaders(activation);
    Dispatch::new(gpu, &shader, uniform, &[z.binding(), y.binding()], invocations(operation, activation, &y)?)
}

/// `d_input = d_output · f'(z)`, element by element; for a softmax `y_j (d_output_j - Σ_k d_output_k y_k)`, row by row. `kept`
/// is what the derivative is computed from: the output `y`, but for silu, gelu and sine the pre-activations `z`. All are
/// `[rows, width]`.
///
/// Source: [`reference::activation_backward`](crate::reference::activation_backward).
///
/// # Errors
/// Those of [`activation`](fn@activation).
pub fn activation_backward(
    gpu: &Gpu,
    activation: Activation,
    d_output: &Rows,
    kept: &Rows,
    d_input: &Rows,
) -> Result<Dispatch> {
    let operation = "activation_backward";
    activation.check(operation)?;
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let kept = kept.operand(gpu, operation, "kept")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    d_output.check_fit(operation, &kept, d_output.shape() == kept.shape(), SAME_SHAPE)?;
    d_output.check_fit(operation, &d_input, d_output.shape() == d_input.shape(), SAME_SHAPE)?;
    d_input.check_written_alone(operation, &[&d_output, &kept])?;

    let uniform = Uniform::default()
        .vec2_u32("d_output_view", d_output.view)
        .vec2_u32("kept_view", kept.view)
        .vec2_u32("d_input_view", d_input.view)
        .u32("rows", kept.rows)
        .u32("width", kept.width);
    let storage = [d_output.binding(), kept.binding(), d_input.binding()];
    let [_, shader] = shaders(activation);
    Dispatch::new(gpu, &shader, uniform, &storage, invocations(operation, activation, &d_input)?)
}

/// One invocation per element, or of a softmax, per row.
fn invocations(operation: &'static str, activation: Activation, rows: &Operand<'_>) -> Result<u32> {
    if activation != Activation::Softmax {
        return Ok(rows.len());
    }
    check_row(operation, rows)?;
    Ok(rows.rows)
}

/// Refuses a row that is too wide for one invocation.
pub(super) fn check_row(operation: &'static str, rows: &Operand<'_>) -> Result<()> {
    if rows.width <= WIDEST_ROW {
        return Ok(());
    }
    Err(Error::TooLarge {
        operation,
        what: "a row of a softmax",
        needed: u64::from(rows.width) * 4,
        limit: "the longest loop of a shader",
        allowed: u64::from(WIDEST_ROW) * 4,
        way_out: "use fewer outputs",
    })
}
