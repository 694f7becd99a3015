//! The window: its tabs, and the files that are dropped on it.

use std::path::Path;

use eframe::egui::{Align2, Color32, FontId, Id, LayerId, Order, Panel, Ui};
use eframe::egui_wgpu::RenderState;
use eframe::{CreationContext, Frame};
use wgrad::Gpu;

use crate::picture::PictureTab;
use crate::points::PointsTab;

/// What the window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Points,
    Picture,
}

/// The window's contents. A tab trains while it is shown.
pub struct App {
    render_state: RenderState,
    gpu: Gpu,
    tab: Tab,
    points: PointsTab,
    /// Made when it is first shown.
    picture: Option<PictureTab>,
}

impl App {
    /// On egui's device. Shows the points.
    ///
    /// # Errors
    /// If egui draws without wgpu; those of [`Gpu::from_wgpu`] and of the points' network.
    pub fn new(context: &CreationContext) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let render_state = context.wgpu_render_state.clone().ok_or("egui draws without wgpu")?;
        let gpu = Gpu::from_wgpu(&render_state.device, &render_state.queue)?;
        let points = PointsTab::new(&render_state, &gpu)?;
        Ok(App { render_state, gpu, tab: Tab::Points, points, picture: None })
    }

    /// Shows the tab with the picture, and takes a file as that picture. What is wrong with it, the tab says.
    pub fn open_picture(&mut self, path: &Path) {
        if let Some(picture) = self.show_picture() {
            picture.open(path);
        }
    }

    /// Turns to the tab with the picture; if it cannot be made, to the other one, which says why.
    fn show_picture(&mut self) -> Option<&mut PictureTab> {
        self.tab = Tab::Picture;
        if self.picture.is_none() {
            match PictureTab::new(&self.render_state, &self.gpu) {
                Ok(picture) => self.picture = Some(picture),
                Err(error) => {
                    self.tab = Tab::Points;
                    self.points.show_error(Err(error));
                }
            }
        }
        self.picture.as_mut()
    }

    fn show(&mut self, ui: &mut Ui) {
        let dropped = ui.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_owned()));
        if let Some(path) = dropped {
            self.open_picture(&path);
        }
        Panel::top("tabs").show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.selectable_value(&mut self.tab, Tab::Points, "Points");
                ui.selectable_value(&mut self.tab, Tab::Picture, "Picture");
            })
        });
        match self.tab {
            Tab::Points => self.points.show(ui),
            Tab::Picture => {
                if let Some(picture) = self.show_picture() {
                    picture.show(ui);
                }
            }
        }
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            invite(ui);
        }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _: &mut Frame) {
        self.show(ui);
    }
}

/// Says over everything that the file that is held may be dropped.
fn invite(ui: &Ui) {
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("invitation")));
    let window = painter.clip_rect();
    painter.rect_filled(window, 0.0, Color32::from_black_alpha(170));
    let text = "drop the picture: a network learns it";
    painter.text(window.center(), Align2::CENTER_CENTER, text, FontId::proportional(22.0), Color32::WHITE);
}
