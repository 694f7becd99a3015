//! The sizes of a matrix, as errors name them.

use std::fmt;

/// The shape of a matrix: `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of rows.
    pub rows: u64,
    /// The number of columns.
    pub columns: u64,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}, {}]", self.rows, self.columns)
    }
}
