//! The window: its tabs, the files that come, and what becomes of it when the device is lost.

use std::time::Duration;

use eframe::egui::{Align2, Color32, Context, FontId, Id, LayerId, Order, Panel, Theme, Ui, Visuals};
use eframe::{CreationContext, Frame};
use serde_json::{Value, json};
use web_time::Instant;

use crate::device::Device;
use crate::files::{Arrival, Files, Kind};
use crate::look;
use crate::picture::{self, PictureTab};
use crate::points::{self, PointsTab};
use crate::widgets::is_narrow;

/// A device that lasts no longer than this after another was lost is not tried again without being asked.
const SOON: Duration = Duration::from_secs(10);

/// What the window shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// A network that learns points.
    #[default]
    Points,
    /// A network that learns a picture.
    Picture,
}

/// What a window goes on with on another device; by default, as it opens at first.
#[derive(Clone, Default)]
pub struct Kept {
    /// That the device was lost, and why.
    pub lost: Option<String>,
    /// Whether that device had lasted only for moments, after another had been lost.
    pub is_hopeless: bool,
    tab: Tab,
    points: points::Kept,
    picture: Option<picture::Kept>,
}

/// What to do when the device is lost: begin anew, on another device, with what is kept.
pub type Again = Box<dyn Fn(&Context, Kept)>;

/// The window's contents. A tab trains while it is shown.
pub struct App {
    device: Device,
    files: Files,
    tab: Tab,
    points: PointsTab,
    /// Made when it is first shown.
    picture: Option<PictureTab>,
    again: Option<Again>,
    /// Whether it goes on from another device, and since when.
    is_another: bool,
    since: Instant,
    frames: Frames,
}

/// The frames so far, and the time from one to the next: an exponential moving average.
#[derive(Default)]
struct Frames {
    count: u64,
    seconds: f32,
}

impl Frames {
    fn count(&mut self, seconds: f32) {
        self.count += 1;
        self.seconds += 0.1 * (seconds - self.seconds);
    }
}

impl App {
    /// On egui's device. Shows the points, or goes on with what was kept.
    ///
    /// # Errors
    /// Those of [`Device::of`] and of the points' network.
    pub fn new(
        context: &CreationContext,
        kept: Kept,
        again: Again,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let device = Device::of(context)?;
        look::set(&context.egui_ctx);
        let mut app = App {
            points: PointsTab::new(&device, kept.points)?,
            files: Files::new(&context.egui_ctx),
            device,
            tab: kept.tab,
            picture: None,
            again: Some(again),
            is_another: kept.lost.is_some(),
            since: Instant::now(),
            frames: Frames::default(),
        };
        let lost = kept.lost.map(|lost| format!("{lost}. Another one goes on: press Train"));
        lost.iter().for_each(|words| app.points.say(Err(words.clone())));
        if let Some(picture) = kept.picture {
            app.make_picture(picture);
        }
        if let (Some(words), Some(picture)) = (lost, &mut app.picture) {
            picture.say(Err(words));
        }
        Ok(app)
    }

    /// Takes the file at a path as the picture. What is wrong with it, the tab with the picture says.
    pub fn open_picture(&self, path: &str) {
        self.files.open(Kind::Picture, path);
    }

    /// What the shown tab shows, in short, how many frames there were, and the time from one to the next on average.
    pub fn status(&self) -> Value {
        let mut status = match (self.tab, &self.picture) {
            (Tab::Picture, Some(picture)) => picture.status(),
            _ => self.points.status(),
        };
        status["adapter"] = json!(self.device.gpu.description());
        status["frames"] = json!(self.frames.count);
        status["milliseconds_per_frame"] = json!(1e3 * self.frames.seconds);
        status
    }

    /// Turns to the tab with the picture; if it cannot be made, to the other one, which says why.
    fn show_picture(&mut self) -> Option<&mut PictureTab> {
        self.tab = Tab::Picture;
        if self.picture.is_none() {
            self.make_picture(picture::Kept::first(&self.device));
        }
        self.picture.as_mut()
    }

    fn make_picture(&mut self, kept: picture::Kept) {
        match PictureTab::new(&self.device, kept) {
            Ok(picture) => self.picture = Some(picture),
            Err(error) => {
                self.tab = Tab::Points;
                self.points.show_error(Err(error));
            }
        }
    }

    fn show(&mut self, ui: &mut Ui) {
        self.frames.count(ui.input(|input| input.unstable_dt));
        if self.device.lost().is_some() {
            // Nothing is painted: egui's renderer panics where a lost device gives it no memory.
            self.begin_again(ui.ctx());
            return;
        }
        Panel::top("tabs").show(ui, |ui| {
            if is_narrow(ui) {
                look::widen(ui);
            }
            ui.horizontal(|ui| {
                ui.selectable_value(&mut self.tab, Tab::Points, "Points");
                ui.selectable_value(&mut self.tab, Tab::Picture, "Picture");
            })
        });
        self.show_tab(ui);
        if let Some(file) = ui.input(|input| input.raw.dropped_files.first().cloned()) {
            self.files.open_dropped(&file);
        }
        while let Some(arrival) = self.files.take() {
            self.receive(arrival);
        }
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            invite(ui);
        }
        if self.device.lost().is_some() {
            // It was noticed since: what was drawn so far is thrown away.
            ui.ctx().request_discard("the device was lost");
        }
    }

    fn show_tab(&mut self, ui: &mut Ui) {
        if self.tab == Tab::Picture {
            self.show_picture();
        }
        match (self.tab, &mut self.picture) {
            (Tab::Picture, Some(picture)) => picture.show(ui, &self.files),
            _ => self.points.show(ui, &self.files),
        }
    }

    fn receive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Saved(result) => self.points.show_saved(result),
            Arrival::Opened { kind: Kind::Network, name, bytes } => {
                self.tab = Tab::Points;
                self.points.load(&name, bytes);
            }
            Arrival::Opened { kind: Kind::Picture, name, bytes } => {
                if let Some(picture) = self.show_picture() {
                    picture.open(&name, bytes);
                }
            }
        }
    }

    /// Hands over what is kept, once.
    fn begin_again(&mut self, context: &Context) {
        let Some(again) = self.again.take() else { return };
        let kept = Kept {
            lost: self.device.lost().map(str::to_owned),
            is_hopeless: self.is_another && self.since.elapsed() < SOON,
            tab: self.tab,
            points: self.points.kept(),
            picture: self.picture.as_ref().map(PictureTab::kept),
        };
        again(context, kept);
    }
}

impl eframe::App for App {
    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        look::background(Theme::from_dark_mode(visuals.dark_mode)).to_normalized_gamma_f32()
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut Frame) {
        self.show(ui);
    }
}

/// Says over everything that the file that is held may be dropped.
fn invite(ui: &Ui) {
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("invitation")));
    let window = painter.clip_rect();
    painter.rect_filled(window, 0.0, Color32::from_black_alpha(170));
    let text = "drop a picture: a network learns it;\nor drop a saved network";
    painter.text(window.center(), Align2::CENTER_CENTER, text, FontId::proportional(22.0), Color32::WHITE);
}
