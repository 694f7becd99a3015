//! Clicks in the tab with the points as a user would, and checks what it shows.

mod harness;

use eframe::egui::{PointerButton, Role};
use egui_kittest::kittest::Queryable;
use harness::{Window, difference};
use image::RgbaImage;
use wgrad::{Activation, Loss};
use wgrad_window::points::data::{Class, PointSet};
use wgrad_window::points::panel::{activations, losses};

/// The surface's colour at a point: `Some(true)` for orange, `Some(false)` for blue, `None` for neither.
fn is_orange(surface: &RgbaImage, [x, y]: [f32; 2]) -> Option<bool> {
    let [column, row] = [x, -y].map(|coordinate| 0.5 * (coordinate + 1.0));
    let column = (column * (surface.width() - 1) as f32) as u32;
    let [red, _, blue, _] = surface.get_pixel(column, (row * (surface.height() - 1) as f32) as u32).0;
    (red.abs_diff(blue) > 60).then_some(red > blue)
}

const CORNERS: [([f32; 2], bool); 4] =
    [([-0.95, -0.95], false), ([-0.95, 0.95], true), ([0.95, -0.95], true), ([0.95, 0.95], false)];

fn shows_xor(surface: &RgbaImage) -> bool {
    CORNERS.iter().all(|&(corner, orange)| is_orange(surface, corner) == Some(orange))
}

#[test]
fn a_paused_window_does_not_change_and_training_shows_the_right_classes() {
    let mut window = Window::open();
    let before = window.surface();
    window.harness.run_steps(5);
    assert_eq!(before, window.surface(), "nothing may change while paused");
    assert!(!shows_xor(&before), "it knows XOR before it has learned it");

    window.train_until(|window| shows_xor(&window.surface()));
    window.keep("xor");
    let after = window.surface();
    assert!(difference(&before, &after) > 0.5, "{}", difference(&before, &after));
    window.harness.run_steps(3);
    assert_eq!(after, window.surface(), "pause must pause");
}

#[test]
fn two_spirals_are_learned() {
    let mut window = Window::open();
    window.press("Two spirals");
    assert!(window.says("100 blue and 100 orange points"));
    let points = PointSet::Spirals.points();
    window.harness.get_by_role_and_label(Role::SpinButton, "train").set_value_accesskit(30.0);
    window.train_until(|window| {
        // Beside each point, where the surface is not hidden by it.
        let surface = window.surface();
        let right = points.iter().filter(|point| {
            let [x, y] = point.position;
            let radius = x.hypot(y);
            let outward = [x * (1.0 + 0.05 / radius), y * (1.0 + 0.05 / radius)];
            is_orange(&surface, outward) == Some(point.class == Class::Orange)
        });
        right.count() >= 190
    });
    window.keep("spirals");
}

#[test]
fn a_click_in_the_surface_adds_a_point_of_the_buttons_class() {
    let mut window = Window::open();
    window.press("Empty");
    assert!(window.says("0 blue and 0 orange points"));
    let empty = window.surface();
    window.click_at([0.5, 0.5], PointerButton::Primary);
    assert!(window.says("1 blue and 0 orange points"));
    window.click_at([-0.5, 0.5], PointerButton::Secondary);
    assert!(window.says("1 blue and 1 orange points"));
    window.press("orange");
    window.click_at([-0.5, -0.5], PointerButton::Primary);
    assert!(window.says("1 blue and 2 orange points"));
    let drawn = window.surface();
    assert_eq!(is_orange(&drawn, [0.5, 0.5]), Some(false));
    assert_eq!(is_orange(&drawn, [-0.5, -0.5]), Some(true));
    assert_eq!(is_orange(&empty, [0.5, 0.5]), None);

    // A movement draws a line of points.
    let (from, to) = (window.on_screen([-0.4, -0.8]), window.on_screen([0.4, -0.8]));
    window.harness.hover_at(from);
    window.harness.drag_at(from);
    for step in 0..=20 {
        window.harness.hover_at(from + (to - from) * (step as f32 / 20.0));
    }
    window.harness.drop_at(to);
    window.harness.run_steps(2);
    assert!(window.says("1 blue and 9 orange points"), "a line of orange points");

    window.keep("drawn");

    // Points drawn during the training are learned too.
    window.train_until(|window| is_orange(&window.surface(), [0.0, -0.9]) == Some(true));
    window.press("Train");
    window.click_at([0.9, 0.0], PointerButton::Secondary);
    window.press("Pause");
    window.train_until(|window| is_orange(&window.surface(), [0.95, 0.0]) == Some(false));
}

#[test]
fn a_saved_network_is_loaded_with_its_layers_and_points() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("xor.safetensors");
    let mut window = Window::open();
    window.set_path(&path);
    window.set("layer 1", 12.0);
    window.train_until(|window| shows_xor(&window.surface()));
    let saved = window.surface();
    window.press("Save");
    assert!(window.says("saved "));

    window.press("Ring");
    window.set("hidden layers", 1.0);
    let other = window.surface();
    assert!(difference(&saved, &other) > 0.3);
    window.press("Load");
    assert!(window.says("loaded ") && window.says("2 blue and 2 orange points") && window.says("2-12-32-1, "));
    assert_eq!(saved, window.surface());

    // A file that cannot be loaded is reported, and changes nothing.
    std::fs::write(&path, b"no network").expect("a file");
    window.press("Load");
    assert!(window.says("xor.safetensors") && !window.says("loaded "));
    assert_eq!(saved, window.surface());
}

#[test]
fn layers_can_be_chosen_and_a_diverged_training_is_reported_and_can_be_reset() {
    let mut window = Window::open();
    window.set("hidden layers", 1.0);
    window.set("layer 1", 8.0);
    assert!(window.says("2-8-1, 33 parameters"));
    window.set("hidden layers", 3.0);
    assert!(window.says("2-8-32-32-1, "));

    window.set("learning rate", 0.01);
    window.load_linear();
    window.press("Train");
    window.harness.run_steps(10);
    assert!(window.says("Pause") && !window.says("training diverged"));
    window.set("learning rate", 10.0);
    window.run_until(|window| window.says("training diverged"));
    assert!(!window.says("Pause"), "it must have paused");
    window.keep("diverged");
    window.press("Train");
    window.harness.run_steps(3);
    assert!(window.says("training diverged") && !window.says("Pause"), "it cannot continue without a reset");

    window.set("learning rate", 1.0);
    window.press("Reset weights");
    assert!(!window.says("training diverged"));
    window.train_until(|window| shows_xor(&window.surface()));
}

#[test]
fn activation_loss_and_optimizer_can_be_chosen() {
    let mut window = Window::open();
    window.set("hidden layers", 1.0); // software drivers compile its shaders sooner
    let before = window.surface();
    window.choose("activation", "tanh");
    assert!(difference(&before, &window.surface()) > 0.1, "another activation is another network");
    let chosen = window.surface();
    window.choose("loss", "huber(1)");
    window.choose("optimizer", "momentum(0.9)");
    assert_eq!(chosen, window.surface(), "loss and optimizer leave the network as it is");
    window.train_until(|window| shows_xor(&window.surface()));
    window.keep("chosen");
    let learned = window.surface();
    window.choose("loss", "binary_cross_entropy");
    window.choose("optimizer", "adamw(0.9, 0.999, 1e-8)");
    assert_eq!(learned, window.surface(), "what is learned stays");
    window.train_until(|window| shows_xor(&window.surface()));
}

#[test]
fn only_what_suits_a_single_output_is_offered() {
    assert!(activations().all(|activation| activation != Activation::Softmax));
    assert!(losses().all(|loss| !matches!(loss, Loss::CrossEntropy { .. })));
    assert!(losses().any(|loss| loss == Loss::BinaryCrossEntropy));
}
