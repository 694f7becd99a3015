//! The device is lost: the window goes on with another one.

mod harness;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{RenderState, RendererOptions};
use egui_kittest::wgpu::create_render_state;
use harness::{MOST_FRAMES, Window};
use wgrad::wgpu;
use wgrad_window::app::Kept;
use wgrad_window::device;

/// The time in which a window that rests has a copy of its parameters.
const AT_REST: Duration = Duration::from_secs(3);

fn render_state() -> RenderState {
    create_render_state(device::setup(), RendererOptions::PREDICTABLE)
}

fn frame(window: &mut Window) {
    window.harness.step();
    window.harness.render().expect("a picture");
}

/// A window, its device, and what it keeps when that is lost.
fn open() -> (Window, RenderState, Arc<Mutex<Option<Kept>>>) {
    let render_state = render_state();
    let kept = Arc::<Mutex<Option<Kept>>>::default();
    (open_on(&render_state, Kept::default(), &kept), render_state, kept)
}

/// A window on this device, which goes on with what was kept.
fn open_on(render_state: &RenderState, begin: Kept, kept: &Arc<Mutex<Option<Kept>>>) -> Window {
    let told = kept.clone();
    Window::open_on(render_state.clone(), begin, move |kept| *told.lock().unwrap() = Some(kept))
}

/// Paints until the condition holds.
fn paint_until(window: &mut Window, mut holds: impl FnMut(&Window) -> bool) {
    for _ in 0..MOST_FRAMES {
        frame(window);
        if holds(window) {
            return;
        }
    }
    panic!("not in {MOST_FRAMES} frames; the status is {}", window.harness.state().status());
}

/// Paints as long as a window that rests may need for a copy of its parameters.
fn rest(window: &mut Window) {
    let begin = Instant::now();
    while begin.elapsed() < AT_REST {
        frame(window);
    }
}

fn loss(window: &Window) -> Option<f64> {
    window.harness.state().status()["loss"].as_f64()
}

/// Loses the device. Returns what is kept.
fn lose(window: &mut Window, kept: &Mutex<Option<Kept>>, render_state: &RenderState) -> Kept {
    render_state.device.destroy();
    render_state.device.poll(wgpu::PollType::Poll).expect("a lost device has nothing to wait for");
    window.harness.step();
    assert!(window.harness.output().shapes.is_empty(), "a lost device is to paint something");
    kept.lock().unwrap().take().expect("nobody was told of the loss")
}

#[test]
fn what_was_learned_goes_on_on_another_device() {
    let (mut window, render_state, kept) = open();
    window.press("Train");
    paint_until(&mut window, |window| loss(window).is_some_and(|loss| loss < 0.01));
    window.press("Pause");
    rest(&mut window);
    // A second device is lost before anything was copied from it.
    let first = lose(&mut window, &kept, &render_state);
    let second = self::render_state();
    let mut window = open_on(&second, first, &kept);
    window.harness.step();
    let kept = lose(&mut window, &kept, &second);
    assert!(kept.is_hopeless);
    assert!(kept.lost.as_ref().is_some_and(|lost| lost.contains("The GPU device was lost")), "{:?}", kept.lost);

    let mut window = Window::open_on(self::render_state(), kept, |_| {});
    frame(&mut window);
    assert!(window.says("Another one goes on: press Train"));
    window.press("Train");
    assert!(!window.says("Another one goes on"), "what was said is still there");
    paint_until(&mut window, |window| loss(window).is_some());
    let first = loss(&window).expect("a loss");
    assert!(first < 0.02, "{first}: the network had learned XOR");
}

#[test]
fn what_had_diverged_begins_anew() {
    let (mut window, render_state, kept) = open();
    window.load_linear();
    window.set("learning rate", 10.0);
    window.press("Train");
    paint_until(&mut window, |window| window.says("diverged"));
    rest(&mut window);
    let kept = lose(&mut window, &kept, &render_state);
    let mut window = Window::open_on(self::render_state(), kept, |_| {});
    frame(&mut window);
    assert!(window.says("Another one goes on"));
}
