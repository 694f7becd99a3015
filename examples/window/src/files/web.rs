//! Files of a browser: chosen in its dialogue, dropped on the page, or put among the downloads.

use std::collections::BTreeMap;

use eframe::egui::DroppedFileHandle;
use wasm_bindgen_futures::spawn_local;
use web_sys::js_sys::{Array, Uint8Array};
use web_sys::wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Blob, File, HtmlAnchorElement, HtmlInputElement, Url};
use wgrad::{Error, Network, Result};

use super::{Arrival, Kind, Outbox, check_size};
use crate::web::{document, words_of};

/// The page's element that opens the dialogue.
const INPUT: &str = "file";

/// In milliseconds.
const A_MINUTE: i32 = 60_000;

pub fn open(outbox: &Outbox, kind: Kind, _: &str) {
    let Some(input) = document().and_then(|document| document.get_element_by_id(INPUT)) else { return };
    let Ok(input) = input.dyn_into::<HtmlInputElement>() else { return };
    input.set_accept(match kind {
        Kind::Network => ".safetensors",
        Kind::Picture => "image/png,image/jpeg",
    });
    // The same file may be chosen again.
    input.set_value("");
    let (chosen, outbox) = (input.clone(), outbox.clone());
    let change = Closure::once_into_js(move || {
        if let Some(file) = chosen.files().and_then(|files| files.get(0)) {
            receive(outbox, kind, file);
        }
    });
    input.set_onchange(change.dyn_ref());
    input.click();
}

pub fn open_dropped(outbox: &Outbox, kind: Kind, file: &DroppedFileHandle) {
    if let Some(file) = file.web_file() {
        receive(outbox.clone(), kind, file.clone());
    }
}

/// Reads a file.
fn receive(outbox: Outbox, kind: Kind, file: File) {
    spawn_local(async move { outbox.opened(kind, &file.name(), read(&file).await) });
}

pub fn save(outbox: &Outbox, network: &Network, notes: BTreeMap<String, String>, name: &str) {
    let (outbox, network, name) = (outbox.clone(), network.clone(), name.to_owned());
    spawn_local(async move {
        let bytes = network.to_bytes_async(&notes).await;
        outbox.send(Arrival::Saved(bytes.and_then(|bytes| download(&bytes, name))));
    });
}

async fn read(file: &File) -> Result<Vec<u8>, String> {
    check_size(file.size() as u64)?;
    let buffer = wasm_bindgen_futures::JsFuture::from(file.array_buffer()).await.map_err(|error| words_of(&error))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// Puts bytes among the browser's downloads. Returns the name.
fn download(bytes: &[u8], name: String) -> Result<String> {
    match offer(bytes, &name) {
        Ok(()) => Ok(name),
        Err(error) => Err(Error::File { action: "write", path: name, reason: words_of(&error) }),
    }
}

fn offer(bytes: &[u8], name: &str) -> Result<(), JsValue> {
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes)))?;
    let document = document().ok_or("there is no page")?;
    let anchor = document.create_element("a")?.dyn_into::<HtmlAnchorElement>()?;
    let url = Url::create_object_url_with_blob(&blob)?;
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // Some browsers begin the download only later.
    let revoke = Closure::once_into_js(move || _ = Url::revoke_object_url(&url));
    let window = web_sys::window().ok_or("there is no page")?;
    window.set_timeout_with_callback_and_timeout_and_arguments_0(revoke.unchecked_ref(), A_MINUTE)?;
    Ok(())
}
