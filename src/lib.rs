#![doc = include_str!("../README.md")]

mod data;
#[cfg(feature = "datasets")]
pub mod datasets;
mod error;
mod evaluation;
#[cfg(feature = "files")]
mod files;
mod gpu;
pub mod kernels;
mod matrix;
mod mlp;
mod network;
mod readback;
pub mod reference;
mod trainer;
mod wgsl;

pub use wgpu;

pub use data::{BytesConfig, Dataset};
pub use error::{Error, Result, Shape};
pub use evaluation::{Classification, class_of};
pub use gpu::Gpu;
pub use matrix::Rows;
pub use mlp::{LayerKind, Mlp};
pub use network::{Backward, Forward, Network};
pub use trainer::{LossReading, Memory, Plan, Progress, TrainConfig, Trainer};
