//! The controls of the picture: its settings, actions and status.

use clap::ValueEnum;
use eframe::egui::{DragValue, Slider, SliderClamping, Ui};

use crate::coordinate_network::Kind;
use crate::files::HAVE_PATHS;
use crate::run::Run;
use crate::widgets::{choose, or_dash, table};

/// The logarithm (to base 2) of the fewest points per step.
pub const SMALLEST_BATCH_LOG2: u32 = 10;

/// What the user chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the network makes of the coordinates.
    pub kind: Kind,
    /// The seed of the weights, and of the points that are trained on.
    pub seed: u64,
    /// The logarithm (to base 2) of the points per step.
    pub batch_log2: u32,
    /// The percentage of the view, from the left, that shows the original.
    pub original: f32,
    /// Whether the original is interpolated between its pixels.
    pub is_smooth: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { kind: Kind::Grid, seed: 1, batch_log2: 12, original: 0.0, is_smooth: false }
    }
}

impl Settings {
    /// The points per step.
    pub fn batch(&self) -> usize {
        1 << self.batch_log2
    }
}

/// A request of the user that is not a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Another picture.
    Open,
    /// New weights.
    Restart,
    /// Comes closer to the middle of the view.
    ZoomIn,
    /// Goes back.
    ZoomOut,
    /// Shows the whole picture.
    ShowAll,
}

/// What the panel shows.
pub struct Status {
    /// The picture's name and size.
    pub picture: String,
    /// The network's description.
    pub network: String,
    /// The plan's description.
    pub plan: String,
    /// The last peak signal-to-noise ratio, in decibels.
    pub decibels: Option<f64>,
    /// How much closer than the whole picture.
    pub zoom: f32,
}

/// Shows the panel, changes the settings, and returns the action requested.
pub fn show(ui: &mut Ui, settings: &mut Settings, run: &mut Run, status: &Status) -> Option<Action> {
    let mut action = None;
    let mut button = |ui: &mut Ui, name: &str, requests: Action| {
        if ui.button(name).clicked() {
            action = Some(requests);
        }
    };

    run.show(ui);

    ui.add_space(10.0);
    ui.heading("Picture");
    ui.label(&status.picture);
    if HAVE_PATHS {
        ui.weak("Drop a PNG or JPEG file on the window for another one.");
    } else {
        button(ui, "Open a picture", Action::Open);
    }

    ui.add_space(10.0);
    ui.heading("Network");
    choose(ui, "encoding", &mut settings.kind, Kind::value_variants().iter().copied());
    ui.horizontal(|ui| {
        let label = ui.label("seed");
        ui.add(DragValue::new(&mut settings.seed)).labelled_by(label.id);
    });
    ui.weak(&status.network);
    button(ui, "Restart", Action::Restart);

    ui.add_space(10.0);
    training(ui, settings, run, status);

    ui.add_space(10.0);
    ui.heading("View");
    ui.add(Slider::new(&mut settings.original, 0.0..=100.0).integer().suffix(" %").text("original"));
    ui.checkbox(&mut settings.is_smooth, "interpolate the original");
    ui.horizontal_wrapped(|ui| {
        button(ui, "Zoom in", Action::ZoomIn);
        button(ui, "Zoom out", Action::ZoomOut);
        button(ui, "Whole picture", Action::ShowAll);
    });
    ui.label(format!("zoom {:.1}", status.zoom));
    ui.weak("Wheel or pinch: zoom. Drag: move. Double click: the whole picture.");
    action
}

fn training(ui: &mut Ui, settings: &mut Settings, run: &mut Run, status: &Status) {
    ui.heading("Training");
    let batch = Slider::new(&mut settings.batch_log2, SMALLEST_BATCH_LOG2..=16).clamping(SliderClamping::Always);
    let batch = batch.custom_formatter(|log2, _| format!("{}", 1u64 << log2 as u32));
    // What is typed is rounded to a power of two.
    let batch =
        batch.custom_parser(|text| text.trim().parse::<f64>().ok().map(|points| points.max(1.0).log2().round()));
    ui.add(batch.text("batch size"));
    run.show_milliseconds(ui);
    let rows = [
        ("step", or_dash(run.report.map(|report| report.step))),
        ("loss", or_dash(run.report.map(|report| format!("{:.6}", report.loss)))),
        ("PSNR", or_dash(status.decibels.map(|decibels| format!("{decibels:.2} dB")))),
        ("steps per frame", run.steps.to_string()),
    ];
    table(ui, rows);
    ui.weak(&status.plan);
}
