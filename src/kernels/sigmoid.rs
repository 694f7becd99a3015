//! `y = 1 / (1 + e^-x)` and its derivative.

use super::{Dispatch, Parameters, WORKGROUP};
use crate::error::Result;
use crate::gpu::{Access, Gpu, Shader};
use crate::matrix::Rows;

const SOURCE: &str = include_str!("../../shaders/sigmoid.wgsl");

pub(super) const SIGMOID: Shader<'static> = Shader {
    entry_point: "sigmoid",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    parameters: &["x_view", "y_view", "rows", "width"],
    storage: &[Access::Read, Access::ReadWrite],
};

pub(super) const SIGMOID_BACKWARD: Shader<'static> = Shader {
    entry_point: "sigmoid_backward",
    source: SOURCE,
    workgroup: Some(WORKGROUP),
    parameters: &["d_output_view", "y_view", "d_input_view", "rows", "width"],
    storage: &[Access::Read, Access::Read, Access::ReadWrite],
};

const ONE_SHAPE: &str = "both must have one shape";

/// `y = 1 / (1 + e^-x)`, number by number: `x` and `y` are `[rows, width]`.
///
/// Source: [`reference::sigmoid`](crate::reference::sigmoid).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands have different shapes, and what [`Rows`] are refused for.
pub fn sigmoid(gpu: &Gpu, x: &Rows, y: &Rows) -> Result<Dispatch> {
    let operation = "sigmoid";
    let x = x.operand(gpu, operation, "x")?;
    let y = y.operand(gpu, operation, "y")?;
    x.check_fit(operation, &y, x.shape() == y.shape(), ONE_SHAPE)?;
    y.check_written_alone(operation, &[&x])?;

    let parameters =
        Parameters::default().pair("x_view", x.view).pair("y_view", y.view).word("rows", y.rows).word("width", y.width);
    Dispatch::new(gpu, &SIGMOID, parameters, &[x.binding(), y.binding()], y.len())
}

/// `d_input = d_output · y · (1 - y)`, number by number, from the sigmoid's output `y`: all are `[rows, width]`.
///
/// Source: [`reference::sigmoid_backward`](crate::reference::sigmoid_backward).
///
/// # Errors
/// [`Error::Shapes`](crate::Error::Shapes) where the operands have different shapes, and what [`Rows`] are refused for.
pub fn sigmoid_backward(gpu: &Gpu, d_output: &Rows, y: &Rows, d_input: &Rows) -> Result<Dispatch> {
    let operation = "sigmoid_backward";
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let y = y.operand(gpu, operation, "y")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    d_output.check_fit(operation, &y, d_output.shape() == y.shape(), ONE_SHAPE)?;
    d_output.check_fit(operation, &d_input, d_output.shape() == d_input.shape(), ONE_SHAPE)?;
    d_input.check_written_alone(operation, &[&d_output, &y])?;

    let parameters = Parameters::default()
        .pair("d_output_view", d_output.view)
        .pair("y_view", y.view)
        .pair("d_input_view", d_input.view)
        .word("rows", y.rows)
        .word("width", y.width);
    let storage = [d_output.binding(), y.binding(), d_input.binding()];
    Dispatch::new(gpu, &SIGMOID_BACKWARD, parameters, &storage, d_input.len())
}
