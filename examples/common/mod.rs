//! What the examples share. The benchmarks use some of it.
#![allow(dead_code, unused_imports, unused_macros)] // each program is its own crate and uses only some items

pub mod chart;
pub mod choices;
pub mod confusion;
pub mod coordinate_network;
pub mod device;
pub mod exit;
pub mod options;
pub mod progress;
pub mod say;
pub mod sweep;
pub mod xor;
