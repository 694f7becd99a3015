//! `y = 1 / (1 + e^-x)` and its backward pass.

use super::{Dispatch, Shader, WORKGROUP};
use crate::activation::Activation;
use crate::codegen::{Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Rows;

const SOURCE: &str =
    concat!(include_str!("../../shaders/activations/sigmoid.wgsl"), include_str!("../../shaders/sigmoid.wgsl"));

pub(super) const SIGMOID: Shader<'static> = Shader {
    entry_point: "sigmoid",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("x_view", UniformType::Vec2U32),
        ("y_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("width", UniformType::U32),
    ],
    storage: &[Access::Read, Access::ReadWrite],
};

pub(super) const SIGMOID_BACKWARD: Shader<'static> = Shader {
    entry_point: "sigmoid_backward",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("d_output_view", UniformType::Vec2U32),
        ("y_view", UniformType::Vec2U32),
        ("d_input_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("width", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

const SAME_SHAPE: &str = "both must have the same shape";

/// `y = 1 / (1 + e^-x)`, element by element: `x` and `y` are `[rows, width]`.
///
/// Source: [`reference::sigmoid`](crate::reference::sigmoid).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands have different shapes; the errors of invalid [`Rows`].
pub fn sigmoid(gpu: &Gpu, x: &Rows, y: &Rows) -> Result<Dispatch> {
    let operation = "sigmoid";
    let x = x.operand(gpu, operation, "x")?;
    let y = y.operand(gpu, operation, "y")?;
    x.check_fit(operation, &y, x.shape() == y.shape(), SAME_SHAPE)?;
    y.check_written_alone(operation, &[&x])?;

    let uniform = Uniform::default()
        .vec2_u32("x_view", x.view)
        .vec2_u32("y_view", y.view)
        .u32("rows", y.rows)
        .u32("width", y.width);
    Dispatch::new(gpu, &SIGMOID, uniform, &[x.binding(), y.binding()], y.len())
}

/// `d_input = d_output · y · (1 - y)`, element by element, from the sigmoid's output `y`: all are `[rows, width]`.
///
/// Source: [`reference::sigmoid_backward`](crate::reference::sigmoid_backward).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands have different shapes; the errors of invalid [`Rows`].
pub fn sigmoid_backward(gpu: &Gpu, d_output: &Rows, y: &Rows, d_input: &Rows) -> Result<Dispatch> {
    let operation = "sigmoid_backward";
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let y = y.operand(gpu, operation, "y")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    d_output.check_fit(operation, &y, d_output.shape() == y.shape(), SAME_SHAPE)?;
    d_output.check_fit(operation, &d_input, d_output.shape() == d_input.shape(), SAME_SHAPE)?;
    d_input.check_written_alone(operation, &[&d_output, &y])?;

    let uniform = Uniform::default()
        .vec2_u32("d_output_view", d_output.view)
        .vec2_u32("y_view", y.view)
        .vec2_u32("d_input_view", d_input.view)
        .u32("rows", y.rows)
        .u32("width", y.width);
    let storage = [d_output.binding(), y.binding(), d_input.binding()];
    Dispatch::new(gpu, &SIGMOID_BACKWARD, uniform, &storage, d_input.len())
}

/// The dispatch that makes outputs `y` of pre-activations `z`; none for the identity, where they are the same.
pub(crate) fn activation(gpu: &Gpu, activation: Activation, z: &Rows, y: &Rows) -> Result<Option<Dispatch>> {
    match activation {
        Activation::Identity => Ok(None),
        Activation::Sigmoid => sigmoid(gpu, z, y).map(Some),
    }
}

/// The dispatch that takes the gradient back from outputs `y` to pre-activations; none for the identity.
pub(crate) fn activation_backward(
    gpu: &Gpu,
    activation: Activation,
    d_output: &Rows,
    y: &Rows,
    d_z: &Rows,
) -> Result<Option<Dispatch>> {
    match activation {
        Activation::Identity => Ok(None),
        Activation::Sigmoid => sigmoid_backward(gpu, d_output, y, d_z).map(Some),
    }
}
