//! CSV: images, one per row. The crate `csv` splits the fields.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{BLOCK, LabelColumn, LabelledImages, Progress, ReadProgress, Source};
use crate::error::{Error, Result};

/// The maximum size of a row, in bytes. The crate `csv` keeps a whole row, and 8 bytes per field: for a file of commas,
/// or one with an unclosed quote, that would be many times the file's size.
const MAX_ROW_BYTES: u64 = 1 << 20;

/// The names of the label's column. If a header has several, the first of these counts.
const LABEL_NAMES: [&str; 5] = ["label", "class", "target", "digit", "y"];

pub(super) fn read_images<F: FnMut(ReadProgress)>(
    source: &Source,
    label: LabelColumn,
    progress: &mut Progress<F>,
) -> Result<LabelledImages> {
    let mut rows = Rows::new(source)?;
    let has_first_row = rows.advance()?;
    let fields = rows.record.len();
    if has_first_row && fields < 2 {
        return Err(rows.malformed("", count(fields as u64, "field"), "a label and at least one pixel"));
    }
    let is_header = rows.record.iter().any(|field| !field.trim_ascii().is_empty() && parse(field).is_none());
    let label = label_index(&rows, label, is_header)?;
    if !has_first_row || is_header && !rows.advance()? {
        return Err(no_rows(source, is_header));
    }
    // A field takes at least two bytes: a digit and a separator.
    let max_rows = source.bytes.div_ceil(2) / fields as u64 + 1;
    let mut pixels = source.vec(max_rows.saturating_mul(fields as u64 - 1))?;
    let mut labels = source.vec(max_rows)?;
    loop {
        for (index, field) in rows.record.iter().enumerate() {
            let (bytes, expected) = match index == label {
                true => (&mut labels, "a label: a whole number from 0 to 255"),
                false => (&mut pixels, "a pixel: a whole number from 0 to 255"),
            };
            match byte(field) {
                Some(byte) => bytes.push(byte),
                None => return Err(rows.malformed(&format!(", field {}", index + 1), quoted(field), expected)),
            }
        }
        progress.update(rows.bytes());
        if !rows.advance()? {
            break;
        }
    }
    pixels.shrink_to_fit();
    labels.shrink_to_fit();
    let side = (fields - 1).isqrt();
    let [height, width] = if side * side == fields - 1 { [side, side] } else { [1, fields - 1] };
    Ok(LabelledImages { pixels, labels, height, width })
}

/// The index of the label in each row. The current row is the first, which may be a header.
fn label_index(rows: &Rows, label: LabelColumn, is_header: bool) -> Result<usize> {
    let last = rows.record.len().saturating_sub(1);
    match label {
        LabelColumn::First => return Ok(0),
        LabelColumn::Last => return Ok(last),
        LabelColumn::ByHeader if !is_header => return Ok(0),
        LabelColumn::ByHeader => {}
    }
    let columns_of = |name: &&str| {
        let is_name = |field: &[u8]| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        rows.record.iter().enumerate().filter(|(_, field)| is_name(field)).map(|(index, _)| index).collect::<Vec<_>>()
    };
    match *LABEL_NAMES.iter().map(columns_of).find(|columns| !columns.is_empty()).unwrap_or_default() {
        [] => Ok(0),
        [index] if index == 0 || index == last => Ok(index),
        [index] => {
            let found = format!("the label's column, {}, in the middle", quoted(&rows.record[index]));
            Err(rows.malformed(&format!(", field {}", index + 1), found, "it as the first or the last"))
        }
        [_, index, ..] => {
            let found = format!("a second column of labels, {}", quoted(&rows.record[index]));
            Err(rows.malformed(&format!(", field {}", index + 1), found, "one"))
        }
    }
}

/// One to three digits, which most fields of images are: the fast path.
fn digits(field: &[u8]) -> Option<u16> {
    let all_digits = (1..=3).contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    all_digits.then(|| field.iter().fold(0, |value, &digit| 10 * value + u16::from(digit - b'0')))
}

/// A whole number from 0 to 255, which may be written as a float: 5.0.
fn byte(field: &[u8]) -> Option<u8> {
    match digits(field) {
        Some(digits) => digits.try_into().ok(),
        None => {
            let number = word(field)?.parse::<f64>().ok()?;
            (number.fract() == 0.0 && (0.0..=255.0).contains(&number)).then_some(number as u8)
        }
    }
}

/// A number, which may be infinite or NaN.
fn parse(field: &[u8]) -> Option<f32> {
    word(field)?.parse().ok()
}

fn word(field: &[u8]) -> Option<&str> {
    str::from_utf8(field.trim_ascii()).ok()
}

/// A field, as error messages show it.
fn quoted(field: &[u8]) -> String {
    if field.trim_ascii().is_empty() {
        return "an empty field".to_owned();
    }
    let text = String::from_utf8_lossy(&field[..field.len().min(160)]);
    format!("{:?}{}", text.chars().take(40).collect::<String>(), if text.chars().count() > 40 { "…" } else { "" })
}

fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn no_rows(source: &Source, is_header: bool) -> Error {
    let found = if is_header { "a header and no rows" } else { "no rows" };
    source.malformed("the end of the file", found, "at least one row of data")
}

/// Reads a file's rows, which must all have as many fields as the first.
struct Rows<'a> {
    source: &'a Source<'a>,
    reader: Reader<RowLimit<'a>>,
    /// The current row.
    record: ByteRecord,
    /// The number of fields per row; 0 before the first row.
    fields: usize,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source<'a>) -> Result<Self> {
        let mut file = &source.file;
        file.rewind().map_err(|error| source.unreadable(error))?;
        let limited = RowLimit { file: file.take(source.bytes), position: 0, row_start: 0 };
        let mut reader = ReaderBuilder::new().flexible(true).buffer_capacity(BLOCK as usize).from_reader(limited);
        // An empty header makes the first row an ordinary one; otherwise the reader would keep three copies of it.
        reader.set_byte_headers(ByteRecord::new());
        Ok(Rows { source, reader, record: ByteRecord::new(), fields: 0 })
    }

    /// How many bytes of the file were read.
    fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Reads the next row; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        self.reader.get_mut().row_start = self.bytes();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(self.failed(error)),
        }
        let found = self.record.len();
        if self.fields == 0 {
            self.fields = found;
        }
        if found != self.fields {
            let expected = format!("{}, as in the first row", self.fields);
            return Err(self.malformed("", count(found as u64, "field"), expected));
        }
        Ok(true)
    }

    fn failed(&self, error: csv::Error) -> Error {
        let too_long = || {
            let found = format!("a row of more than {MAX_ROW_BYTES} bytes");
            self.malformed("", found, "a shorter one, or the end of a quoted field")
        };
        match error.into_kind() {
            csv::ErrorKind::Io(error) => self.source.failed(error, |_| too_long()),
            _ => too_long(),
        }
    }

    fn malformed(&self, position_in_line: &str, found: impl ToString, expected: impl ToString) -> Error {
        self.source.malformed(format!("line {}{position_in_line}", self.line()), found, expected)
    }

    /// The line on which the current row begins.
    ///
    /// The crate `csv` counts lines up to the end of the previous row. This counts the line breaks between the two, by
    /// reading that part of the file again. No row can be read after this.
    fn line(&self) -> u64 {
        let Some(position) = self.record.position() else { return 1 };
        let mut file = &self.source.file;
        if file.seek(SeekFrom::Start(position.byte())).is_err() {
            return position.line();
        }
        let between: &[u8] = if position.byte() == 0 { b"\r\n\xef\xbb\xbf" } else { b"\r\n" };
        let between = BufReader::new(file).bytes().map_while(|byte| byte.ok().filter(|byte| between.contains(byte)));
        position.line() + between.filter(|&byte| byte == b'\n').count() as u64
    }
}

/// Reads a file, and fails when a row exceeds `MAX_ROW_BYTES`.
struct RowLimit<'a> {
    file: Take<&'a File>,
    /// How many bytes were read.
    position: u64,
    /// The byte offset of the current row.
    row_start: u64,
}

impl Read for RowLimit<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.row_start.saturating_add(MAX_ROW_BYTES).saturating_sub(self.position);
        if left == 0 && self.file.limit() > 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..length])?;
        self.position += read as u64;
        Ok(read)
    }
}
