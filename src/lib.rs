#![doc = include_str!("../README.md")]

mod activation;
mod codegen;
mod data;
#[cfg(all(feature = "datasets", not(target_family = "wasm")))]
pub mod datasets;
mod encoding;
mod error;
mod evaluation;
#[cfg(feature = "files")]
mod files;
mod gpu;
mod hash_grid;
mod init;
pub mod kernels;
mod loss;
mod mlp;
mod named;
mod network;
mod optimizer;
mod picture;
mod readback;
pub mod reference;
mod rows;
mod samples;
mod schedule;
mod shaders;
mod trainer;

pub use wgpu;

pub use activation::Activation;
pub use data::{BytesConfig, Dataset};
pub use encoding::Encoding;
pub use error::{BufferProblem, Error, Result, Shape};
pub use evaluation::{Classification, class_of};
pub use gpu::Gpu;
pub use hash_grid::HashGrid;
pub use init::Init;
pub use loss::Loss;
pub use mlp::{Dense, Mlp};
pub use network::{Backward, Forward, Network};
pub use optimizer::Optimizer;
pub use picture::Picture;
pub use rows::Rows;
pub use schedule::{Decay, Schedule};
pub use trainer::{GradientTrainer, LossReport, Memory, ParametersAt, Plan, Progress, TrainConfig, Trainer};
