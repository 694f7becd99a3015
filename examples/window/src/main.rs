//! Opens the window.
//!
//! cargo run --release --manifest-path examples/window/Cargo.toml

use eframe::egui::ViewportBuilder;
use eframe::egui_wgpu::WgpuConfiguration;
use wgrad_window::{App, device};

fn main() -> eframe::Result {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default().with_inner_size([1020.0, 860.0]).with_min_inner_size([640.0, 480.0]),
        wgpu_options: WgpuConfiguration { wgpu_setup: device::setup(), ..Default::default() },
        ..Default::default()
    };
    eframe::run_native("wgrad: a network learns", options, Box::new(|context| Ok(Box::new(App::new(context)?))))
}
