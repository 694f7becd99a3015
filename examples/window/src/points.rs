//! A tab: a network learns points. A panel on the left, the surface with the points on it, and the loss curve below.

pub mod data;
pub mod panel;
pub mod training;

use std::sync::{Arc, Mutex};

use eframe::egui::{
    Align2, Color32, CursorIcon, FontId, Pos2, Rect, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, vec2,
};
use eframe::emath::GuiRounding;
use serde_json::{Value, json};
use wgrad::{Activation, Network, Result, wgpu};

use crate::curve::Curve;
use crate::device::Device;
use crate::files::{self, Files, Kind};
use crate::learning::Snapshot;
use crate::run::Run;
use crate::view::{self, Drawing, Original, View, Wish};
use crate::widgets::{Part, lay_out, without_arrows};
use data::{Class, Point, PointSet};
use panel::{Action, Settings, Status};
use training::Training;

/// The distance between points that one movement of the mouse draws.
const SPACING: f32 = 0.08;

/// How the network is drawn: its answers as they are, so that contours stay smooth where a pixel is large.
const DRAWING: Drawing = Drawing {
    learned: include_str!("points/learned.wgsl"),
    format: wgpu::TextureFormat::R32Float,
    shown: include_str!("points/shown.wgsl"),
};

/// What a tab goes on with on another device; by default, with XOR and new weights, paused.
#[derive(Clone, Debug)]
pub struct Kept {
    settings: Settings,
    run: Run,
    seed: u64,
    points: Vec<Point>,
    network: Option<Snapshot>,
}

impl Default for Kept {
    fn default() -> Self {
        Kept {
            settings: Settings::default(),
            run: Run::default(),
            seed: 1,
            points: PointSet::Xor.points(),
            network: None,
        }
    }
}

/// The tab's contents.
pub struct PointsTab {
    device: Device,
    settings: Settings,
    run: Run,
    training: Training,
    view: Arc<Mutex<View>>,
    curve: Curve,
    /// The seed of the weights.
    seed: u64,
    /// The hidden layers in the settings for which the network was last created, and their activation.
    applied_layers: (Vec<usize>, Activation),
    /// The last point that the current movement of the mouse drew.
    last_drawn: Option<[f32; 2]>,
}

impl PointsTab {
    /// On a device, paused.
    ///
    /// # Errors
    /// Those of the network and of its trainer.
    pub fn new(device: &Device, kept: Kept) -> Result<Self> {
        let Kept { settings, run, seed, points, network } = kept;
        // One that had diverged begins anew.
        let training = match network.and_then(|snapshot| Some((snapshot.network(&device.gpu).ok()?, snapshot))) {
            Some((network, snapshot)) => {
                let training = Training::of(network, points, &settings)?;
                training.learning().go_on_from(snapshot);
                training
            }
            None => Training::new(&device.gpu, &settings, seed, points)?,
        };
        Ok(PointsTab {
            view: view(device, training.network())?,
            device: device.clone(),
            applied_layers: settings.layers(),
            settings,
            run,
            training,
            curve: Curve::losses(),
            seed,
            last_drawn: None,
        })
    }

    /// What it can go on with on another device.
    pub fn kept(&self) -> Kept {
        Kept {
            settings: self.settings.clone(),
            run: Run::new(self.run.milliseconds),
            seed: self.seed,
            points: self.training.points().to_vec(),
            network: self.training.learning().snapshot(),
        }
    }

    /// What it shows, in short.
    pub fn status(&self) -> Value {
        let plan = self.training.learning().trainer.plan();
        let mut status = self.run.status(&self.training.description(), &plan);
        status["tab"] = json!("points");
        status
    }

    /// A frame.
    pub fn show(&mut self, ui: &mut Ui, files: &Files) {
        let result = self.poll();
        self.show_error(result);
        lay_out(ui, "points", |ui, part| match part {
            Part::Controls => self.controls(ui, files),
            Part::Canvas(room) => drop(ui.vertical_centered(|ui| self.square(ui, room.min_elem().max(50.0)))),
            Part::Curve => self.curve.show(ui),
        });
    }

    /// Takes the loss that has arrived, and chooses the steps of this frame.
    fn poll(&mut self) -> Result<()> {
        if let Some(report) = self.run.poll(&mut self.training.learning())? {
            self.curve.push_loss(report);
        }
        Ok(())
    }

    /// Shows an error in the panel until the next action, and pauses the training.
    pub fn show_error(&mut self, result: Result<()>) {
        self.run.show_error(&self.device, result, "lower the learning rate, then reset the weights");
    }

    /// Shows what was done, or what went wrong, which pauses the training.
    pub fn say(&mut self, message: std::result::Result<String, String>) {
        self.run.say(message);
    }

    fn controls(&mut self, ui: &mut Ui, files: &Files) {
        let learning_rate = self.settings.learning_rate;
        let status = Status {
            points: self.training.points(),
            network: self.training.description(),
            plan: self.training.learning().trainer.plan(),
        };
        let action = panel::show(ui, &mut self.settings, &mut self.run, &status);
        if action.is_some() {
            // In a narrow window the square was shown before.
            ui.request_repaint();
        }
        let result = self.act(action, files);
        self.show_error(result);
        let result = self.apply_settings(learning_rate, ui.input(|input| input.pointer.any_down()));
        self.show_error(result);
    }

    fn act(&mut self, action: Option<Action>, files: &Files) -> Result<()> {
        match action {
            None => {}
            Some(Action::Begin(set)) => self.begin(set.points())?,
            Some(Action::Reset) => {
                self.seed += 1;
                self.begin(self.training.points().to_vec())?;
            }
            Some(Action::Save) => files.save(self.training.network(), self.training.notes(), &self.settings.file),
            Some(Action::Load) => files.open(Kind::Network, &self.settings.file),
        }
        Ok(())
    }

    /// Goes on with the network and the points of a file, paused. What is wrong with it, the panel says.
    pub fn load(&mut self, name: &str, bytes: Result<Vec<u8>>) {
        let training = bytes.and_then(|bytes| Training::from_bytes(&self.device.gpu, &bytes, &self.settings));
        if let Err(error) = training.and_then(|training| self.replace(training)) {
            self.device.note(&error);
            self.say(Err(without_arrows(files::in_words(&error, name))));
            return;
        }
        self.settings.set_hidden(&self.training.hidden());
        self.settings.loss = self.training.loss();
        self.settings.activation = self.training.activation().unwrap_or(self.settings.activation);
        self.applied_layers = self.settings.layers();
        self.run.is_running = false;
        self.say(Ok(format!("loaded {name}")));
    }

    /// Says under which name a network was saved, or why it was not.
    pub fn show_saved(&mut self, saved: Result<String>) {
        let result = saved.map(|name| self.say(Ok(format!("saved {name}"))));
        self.show_error(result);
    }

    /// Applies changed settings.
    fn apply_settings(&mut self, learning_rate_before: f32, pointer_is_down: bool) -> Result<()> {
        if self.settings.learning_rate != learning_rate_before {
            self.training.learning().trainer.write_learning_rate(self.settings.learning_rate)?;
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
        self.replace(Training::new(&self.device.gpu, &self.settings, self.seed, points)?)
    }

    /// Replaces the training; keeps the old one if the new one cannot be drawn.
    fn replace(&mut self, training: Training) -> Result<()> {
        self.view = view(&self.device, training.network())?;
        self.training = training;
        self.run.begin_anew();
        self.curve = Curve::losses();
        Ok(())
    }

    /// Shows the surface with the points, and adds points that the mouse draws.
    fn square(&mut self, ui: &mut Ui, side: f32) {
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click_and_drag());
        let rect = rect.round_to_pixels(ui.pixels_per_point());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "surface"));
        let result = self.draw(ui, rect, &response);
        self.show_error(result);

        let wish = Wish {
            steps: self.run.steps,
            visible: Rect::from_min_size(Pos2::ZERO, Vec2::splat(1.0)),
            original: Original::default(),
            is_running: self.run.is_running,
        };
        view::add_frame(ui, rect, &self.view, &self.training.shared_learning(), wish);
        let painter = ui.painter_at(rect);
        for point in self.training.points() {
            painter.circle(on_screen(rect, point.position), 3.5, color(point.class), Stroke::new(1.0, Color32::WHITE));
        }
        if self.training.points().is_empty() {
            let text = "draw points here";
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

fn view(device: &Device, network: &Network) -> Result<Arc<Mutex<View>>> {
    Ok(Arc::new(Mutex::new(View::new(&device.render_state, network, DRAWING, Vec::new())?)))
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
