//! How the crate makes errors.

use super::{BufferProblem, Error, Shape};

impl Error {
    /// Converts a refusal by wgpu that can only be due to a buffer, or to a kernel, which it then names: a browser says only when
    /// one is used that its driver does not compile.
    #[cold]
    pub(crate) fn into_buffer_error(self) -> Self {
        match self {
            Error::Refused { what, reason } if !reason.contains("ComputePipeline") => {
                Error::buffer(what, "a buffer", BufferProblem::Refused { reason })
            }
            other => other,
        }
    }

    /// Converts a refusal by wgpu that can only be due to a texture.
    #[cold]
    pub(crate) fn into_texture_error(self) -> Self {
        match self {
            Error::Refused { reason, .. } => {
                let problem = format!("was refused by wgpu; use one that is not destroyed: {reason}");
                Error::Texture { operation: "Picture::from_texture", problem }
            }
            other => other,
        }
    }

    #[cold]
    pub(crate) fn buffer(operation: impl Into<String>, what: &'static str, problem: BufferProblem) -> Self {
        Error::Buffer { operation: operation.into(), what, problem }
    }

    #[cold]
    pub(crate) fn aliased(operation: &'static str, read: &'static str, written: &'static str) -> Self {
        Error::buffer(operation, read, BufferProblem::Aliased { with: written })
    }

    #[cold]
    pub(crate) fn count(operation: &'static str, what: &str, found: u64, [least, most]: [u64; 2], rule: &str) -> Self {
        Error::Count { operation, what: what.to_owned(), found, least, most, rule: rule.to_owned() }
    }

    #[cold]
    pub(crate) fn out_of_range(
        operation: &'static str,
        what: &'static str,
        value: impl ToString,
        rule: &'static str,
    ) -> Self {
        Error::OutOfRange { operation, what, value: value.to_string(), rule }
    }

    #[cold]
    pub(crate) fn zero(operation: &'static str, what: &str) -> Self {
        Error::count(operation, what, 0, [1, u64::MAX], "0 leaves nothing to compute")
    }

    #[cold]
    pub(crate) fn empty(operation: &'static str, what: &str, shape: Shape) -> Self {
        let side = if shape.columns == 0 { "columns" } else { "rows" };
        let rule = format!("{what} is {shape}; it must have at least one row and one column");
        Error::count(operation, &format!("the number of {side}"), 0, [1, u64::MAX], &rule)
    }

    #[cold]
    pub(crate) fn length(operation: &'static str, slice: &str, [found, expected]: [usize; 2], rule: &str) -> Self {
        Error::count(operation, &format!("the length of {slice}"), found as u64, [expected as u64; 2], rule)
    }

    #[cold]
    pub(crate) fn batch_size(operation: &'static str, found: u64, samples: u64) -> Self {
        let rule = format!("choose no more than the data set's {samples} samples");
        Error::count(operation, "batch_size", found, [1, samples], &rule)
    }
}
