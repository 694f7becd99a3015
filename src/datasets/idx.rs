//! IDX, the format of the MNIST digits: big-endian 32-bit words, then bytes.
//!
//! | images | labels |
//! | --- | --- |
//! | 0x00000803 | 0x00000801 |
//! | count, height, width | count |
//! | count · height · width bytes | count bytes |

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Take};

use flate2::bufread::MultiGzDecoder;

use super::{BLOCK, LabelledImages, Progress, ReadProgress, Source};
use crate::error::{Error, Result};

const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// By how many bytes the contents may exceed the files' sizes, both files together. Only gzip files can: their header
/// may claim a thousand times their size, and prove wrong only at the end. The rest of the 64 MB that a bad file may
/// take is for buffers.
const MAX_EXPANSION: u64 = 56 << 20;

pub(super) fn read<F: FnMut(ReadProgress)>(
    images: &Source,
    labels: &Source,
    progress: &mut Progress<F>,
) -> Result<LabelledImages> {
    let (mut image_file, mut label_file) = (Idx::open(images)?, Idx::open(labels)?);
    let [count, height, width] = image_file.header(IMAGES, "images")?;
    image_file.not_zero(4, [count], "0 images", "at least one image")?;
    image_file.not_zero(8, [height, width], format!("images of {height} × {width}"), "at least 1 × 1")?;
    let pixels = u64::from(count).saturating_mul(height.into()).saturating_mul(width.into());
    let what_images = format!("{count} images of {height} × {width}");
    let left = image_file.check_size(pixels, MAX_EXPANSION, &what_images)?;

    let [label_count] = label_file.header(LABELS, "labels")?;
    let what_labels = format!("{label_count} label{}", if label_count == 1 { "" } else { "s" });
    label_file.check_size(label_count.into(), left, &what_labels)?;
    if label_count != count {
        let expected = format!("{count}, one for each image of {}", images.path.display());
        return Err(labels.malformed(label_file.show_position(4), what_labels, expected));
    }

    let pixels = image_file.contents(pixels, &what_images, |bytes| progress.update(bytes))?;
    let labels = label_file.contents(count.into(), &what_labels, |bytes| progress.update(images.bytes + bytes))?;
    let [height, width] = [height, width].map(|side| side as usize);
    Ok(LabelledImages { pixels, labels, height, width })
}

enum Contents<'a> {
    Plain(BufReader<Take<&'a File>>),
    Gzip(MultiGzDecoder<BufReader<Take<&'a File>>>),
}

/// An IDX file that is being read.
struct Idx<'a> {
    source: &'a Source<'a>,
    contents: Contents<'a>,
    /// How many bytes of the contents, decompressed, were read.
    position: u64,
}

impl<'a> Idx<'a> {
    fn open(source: &'a Source<'a>) -> Result<Self> {
        let mut file = &source.file;
        file.rewind().map_err(|error| source.unreadable(error))?;
        let mut file = BufReader::with_capacity(BLOCK as usize, file.take(source.bytes));
        let is_gzip = file.fill_buf().map_err(|error| source.unreadable(error))?.starts_with(&GZIP);
        let contents = if is_gzip { Contents::Gzip(MultiGzDecoder::new(file)) } else { Contents::Plain(file) };
        Ok(Idx { source, contents, position: 0 })
    }

    /// A byte offset in the contents, as error messages show it.
    fn show_position(&self, byte: u64) -> String {
        match self.contents {
            Contents::Plain(_) => format!("byte {byte}"),
            Contents::Gzip(_) => format!("unpacked byte {byte}"),
        }
    }

    fn malformed(&self, byte: u64, found: impl ToString, expected: impl ToString) -> Error {
        self.source.malformed(self.show_position(byte), found, expected)
    }

    fn failed(&self, error: io::Error) -> Error {
        self.source.failed(error, |error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                self.malformed(self.position, "the end of the gzip stream", "the rest of it: the file is cut off")
            }
            _ => self.malformed(self.position, format!("a damaged gzip stream ({error})"), "a whole one"),
        })
    }

    /// How many bytes of the file were read.
    fn bytes_read(&self) -> u64 {
        let file = match &self.contents {
            Contents::Plain(file) => file,
            Contents::Gzip(decoder) => decoder.get_ref(),
        };
        self.source.bytes - file.get_ref().limit()
    }

    fn append(&mut self, bytes: &mut Vec<u8>, count: u64) -> Result<u64> {
        let reader: &mut dyn Read = match &mut self.contents {
            Contents::Plain(file) => file,
            Contents::Gzip(decoder) => decoder,
        };
        let before = bytes.len();
        let read = reader.take(count).read_to_end(bytes);
        let appended = (bytes.len() - before) as u64;
        self.position += appended;
        read.map(|_| appended).map_err(|error| self.failed(error))
    }

    /// Reads the header: checks the magic number, and returns the words after it.
    fn header<const N: usize>(&mut self, magic: u32, what: &str) -> Result<[u32; N]> {
        let length = 4 * (1 + N as u64);
        let mut bytes = Vec::new();
        self.append(&mut bytes, length)?;
        let mut words =
            bytes.chunks_exact(4).map(|word| word.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)));
        if let Some(found) = words.next().filter(|&found| found != magic) {
            let expected = format!("{magic:#010x}, an IDX file of {what}");
            return Err(self.malformed(0, format!("the magic number {found:#010x}"), expected));
        }
        if self.position < length {
            let expected = format!("{length} bytes of header of an IDX file of {what}");
            return Err(self.malformed(self.position, "the end of the file", expected));
        }
        Ok(std::array::from_fn(|_| words.next().unwrap_or_default()))
    }

    fn not_zero<const N: usize>(&self, byte: u64, words: [u32; N], found: impl ToString, expected: &str) -> Result<()> {
        if words.contains(&0) { Err(self.malformed(byte, found, expected)) } else { Ok(()) }
    }

    fn cut_off(&self, byte: u64, what: &str, end: u64) -> Error {
        self.malformed(byte, "the end of the file", format!("{what}, up to byte {end}"))
    }

    /// Checks the contents' size. A plain file must be as long as its header says; a gzip file may expand by at most
    /// `allowed` bytes. Returns the rest of `allowed`.
    fn check_size(&self, count: u64, allowed: u64, what: &str) -> Result<u64> {
        let (end, bytes) = (self.position.saturating_add(count), self.source.bytes);
        match self.contents {
            Contents::Plain(_) if end > bytes => Err(self.cut_off(bytes, what, end)),
            Contents::Plain(_) if end < bytes => Err(self.malformed(end, "more bytes", "the end of the file")),
            Contents::Plain(_) => Ok(allowed),
            Contents::Gzip(_) => allowed.checked_sub(count.saturating_sub(bytes)).ok_or_else(|| {
                let most = bytes.saturating_add(allowed);
                let expected = format!("at most {most} bytes in a gzip file of {bytes}; unpack it first (gunzip)");
                self.malformed(4, format!("{what}, {count} bytes"), expected)
            }),
        }
    }

    /// Reads the bytes after the header: exactly `count`, up to the end of the file.
    fn contents(&mut self, count: u64, what: &str, mut progress: impl FnMut(u64)) -> Result<Vec<u8>> {
        let end = self.position.saturating_add(count);
        let mut bytes = self.source.vec(count)?;
        while self.position < end {
            let block = BLOCK.min(end - self.position);
            if self.append(&mut bytes, block)? < block {
                return Err(self.cut_off(self.position, what, end));
            }
            progress(self.bytes_read());
        }
        // A gzip stream's checksum is checked only when its end is read.
        if self.append(&mut Vec::new(), 1)? > 0 {
            return Err(self.malformed(end, "more bytes", "the end of the file"));
        }
        Ok(bytes)
    }
}
