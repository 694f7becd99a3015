//! A tab: a network learns a picture. A panel on the left, what was learned, at any scale, and its quality below.

pub mod camera;
mod navigation;
pub mod original;
pub mod panel;
pub mod quality;
pub mod training;

use std::path::Path;
use std::sync::{Arc, Mutex};

use eframe::egui::{Color32, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};
use eframe::emath::GuiRounding;
use serde_json::{Value, json};
use wgrad::{Result, wgpu};

use crate::coordinate_network::Kind;
use crate::curve::Curve;
use crate::device::Device;
use crate::files::{self, Files};
use crate::learning::Snapshot;
use crate::lock::lock;
use crate::pixels::Pixels;
use crate::run::Run;
use crate::view::{self, Drawing, Original, View, Wish};
use crate::widgets::{Part, lay_out};
use camera::Camera;
use panel::{Action, SMALLEST_BATCH_LOG2, Settings, Status};
use training::{Source, Training};

/// The side of the picture that the program draws.
const DRAWN: usize = 512;

/// How the network is drawn: its answers are colours.
pub const DRAWING: Drawing = Drawing {
    learned: include_str!("picture/learned.wgsl"),
    format: wgpu::TextureFormat::Rgba8Unorm,
    shown: include_str!("picture/shown.wgsl"),
};

/// What a tab goes on with on another device.
#[derive(Clone)]
pub struct Kept {
    settings: Settings,
    run: Run,
    pixels: Arc<Pixels>,
    network: Option<Snapshot>,
}

impl Kept {
    /// What a tab begins with: a picture that the program draws, and new weights. Without a GPU, with smaller batches.
    pub fn first(device: &Device) -> Self {
        let mut settings = Settings::default();
        if device.gpu.adapter_info().device_type == wgpu::DeviceType::Cpu {
            settings.batch_log2 = SMALLEST_BATCH_LOG2;
        }
        Kept { settings, run: Run::default(), pixels: Arc::new(Pixels::draw(DRAWN)), network: None }
    }
}

/// The tab's contents.
pub struct PictureTab {
    device: Device,
    settings: Settings,
    run: Run,
    source: Source,
    training: Training,
    view: Arc<Mutex<View>>,
    camera: Camera,
    curve: Curve,
    decibels: Option<f64>,
    /// What the panel asked the view for.
    asked: Option<Action>,
    /// The settings for which the network was last created.
    applied: (Kind, u64),
    /// The batch size of the trainer.
    applied_batch: usize,
    /// Whether the pointer moves the line between the original and what was learned.
    holds_line: bool,
}

impl PictureTab {
    /// On a device, paused.
    ///
    /// # Errors
    /// Those of the network and of its trainer.
    pub fn new(device: &Device, kept: Kept) -> Result<Self> {
        let Kept { settings, run, pixels, network } = kept;
        let source = Source::new(&device.gpu, pixels)?;
        // One that had diverged begins anew.
        let training = match network.and_then(|snapshot| Some((snapshot.network(&device.gpu).ok()?, snapshot))) {
            Some((network, snapshot)) => {
                let training = Training::of(network, &source, &settings)?;
                training.learning().go_on_from(snapshot);
                training
            }
            None => Training::new(&device.gpu, &source, &settings)?,
        };
        Ok(PictureTab {
            view: view(device, &training, &source)?,
            device: device.clone(),
            applied: (settings.kind, settings.seed),
            applied_batch: settings.batch(),
            settings,
            run,
            source,
            training,
            camera: Camera::default(),
            curve: Curve::decibels(),
            decibels: None,
            asked: None,
            holds_line: false,
        })
    }

    /// What it can go on with on another device.
    pub fn kept(&self) -> Kept {
        Kept {
            settings: self.settings.clone(),
            run: Run::new(self.run.milliseconds),
            pixels: self.source.pixels.clone(),
            network: self.training.learning().snapshot(),
        }
    }

    /// What it shows, in short.
    pub fn status(&self) -> Value {
        let plan = self.training.learning().trainer.plan();
        let mut status = self.run.status(&self.training.description(), &plan);
        status["tab"] = json!("picture");
        status["decibels"] = json!(self.decibels);
        status
    }

    /// Takes a file as the picture, and begins to learn it. If that is not possible the tab says why, and keeps the one it has.
    pub fn open(&mut self, name: &str, bytes: Result<Vec<u8>>) {
        let limits = self.device.gpu.device().limits();
        let most_bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let check = |size| check_size(size, limits.max_texture_dimension_2d, most_bytes);
        let read = bytes.map_err(|error| error.to_string());
        let pixels = read.and_then(|bytes| Pixels::read(name, &bytes, check).map_err(|error| error.to_string()));
        let taken = pixels.and_then(|pixels| self.take(pixels).map_err(|error| format!("{name}: {error}")));
        self.run.is_running |= taken.is_ok();
        self.say(taken.map(|()| format!("learning {name}")));
    }

    fn take(&mut self, pixels: Pixels) -> Result<()> {
        let source = Source::new(&self.device.gpu, Arc::new(pixels))?;
        let training = Training::new(&self.device.gpu, &source, &self.settings)?;
        (self.view, self.camera) = (view(&self.device, &training, &source)?, Camera::default());
        self.source = source;
        self.replace(training);
        Ok(())
    }

    /// A frame.
    pub fn show(&mut self, ui: &mut Ui, files: &Files) {
        let result = self.poll();
        self.show_error(result);
        lay_out(ui, "picture", |ui, part| match part {
            Part::Controls => self.controls(ui, files),
            Part::Canvas(room) => self.canvas(ui, room),
            Part::Curve => self.curve.show(ui),
        });
    }

    /// Takes what has arrived, and chooses the steps of this frame.
    fn poll(&mut self) -> Result<()> {
        let mut learning = self.training.learning();
        if let Some((step, decibels)) = learning.quality.as_mut().and_then(|quality| quality.take()) {
            self.curve.push(step, decibels);
            self.decibels = Some(decibels);
        }
        self.run.poll(&mut learning)?;
        Ok(())
    }

    /// Shows an error in the panel until the next action, and pauses the training.
    fn show_error(&mut self, result: Result<()>) {
        self.run.show_error(&self.device, result, "press Restart, or choose another seed or a larger batch");
    }

    /// Shows what was done, or what went wrong, which pauses the training.
    pub fn say(&mut self, message: std::result::Result<String, String>) {
        self.run.say(message);
    }

    fn controls(&mut self, ui: &mut Ui, files: &Files) {
        let Pixels { name, width, height, .. } = &*self.source.pixels;
        let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
        let plan = self.training.learning().trainer.plan();
        let status = Status {
            picture: format!("{name}, {width} × {height}"),
            network: self.training.description(),
            plan,
            decibels: self.decibels,
            zoom: self.camera.zoom(),
        };
        let action = panel::show(ui, &mut self.settings, &mut self.run, &status);
        if action == Some(Action::Open) {
            files.open(files::Kind::Picture, "");
        }
        if action.is_some() {
            self.asked = action;
            // In a narrow window the picture was shown before.
            ui.request_repaint();
        }
        let result = self.apply_settings(action, ui.input(|input| input.pointer.any_down()));
        self.show_error(result);
    }

    /// Applies changed settings; sliders when they are released.
    fn apply_settings(&mut self, action: Option<Action>, pointer_is_down: bool) -> Result<()> {
        let wanted = (self.settings.kind, self.settings.seed);
        if action == Some(Action::Restart) || !pointer_is_down && wanted != self.applied {
            self.applied = wanted;
            let training = Training::new(&self.device.gpu, &self.source, &self.settings)?;
            lock(&self.view).replace_network(training.network())?;
            self.replace(training);
        } else if !pointer_is_down && self.settings.batch() != self.applied_batch {
            self.applied_batch = self.settings.batch();
            let training = self.training.trained_by(&self.source, &self.settings)?;
            // The same network, after other steps.
            lock(&self.view).forget();
            self.replace(training);
        }
        Ok(())
    }

    fn replace(&mut self, training: Training) {
        self.applied_batch = self.settings.batch();
        self.training = training;
        self.run.begin_anew();
        self.curve = Curve::decibels();
        self.decibels = None;
    }

    /// Shows the picture, and moves what is seen of it.
    fn canvas(&mut self, ui: &mut Ui, room: Vec2) {
        let (rect, response) = ui.allocate_exact_size(room, Sense::click_and_drag());
        let rect = rect.round_to_pixels(ui.pixels_per_point());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "picture"));
        self.navigate(ui, rect, &response);

        let visible = self.camera.visible(self.picture_size(), rect.size());
        let original = Original { part: self.settings.original / 100.0, is_smooth: self.settings.is_smooth };
        let wish = Wish { steps: self.run.steps, visible, original, is_running: self.run.is_running };
        view::add_frame(ui, rect, &self.view, &self.training.shared_learning(), wish);

        let painter = ui.painter_at(rect);
        let x = rect.left() + original.part * rect.width();
        let picture = rect.intersect(on_screen(rect, visible));
        if picture.x_range().contains(x) && original.part > 0.0 && original.part < 1.0 {
            painter.vline(x, picture.y_range(), Stroke::new(3.0, Color32::BLACK));
            painter.vline(x, picture.y_range(), Stroke::new(1.0, Color32::WHITE));
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 0.0, ui.visuals().selection.stroke, StrokeKind::Inside);
        }
    }

    fn picture_size(&self) -> Vec2 {
        vec2(self.source.pixels.width as f32, self.source.pixels.height as f32)
    }
}

fn view(device: &Device, training: &Training, source: &Source) -> Result<Arc<Mutex<View>>> {
    let original = original::bindings(&device.render_state, &source.pixels);
    Ok(Arc::new(Mutex::new(View::new(&device.render_state, training.network(), DRAWING, original)?)))
}

/// Where the whole picture is in the window, of which `visible` is seen in `rect`.
fn on_screen(rect: Rect, visible: Rect) -> Rect {
    let place = |at: Vec2| rect.min + (at - visible.min.to_vec2()) / visible.size() * rect.size();
    Rect::from_min_max(place(Vec2::ZERO), place(Vec2::splat(1.0)))
}

/// Refuses a picture that the device cannot take, in words.
fn check_size([width, height]: [usize; 2], most_side: u32, most_bytes: u64) -> std::result::Result<(), String> {
    let most_pixels = most_bytes / 12; // three f32
    if width.max(height) as u64 > most_side.into() || width as u64 * height as u64 > most_pixels {
        let most = most_pixels as f64 / 1e6;
        return Err(format!(
            "it is {width} × {height} pixels, too large: at most {most_side} along a side, and {most:.1} million together"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_whole_picture_follows_from_what_is_seen() {
        let rect = Rect::from_min_size(eframe::egui::pos2(10.0, 20.0), vec2(200.0, 100.0));
        let visible = Rect::from_min_size(eframe::egui::pos2(-0.5, 0.25), vec2(2.0, 0.5));
        let whole = on_screen(rect, visible);
        assert_eq!((whole.left(), whole.right(), whole.top(), whole.bottom()), (60.0, 160.0, -30.0, 170.0));
    }

    #[test]
    fn pictures_that_the_device_cannot_take_are_refused_in_words() {
        assert_eq!(check_size([8192, 1000], 8192, 1 << 27), Ok(()));
        for size in [[8193, 1], [1, 8193], [4000, 4000]] {
            let error = check_size(size, 8192, 1 << 27).unwrap_err();
            assert!(error.contains("too large: at most 8192 along a side, and 11.2 million together"), "{error}");
        }
    }
}
