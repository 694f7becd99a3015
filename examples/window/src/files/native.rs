//! Files by their paths. They arrive at once.

use std::collections::BTreeMap;
use std::path::Path;

use eframe::egui::DroppedFileHandle;
use wgrad::{Network, Result};

use super::{Arrival, Kind, Outbox, check_size};

pub fn open(outbox: &Outbox, kind: Kind, path: &str) {
    outbox.opened(kind, path, read(Path::new(path)));
}

pub fn open_dropped(outbox: &Outbox, kind: Kind, file: &DroppedFileHandle) {
    outbox.opened(kind, &file.path().display().to_string(), read(file.path()));
}

pub fn save(outbox: &Outbox, network: &Network, notes: BTreeMap<String, String>, path: &str) {
    let saved = network.save_with_notes(path, &notes);
    outbox.send(Arrival::Saved(saved.map(|()| path.to_owned())));
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if found.is_dir() {
        return Err("it is a folder".to_owned());
    }
    check_size(found.len())?;
    std::fs::read(path).map_err(|error| error.to_string())
}
