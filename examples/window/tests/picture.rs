//! Drops files in the tab with the picture, clicks and zooms as a user would, and checks what it shows.

mod harness;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{
    DroppedFile, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, Rect, Role, Theme, TouchPhase, vec2,
};
use egui_kittest::kittest::Queryable;
use harness::{Window, difference};
use image::{Rgb, RgbImage, RgbaImage};

/// The tab as it opens: the picture that the program draws, paused, small batches.
fn open() -> Window {
    let mut window = Window::open();
    window.turn_to("Picture");
    window.set("batch size", 10.0);
    window
}

fn view(window: &Window) -> Rect {
    window.harness.get_by_role_and_label(Role::Canvas, "picture").rect()
}

/// What the view shows, when all of it is drawn.
fn shown(window: &mut Window) -> RgbaImage {
    window.finish();
    window.cut_out(view(window))
}

/// The peak signal-to-noise ratio that the panel says.
fn decibels(window: &Window) -> Option<f64> {
    let text = window.harness.query_by_label_contains(" dB")?.value()?;
    text.trim_end_matches(" dB").parse().ok()
}

/// A file that is dropped.
#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn drop_file(window: &mut Window, path: &Path) {
    window.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
    window.harness.run_steps(3);
}

fn scroll(window: &mut Window, at: Pos2, y: f32) {
    window.harness.hover_at(at);
    let delta = vec2(0.0, y);
    let modifiers = Modifiers::NONE;
    window.harness.event(Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta,
        phase: TouchPhase::Move,
        modifiers,
        source: MouseWheelSource::Wheel,
    });
    window.harness.run_steps(30);
}

/// The mean colour of a quarter of the width from this eighth on, at half the height: single pixels are noisy while a network learns.
fn mean(picture: &RgbaImage, eighth: u32) -> [u8; 3] {
    let (width, height) = picture.dimensions();
    let patch =
        image::imageops::crop_imm(picture, width * eighth / 8, height * 7 / 16, width / 4, height / 8).to_image();
    let pixels = u64::from(patch.width() * patch.height());
    [0, 1, 2].map(|i| (patch.pixels().map(|pixel| u64::from(pixel.0[i])).sum::<u64>() / pixels) as u8)
}

fn is_near(pixel: [u8; 3], rgb: [u8; 3], tolerance: u8) -> bool {
    (0..3).all(|i| pixel[i].abs_diff(rgb[i]) <= tolerance)
}

#[test]
fn a_picture_is_learned_and_pausing_pauses() {
    let mut window = open();
    window.run_until(|window| decibels(window).is_some());
    let (first, before) = (decibels(&window).unwrap(), shown(&mut window));
    window.train_until(|window| decibels(window).is_some_and(|decibels| decibels > first + 6.0));
    let after = shown(&mut window);
    window.keep("picture");
    assert!(difference(&before, &after) > 0.5);
    window.harness.run_steps(3);
    assert!(after == window.cut_out(view(&window)), "pause must pause");

    // Beside the original.
    window.set("original", 50.0);
    let both = shown(&mut window);
    window.keep("picture-both");
    let half =
        |of: &RgbaImage, left: u32| image::imageops::crop_imm(of, left, 0, of.width() / 2 - 4, of.height()).to_image();
    let right = both.width() / 2 + 4;
    assert!(half(&both, right) == half(&after, right), "what was learned stays on the right");
    assert!(half(&both, 0) != half(&after, 0), "and the original is on the left");

    // Other weights, as at first.
    window.set("original", 0.0);
    window.press("Restart");
    assert!(shown(&mut window) == before);
}

#[test]
fn every_encoding_and_batch_size_trains() {
    let mut window = open();
    for encoding in ["frequency", "none"] {
        window.choose("encoding", encoding);
        window.run_until(|window| decibels(window).is_some());
        let first = decibels(&window).unwrap();
        window.train_until(|window| decibels(window).is_some_and(|decibels| decibels > first + 1.5));
    }
    let learned = shown(&mut window);
    window.set("batch size", 11.0);
    assert!(shown(&mut window) == learned, "another batch size leaves what was learned");
    window.press("Train");
    window.harness.run_steps(3);
    window.press("Pause");
    assert!(shown(&mut window) != learned);
    window.harness.get_by_role_and_label(Role::SpinButton, "seed").set_value_accesskit(7.0);
    window.harness.run_steps(3);
    assert!(difference(&shown(&mut window), &learned) > 0.5, "another seed is another network");
}

#[test]
fn a_dropped_picture_is_taken_and_a_bad_file_is_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let [halves, bad, empty, wide] =
        ["halves.png", "bad.png", "empty.png", "wide.png"].map(|name| folder.path().join(name));
    let [orange, blue] = [[230, 120, 20], [20, 60, 200]];
    RgbImage::from_fn(40, 20, |x, _| Rgb(if x < 20 { orange } else { blue })).save(&halves).expect("a file");
    RgbImage::new(9_000, 1).save(&wide).expect("a file");
    std::fs::write(&bad, "no picture").expect("a file");
    std::fs::write(&empty, "").expect("a file");

    // On the other tab.
    let mut window = Window::open();
    drop_file(&mut window, &halves);
    assert!(window.says("halves.png, 40 × 20") && window.says("learning ") && window.says("Pause"));
    window.run_until(|window| decibels(window).is_some_and(|decibels| decibels > 22.0));
    let learned = shown(&mut window);
    window.keep("picture-dropped");
    let [left, right] = [1, 5].map(|eighth| mean(&learned, eighth));
    assert!(is_near(left, orange, 25), "{left:?}");
    assert!(is_near(right, blue, 25), "{right:?}");

    for (path, words) in [
        (&bad, "not a whole PNG or JPEG file"),
        (&empty, "the file is empty"),
        (&wide, "9000 × 1 pixels, too large"),
        (&folder.path().join("none.png"), "none.png: No such file"),
        (&folder.path().to_owned(), "it is a folder"),
    ] {
        drop_file(&mut window, path);
        assert!(window.says(words) && window.says("halves.png, 40 × 20"), "{words}");
        assert!(window.says("Train"), "it stays paused");
        assert!(shown(&mut window) == learned, "the present picture stays");
    }
    window.keep("picture-bad");

    // The least and the longest that there can be.
    for (width, height) in [(1, 1), (8_192, 1)] {
        let path = folder.path().join(format!("{width}-{height}.png"));
        RgbImage::from_pixel(width, height, Rgb(orange)).save(&path).expect("a file");
        drop_file(&mut window, &path);
        assert!(window.says(&format!("{width} × {height}")));
        window.run_until(|window| decibels(window).is_some_and(|decibels| decibels > 15.0));
    }
}

#[test]
fn zooming_and_moving_change_what_is_seen_and_a_double_click_shows_all() {
    let mut window = open();
    window.train_until(|window| decibels(window).is_some_and(|decibels| decibels > 11.0));
    let whole = shown(&mut window);
    let middle = view(&window).center();
    scroll(&mut window, middle, 400.0);
    let near = shown(&mut window);
    assert!(difference(&whole, &near) > 0.3 && !window.says("zoom 1.0"), "the wheel zooms");

    window.keep("picture-near");

    window.harness.drag_at(middle);
    window.harness.hover_at(middle + vec2(30.0, 10.0));
    window.harness.hover_at(middle + vec2(60.0, 20.0));
    window.harness.drop_at(middle + vec2(60.0, 20.0));
    window.harness.run_steps(2);
    let moved = shown(&mut window);
    // What was in the middle is where it was dragged to.
    let (width, height) = near.dimensions();
    let part = |of: &RgbaImage, x: u32, y: u32| image::imageops::crop_imm(of, x, y, width / 2, height / 2).to_image();
    let [x, y] = [width / 4, height / 4];
    let (before, after) = (part(&near, x, y), part(&moved, x + 60, y + 20));
    let same = before.pixels().zip(after.pixels()).filter(|(a, b)| (0..3).all(|i| a.0[i].abs_diff(b.0[i]) < 5)).count();
    assert!(same as u32 > width * height / 4 * 9 / 10, "dragging moves the picture");

    // By the keyboard: back, and to where it was.
    window.harness.get_by_role_and_label(Role::Canvas, "picture").focus();
    window.harness.run_steps(2);
    window.harness.key_press(Key::ArrowRight);
    window.harness.run_steps(2);
    assert!(difference(&moved, &shown(&mut window)) > 0.2, "arrows move");
    window.harness.key_press(Key::Home);
    window.harness.run_steps(2);
    assert!(window.says("zoom 1.0"));
    window.harness.key_press(Key::Plus);
    window.harness.run_steps(2);
    assert!(window.says("zoom 1.5"));

    // Twice within the time of a double click.
    for _ in 0..2 {
        window.harness.drag_at(middle);
        window.harness.drop_at(middle);
    }
    window.harness.run_steps(2);
    assert!(window.says("zoom 1.0"), "a double click shows all");
    window.press("Zoom in");
    assert!(window.says("zoom 1.5"));
    window.press("Whole picture");
    assert!(window.says("zoom 1.0"));
}

#[test]
fn it_is_legible_in_a_light_and_narrow_window_and_the_points_are_still_there() {
    let mut window = Window::open_with(vec2(480.0, 640.0), Theme::Light);
    window.turn_to("Picture");
    window.set("original", 30.0);
    shown(&mut window);
    window.keep("picture-narrow");
    assert!(view(&window).width() > 150.0 && view(&window).right() <= 480.0);
    window.turn_to("Points");
    assert!(window.says("2 blue and 2 orange points"));
    window.turn_to("Picture");
    assert!(window.says("drawn, 512 × 512"));
}
