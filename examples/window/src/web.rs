//! The window in a page: in the canvas of `index.html`, with words in its other elements where there is no window to say them.

use eframe::egui::{Ui, Visuals};
use eframe::egui_wgpu::WgpuConfiguration;
use eframe::{CreationContext, Frame, WebLogger, WebOptions, WebRunner};
use wasm_bindgen_futures::spawn_local;
use web_sys::js_sys::{Error, JSON, Object, Reflect};
use web_sys::wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Document, HtmlCanvasElement, HtmlElement};

use crate::app::{App, Kept};
use crate::device;
use crate::status::Status;

/// The page's element with the window.
const CANVAS: &str = "canvas";

/// The element with words instead of it, and the button below them.
const WORDS: &str = "words";
const BUTTON: &str = "again";

/// The element whose words screen readers read out.
const LIVE: &str = "live";

/// What a browser without WebGPU is told.
const NO_WEBGPU: &str = "This page trains networks on the GPU, by WebGPU, and the browser offers none here. Browsers that have it \
    offer it on pages from https:// or localhost, where they find a graphics driver that they trust.";

/// Opens the window in the page.
pub fn open() {
    // eframe writes a panic to the console; the words are for the user.
    std::panic::set_hook(Box::new(|panic| say(&format!("This page has stopped: {panic}. Reload it to begin anew."))));
    _ = WebLogger::init(log::LevelFilter::Warn);
    let runner = WebRunner::new();
    spawn_local(start(runner, Kept::default()));
}

/// Shows the window, or words that say why there is none.
async fn start(runner: WebRunner, kept: Kept) {
    let lost = kept.lost.clone();
    if let Err(reason) = show(runner.clone(), kept.clone()).await {
        let lost = lost.map(|lost| format!("{lost}. ")).unwrap_or_default();
        offer(&format!("{lost}{reason}"), runner, kept);
    }
}

async fn show(runner: WebRunner, kept: Kept) -> Result<(), String> {
    if !wgpu::util::is_browser_webgpu_supported().await {
        return Err(NO_WEBGPU.to_owned());
    }
    let canvas = element(CANVAS).and_then(|canvas| canvas.dyn_into::<HtmlCanvasElement>().ok());
    let canvas = canvas.ok_or("This page has no canvas for the window.")?;
    let options = WebOptions {
        wgpu_options: WgpuConfiguration { wgpu_setup: device::setup(), ..Default::default() },
        ..Default::default()
    };
    let again = runner.clone();
    let page = move |context: &CreationContext<'_>| {
        let app = App::new(context, kept, Box::new(move |_, kept| go_on(again.clone(), kept)))?;
        let status = Status::follow(&context.egui_ctx);
        publish(status.clone());
        Ok(Box::new(Page { app, status, told: String::new() }) as Box<dyn eframe::App>)
    };
    let started = runner.start(canvas, options, Box::new(page)).await;
    started.map_err(|error| format!("The window does not open: {}", words_of(&error)))?;
    say("");
    Ok(())
}

/// Goes on with another device, after the frame that is being painted.
fn go_on(runner: WebRunner, kept: Kept) {
    let lost = kept.lost.clone().unwrap_or_default();
    spawn_local(async move {
        if kept.is_hopeless {
            offer(&format!("{lost}, again and again."), runner, kept);
        } else {
            say(&format!("{lost}. Another one is asked for …"));
            start(runner, kept).await;
        }
    });
}

/// Says something instead of the window, and lets the user try again.
fn offer(words: &str, runner: WebRunner, mut kept: Kept) {
    kept.is_hopeless = false;
    runner.destroy();
    say(words);
    let Some(button) = element(BUTTON) else { return };
    let pressed = Closure::once_into_js(move || {
        // The button goes too: it is for once.
        say("Loading …");
        spawn_local(start(runner, kept));
    });
    button.set_onclick(pressed.dyn_ref());
    button.set_hidden(false);
}

/// Says something instead of the window; with no words, the window shows again.
fn say(words: &str) {
    if let Some(place) = element(WORDS) {
        place.set_text_content(Some(words));
    }
    if let Some(button) = element(BUTTON) {
        button.set_hidden(true);
    }
}

/// The window, and what it tells the page.
struct Page {
    app: App,
    status: Status,
    told: String,
}

impl eframe::App for Page {
    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        self.app.clear_color(visuals)
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut Frame) {
        self.app.ui(ui, frame);
        let facts = self.app.status();
        let message = facts["message"].as_str().unwrap_or_default();
        if message != self.told {
            self.told = message.to_owned();
            if let Some(live) = element(LIVE) {
                live.set_text_content(Some(message));
            }
        }
        self.status.set(facts);
    }
}

/// Lets scripts read the status: `wgrad.status()` is an object as [`Status::text`] describes it.
fn publish(status: Status) {
    let status = Closure::<dyn Fn() -> JsValue>::new(move || JSON::parse(&status.text()).unwrap_or_default());
    let object = Object::new();
    _ = Reflect::set(&object, &"status".into(), &status.into_js_value());
    if let Some(window) = web_sys::window() {
        _ = Reflect::set(&window, &"wgrad".into(), &object);
    }
}

fn element(id: &str) -> Option<HtmlElement> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// The page.
pub fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// What the browser says of an error.
pub fn words_of(error: &JsValue) -> String {
    let message = error.dyn_ref::<Error>().map(|error| String::from(error.message()));
    error.as_string().or(message).unwrap_or_else(|| format!("{error:?}"))
}
