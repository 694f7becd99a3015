//! The user's files: natively by path, in a browser chosen, dropped and downloaded. Either way what comes is a name and bytes, and
//! it comes later.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use eframe::egui::{Context, DroppedFileHandle};
use wgrad::{Error, Network, Result};

#[cfg_attr(target_family = "wasm", path = "files/web.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "files/native.rs")]
mod platform;

/// Whether the user names files by their paths; otherwise a dialogue asks for them.
pub const HAVE_PATHS: bool = cfg!(not(target_family = "wasm"));

/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 28;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network, with or without points.
    Network,
    /// A picture.
    Picture,
}

impl Kind {
    /// What a file of this name holds, as far as the name tells.
    pub fn of(name: &Path) -> Self {
        let is_network = name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
        if is_network { Kind::Network } else { Kind::Picture }
    }
}

/// What became of a file.
#[derive(Debug)]
pub enum Arrival {
    /// It was read, or could not be.
    Opened {
        /// What it is to be taken for.
        kind: Kind,
        /// Its name; natively, its path.
        name: String,
        /// What is in it.
        bytes: Result<Vec<u8>>,
    },
    /// A network was saved under this name, or could not be.
    Saved(Result<String>),
}

/// Files on their way.
pub struct Files {
    inbox: Receiver<Arrival>,
    outbox: Outbox,
}

impl Files {
    /// None yet. When one arrives, a frame is painted.
    pub fn new(context: &Context) -> Self {
        let (sender, inbox) = channel();
        Files { inbox, outbox: Outbox { sender, context: context.clone() } }
    }

    /// Reads the file at a path; in a browser, one that the user chooses.
    pub fn open(&self, kind: Kind, path: &str) {
        platform::open(&self.outbox, kind, path);
    }

    /// Reads a file that was dropped.
    pub fn open_dropped(&self, file: &DroppedFileHandle) {
        platform::open_dropped(&self.outbox, Kind::of(file.path()), file);
    }

    /// Saves a network with notes to a path; in a browser, among the downloads.
    pub fn save(&self, network: &Network, notes: BTreeMap<String, String>, path: &str) {
        platform::save(&self.outbox, network, notes, path);
    }

    /// What has arrived.
    pub fn take(&self) -> Option<Arrival> {
        self.inbox.try_recv().ok()
    }
}

/// Where files go that arrive.
#[derive(Clone)]
struct Outbox {
    sender: Sender<Arrival>,
    context: Context,
}

impl Outbox {
    fn send(&self, arrival: Arrival) {
        // Without a window, nobody waits for it.
        _ = self.sender.send(arrival);
        self.context.request_repaint();
    }

    fn opened(&self, kind: Kind, name: &str, bytes: Result<Vec<u8>, String>) {
        let bytes = bytes.map_err(|reason| Error::File { action: "read", path: name.to_owned(), reason });
        self.send(Arrival::Opened { kind, name: name.to_owned(), bytes });
    }
}

/// Refuses a file that is too large, in words.
fn check_size(bytes: u64) -> Result<(), String> {
    match bytes {
        0..=MOST_BYTES => Ok(()),
        _ => Err(format!("it has {} MiB, and at most {} are read", bytes >> 20, MOST_BYTES >> 20)),
    }
}

/// What is wrong with a network's file, in words that begin with its name.
pub fn in_words(error: &Error, name: &str) -> String {
    match error {
        Error::File { .. } => error.to_string(),
        Error::Malformed { place, found, expected, .. } => {
            format!("{name}: {place}: found {found}, expected {expected}")
        }
        other => format!("{name}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_networks_from_pictures() {
        for (name, kind) in [
            ("a/network.safetensors", Kind::Network),
            ("B.SAFETENSORS", Kind::Network),
            ("photo.jpg", Kind::Picture),
            ("safetensors", Kind::Picture),
            ("", Kind::Picture),
        ] {
            assert_eq!(Kind::of(Path::new(name)), kind, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_in_words() {
        assert_eq!(check_size(MOST_BYTES), Ok(()));
        assert!(check_size(MOST_BYTES + 1).is_err_and(|words| words.contains("256")));
    }
}
