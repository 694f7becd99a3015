//! Data sets from files into the computer's memory: digits and other small images as IDX or CSV, and tables of any CSV.
//!
//! ```
//! use wgrad::datasets::{Header, Table, Values};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flowers.csv");
//! std::fs::write(&path, "length,width,kind\n5.1,3.5,setosa\n7.0,3.2,versicolor\n4.9,3.0,setosa\n")?;
//! let table = Table::from_csv(&path, Header::Auto, |progress| println!("{} of {}", progress.bytes, progress.total))?;
//! assert_eq!(table.rows(), 3);
//! assert_eq!(table.columns()[0].values, Values::Numbers(vec![5.1, 7.0, 4.9]));
//! let kinds = Values::Words { classes: vec!["setosa".into(), "versicolor".into()], rows: vec![0, 1, 0] };
//! assert_eq!(table.column("kind").map(|column| &column.values), Some(&kinds));
//! # Ok(())
//! # }
//! ```
//!
//! A file that is damaged, or is not what it was taken for, is refused with the place and with what was expected there,
//! and until then takes no more memory than its own size and 64 MB. Files must be regular files: how much of a pipe
//! there is to read, nobody knows.

mod csv;
mod idx;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// How much is read at a time, and between two reports of progress.
const BLOCK: u64 = 1 << 20;

/// Where a reader stands, in bytes of the file, as it lies on the disk. It is told about once per MiB, and once at the
/// end with all of `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadProgress {
    /// The bytes read so far.
    pub bytes: u64,
    /// The bytes to read: of two files their sum, and of a [`Table`], whose file is read twice, twice the file.
    pub total: u64,
}

/// Images of grey bytes, all of one size, and the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImages {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
}

impl LabelledImages {
    /// From two files in the format IDX, in which the MNIST digits and their likes come. Each may be packed by gzip,
    /// whatever its name.
    ///
    /// What gzip files hold may be up to 56 MiB more than they take packed; unpack larger ones first, with `gunzip`.
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
        progress.end();
        Ok(read)
    }

    /// From a CSV file with an image a row: its label and its pixels, whole numbers from 0 to 255.
    ///
    /// A first row in which any word stands is a header, and skipped. Images are square where the number of pixels is a
    /// square, and otherwise have the height 1. Spaces around a number do not count, and neither do blank lines; a row
    /// is at most 1 MiB long.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`].
    pub fn from_csv(path: impl AsRef<Path>, label: LabelColumn, progress: impl FnMut(ReadProgress)) -> Result<Self> {
        let source = Source::open(path.as_ref())?;
        let mut progress = Progress::new(progress, source.bytes);
        let images = csv::read_images(&source, label, &mut progress)?;
        progress.end();
        Ok(images)
    }

    /// How many images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none, which no file that is read leads to.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of all images, one after the other, row by row: `len · height · width` bytes.
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

/// Where the label stands in a row of [`LabelledImages::from_csv`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelColumn {
    /// In front of the pixels.
    #[default]
    First,
    /// After them.
    Last,
}

/// A table of named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in the header; without a header "column 1", "column 2" and so on.
    pub name: String,
    /// A value a row.
    pub values: Values,
}

/// The values of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Finite numbers.
    Numbers(Vec<f32>),
    /// Words, of which each stands for a class.
    Words {
        /// The different words, in the order of their first appearance.
        classes: Vec<String>,
        /// For each row, the place of its word among the classes.
        rows: Vec<u32>,
    },
}

/// Whether the first row of a [`Table`]'s file names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// It does if none of its fields is a number, and the second row has one. A file of words alone is therefore taken
    /// to have no header; but one whose only row is of words is refused, as a header without rows.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is data.
    No,
}

impl Table {
    /// From a CSV file: fields separated by commas, in UTF-8, quoted where need be.
    ///
    /// A column is of numbers if its field in the first row of data is one, otherwise of words. Spaces around a field do
    /// not count, and neither do blank lines; a row is at most 1 MiB long. "nan", "inf" and numbers that are too large
    /// for an `f32` are numbers that are refused. The file is read twice, first to check and to count it.
    ///
    /// # Errors
    /// [`Error::File`], also where the file has another number of rows the second time; [`Error::Malformed`].
    pub fn from_csv(path: impl AsRef<Path>, header: Header, progress: impl FnMut(ReadProgress)) -> Result<Self> {
        let source = Source::open(path.as_ref())?;
        let mut progress = Progress::new(progress, source.bytes.saturating_mul(2));
        let table = csv::read_table(&source, header, &mut progress)?;
        progress.end();
        Ok(table)
    }

    /// The columns, in the file's order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows, without the header.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// An open file.
struct Source<'a> {
    path: &'a Path,
    file: File,
    /// Its size when it was opened. Nothing after that is read, and no memory is taken without a look at it.
    bytes: u64,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        // Before it is opened, since a pipe can keep whoever opens it waiting.
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

    fn malformed(&self, place: impl ToString, found: impl ToString, expected: impl ToString) -> Error {
        Error::Malformed {
            path: self.path.display().to_string(),
            place: place.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    /// What a failed read means: the system's refusals have a number, and a decoder's complaints have none.
    fn failed(&self, error: io::Error, malformed: impl FnOnce(io::Error) -> Error) -> Error {
        if error.raw_os_error().is_some() { self.unreadable(error) } else { malformed(error) }
    }

    /// An empty vector with room for exactly so many. None grows while it is filled, which would take twice the memory.
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

/// Whom to tell how far a reader has come, and when next.
struct Progress<F> {
    report: F,
    total: u64,
    next: u64,
}

impl<F: FnMut(ReadProgress)> Progress<F> {
    fn new(report: F, total: u64) -> Self {
        Progress { report, total, next: BLOCK }
    }

    fn at(&mut self, bytes: u64) {
        // The total is for the end, when what was read is known to be good.
        if bytes >= self.next && bytes < self.total {
            self.next = bytes.saturating_add(BLOCK);
            (self.report)(ReadProgress { bytes, total: self.total });
        }
    }

    fn end(mut self) {
        (self.report)(ReadProgress { bytes: self.total, total: self.total });
    }
}
