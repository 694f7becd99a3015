//! The specification: every kernel as a function in plain f64 Rust, written for reading, without wgpu.
//!
//! Each function has the name of the WGSL entry point that computes the same; tests compare the GPU's results with it.
//! [`Linear`], [`ActivationLayer`], [`EncodingLayer`], [`GridLayer`] and [`NeuralNetwork`] combine the functions by the notebook's [`Layer`] contract, and
//! [`Training`] runs the training steps whose results every plan must reproduce.
//!
//! | name | meaning |
//! | --- | --- |
//! | `x`, `y` | a layer's input and output, one row per sample |
//! | `w` | a linear layer's weights, `[inputs, outputs]`; with a bias `[inputs + 1, outputs]` |
//! | `t` | the targets |
//! | `d_output`, `d_input`, `d_weights` | the gradients with respect to `y` and `x` of a sample's loss; with respect to `w` of the batch's loss |
//!
//! ```
//! use wgrad::reference::{Matrix, matmul, outer_product};
//! # fn main() -> wgrad::Result<()> {
//! // The notebook's first layer: y = x · w and dw = xᵀ · dy.
//! let x = Matrix::from_rows(&[[0.3, 0.5]]);
//! let w = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
//! assert_eq!(matmul(&x, &w)?.as_slice(), [0.3 + 2.0, 0.6 + 2.5, 0.9 + 3.0]);
//!
//! let d_output = Matrix::from_rows(&[[0.1, 0.2, -0.3]]);
//! let d_weights = outer_product(&x, &d_output, false)?;
//! assert_eq!(d_weights.row(0).unwrap(), [0.3 * 0.1, 0.3 * 0.2, 0.3 * -0.3]);
//! # Ok(())
//! # }
//! ```

mod descent;
mod grid;
mod matrix;
mod network;
mod order;
mod picture;
mod training;

pub use descent::{Descent, GridDescent};
pub use grid::{encode_grid, encode_grid_backward};
pub use matrix::Matrix;
pub use network::{ActivationLayer, EncodingLayer, GridLayer, Layer, Linear, NeuralNetwork};
#[cfg(test)]
pub(crate) use order::{LONGEST_WALK, walk};
pub use order::{Order, permutation};
pub use picture::{light_of_srgb, random, sample_picture};
pub use training::Training;

use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::error::{Error, Result, Shape};
use crate::loss::Loss;

/// `y = x · w`: `x` is `[rows, inputs]`, `w` is `[inputs, outputs]`, `y` is `[rows, outputs]`.
///
/// If `w` has one more row, that row is a bias, added to every row of `y`.
///
/// # Errors
/// [`Error::Shapes`] unless `w` has as many rows as `x` has columns, or one more.
pub fn matmul(x: &Matrix, w: &Matrix) -> Result<Matrix> {
    let inputs = x.columns();
    if !has_inputs(w, inputs) {
        return Err(Error::Shapes {
            operation: "matmul",
            left_name: "x",
            left: x.shape(),
            right_name: "w",
            right: w.shape(),
            rule: "w must have as many rows as x has columns, or one more for a bias",
        });
    }
    Ok(Matrix::from_fn(x.rows(), w.columns(), |row, output| {
        let bias = if w.rows() > inputs { w.at(inputs, output) } else { 0.0 };
        bias + (0..inputs).map(|k| x.at(row, k) * w.at(k, output)).sum::<f64>()
    }))
}

/// `d_input = d_output · wᵀ`: `d_output` is `[rows, outputs]`, `w` is `[inputs, outputs]`, `d_input` is `[rows,
/// inputs]`.
///
/// `inputs` is the width of the layer's input; a bias row of `w` after these rows is not read.
///
/// # Errors
/// [`Error::Shapes`] unless `w` has `d_output`'s columns, and `inputs` rows or one more.
pub fn matmul_transposed(d_output: &Matrix, w: &Matrix, inputs: usize) -> Result<Matrix> {
    if d_output.columns() != w.columns() || !has_inputs(w, inputs) {
        return Err(Error::Shapes {
            operation: "matmul_transposed",
            left_name: "d_output",
            left: d_output.shape(),
            right_name: "w",
            right: w.shape(),
            rule: "w must have as many columns as d_output, and as many rows as there are inputs, or one more for a bias",
        });
    }
    Ok(Matrix::from_fn(d_output.rows(), inputs, |row, input| {
        (0..w.columns()).map(|output| d_output.at(row, output) * w.at(input, output)).sum()
    }))
}

/// `d_weights = xᵀ · d_output`: `x` is `[rows, inputs]`, `d_output` is `[rows, outputs]`, `d_weights` is
/// `[inputs, outputs]`: the sum over the batch of one outer product per sample.
///
/// With `bias`, `d_weights` has one more row: the sum of `d_output`'s rows, as if `x` had a last column of ones.
///
/// # Errors
/// [`Error::Shapes`] unless `x` and `d_output` have the same number of rows.
pub fn outer_product(x: &Matrix, d_output: &Matrix, bias: bool) -> Result<Matrix> {
    if x.rows() != d_output.rows() {
        return Err(Error::Shapes {
            operation: "outer_product",
            left_name: "x",
            left: x.shape(),
            right_name: "d_output",
            right: d_output.shape(),
            rule: "both must have one row per sample",
        });
    }
    Ok(Matrix::from_fn(x.columns() + usize::from(bias), d_output.columns(), |input, output| {
        let factor = |row| if input < x.columns() { x.at(row, input) } else { 1.0 };
        (0..x.rows()).map(|row| factor(row) * d_output.at(row, output)).sum()
    }))
}

/// `y = f(z)`, element by element; for a softmax row by row, `e^z_j / Σ_k e^z_k`.
pub fn activation(activation: Activation, z: &Matrix) -> Matrix {
    if activation != Activation::Softmax {
        return z.map(|z| activation.value(z));
    }
    let rows = (0..z.rows()).map(|row| log_normalizer(z, row)).collect::<Vec<_>>();
    Matrix::from_fn(z.rows(), z.columns(), |row, column| (z.at(row, column) - rows[row]).exp())
}

/// `ln Σ_k e^z_k` of a row. The largest is taken out, so that e is never raised to a positive power.
fn log_normalizer(z: &Matrix, row: usize) -> f64 {
    let values = (0..z.columns()).map(|column| z.at(row, column));
    let maximum = values.clone().fold(f64::NEG_INFINITY, f64::max);
    maximum + values.map(|z| (z - maximum).exp()).sum::<f64>().ln()
}

/// `d_input = d_output · f'(z)`, element by element; for a softmax row by row, `y_j (d_output_j - Σ_k d_output_k y_k)`. `y` is
/// the activation's output for the pre-activations `z`.
///
/// # Derivation
/// For the sigmoid, with `y = (1 + e^-z)^-1`, the chain rule gives
///
/// ```text
/// dy/dz = -(1 + e^-z)^-2 · (-e^-z) = e^-z / (1 + e^-z)² = 1/(1 + e^-z) · e^-z/(1 + e^-z) = y · (1 - y)
/// ```
///
/// since `e^-z / (1 + e^-z) = 1 - 1 / (1 + e^-z)`. The gradient of the loss with respect to z is `d_output · dy/dz`.
/// So the layer needs to keep only its output, not its input. Of some activations the derivative is one of `z`.
///
/// For the softmax, `dy_k/dz_j = y_k (δ_jk - y_j)`: an output depends on all pre-activations of its row.
///
/// # Errors
/// [`Error::Shapes`] unless all have the same shape.
pub fn activation_backward(activation: Activation, d_output: &Matrix, z: &Matrix, y: &Matrix) -> Result<Matrix> {
    check_same_shape("activation_backward", "d_output", d_output, "y", y)?;
    check_same_shape("activation_backward", "z", z, "y", y)?;
    let columns = y.columns();
    Ok(Matrix::from_fn(y.rows(), columns, |row, column| match activation {
        Activation::Softmax => {
            let mean = (0..columns).map(|k| d_output.at(row, k) * y.at(row, k)).sum::<f64>();
            y.at(row, column) * (d_output.at(row, column) - mean)
        }
        _ => d_output.at(row, column) * activation.derivative(z.at(row, column), y.at(row, column)),
    }))
}

/// The loss of a batch and its gradient with respect to the outputs `y` of a network whose last activation is `last`: the
/// first result is the sum over all samples, the second has a row for each sample. `y` and `t` are `[rows, outputs]`.
///
/// Where `y` are probabilities, the cross entropies are written with these: `-t ln(y)`, whose derivative is `-t / y`; otherwise
/// with the logits.
///
/// # Errors
/// [`Error::Shapes`] unless both have the same shape.
pub fn loss(loss: Loss, last: Activation, y: &Matrix, t: &Matrix) -> Result<(f64, Matrix)> {
    check_same_shape("loss", "y", y, "t", t)?;
    let [value_factor, derivative_factor] = loss.factors(y.columns());
    let [keep, add] = loss.smoothing(y.columns()).unwrap_or([1.0, 0.0]);
    let smoothed = t.map(|t| t * keep + add);
    let of_probabilities = loss.probabilities() == Some(last);
    let parameter = loss.parameter().map_or(0.0, f64::from);
    // The value and the derivative of one output.
    let element = |row: usize, column: usize| {
        let (y_, t_) = (y.at(row, column), smoothed.at(row, column));
        match loss {
            Loss::BinaryCrossEntropy if of_probabilities => {
                (-weighted_log(t_, y_) - weighted_log(1.0 - t_, 1.0 - y_), (y_ - t_) / (y_ * (1.0 - y_)))
            }
            Loss::CrossEntropy { .. } if of_probabilities => (-weighted_log(t_, y_), -t_ / y_),
            Loss::CrossEntropy { .. } => {
                let log_probability = y_ - log_normalizer(y, row);
                let total = (0..t.columns()).map(|k| smoothed.at(row, k)).sum::<f64>();
                (-t_ * log_probability, total * log_probability.exp() - t_)
            }
            _ => ((loss.reference().value)(y_, t_, parameter), (loss.reference().derivative)(y_, t_, parameter)),
        }
    };
    let values = Matrix::from_fn(y.rows(), y.columns(), |row, column| value_factor * element(row, column).0);
    let d_output = Matrix::from_fn(y.rows(), y.columns(), |row, column| derivative_factor * element(row, column).1);
    Ok((values.as_slice().iter().sum(), d_output))
}

/// The values of an encoding without parameters: `x` is `[rows, inputs]`, the result `[rows, width]`.
///
/// # Errors
/// [`Error::Count`] for the encoding's parameter, or a number of inputs that it does not take; [`Error::Name`] for a hash grid.
pub fn encode(encoding: Encoding, x: &Matrix) -> Result<Matrix> {
    encoding.check("encode", x.columns())?;
    encoding.check_without_parameters("encode")?;
    Ok(Matrix::from_fn(x.rows(), encoding.width(x.columns()), |row, column| {
        encoding.value(x.row(row).unwrap_or_default(), column)
    }))
}

/// The gradient with respect to an encoding's inputs: `x` is `[rows, inputs]`, `d_e`, the gradient with respect to its values,
/// `[rows, width]`, the result `[rows, inputs]`.
///
/// # Errors
/// Those of [`encode`]; [`Error::Shapes`] where `d_e` has another shape than the values.
pub fn encode_backward(encoding: Encoding, x: &Matrix, d_e: &Matrix) -> Result<Matrix> {
    check_same_shape("encode_backward", "the values", &encode(encoding, x)?, "d_e", d_e)?;
    Ok(Matrix::from_fn(x.rows(), x.columns(), |row, input| {
        let x = x.row(row).unwrap_or_default();
        (0..d_e.columns()).map(|column| d_e.at(row, column) * encoding.derivative(x, column, input)).sum()
    }))
}

/// `weight · ln(x)`: 0 for a weight of 0, also where the logarithm is infinite.
fn weighted_log(weight: f64, x: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * x.ln() }
}

/// Stochastic gradient descent: the new weights `w - learning_rate · d_weights / batch_size`, where `d_weights` is a sum
/// over the batch.
///
/// # Errors
/// [`Error::Shapes`] unless both have the same shape; [`Error::Count`] for a `batch_size` of 0.
pub fn weight_update(w: &Matrix, d_weights: &Matrix, learning_rate: f64, batch_size: usize) -> Result<Matrix> {
    check_same_shape("weight_update", "w", w, "d_weights", d_weights)?;
    if batch_size == 0 {
        return Err(Error::zero("weight_update", "batch_size"));
    }
    Ok(Matrix::from_fn(w.rows(), w.columns(), |row, column| {
        w.at(row, column) - learning_rate * d_weights.at(row, column) / batch_size as f64
    }))
}

/// The confusion matrix `[classes, classes]`: the number of samples with each pair of classes, one row per class of `t`,
/// one column per class of `y`. `y` and `t` are `[rows, outputs]`.
///
/// The class of a row is the index of its largest value, the first if several are equal; with one output, of `y` 1 from
/// `threshold` on, of `t` from 0.5 on, else 0.
///
/// # Errors
/// [`Error::Shapes`] where the two have different shapes.
pub fn confusion(y: &Matrix, t: &Matrix, threshold: f64) -> Result<Matrix> {
    check_same_shape("confusion", "y", y, "t", t)?;
    let classes = y.columns().max(2);
    let class = |row: &[f64], threshold: f64| match *row {
        [value] => usize::from(value >= threshold),
        _ => (1..row.len()).fold(0, |largest, i| if row[i] > row[largest] { i } else { largest }),
    };
    let mut counts = Matrix::from_fn(classes, classes, |_, _| 0.0);
    for row in 0..y.rows() {
        let (Some(y), Some(t)) = (y.row(row), t.row(row)) else { continue };
        counts.as_mut_slice()[class(t, 0.5) * classes + class(y, threshold)] += 1.0;
    }
    Ok(counts)
}

/// The rows of `source` with the indices `samples`, in that order.
///
/// # Errors
/// [`Error::Shapes`] for an index past the last row.
pub fn gather(source: &Matrix, samples: &[usize]) -> Result<Matrix> {
    if let Some(&sample) = samples.iter().find(|&&sample| sample >= source.rows()) {
        return Err(Error::Shapes {
            operation: "gather",
            left_name: "source",
            left: source.shape(),
            right_name: "the rows that samples lists",
            right: Shape { rows: (sample as u64).saturating_add(1), columns: source.shape().columns },
            rule: "every sample must be a row of source",
        });
    }
    Ok(Matrix::from_fn(samples.len(), source.columns(), |row, column| source.at(samples[row], column)))
}

/// Whether weights have one row per input, or one more for a bias.
fn has_inputs(w: &Matrix, inputs: usize) -> bool {
    matches!(w.rows().checked_sub(inputs), Some(0 | 1))
}

fn check_same_shape(
    operation: &'static str,
    left_name: &'static str,
    left: &Matrix,
    right_name: &'static str,
    right: &Matrix,
) -> Result<()> {
    if left.shape() == right.shape() {
        return Ok(());
    }
    let rule = "both must have the same shape";
    Err(Error::Shapes { operation, left_name, left: left.shape(), right_name, right: right.shape(), rule })
}
