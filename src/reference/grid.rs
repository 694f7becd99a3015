//! The hash grid: values, and the gradients with respect to the inputs and to the features.

use super::Matrix;
use crate::error::{Error, Result};
use crate::hash_grid::{Corner, HashGrid};

/// The values of a hash grid with the features `table`, `[entries, features]`: `x` is `[rows, inputs]`, the result `[rows, levels ·
/// features]`. Each is the sum over a cell's corners of a feature times the corner's weight.
///
/// # Errors
/// [`Error::Count`] for the grid's numbers or for inputs that are not two or three; [`Error::Shapes`] for a table of another shape.
pub fn encode_grid(grid: &HashGrid, table: &Matrix, x: &Matrix) -> Result<Matrix> {
    check("encode_grid", grid, table, x)?;
    let features = grid.features as usize;
    let width = grid.levels as usize * features;
    let mut e = Matrix::from_fn(x.rows(), width, |_, _| 0.0);
    each_corner(grid, x, &mut |row, column, corner| {
        for f in 0..features {
            e.as_mut_slice()[row * width + column + f] += corner.weight * table.at(corner.entry, f);
        }
    });
    Ok(e)
}

/// The gradients with respect to the inputs, `[rows, inputs]`, and to the features, `[entries, features]`, from the gradient `d_e`
/// with respect to the values, `[rows, levels · features]`.
///
/// The gradient with respect to a feature is a sum of whole numbers, as on the GPU: each product of a value's gradient, a corner's
/// weight and 2^(29-e) is rounded, where e is the exponent of the largest gradient. If one is not finite, the sums are 0.
///
/// # Errors
/// Those of [`encode_grid`].
pub fn encode_grid_backward(grid: &HashGrid, table: &Matrix, x: &Matrix, d_e: &Matrix) -> Result<[Matrix; 2]> {
    check("encode_grid_backward", grid, table, x)?;
    let features = grid.features as usize;
    let mut d_x = Matrix::from_fn(x.rows(), x.columns(), |_, _| 0.0);
    let mut sums = vec![0i64; table.as_slice().len()];
    let scale = scale(d_e);
    each_corner(grid, x, &mut |row, column, corner| {
        for f in 0..features {
            let d = d_e.at(row, column + f);
            let whole = (d * corner.weight * scale).round_ties_even();
            sums[corner.entry * features + f] += if whole.is_finite() { whole as i64 } else { 0 };
            for (input, derivative) in corner.derivatives.iter().enumerate() {
                d_x.as_mut_slice()[row * x.columns() + input] += d * derivative * table.at(corner.entry, f);
            }
        }
    });
    let sum = |entry: usize, f: usize| if scale == 0.0 { 0.0 } else { sums[entry * features + f] as f64 / scale };
    Ok([d_x, Matrix::from_fn(table.rows(), features, sum)])
}

/// 2^(29-e), where e is the exponent of the largest of these gradients as an f32, at least -97; 0 if one is not finite.
fn scale(d_e: &Matrix) -> f64 {
    if d_e.as_slice().iter().any(|&d| !(d as f32).is_finite()) {
        return 0.0;
    }
    let largest = d_e.as_slice().iter().fold(0f32, |largest, &d| largest.max(d.abs() as f32));
    let exponent = (largest.to_bits() >> 23) as i32 - 127;
    2f64.powi(29 - exponent.max(-97))
}

/// Calls `visit` for each corner of each row's cell in each level, with the row and the level's first column.
fn each_corner(grid: &HashGrid, x: &Matrix, visit: &mut dyn FnMut(usize, usize, &Corner)) {
    let levels = grid.levels_of(x.columns());
    for row in 0..x.rows() {
        for (l, level) in levels.iter().enumerate() {
            let corners = grid.corners(level, x.row(row).unwrap_or_default());
            corners.iter().for_each(|corner| visit(row, l * grid.features as usize, corner));
        }
    }
}

fn check(operation: &'static str, grid: &HashGrid, table: &Matrix, x: &Matrix) -> Result<()> {
    grid.check(operation, x.columns())?;
    if table.rows() == grid.entries(x.columns()) && table.columns() == grid.features as usize {
        return Ok(());
    }
    Err(Error::Shapes {
        operation,
        left_name: "x",
        left: x.shape(),
        right_name: "table",
        right: table.shape(),
        rule: "the table must have a row for each of the grid's entries, and a column for each feature",
    })
}
