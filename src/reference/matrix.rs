//! A row-major matrix of f64 that knows its shape.

use crate::error::{Error, Result, Shape};

/// A row-major matrix of f64.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of this shape from `data`, row after row.
    ///
    /// # Errors
    /// [`Error::Count`] unless `data` has `rows · columns` values, or if it has none.
    pub fn new(rows: usize, columns: usize, data: Vec<f64>) -> Result<Self> {
        if rows == 0 || columns == 0 {
            let shape = Shape { rows: rows as u64, columns: columns as u64 };
            return Err(Error::empty("Matrix::new", "data", shape));
        }
        if rows.checked_mul(columns) != Some(data.len()) {
            let lengths = [data.len(), rows.saturating_mul(columns)];
            return Err(Error::length("Matrix::new", "data", lengths, "rows · columns"));
        }
        Ok(Matrix { rows, columns, data })
    }

    /// A matrix of this shape from f32 values, which f64 represents exactly.
    ///
    /// # Errors
    /// Those of [`Matrix::new`].
    pub fn from_f32(rows: usize, columns: usize, data: &[f32]) -> Result<Self> {
        Matrix::new(rows, columns, data.iter().map(|&value| f64::from(value)).collect())
    }

    /// A matrix with these rows.
    pub fn from_rows<const COLUMNS: usize>(rows: &[[f64; COLUMNS]]) -> Self {
        Matrix { rows: rows.len(), columns: COLUMNS, data: rows.as_flattened().to_vec() }
    }

    /// A matrix of this shape with the elements `element(row, column)`.
    pub(super) fn from_fn(rows: usize, columns: usize, mut element: impl FnMut(usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                data.push(element(row, column));
            }
        }
        Matrix { rows, columns, data }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `[rows, columns]`.
    pub fn shape(&self) -> Shape {
        Shape { rows: self.rows as u64, columns: self.columns as u64 }
    }

    /// All values, row after row.
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    /// All values, row after row, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// One row; `None` past the last.
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        if row < self.rows { Some(&self.data[row * self.columns..(row + 1) * self.columns]) } else { None }
    }

    /// A matrix of the same shape: `function` of each value.
    pub fn map(&self, function: impl FnMut(f64) -> f64) -> Self {
        Matrix { data: self.data.iter().copied().map(function).collect(), ..*self }
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.columns + column]
    }
}
