//! A window in which small networks learn: points drawn with the mouse, or a picture. The network's answer for every pixel, and a
//! curve of how well it does. The same program runs on a desktop and in a browser's tab.
//!
//! `wgrad` and egui share one device. Each frame is one encoder, egui's: the training steps are recorded into it, then what the
//! network answers, by shaders of this app that call it, and egui's pass. Only the loss, some answers and now and then the
//! parameters leave the GPU, and nothing waits for them.
//!
//! - [`app`]: the window's tabs
//! - [`points`]: the tab with the points
//! - [`picture`]: the tab with the picture
//! - [`device`]: the device that all use
//! - [`learning`]: what a frame records of a training
//! - [`run`]: whether a tab trains, and what came of it
//! - [`view`]: a network drawn, as much per frame as the device can
//! - [`files`]: the user's files
//! - [`status`]: what the window shows, as text
//! - `native`, `web`: the window on a desktop, and in a page
//! - [`curve`], [`widgets`], [`look`], [`lock`]: what the tabs share

#![warn(missing_docs)]

pub mod app;
#[path = "../../common/coordinate_network.rs"]
mod coordinate_network;
pub mod curve;
pub mod device;
pub mod files;
pub mod learning;
pub mod lock;
pub mod look;
#[cfg(not(target_family = "wasm"))]
pub mod native;
pub mod picture;
#[path = "../../common/pixels.rs"]
mod pixels;
pub mod points;
pub mod run;
pub mod status;
pub mod view;
#[cfg(target_family = "wasm")]
pub mod web;
pub mod widgets;

pub use app::App;
