//! What the panels of both tabs have.

use std::fmt::Display;

use eframe::egui::{CentralPanel, Color32, ComboBox, Grid, Panel, ScrollArea, Ui, Vec2, vec2};
use wgrad::Error;

use crate::look;

/// The width of a panel.
const PANEL: f32 = 270.0;

/// In a window narrower than this, such as a phone's, a panel would leave too little beside it.
const NARROW: f32 = 560.0;

/// The height of a curve.
const CURVE: f32 = 150.0;

/// The space above a curve.
const GAP: f32 = 10.0;

/// A part of a tab.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Settings, actions and status.
    Controls,
    /// What the network answers, in so much room.
    Canvas(Vec2),
    /// How well it does.
    Curve,
}

/// Whether the window is too narrow for a panel.
pub fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < NARROW
}

/// Shows the parts of a tab: the controls in a panel on the left, or in a narrow window all below one another.
pub fn lay_out(ui: &mut Ui, tab: &'static str, mut show: impl FnMut(&mut Ui, Part)) {
    if is_narrow(ui) {
        look::widen(ui);
        let height = ui.available_height();
        CentralPanel::default().show(ui, |ui| {
            ScrollArea::vertical().id_salt(tab).show(ui, |ui| {
                let width = ui.available_width();
                show(ui, Part::Canvas(vec2(width, width.min(0.55 * height))));
                ui.add_space(GAP);
                show(ui, Part::Controls);
                ui.add_space(GAP);
                ui.allocate_ui(vec2(width, CURVE), |ui| show(ui, Part::Curve));
            })
        });
        return;
    }
    Panel::left(tab).exact_size(PANEL).resizable(false).show(ui, |ui| {
        ScrollArea::vertical().show(ui, |ui| show(ui, Part::Controls));
    });
    CentralPanel::default().show(ui, |ui| {
        let room = ui.available_size();
        show(ui, Part::Canvas(vec2(room.x, room.y - CURVE - GAP).max(Vec2::splat(50.0))));
        ui.add_space(GAP);
        show(ui, Part::Curve);
    });
}

/// A list to choose from. Returns whether another entry was chosen.
pub fn choose<T: Copy + PartialEq + Display>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut T,
    entries: impl Iterator<Item = T>,
) -> bool {
    let before = *chosen;
    ComboBox::from_label(name).selected_text(chosen.to_string()).show_ui(ui, |ui| {
        for entry in entries {
            ui.selectable_value(chosen, entry, entry.to_string());
        }
    });
    *chosen != before
}

/// Names and their values.
pub fn table<const ROWS: usize>(ui: &mut Ui, rows: [(&str, String); ROWS]) {
    Grid::new("report").show(ui, |ui| {
        for (name, value) in rows {
            ui.label(name);
            ui.monospace(value);
            ui.end_row();
        }
    });
}

/// A value that may not have arrived yet.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or("–".to_owned(), |value| value.to_string())
}

/// What was done last, or what went wrong.
pub fn message(ui: &mut Ui, message: Result<&str, &str>) {
    let red = if ui.visuals().dark_mode { Color32::from_rgb(240, 110, 90) } else { Color32::from_rgb(170, 40, 20) };
    match message {
        Ok("") => {}
        Ok(text) => drop(ui.label(text)),
        Err(text) => drop(ui.colored_label(red, text)),
    }
}

/// An error in words; `way_out` of a training that diverged.
pub fn in_words(error: &Error, way_out: &str) -> String {
    match error {
        Error::Diverged { step, .. } => format!("training diverged before step {step}: {way_out}"),
        error => without_arrows(error.to_string()),
    }
}

/// A network's description has arrows, which egui's font lacks.
pub fn without_arrows(text: String) -> String {
    text.replace('→', "->")
}
