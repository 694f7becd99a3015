//! What the examples share. The benchmarks use some of it too.
#![allow(dead_code)] // each program is a crate of its own and uses a part

pub mod chart;
pub mod confusion;
pub mod device;
pub mod exit;
pub mod options;
pub mod progress;
pub mod xor;
