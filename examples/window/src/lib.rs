//! A window in which a small network learns: points drawn with the mouse, the network's answer for every pixel, the
//! loss.
//!
//! `wgrad` and egui share one device. Each frame is one encoder, egui's: the training steps are recorded into it, then
//! egui's pass, in which a fragment shader of this app calls the network. Only the loss leaves the GPU, and nothing
//! waits for it.
//!
//! - [`device`]: the device that both use
//! - [`training`]: the network, its points and its trainer
//! - [`surface`]: the training steps and the picture of the network, a paint callback
//! - [`points`]: the data
//! - [`app`], [`panel`], [`curve`]: the window

#![warn(missing_docs)]

pub mod app;
pub mod curve;
pub mod device;
pub mod panel;
pub mod points;
pub mod surface;
pub mod training;

pub use app::App;
