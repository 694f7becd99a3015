//! A window in which small networks learn: points drawn with the mouse, or a picture. The network's answer for every pixel, and a
//! curve of how well it does.
//!
//! `wgrad` and egui share one device. Each frame is one encoder, egui's: the training steps are recorded into it, then
//! egui's pass, in which a fragment shader of this app calls the network. Only the loss and some answers leave the GPU, and nothing
//! waits for them.
//!
//! - [`app`]: the window's tabs
//! - [`points`]: the tab with the points
//! - [`picture`]: the tab with the picture
//! - [`device`]: the device that all use
//! - [`curve`], [`widgets`], [`lock`]: what the tabs share

#![warn(missing_docs)]

pub mod app;
#[path = "../../common/coordinate_network.rs"]
mod coordinate_network;
pub mod curve;
pub mod device;
pub mod lock;
pub mod picture;
#[path = "../../common/pixels.rs"]
mod pixels;
pub mod points;
pub mod widgets;

pub use app::App;
