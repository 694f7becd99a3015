//! A window in which a small network learns: points drawn with the mouse, the network's answer for every pixel, the loss.
//!
//! `wgrad` and egui share one device, and each frame is one encoder, egui's: first the training steps are recorded into
//! it, then egui's pass, in which a fragment shader of this app's calls the network. Nothing of the network leaves the
//! GPU but the loss, which nobody waits for.
//!
//! - [`device`]: the device that both are on
//! - [`training`]: the network, its points and its trainer
//! - [`surface`]: the training steps and the picture of the network, a paint callback
//! - [`points`]: what is learned
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
