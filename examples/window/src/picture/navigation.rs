//! What mouse, fingers, keys and buttons do to the view of the picture.

use eframe::egui::{CursorIcon, EventFilter, Key, Rect, Response, Ui, Vec2, vec2};

use super::PictureTab;
use super::camera::Camera;
use super::panel::Action;

/// The factor of a button or a key that zooms.
const ZOOM: f32 = 1.5;

/// The part of the view that an arrow key moves it by.
const MOVE: f32 = 0.1;

/// The distance at which the pointer takes hold of the line between the original and what was learned.
const REACH: f32 = 6.0;

impl PictureTab {
    /// Follows the mouse, the keys and the panel's buttons.
    pub(super) fn navigate(&mut self, ui: &mut Ui, rect: Rect, response: &Response) {
        let action = self.asked.take();
        let (picture, view, middle) = (self.picture_size(), rect.size(), Vec2::splat(0.5));
        self.drag(rect, response);
        if let Some(pointer) = response.hover_pos() {
            // What zooms does not scroll what the picture is in.
            let scrolled = ui.input_mut(|input| std::mem::take(&mut input.smooth_scroll_delta).y);
            let pinched = ui.input(|input| input.zoom_delta());
            let at = (pointer - rect.min) / view;
            self.camera.zoom_at((scrolled / 200.0).exp() * pinched, at, picture, view);
        }
        if response.clicked() {
            response.request_focus();
        }
        let mut factor = match action {
            Some(Action::ZoomIn) => ZOOM,
            Some(Action::ZoomOut) => 1.0 / ZOOM,
            _ => 1.0,
        };
        let mut shows_all = response.double_clicked() || action == Some(Action::ShowAll);
        if response.has_focus() {
            let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
            let pressed = |key| ui.input(|input| input.key_pressed(key) && !input.modifiers.command);
            if pressed(Key::Plus) || pressed(Key::Equals) {
                factor *= ZOOM;
            }
            if pressed(Key::Minus) {
                factor /= ZOOM;
            }
            shows_all |= pressed(Key::Home);
            let arrows = [
                (Key::ArrowLeft, [1, 0]),
                (Key::ArrowRight, [-1, 0]),
                (Key::ArrowUp, [0, 1]),
                (Key::ArrowDown, [0, -1]),
            ];
            for (_, [x, y]) in arrows.into_iter().filter(|&(key, _)| pressed(key)) {
                self.camera.pan(MOVE * vec2(x as f32, y as f32), picture, view);
            }
        }
        self.camera.zoom_at(factor, middle, picture, view);
        if shows_all {
            self.camera = Camera::default();
        }
    }

    /// Moves the picture, or the line between the original and what was learned.
    fn drag(&mut self, rect: Rect, response: &Response) {
        let line = rect.left() + self.settings.original / 100.0 * rect.width();
        let is_at_line = |x: f32| (1.0..100.0).contains(&self.settings.original) && (x - line).abs() < REACH;
        let is_near = response.hover_pos().is_some_and(|pointer| is_at_line(pointer.x));
        if response.drag_started() {
            let origin = response.ctx.input(|input| input.pointer.press_origin());
            self.holds_line = origin.is_some_and(|origin| is_at_line(origin.x));
        }
        if response.dragged() && self.holds_line {
            if let Some(pointer) = response.interact_pointer_pos() {
                self.settings.original = (100.0 * (pointer.x - rect.left()) / rect.width()).clamp(0.0, 100.0);
            }
        } else if response.dragged() {
            self.camera.pan(response.drag_delta() / rect.size(), self.picture_size(), rect.size());
        }
        let line_cursor = response.dragged() && self.holds_line || !response.dragged() && is_near;
        let cursor = if line_cursor { CursorIcon::ResizeHorizontal } else { CursorIcon::Grab };
        response.clone().on_hover_cursor(if response.dragged() && !line_cursor {
            CursorIcon::Grabbing
        } else {
            cursor
        });
    }
}
