//! Whether a tab trains, for how long per frame, and what came of it: the same in both tabs.

use std::time::Duration;

use eframe::egui::{DragValue, Ui};
use serde_json::{Value, json};
use wgrad::{LossReport, Result};

use crate::device::Device;
use crate::learning::Learning;
use crate::widgets::{in_words, message};

/// A tab's training as its user sees it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whether frames train at all.
    pub is_running: bool,
    /// The training time per frame.
    pub milliseconds: f32,
    /// The steps of the last frame.
    pub steps: u64,
    /// The last loss report.
    pub report: Option<LossReport>,
    /// What went wrong, or what was done last.
    message: std::result::Result<String, String>,
}

impl Default for Run {
    fn default() -> Self {
        Run::new(4.0)
    }
}

impl Run {
    /// Paused.
    pub fn new(milliseconds: f32) -> Self {
        Run { is_running: false, milliseconds, steps: 0, report: None, message: Ok(String::new()) }
    }

    /// Another training takes the place of this one, whose steps and losses are no longer of interest.
    pub fn begin_anew(&mut self) {
        *self = Run { is_running: self.is_running, ..Run::new(self.milliseconds) };
    }

    /// Takes the loss that has arrived, and chooses the steps of this frame.
    ///
    /// # Errors
    /// Those of [`Learning::poll`] and of [`wgrad::Trainer::steps_within`].
    pub fn poll(&mut self, learning: &mut Learning) -> Result<Option<LossReport>> {
        self.steps = 0;
        let report = learning.poll()?;
        self.report = report.or(self.report);
        if self.is_running {
            self.steps = learning.trainer.steps_within(Duration::from_secs_f32(self.milliseconds / 1e3))?;
        }
        Ok(report)
    }

    /// Shows what was done, or what went wrong, which pauses the training, until the next action.
    pub fn say(&mut self, message: std::result::Result<String, String>) {
        self.is_running &= message.is_ok();
        self.message = message;
    }

    /// Shows an error, if it is one; `way_out` of a training that diverged.
    pub fn show_error(&mut self, device: &Device, result: Result<()>, way_out: &str) {
        if let Err(error) = result {
            device.note(&error);
            self.say(Err(in_words(&error, way_out)));
        }
    }

    /// A button that begins or pauses the training, and the message, which goes when the training does on.
    pub fn show(&mut self, ui: &mut Ui) {
        if ui.button(if self.is_running { "Pause" } else { "Train" }).clicked() {
            self.is_running = !self.is_running;
            if self.is_running {
                self.message = Ok(String::new());
            }
        }
        message(ui, self.message.as_deref().map_err(String::as_str));
    }

    /// The control of the training time per frame.
    pub fn show_milliseconds(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let label = ui.label("train");
            let value = DragValue::new(&mut self.milliseconds).range(0.1..=100.0).speed(0.1).suffix(" ms");
            ui.add(value).labelled_by(label.id);
            ui.label("per frame");
        });
    }

    /// What it shows of a network, in short.
    pub fn status(&self, network: &str, plan: &str) -> Value {
        json!({
            "training": self.is_running,
            "step": self.report.map(|report| report.step),
            "loss": self.report.map(|report| report.loss),
            "steps_per_frame": self.steps,
            "network": network,
            "plan": plan,
            "message": self.message.as_ref().unwrap_or_else(|error| error),
            "is_error": self.message.is_err(),
        })
    }
}
