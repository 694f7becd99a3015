//! A tab: a network learns points. A panel on the left, the surface with the points on it, and the loss curve below.

pub mod data;
pub mod panel;
pub mod surface;
pub mod training;

use std::path::Path;
use std::time::Duration;

use eframe::egui::{
    Align2, CentralPanel, Color32, CursorIcon, FontId, Panel, Pos2, Rect, Response, Role, ScrollArea, Sense, Stroke,
    Ui, Vec2, WidgetInfo, vec2,
};
use eframe::egui_wgpu::RenderState;
use wgrad::{Activation, Gpu, LossReport, Result};

use crate::curve::Curve;
use crate::widgets::{PANEL, in_words};
use data::{Class, Point, PointSet};
use panel::{Action, Settings, Status};
use surface::Surface;
use training::Training;

/// The distance between points that one movement of the mouse draws.
const SPACING: f32 = 0.08;

/// The height of the loss curve.
const CURVE: f32 = 170.0;

/// The tab's contents.
pub struct PointsTab {
    render_state: RenderState,
    gpu: Gpu,
    settings: Settings,
    training: Training,
    surface: Surface,
    curve: Curve,
    report: Option<LossReport>,
    /// The steps of the last frame.
    steps: u64,
    /// What went wrong, or what was done last.
    message: std::result::Result<String, String>,
    /// The seed of the weights.
    seed: u64,
    /// The hidden layers in the settings for which the network was last created, and their activation.
    applied_layers: (Vec<usize>, Activation),
    /// The last point that the current movement of the mouse drew.
    last_drawn: Option<[f32; 2]>,
}

impl PointsTab {
    /// On egui's device. Starts with XOR, paused.
    ///
    /// # Errors
    /// Those of the network and of its trainer.
    pub fn new(render_state: &RenderState, gpu: &Gpu) -> Result<Self> {
        let (settings, seed) = (Settings::default(), 1);
        let training = Training::new(gpu, &settings, seed, PointSet::Xor.points())?;
        Ok(PointsTab {
            surface: Surface::new(render_state, training.network())?,
            render_state: render_state.clone(),
            gpu: gpu.clone(),
            applied_layers: settings.layers(),
            settings,
            training,
            curve: Curve::losses(),
            report: None,
            steps: 0,
            message: Ok(String::new()),
            seed,
            last_drawn: None,
        })
    }

    /// A frame.
    pub fn show(&mut self, ui: &mut Ui) {
        let result = self.poll();
        self.show_error(result);

        let learning_rate = self.settings.learning_rate;
        let action = Panel::left("panel")
            .exact_size(PANEL)
            .resizable(false)
            .show(ui, |ui| ScrollArea::vertical().show(ui, |ui| self.panel(ui)).inner);
        let result = self.act(action.inner);
        self.show_error(result);
        let result = self.apply_settings(learning_rate, ui.input(|input| input.pointer.any_down()));
        self.show_error(result);

        CentralPanel::default().show(ui, |ui| {
            let room = ui.available_size();
            let side = room.x.min(room.y - CURVE - 10.0).max(50.0);
            ui.vertical_centered(|ui| self.square(ui, side));
            ui.add_space(10.0);
            self.curve.show(ui);
        });

        // While training, repaint at the display's rate; otherwise only on input.
        if self.settings.running {
            ui.request_repaint();
        }
    }

    /// Takes the loss that has arrived, and chooses the steps of this frame.
    fn poll(&mut self) -> Result<()> {
        self.steps = 0;
        let mut trainer = self.training.trainer();
        if let Some(report) = trainer.latest_loss()? {
            self.curve.push_loss(report);
            self.report = Some(report);
        }
        if self.settings.running {
            self.steps = trainer.steps_within(Duration::from_secs_f32(self.settings.milliseconds / 1e3))?;
        }
        Ok(())
    }

    /// Shows an error in the panel until the next action, and pauses the training.
    pub fn show_error(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.settings.running = false;
            self.message = Err(in_words(&error, "lower the learning rate, then reset the weights"));
        }
    }

    fn panel(&mut self, ui: &mut Ui) -> Option<Action> {
        let status = Status {
            points: self.training.points(),
            network: self.training.description(),
            plan: self.training.trainer().plan(),
            report: self.report,
            steps: self.steps,
            message: self.message.as_deref().map_err(String::as_str),
        };
        panel::show(ui, &mut self.settings, &status)
    }

    fn act(&mut self, action: Option<Action>) -> Result<()> {
        let Some(action) = action else { return Ok(()) };
        match action {
            Action::Begin(set) => self.begin(set.points()),
            Action::Reset => {
                self.seed += 1;
                self.begin(self.training.points().to_vec())
            }
            Action::Save => {
                self.training.save(Path::new(&self.settings.file))?;
                self.message = Ok(format!("saved {}", self.settings.file));
                Ok(())
            }
            Action::Load => {
                let training = Training::load(&self.gpu, Path::new(&self.settings.file), &self.settings)?;
                self.replace(training)?;
                self.settings.set_hidden(&self.training.hidden());
                self.settings.loss = self.training.loss();
                self.settings.activation = self.training.activation().unwrap_or(self.settings.activation);
                self.applied_layers = self.settings.layers();
                self.settings.running = false;
                self.message = Ok(format!("loaded {}", self.settings.file));
                Ok(())
            }
        }
    }

    /// Applies changed settings.
    fn apply_settings(&mut self, learning_rate_before: f32, pointer_is_down: bool) -> Result<()> {
        if self.settings.learning_rate != learning_rate_before {
            self.training.trainer().write_learning_rate(self.settings.learning_rate)?;
        }
        let (loss, optimizer) = (self.training.loss(), self.training.optimizer());
        // A new network is created when the slider is released, not at each width in between.
        if !pointer_is_down && self.settings.layers() != self.applied_layers {
            self.applied_layers = self.settings.layers();
            self.begin(self.training.points().to_vec())?;
        } else if (self.settings.loss, self.settings.optimizer) != (loss, optimizer) {
            self.replace(self.training.trained_by(&self.settings)?)?;
            self.settings.loss = self.training.loss();
        }
        Ok(())
    }

    /// Starts a new training of these points: new weights, with the layers in the settings.
    fn begin(&mut self, points: Vec<Point>) -> Result<()> {
        self.replace(Training::new(&self.gpu, &self.settings, self.seed, points)?)
    }

    /// Replaces the training; keeps the old one if the new one cannot be drawn.
    fn replace(&mut self, training: Training) -> Result<()> {
        self.surface = Surface::new(&self.render_state, training.network())?;
        self.training = training;
        self.steps = 0; // these were the old training's
        self.curve = Curve::losses();
        self.report = None;
        self.message = Ok(String::new());
        Ok(())
    }

    /// Shows the surface with the points, and adds points that the mouse draws.
    fn square(&mut self, ui: &mut Ui, side: f32) {
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "surface"));
        let result = self.draw(ui, rect, &response);
        self.show_error(result);

        let painter = ui.painter_at(rect);
        painter.add(self.surface.frame(rect, self.training.shared_trainer(), self.steps));
        for point in self.training.points() {
            painter.circle(on_screen(rect, point.position), 3.5, color(point.class), Stroke::new(1.0, Color32::WHITE));
        }
        if self.training.points().is_empty() {
            let text = "draw points: left button, right button";
            painter.text(
                rect.center(),
                Align2::CENTER_CENTER,
                text,
                FontId::proportional(18.0),
                Color32::from_gray(60),
            );
        }
        response.on_hover_cursor(CursorIcon::Crosshair);
    }

    /// Adds points where a button is held down, or was clicked within one frame.
    fn draw(&mut self, ui: &Ui, rect: Rect, response: &Response) -> Result<()> {
        if !response.is_pointer_button_down_on() && !response.clicked() && !response.secondary_clicked() {
            self.last_drawn = None;
            return Ok(());
        }
        let Some(pointer) = response.interact_pointer_pos() else { return Ok(()) };
        let position = in_square(rect, pointer);
        let is_near = |[x, y]: [f32; 2]| vec2(position[0] - x, position[1] - y).length() < SPACING;
        if !rect.contains(pointer) || self.last_drawn.is_some_and(is_near) {
            return Ok(());
        }
        self.last_drawn = Some(position);
        let secondary = response.secondary_clicked() || ui.input(|input| input.pointer.secondary_down());
        let class = if secondary { self.settings.drawn.other() } else { self.settings.drawn };
        self.training.add(Point { position, class })
    }
}

/// The window position of a point in the square, whose y axis points up.
fn on_screen(rect: Rect, [x, y]: [f32; 2]) -> Pos2 {
    rect.center() + 0.5 * rect.size() * vec2(x, -y)
}

fn in_square(rect: Rect, position: Pos2) -> [f32; 2] {
    let from_center = (position - rect.center()) / (0.5 * rect.size());
    [from_center.x.clamp(-1.0, 1.0), (-from_center.y).clamp(-1.0, 1.0)]
}

fn color(class: Class) -> Color32 {
    match class {
        Class::Blue => Color32::from_rgb(24, 74, 140),
        Class::Orange => Color32::from_rgb(186, 84, 10),
    }
}
