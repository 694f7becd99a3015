//! The controls of the surface: its settings, actions and status.

use eframe::egui::{Slider, SliderClamping, TextEdit, Ui};
use wgrad::{Activation, Loss, Optimizer};

use super::data::{Class, Point, PointSet};
use crate::files::HAVE_PATHS;
use crate::run::Run;
use crate::widgets::{choose, or_dash, table};

/// The most hidden layers.
const MOST_LAYERS: usize = 3;

/// What the user chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the left mouse button draws; the right one draws the other class.
    pub drawn: Class,
    /// The number of hidden layers.
    pub layer_count: usize,
    /// The units of each hidden layer, including unused ones.
    pub widths: [usize; MOST_LAYERS],
    /// The activation of the hidden layers. The last layer's is a sigmoid: the answer is between blue, 0, and orange, 1.
    pub activation: Activation,
    /// What the training makes small.
    pub loss: Loss,
    /// How a step changes the weights.
    pub optimizer: Optimizer,
    /// The learning rate, which suits the optimizer when that is chosen.
    pub learning_rate: f32,
    /// The path for saving and loading a network; in a browser, which has no field for it, the name of a download.
    pub file: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            drawn: Class::Blue,
            layer_count: 2,
            widths: [32; MOST_LAYERS],
            activation: Activation::Sigmoid,
            loss: Loss::SquaredError,
            optimizer: Optimizer::Sgd,
            learning_rate: usual_rate(Optimizer::Sgd),
            file: "network.safetensors".to_owned(),
        }
    }
}

/// A learning rate that suits an optimizer, for one point per step.
fn usual_rate(optimizer: Optimizer) -> f32 {
    match optimizer {
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 0.003,
        Optimizer::Momentum { .. } => 0.1,
        _ => 1.0,
    }
}

/// The activations for hidden layers: all but softmax, which only a last layer can have.
pub fn activations() -> impl Iterator<Item = Activation> {
    Activation::ALL.iter().copied().filter(|&activation| activation != Activation::Softmax)
}

/// The losses for a single output: all but cross_entropy, which is for several classes.
pub fn losses() -> impl Iterator<Item = Loss> {
    Loss::ALL.iter().copied().filter(|loss| !matches!(loss, Loss::CrossEntropy { .. }))
}

impl Settings {
    /// The units of each hidden layer in use.
    pub fn hidden(&self) -> &[usize] {
        &self.widths[..self.layer_count.min(MOST_LAYERS)]
    }

    /// The hidden layers in use, and their activation.
    pub fn layers(&self) -> (Vec<usize>, Activation) {
        (self.hidden().to_vec(), self.activation)
    }

    /// Chooses these hidden layers, up to the number of sliders.
    pub fn set_hidden(&mut self, hidden: &[usize]) {
        self.layer_count = hidden.len().min(MOST_LAYERS);
        self.widths.iter_mut().zip(hidden).for_each(|(width, &hidden)| *width = hidden);
    }
}

/// A request of the user that is not a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Other points, and new weights.
    Begin(PointSet),
    /// New weights.
    Reset,
    /// Saves the network.
    Save,
    /// Loads a network.
    Load,
}

/// What the panel shows.
pub struct Status<'a> {
    /// The points.
    pub points: &'a [Point],
    /// The network's description.
    pub network: String,
    /// The plan's description.
    pub plan: String,
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
    ui.heading("Points");
    ui.horizontal_wrapped(|ui| PointSet::ALL.map(|set| button(ui, set.name(), Action::Begin(set))));
    ui.horizontal(|ui| {
        ui.label("draw");
        for class in Class::ALL {
            ui.radio_value(&mut settings.drawn, class, class.name());
        }
    });
    ui.weak("Draw in the square. A mouse's right button draws the other colour.");
    let count = |class| status.points.iter().filter(|point| point.class == class).count();
    let [blue, orange] = Class::ALL.map(count);
    ui.label(format!("{blue} blue and {orange} orange points"));

    ui.add_space(10.0);
    ui.heading("Network");
    ui.add(Slider::new(&mut settings.layer_count, 0..=MOST_LAYERS).text("hidden layers"));
    let layers = settings.hidden().len();
    for (layer, width) in settings.widths[..layers].iter_mut().enumerate() {
        let name = format!("layer {}", layer + 1);
        ui.add(Slider::new(width, 1..=64).clamping(SliderClamping::Edits).text(name));
    }
    choose(ui, "activation", &mut settings.activation, activations());
    ui.weak(&status.network);
    button(ui, "Reset weights", Action::Reset);

    ui.add_space(10.0);
    training(ui, settings, run, status);

    ui.add_space(10.0);
    ui.heading("File");
    if HAVE_PATHS {
        let label = ui.label("path");
        ui.add(TextEdit::singleline(&mut settings.file).desired_width(f32::INFINITY)).labelled_by(label.id);
    }
    ui.horizontal(|ui| {
        button(ui, "Save", Action::Save);
        button(ui, "Load", Action::Load);
    });
    action
}

fn training(ui: &mut Ui, settings: &mut Settings, run: &mut Run, status: &Status) {
    ui.heading("Training");
    choose(ui, "loss", &mut settings.loss, losses());
    if choose(ui, "optimizer", &mut settings.optimizer, Optimizer::ALL.iter().copied()) {
        settings.learning_rate = usual_rate(settings.optimizer);
    }
    let learning_rate = Slider::new(&mut settings.learning_rate, 0.0001..=10.0).logarithmic(true);
    ui.add(learning_rate.clamping(SliderClamping::Edits).text("learning rate"));
    run.show_milliseconds(ui);
    report(ui, run, status);
}

fn report(ui: &mut Ui, run: &Run, status: &Status) {
    let report = run.report;
    let rows = [
        ("step", or_dash(report.map(|report| report.step))),
        ("epoch", or_dash(report.map(|report| report.epoch))),
        ("loss", or_dash(report.map(|report| format!("{:.6}", report.loss)))),
        ("steps per frame", run.steps.to_string()),
    ];
    table(ui, rows);
    ui.weak(&status.plan);
}
