//! The app without a window, clicked as a user would. The last pictures stay in the target folder, in `tmp`.
#![allow(dead_code)] // each test program uses only some of it

use std::collections::BTreeMap;
use std::path::Path;

use eframe::egui::{Event, Modifiers, PointerButton, Pos2, Rect, Role, Theme, Vec2, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions};
use egui_kittest::kittest::Queryable;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state};
use egui_kittest::{Harness, HarnessBuilder, Node};
use image::RgbaImage;
use wgrad::{Gpu, Mlp, Network};
use wgrad_window::app::Kept;
use wgrad_window::look::background;
use wgrad_window::points::data::{PointSet, to_text};
use wgrad_window::{App, device};

/// How many frames a training may take before a test gives up.
pub const MOST_FRAMES: usize = 400;

pub struct Window {
    pub harness: Harness<'static, App>,
}

impl Window {
    /// The window as it opens: XOR, paused. Every frame is drawn, as in a real window, so that its training steps are
    /// submitted.
    pub fn open() -> Self {
        Window::open_with(vec2(600.0, 800.0), Theme::Dark)
    }

    pub fn open_with(size: Vec2, theme: Theme) -> Self {
        let render_state = create_render_state(device::setup(), RendererOptions::PREDICTABLE);
        let builder = Harness::builder().with_size(size).with_theme(theme).with_render_every_step(true);
        Window::build(builder, render_state, Kept::default(), |_| {})
    }

    /// The window on a device, going on with what was kept, and who is to be told when the device is lost. A frame is drawn
    /// only when a test asks for it: on a lost device a picture cannot be had.
    pub fn open_on(render_state: RenderState, kept: Kept, lost: impl Fn(Kept) + 'static) -> Self {
        Window::build(Harness::builder().with_size(vec2(600.0, 800.0)), render_state, kept, lost)
    }

    fn build(
        builder: HarnessBuilder<App>,
        render_state: RenderState,
        kept: Kept,
        lost: impl Fn(Kept) + 'static,
    ) -> Self {
        let builder = builder.with_render_cursor(false).with_step_dt(1.0 / 60.0);
        let harness = builder.renderer(WgpuTestRenderer::from_render_state(render_state)).build_eframe(|context| {
            App::new(context, kept, Box::new(move |_, kept| lost(kept))).expect("a device that wgrad can use")
        });
        Window { harness }
    }

    pub fn node<'a>(&'a self, label: &'a str) -> Node<'a> {
        self.harness.get_by_label(label)
    }

    pub fn says(&self, part: &str) -> bool {
        self.harness.query_all_by_label_contains(part).next().is_some()
    }

    pub fn press(&mut self, label: &str) {
        self.node(label).click();
        self.harness.run_steps(2);
    }

    /// Sets a slider's value.
    pub fn set(&mut self, label: &str, value: f64) {
        self.harness.get_by_role_and_label(Role::Slider, label).set_value_accesskit(value);
        self.harness.run_steps(2);
    }

    /// Chooses an entry of a list.
    pub fn choose(&mut self, list: &str, entry: &str) {
        self.harness.get_by_role_and_label(Role::ComboBox, list).click();
        self.harness.run_steps(3);
        self.press(entry);
        self.harness.run_steps(3);
    }

    /// Enters the path of a file.
    pub fn set_path(&mut self, path: &Path) {
        self.node("path").set_text_value_accesskit(path.to_str().expect("a path in Unicode"));
        self.harness.run_steps(2);
    }

    /// Loads a network from a file, whose loss, without a sigmoid at its end, does not stay finite at a learning rate of 10.
    pub fn load_linear(&mut self) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("linear.safetensors");
        let gpu = Gpu::headless().expect("a device");
        let network = Network::new(&gpu, &Mlp::inputs(2).linear(8).sigmoid().linear(1), 1).expect("a network");
        let notes = BTreeMap::from([("points".to_owned(), to_text(&PointSet::Xor.points()))]);
        network.save_with_notes(&path, &notes).expect("a file");
        self.set_path(&path);
        self.press("Load");
    }

    pub fn square(&self) -> Rect {
        self.node("surface").rect()
    }

    /// Turns to a tab.
    pub fn turn_to(&mut self, tab: &str) {
        self.harness.get_by_role_and_label(Role::Button, tab).click();
        self.harness.run_steps(2);
    }

    /// The window position of a point in the square.
    pub fn on_screen(&self, [x, y]: [f32; 2]) -> Pos2 {
        let square = self.square();
        square.center() + 0.5 * square.size() * vec2(x, -y)
    }

    pub fn click_at(&mut self, point: [f32; 2], button: PointerButton) {
        let pos = self.on_screen(point);
        self.harness.hover_at(pos);
        for pressed in [true, false] {
            self.harness.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
        }
        self.harness.run_steps(2);
    }

    /// Trains until `done`.
    pub fn train_until(&mut self, done: impl FnMut(&mut Self) -> bool) {
        self.press("Train");
        self.run_until(done);
    }

    pub fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..MOST_FRAMES {
            self.harness.step();
            if done(self) {
                // An error has paused it already.
                if self.says("Pause") {
                    self.press("Pause");
                }
                return;
            }
        }
        self.keep("given-up");
        panic!("not in {MOST_FRAMES} frames");
    }

    /// Saves a picture of the window, for people to look at.
    pub fn keep(&mut self, name: &str) {
        let mut picture = self.harness.render().expect("a picture");
        let [red, green, blue, _] = background(self.harness.ctx.theme()).to_array();
        for pixel in picture.pixels_mut() {
            let rest = 255 - u16::from(pixel.0[3]);
            let over = |of: u8, under: u8| (u16::from(of) + u16::from(under) * rest / 255).min(255) as u8;
            pixel.0 = [over(pixel.0[0], red), over(pixel.0[1], green), over(pixel.0[2], blue), 255];
        }
        picture.save(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"))).expect("a file");
    }

    /// A picture of the square; while nothing is trained, when all of it is drawn.
    pub fn surface(&mut self) -> RgbaImage {
        if !self.says("Pause") {
            self.finish();
        }
        self.cut_out(self.square())
    }

    /// Goes on until nothing is to be painted again at once.
    pub fn finish(&mut self) {
        for _ in 0..MOST_FRAMES {
            self.harness.step();
            let mut viewports = self.harness.output().viewport_output.values();
            if viewports.all(|viewport| !viewport.repaint_delay.is_zero()) {
                return;
            }
        }
        panic!("it is not drawn after {MOST_FRAMES} frames");
    }

    /// A picture of a part of the window.
    pub fn cut_out(&mut self, square: Rect) -> RgbaImage {
        let picture = self.harness.render().expect("a picture");
        let [left, top] = [square.left(), square.top()].map(|edge| edge.ceil() as u32);
        let [right, bottom] = [square.right(), square.bottom()].map(|edge| edge.floor() as u32);
        image::imageops::crop_imm(&picture, left, top, right - left, bottom - top).to_image()
    }
}

/// The fraction of the pixels that differ visibly.
pub fn difference(one: &RgbaImage, other: &RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    assert!(one.width() > 250 && one.height() > 250, "{:?}", one.dimensions());
    let differ = one.pixels().zip(other.pixels()).filter(|(a, b)| (0..3).any(|i| a.0[i].abs_diff(b.0[i]) > 8)).count();
    differ as f64 / f64::from(one.width() * one.height())
}
