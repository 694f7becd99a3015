//! Reading data sets from files into host memory: digits and other small images with their labels, from IDX or CSV.
//!
//! ```
//! use wgrad::datasets::{LabelColumn, LabelledImages};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("digits.csv");
//! std::fs::write(&path, "label,1x1,1x2,2x1,2x2\n7,0,1,20,255\n3,9,80,70,6\n")?;
//! let report = |progress: wgrad::datasets::ReadProgress| println!("{} of {}", progress.bytes, progress.total);
//! let digits = LabelledImages::from_csv(&path, LabelColumn::ByHeader, report)?;
//! assert_eq!((digits.len(), digits.height(), digits.width()), (2, 2, 2));
//! assert_eq!((digits.labels(), &digits.pixels()[..4]), (&[7, 3][..], &[0, 1, 20, 255][..]));
//! # Ok(())
//! # }
//! ```
//!
//! A file that is damaged or not of the expected kind is refused with the position and with what was expected there;
//! until then it takes no more memory than its own size plus 64 MB. Files must be regular files, since the length of a
//! pipe is unknown.

mod csv;
mod idx;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a read, and between two progress reports.
const BLOCK: u64 = 1 << 20;

/// A reader's progress, in bytes of the file on disk. Reported about once per MiB, and once at the end with `bytes`
/// equal to `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadProgress {
    /// The bytes read so far.
    pub bytes: u64,
    /// The bytes to read: for two files their sum.
    pub total: u64,
}

/// Greyscale images of one size, a byte per pixel, and the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImages {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
}

impl LabelledImages {
    /// Reads two files in IDX, the format of the MNIST digits and similar data sets. Each may be compressed with gzip,
    /// whatever its name.
    ///
    /// The contents of gzip files may be up to 56 MiB larger than the files; decompress larger ones first, with
    /// `gunzip`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`].
    pub fn from_idx(
        images: impl AsRef<Path>,
        labels: impl AsRef<Path>,
        progress: impl FnMut(ReadProgress),
    ) -> Result<Self> {
        let [images, labels] = [Source::open(images.as_ref())?, Source::open(labels.as_ref())?];
        let mut progress = Progress::new(progress, images.bytes.saturating_add(labels.bytes));
        let read = idx::read(&images, &labels, &mut progress)?;
        progress.finish();
        Ok(read)
    }

    /// Reads a CSV file with one image per row: its label and its pixels, whole numbers from 0 to 255, which may be
    /// written as floats (`5.0`).
    ///
    /// A first row with a field that is not a number is a header and is skipped. Images are square if the number of
    /// pixels is a square, and otherwise have height 1. Spaces around a number and blank lines are ignored; a row is at
    /// most 1 MiB long.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]; the latter also for a header that names the label's column, by
    /// [`LabelColumn::ByHeader`], in the middle of the pixels, or twice.
    pub fn from_csv(path: impl AsRef<Path>, label: LabelColumn, progress: impl FnMut(ReadProgress)) -> Result<Self> {
        let source = Source::open(path.as_ref())?;
        let mut progress = Progress::new(progress, source.bytes);
        let images = csv::read_images(&source, label, &mut progress)?;
        progress.finish();
        Ok(images)
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images; false for everything that was read from a file.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of all images, row-major: `len · height · width` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The height of each image, in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The width of each image, in pixels.
    pub fn width(&self) -> usize {
        self.width
    }
}

/// The position of the label in a row of [`LabelledImages::from_csv`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelColumn {
    /// As the header says: the first or the last column, if it is named `label`, or else `class`, `target`, `digit` or
    /// `y`, in upper or lower case. Before the pixels, if the file has no header, or one without such a name.
    #[default]
    ByHeader,
    /// Before the pixels.
    First,
    /// After the pixels.
    Last,
}

/// An open file.
struct Source<'a> {
    path: &'a Path,
    file: File,
    /// Its size when it was opened: the most that is read, and the basis of every allocation's bound.
    bytes: u64,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        // Checked before opening, since opening a pipe can block.
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if !metadata.is_file() {
            return Err(unreadable(path, "it is not a regular file"));
        }
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        Ok(Source { path, file, bytes: metadata.len() })
    }

    fn unreadable(&self, reason: impl ToString) -> Error {
        unreadable(self.path, reason)
    }

    fn malformed(&self, position: impl ToString, found: impl ToString, expected: impl ToString) -> Error {
        Error::Malformed {
            path: self.path.display().to_string(),
            place: position.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    /// The error of a failed read: errors of the system have an error number, those of a decoder do not.
    fn failed(&self, error: io::Error, malformed: impl FnOnce(io::Error) -> Error) -> Error {
        if error.raw_os_error().is_some() { self.unreadable(error) } else { malformed(error) }
    }

    /// An empty vector with capacity for exactly `count` values. Growing it while it is filled would take twice the
    /// memory.
    fn vec<T>(&self, count: u64) -> Result<Vec<T>> {
        let mut empty = Vec::new();
        match empty.try_reserve_exact(usize::try_from(count).unwrap_or(usize::MAX)) {
            Ok(()) => Ok(empty),
            Err(error) => Err(self.unreadable(format!("no memory for {count} values of it: {error}"))),
        }
    }
}

fn unreadable(path: &Path, reason: impl ToString) -> Error {
    Error::File { action: "read", path: path.display().to_string(), reason: reason.to_string() }
}

/// Reports a reader's progress to a callback.
struct Progress<F> {
    report: F,
    total: u64,
    /// The bytes from which the next report is due.
    next: u64,
}

impl<F: FnMut(ReadProgress)> Progress<F> {
    fn new(report: F, total: u64) -> Self {
        Progress { report, total, next: BLOCK }
    }

    fn update(&mut self, bytes: u64) {
        // The total is reported at the end, once the contents are known to be valid.
        if bytes >= self.next && bytes < self.total {
            self.next = bytes.saturating_add(BLOCK);
            (self.report)(ReadProgress { bytes, total: self.total });
        }
    }

    fn finish(mut self) {
        (self.report)(ReadProgress { bytes: self.total, total: self.total });
    }
}
