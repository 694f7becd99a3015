//! Notes beside a network: any text comes back, and damage is detected.

use std::collections::BTreeMap;

use crate::common::case::bits;
use crate::common::*;
use crate::deep;
use wgrad::{Error, Network};

/// Notes that each could break a careless file format.
pub fn notes() -> BTreeMap<String, String> {
    let spoofed = "\"wgrad.checksum\":\"00000000\"";
    let notes = [
        ("scaling", "{\"mean\": 0.1, \"names\": [\"a\", \"b\"]}\n\t\\ \r\n"),
        ("", "without a name"),
        ("empty", ""),
        ("größe \"größer\"\n🦀", "Ω \u{0} \u{1f} \u{7f} \u{2028} \u{feff} 🦀"),
        ("wgrad", "2"),
        ("wgrad.note.wgrad.mlp", "3 → linear 1"),
        (spoofed, spoofed),
    ];
    notes.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

#[test]
fn notes_are_loaded_unchanged_with_their_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let network = Network::population(gpu(), &deep(), 2, 3).unwrap();
    let parameters = bits(&network.read_parameters().unwrap());
    network.save_with_notes(&path, &notes()).unwrap();
    let (loaded, found) = Network::load_with_notes(gpu(), &path).unwrap();
    assert_eq!(found, notes());
    // Without asking for the notes, one gets only the network.
    for loaded in [loaded, Network::load(gpu(), &path).unwrap()] {
        assert_eq!((loaded.mlp(), bits(&loaded.read_parameters().unwrap())), (&deep(), parameters.clone()));
    }
    network.restore(&path).unwrap();

    // Other programs find the notes in the header.
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = serde_json::from_slice::<serde_json::Value>(&bytes[8..8 + length]).unwrap();
    for (name, text) in notes() {
        assert_eq!(header["__metadata__"][format!("wgrad.note.{name}")], text, "{name}");
    }

    network.save(&path).unwrap();
    assert_eq!(Network::load_with_notes(gpu(), &path).unwrap().1, BTreeMap::new());
}

#[test]
fn every_flipped_byte_of_a_note_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let network = Network::new(gpu(), &xor_mlp(), 1).unwrap();
    let notes = BTreeMap::from([("unit".to_owned(), "length in mm".to_owned())]);
    network.save_with_notes(&path, &notes).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let note = b"\"wgrad.note.unit\":\"length in mm\"";
    let start = whole.windows(note.len()).position(|window| window == note).unwrap();
    for (index, mask) in (start..start + note.len()).flat_map(|index| [(index, 0xff), (index, 1 << (index % 8))]) {
        let mut damaged = whole.clone();
        damaged[index] ^= mask;
        std::fs::write(&path, damaged).unwrap();
        let error = Network::load_with_notes(gpu(), &path).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "byte {index} ^ {mask:#x}: {error}");
    }
}

#[test]
fn notes_too_large_for_any_reader_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let network = Network::new(gpu(), &xor_mlp(), 1).unwrap();
    let notes = BTreeMap::from([("long".to_owned(), "x".repeat(100_000_000))]);
    let error = network.save_with_notes(&path, &notes).unwrap_err();
    assert!(matches!(&error, Error::File { action: "write", .. }), "{error}");
    assert!(!path.exists());
}
