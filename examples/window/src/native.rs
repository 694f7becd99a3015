//! The window on a desktop.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use eframe::egui::{Context, ViewportBuilder, ViewportCommand};
use eframe::egui_wgpu::WgpuConfiguration;

use crate::app::{App, Kept};
use crate::device;
use crate::lock::lock;

/// A window in which a small network learns: draw points with the mouse, choose layers, activation, loss and optimizer, and
/// watch the surface and the loss; or drop a picture, watch it form, and zoom in.
///
/// Needs a display.
#[derive(Parser)]
struct Options {
    /// A PNG or JPEG file for the network to learn
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Opens the window as the command line asks, and returns when it is closed.
pub fn main() -> ExitCode {
    let Options { picture } = Options::parse();
    match run(picture) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens a window, and another one each time that the device is lost.
fn run(mut picture: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut kept = Kept::default();
    loop {
        match open(kept, picture.take()) {
            Ok(None) => return Ok(()),
            Ok(Some(Kept { lost: Some(lost), is_hopeless: true, .. })) => {
                return Err(format!("{lost}, again and again").into());
            }
            Ok(Some(lost)) => kept = lost,
            Err(eframe::Error::WinitEventLoop(_)) => {
                let words = "no window opens here: there is no display, such as DISPLAY or WAYLAND_DISPLAY names\n\
                    `tools/with-vulkan cargo run --release --example embed` needs none: it draws to files";
                return Err(words.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Shows a window until it is closed. Returns what to go on with if the device was lost.
fn open(kept: Kept, picture: Option<PathBuf>) -> eframe::Result<Option<Kept>> {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default().with_inner_size([1020.0, 860.0]).with_min_inner_size([320.0, 480.0]),
        wgpu_options: WgpuConfiguration { wgpu_setup: device::setup(), ..Default::default() },
        ..Default::default()
    };
    let lost = Arc::new(Mutex::new(None));
    let cell = lost.clone();
    let app = move |context: &eframe::CreationContext| {
        let again = move |context: &Context, kept| {
            *lock(&cell) = Some(kept);
            context.send_viewport_cmd(ViewportCommand::Close);
        };
        let app = App::new(context, kept, Box::new(again))?;
        if let Some(path) = picture {
            app.open_picture(&path.display().to_string());
        }
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native("wgrad: a network learns", options, Box::new(app))?;
    let lost = lock(&lost).take();
    Ok(lost)
}
