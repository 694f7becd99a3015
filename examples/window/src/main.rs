//! Opens the window.
//!
//! cargo run --release --manifest-path examples/window/Cargo.toml

use std::process::ExitCode;

use clap::Parser;
use eframe::egui::ViewportBuilder;
use eframe::egui_wgpu::WgpuConfiguration;
use wgrad_window::{App, device};

/// A window in which a small network learns: draw points with the mouse, choose layers, activation, loss and optimizer, and
/// watch the surface and the loss.
///
/// Needs a display.
#[derive(Parser)]
struct Options {}

fn main() -> ExitCode {
    let Options {} = Options::parse();
    match open() {
        Ok(()) => ExitCode::SUCCESS,
        Err(eframe::Error::WinitEventLoop(_)) => {
            eprintln!("error: no window opens here: there is no display, such as DISPLAY or WAYLAND_DISPLAY names");
            eprintln!("`tools/with-vulkan cargo run --release --example embed` needs none: it draws to files");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn open() -> eframe::Result {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default().with_inner_size([1020.0, 860.0]).with_min_inner_size([640.0, 480.0]),
        wgpu_options: WgpuConfiguration { wgpu_setup: device::setup(), ..Default::default() },
        ..Default::default()
    };
    eframe::run_native("wgrad: a network learns", options, Box::new(|context| Ok(Box::new(App::new(context)?))))
}
