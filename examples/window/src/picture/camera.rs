//! Which part of the picture is seen. Places in the picture are fractions of its sides, from 0 to 1.

use eframe::egui::{Rect, Vec2, vec2};

/// The most points of the window that a pixel of the picture can take.
const CLOSEST: f32 = 64.0;

/// A place in the picture and how close it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The place in the middle of the view.
    centre: Vec2,
    /// 1: the whole picture just fits the view.
    zoom: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Camera { centre: vec2(0.5, 0.5), zoom: 1.0 }
    }
}

impl Camera {
    /// How much closer than the whole picture.
    pub fn zoom(&self) -> f32 {
        self.zoom
    }

    /// The part of a picture that a view of this size shows, the sizes in pixels and in points: larger than the picture along a
    /// side where that fits.
    pub fn visible(&self, picture: Vec2, view: Vec2) -> Rect {
        let points_per_pixel = fit(picture, view) * self.zoom;
        Rect::from_center_size(self.centre.to_pos2(), view / (points_per_pixel * picture))
    }

    /// Comes closer by a factor. What is at `at`, a fraction of the view's sides, stays there.
    pub fn zoom_at(&mut self, factor: f32, at: Vec2, picture: Vec2, view: Vec2) {
        let before = self.visible(picture, view).size();
        let closest = (CLOSEST / fit(picture, view)).max(1.0);
        self.zoom = (self.zoom * factor).clamp(1.0, closest);
        let after = self.visible(picture, view).size();
        self.centre += (at - Vec2::splat(0.5)) * (before - after);
        self.keep_inside(after);
    }

    /// Moves what is seen by fractions of the view's sides.
    pub fn pan(&mut self, by: Vec2, picture: Vec2, view: Vec2) {
        let seen = self.visible(picture, view).size();
        self.centre -= by * seen;
        self.keep_inside(seen);
    }

    /// Moves the centre so that no more than need be beside the picture is seen.
    fn keep_inside(&mut self, seen: Vec2) {
        let keep = |centre: f32, seen: f32| if seen >= 1.0 { 0.5 } else { centre.clamp(0.5 * seen, 1.0 - 0.5 * seen) };
        self.centre = vec2(keep(self.centre.x, seen.x), keep(self.centre.y, seen.y));
    }
}

/// The points of the window per pixel of a picture that just fits.
fn fit(picture: Vec2, view: Vec2) -> f32 {
    (view / picture).min_elem()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Vec2 = vec2(400.0, 100.0);
    const VIEW: Vec2 = vec2(200.0, 200.0);

    /// The place in the picture at a fraction of the view's sides.
    fn place(camera: &Camera, at: Vec2) -> Vec2 {
        camera.visible(PICTURE, VIEW).lerp_inside(at).to_vec2()
    }

    #[test]
    fn the_whole_picture_fits_with_its_sides_in_proportion() {
        let visible = Camera::default().visible(PICTURE, VIEW);
        assert_eq!((visible.min.x, visible.max.x, visible.min.y, visible.max.y), (0.0, 1.0, -1.5, 2.5));
    }

    #[test]
    fn what_is_under_the_pointer_stays_there() {
        let mut camera = Camera::default();
        // Until the picture is as high as the view, its middle stays in the middle.
        camera.zoom_at(5.0, vec2(0.5, 0.5), PICTURE, VIEW);
        let at = vec2(0.3, 0.8);
        let before = place(&camera, at);
        camera.zoom_at(3.0, at, PICTURE, VIEW);
        assert!((place(&camera, at) - before).length() < 1e-5);
        assert_eq!(camera.zoom(), 15.0);
        let before = place(&camera, at);
        camera.pan(vec2(0.1, -0.2), PICTURE, VIEW);
        assert!((place(&camera, at + vec2(0.1, -0.2)) - before).length() < 1e-5);
    }

    #[test]
    fn nothing_but_the_picture_is_shown_where_that_fills_the_view() {
        let mut camera = Camera::default();
        camera.zoom_at(1e9, vec2(0.0, 0.0), PICTURE, VIEW);
        assert_eq!(camera.zoom(), CLOSEST / 0.5);
        camera.pan(vec2(1e6, -1e6), PICTURE, VIEW);
        let visible = camera.visible(PICTURE, VIEW);
        assert!(visible.min.x.abs() < 1e-6 && (visible.max.y - 1.0).abs() < 1e-6, "{visible:?}");
        camera.zoom_at(1e-9, vec2(0.7, 0.2), PICTURE, VIEW);
        assert_eq!(camera, Camera::default());
    }
}
