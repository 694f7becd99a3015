//! CSV: images, one per row, and tables. The crate `csv` splits the fields.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{BLOCK, Column, Header, LabelColumn, LabelledImages, Progress, ReadProgress, Source, Table, Values};
use crate::error::{Error, Result};

/// The maximum size of a row, in bytes. The crate `csv` keeps a whole row, and 8 bytes per field: for a file of commas,
/// or one with an unclosed quote, that would be many times the file's size.
const MAX_ROW_BYTES: u64 = 1 << 20;

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
    if !has_first_row || is_header && !rows.advance()? {
        return Err(no_rows(source, is_header));
    }
    // A field takes at least two bytes: a digit and a separator.
    let max_rows = source.bytes.div_ceil(2) / fields as u64 + 1;
    let mut pixels = source.vec(max_rows.saturating_mul(fields as u64 - 1))?;
    let mut labels = source.vec(max_rows)?;
    let label = if label == LabelColumn::First { 0 } else { fields - 1 };
    loop {
        for (index, field) in rows.record.iter().enumerate() {
            let (bytes, expected) = match index == label {
                true => (&mut labels, "a label from 0 to 255"),
                false => (&mut pixels, "a pixel from 0 to 255"),
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

pub(super) fn read_table<F: FnMut(ReadProgress)>(
    source: &Source,
    header: Header,
    progress: &mut Progress<F>,
) -> Result<Table> {
    let layout = Layout::read(source, header)?;
    let rows = layout.each_field(|bytes| progress.update(bytes), |column, field| layout.kinds[column].fits(field))?;
    let cells = layout.kinds.iter().map(|kind| match kind {
        Kind::Number => Ok(Cells::Numbers(source.vec(rows)?)),
        Kind::Word => Ok(Cells::Words { classes: HashMap::new(), rows: source.vec(rows)? }),
    });
    let mut cells = cells.collect::<Result<Vec<_>>>()?;
    let second_pass = |bytes| progress.update(source.bytes.saturating_add(bytes));
    if layout.each_field(second_pass, |column, field| cells[column].push(field))? != rows {
        return Err(source.unreadable("it changed while it was read"));
    }
    let columns = cells.into_iter().enumerate();
    let columns = columns.map(|(column, cells)| Column { name: layout.name(column), values: cells.into() }).collect();
    Ok(Table { columns, rows: usize::try_from(rows).unwrap_or(usize::MAX) })
}

/// A table's columns, from its first rows.
struct Layout<'a> {
    source: &'a Source<'a>,
    /// Empty without a header.
    names: Vec<String>,
    kinds: Vec<Kind>,
}

impl<'a> Layout<'a> {
    fn read(source: &'a Source<'a>, header: Header) -> Result<Self> {
        let mut rows = Rows::new(source)?;
        if !rows.advance()? {
            return Err(no_rows(source, false));
        }
        let first = rows.record.clone();
        let has_second = rows.advance()?;
        let has_number = |row: &ByteRecord| row.iter().any(|field| number(field).is_some());
        let has_header = match header {
            Header::Auto => !has_number(&first) && (!has_second || has_number(&rows.record)),
            Header::Yes => true,
            Header::No => false,
        };
        if has_header && !has_second {
            return Err(no_rows(source, true));
        }
        let kinds = if has_header { &rows.record } else { &first }.iter().map(Kind::of).collect();
        rows.record = first;
        Ok(Layout { source, names: if has_header { names(&rows)? } else { Vec::new() }, kinds })
    }

    fn name(&self, column: usize) -> String {
        self.names.get(column).cloned().unwrap_or_else(|| format!("column {}", column + 1))
    }

    /// Calls `accept` for each field of the rows of data, with its column's index, and counts the rows. A field that it
    /// refuses is an error.
    fn each_field(&self, mut progress: impl FnMut(u64), mut accept: impl FnMut(usize, &[u8]) -> bool) -> Result<u64> {
        let mut rows = Rows::new(self.source)?;
        // The file may have changed since; this detects another number of columns.
        rows.fields = self.kinds.len();
        if !self.names.is_empty() {
            rows.advance()?;
        }
        let mut count = 0;
        while rows.advance()? {
            for (column, field) in rows.record.iter().enumerate() {
                if !accept(column, field) {
                    let position = format!(", column {:?}", self.name(column));
                    return Err(rows.malformed(&position, quoted(field), self.kinds[column].expected()));
                }
            }
            count += 1;
            progress(rows.bytes());
        }
        Ok(count)
    }
}

/// The names in a header.
fn names(rows: &Rows) -> Result<Vec<String>> {
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for (index, field) in rows.record.iter().enumerate() {
        let position = format!(", field {}", index + 1);
        let name = word(field).ok_or_else(|| rows.malformed(&position, quoted(field), "a name in UTF-8"))?;
        if !seen.insert(name) {
            return Err(rows.malformed(&position, format!("a second column {name:?}"), "a unique name"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Word,
}

impl Kind {
    fn of(field: &[u8]) -> Self {
        if parse(field).is_some() { Kind::Number } else { Kind::Word }
    }

    fn fits(self, field: &[u8]) -> bool {
        match self {
            Kind::Number => number(field).is_some(),
            Kind::Word => word(field).is_some(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Kind::Number => "a finite number",
            Kind::Word => "words in UTF-8",
        }
    }
}

/// A column while it is read.
enum Cells {
    Numbers(Vec<f32>),
    Words { classes: HashMap<String, u32>, rows: Vec<u32> },
}

impl Cells {
    /// Appends the field; false if it does not fit the column.
    fn push(&mut self, field: &[u8]) -> bool {
        match self {
            Cells::Numbers(numbers) => number(field).map(|number| numbers.push(number)).is_some(),
            Cells::Words { classes, rows } => {
                let Some(word) = word(field) else { return false };
                let class = match (classes.get(word), u32::try_from(classes.len())) {
                    (Some(&class), _) => class,
                    (None, Ok(new)) => {
                        classes.insert(word.to_owned(), new);
                        new
                    }
                    (None, Err(_)) => return false,
                };
                rows.push(class);
                true
            }
        }
    }
}

impl From<Cells> for Values {
    fn from(cells: Cells) -> Self {
        match cells {
            Cells::Numbers(numbers) => Values::Numbers(numbers),
            Cells::Words { classes, rows } => {
                let mut words = vec![String::new(); classes.len()];
                for (word, class) in classes {
                    words[class as usize] = word;
                }
                Values::Words { classes: words, rows }
            }
        }
    }
}

/// One to three digits, which most fields of images are: the fast path.
fn digits(field: &[u8]) -> Option<u16> {
    let all_digits = (1..=3).contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    all_digits.then(|| field.iter().fold(0, |value, &digit| 10 * value + u16::from(digit - b'0')))
}

/// A whole number from 0 to 255.
fn byte(field: &[u8]) -> Option<u8> {
    match digits(field) {
        Some(digits) => digits.try_into().ok(),
        None => word(field)?.parse().ok(),
    }
}

/// A number, which may be infinite or NaN.
fn parse(field: &[u8]) -> Option<f32> {
    word(field)?.parse().ok()
}

/// A finite number.
fn number(field: &[u8]) -> Option<f32> {
    digits(field).map(f32::from).or_else(|| parse(field).filter(|number| number.is_finite()))
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
