//! A file's text: unpacked if it is gzipped, and decoded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::Encoding;
use flate2::read::MultiGzDecoder;

/// The most bytes of text. All of it is held in memory.
const MOST_BYTES: u64 = 1 << 30;

/// What is no text, by its first bytes, and what to do.
const NO_TEXT: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a spreadsheet or another zip archive: save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet: save the sheet as CSV"),
    (b"PAR1", "a Parquet file: save the table as CSV"),
    (b"SQLite format 3", "a database: save the table as CSV"),
];

/// Reads a file, which may be gzipped whatever its name, as text. Also returns its encoding, if it is another than
/// UTF-8 and was guessed.
///
/// # Errors
/// If the file cannot be read, is too large, or is no text.
pub fn read(path: &Path) -> Result<(String, Option<&'static str>), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let limited = |reader: &mut dyn Read| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(io::Error::other(format!("it has more than {MOST_BYTES} bytes, and is held in memory")));
        }
        Ok(bytes)
    };
    let mut bytes = File::open(path).and_then(|mut file| limited(&mut file)).map_err(|error| failed(&error))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = limited(&mut MultiGzDecoder::new(&bytes[..]));
        bytes = unpacked.map_err(|error| failed(&format!("its gzip stream: {error}")))?;
    }
    if let Some((_, what)) = NO_TEXT.iter().find(|(first, _)| bytes.starts_with(first)) {
        return Err(failed(&format!("it is {what}")));
    }
    decode(bytes).ok_or_else(|| failed(&"it is no text: it has zero bytes"))
}

/// `None` if the bytes are no text.
fn decode(bytes: Vec<u8>) -> Option<(String, Option<&'static str>)> {
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
        return Some((encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned(), None));
    }
    if bytes.contains(&0) {
        return None;
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Some((text, None)),
        Err(error) => error.into_bytes(),
    };
    // Old spreadsheet programs save in the encoding of their country.
    let encoding = Encoding::for_label(csv_nose::detect_encoding(&bytes).name.as_bytes())?;
    Some((encoding.decode(&bytes).0.into_owned(), Some(encoding.name())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<(String, Option<&'static str>), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn text_is_unpacked_and_decoded() {
        let text = "größe,kind\n1,ä\n";
        let utf16 = |order: fn(u16) -> [u8; 2], mark: [u8; 2]| {
            mark.into_iter().chain(text.encode_utf16().flat_map(order)).collect::<Vec<_>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            utf16(u16::to_le_bytes, [0xff, 0xfe]),
            utf16(u16::to_be_bytes, [0xfe, 0xff]),
            gzip(text.as_bytes()),
            [gzip(&text.as_bytes()[..7]), gzip(&text.as_bytes()[7..])].concat(),
        ] {
            assert_eq!(read_bytes(&bytes).unwrap(), (text.to_owned(), None));
        }
        let latin = text.chars().map(|char| char as u8).collect::<Vec<_>>();
        assert_eq!(read_bytes(&latin).unwrap(), (text.to_owned(), Some("windows-1252")));
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_it_is() {
        for (bytes, words) in [
            (&b"PK\x03\x04\x14\0\0"[..], "save the sheet as CSV"),
            (b"PAR1\x15", "a Parquet file"),
            (b"a,b\n\0\0", "zero bytes"),
            (&gzip(b"a,b\n1,2\n")[..20], "its gzip stream"),
        ] {
            let error = read_bytes(bytes).unwrap_err();
            assert!(error.contains("cannot read") && error.contains(words), "{error}");
        }
        assert!(read(Path::new("no/such.csv")).unwrap_err().contains("no/such.csv"));
    }
}
