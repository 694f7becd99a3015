//! What can be wrong with a buffer.

/// What can be wrong with a buffer: the `problem` of [`Error::Buffer`](super::Error::Buffer). Displayed as a phrase about its operand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BufferProblem {
    /// wgpu refused it: use a buffer of the same device that is neither destroyed nor mapped.
    #[error("was refused by wgpu; use one of the same device, neither destroyed nor mapped: {reason}")]
    Refused {
        /// wgpu's message.
        reason: String,
    },
    /// It lacks a usage: create the buffer with that usage.
    #[error("is in a buffer that lacks BufferUsages::{missing}; create it with that usage")]
    LacksUsage {
        /// wgpu's name of the missing usage.
        missing: &'static str,
    },
    /// It is too short for the rows: use fewer rows or a larger buffer.
    #[error("needs {needed} bytes of its buffer, which has {found}; use fewer rows or a larger buffer")]
    TooShort {
        /// The byte offset of the end of the last row.
        needed: u64,
        /// The buffer's size in bytes.
        found: u64,
    },
    /// The offset or stride is not a multiple of 4 bytes: make it one.
    #[error("has {bytes} bytes as its {field}, which must be a multiple of 4, the size of an f32")]
    Misaligned {
        /// `offset` or `stride`.
        field: &'static str,
        /// Its value in bytes.
        bytes: u64,
    },
    /// The stride is smaller than a row: raise it to at least `row`.
    #[error("has a stride of {stride} bytes, and a row of {width} f32 takes {row}; raise the stride")]
    StrideTooSmall {
        /// The stride in bytes.
        stride: u64,
        /// The values in a row.
        width: u64,
        /// The bytes of a row.
        row: u64,
    },
    /// An operation reads and writes the same buffer: use a second buffer for what it writes.
    #[error("and {with} are in one buffer; wgpu requires a separate buffer for what is written")]
    Aliased {
        /// The operand that is written.
        with: &'static str,
    },
}
