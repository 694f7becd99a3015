//! All that writes WGSL: kernels and functions made for the network, the batch and the device at hand. Nothing here knows
//! wgpu: a source goes out as text, and what it binds as a list.
//!
//! | file | what it writes |
//! | --- | --- |
//! | `registers` | a persistent kernel: a network in the registers of a subgroup, or of one invocation |
//! | `workgroup` | a persistent kernel: a network in a workgroup's memory |
//! | `tiles` | a layer's products, tile by tile: forward, backward, update |
//! | `plain` | the plain kernels with a formula of the tables in them |
//! | `function` | a network as a function for shaders of the app's own |
//! | `encoding`, `grid` | the values of an input encoding; a hash grid |
//! | `spec`, `bindings` | what they are written for, and what they bind |
//! | `head` | the last activation and the loss together |
//! | `descent` | the change of a parameter by its gradient |
//! | `functions`, `sums`, `vectors`, `source` | what they are made of |

mod bindings;
pub(crate) mod descent;
mod encoding;
pub(crate) mod function;
mod functions;
pub(crate) mod grid;
pub(crate) mod head;
pub(crate) mod persistent;
pub(crate) mod plain;
pub(crate) mod registers;
mod source;
mod spec;
mod sums;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tiles;
mod vectors;
pub(crate) mod workgroup;

pub use bindings::{Access, UniformType};
pub(crate) use bindings::{Bindings, Uniform};
pub(crate) use spec::{LONGEST_LOOP, LONGEST_SUM, LONGEST_WALK, Layer, PersistentSpec, Work};
