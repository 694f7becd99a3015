//! Opens the window.
//!
//! cargo run --release --manifest-path examples/window/Cargo.toml

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eframe::egui::ViewportBuilder;
use eframe::egui_wgpu::WgpuConfiguration;
use wgrad_window::{App, device};

/// A window in which a small network learns: draw points with the mouse, choose layers, activation, loss and optimizer, and
/// watch the surface and the loss; or drop a picture, watch it form, and zoom in.
///
/// Needs a display.
#[derive(Parser)]
struct Options {
    /// A PNG file for the network to learn
    #[arg(long, value_name = "FILE.png")]
    picture: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Options { picture } = Options::parse();
    match open(picture) {
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

fn open(picture: Option<PathBuf>) -> eframe::Result {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default().with_inner_size([1020.0, 860.0]).with_min_inner_size([640.0, 480.0]),
        wgpu_options: WgpuConfiguration { wgpu_setup: device::setup(), ..Default::default() },
        ..Default::default()
    };
    let app = |context: &eframe::CreationContext| {
        let mut app = App::new(context)?;
        if let Some(path) = picture {
            app.open_picture(&path);
        }
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native("wgrad: a network learns", options, Box::new(app))
}
