//! A table of text cells, as it stands in a file.
//!
//! Which character separates the fields is found by the crate `csv-nose`, and the crate `csv` splits them; `text` unpacks and
//! decodes the file, `number` knows how people write numbers, `header` decides whether the first row has names. No crate was
//! found that decides these by all rows and says when it is in doubt.

mod header;
mod number;
mod separator;
mod text;

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use clap::Args;
use csv::StringRecord;

use self::number::Evidence;

pub use self::header::Header;
pub use self::number::Decimal;
pub use self::separator::Separator;

/// The most characters of a line that an error shows.
const SHOWN: usize = 80;

/// How a file shows a table. What is not given is found out.
#[derive(Args, Clone, Debug, Default)]
pub struct Format {
    /// Whether the first row names the columns
    #[arg(long, value_enum, default_value_t = Header::Auto)]
    pub header: Header,
    /// What separates the fields: a character such as ; or the word tab, or blanks for columns aligned by blanks
    /// [default: what separates the first rows]
    #[arg(long, value_name = "CHARACTER")]
    pub separator: Option<Separator>,
    /// Whether 1,5 or 1.5 is one and a half [default: what fits the cells]
    #[arg(long, value_enum)]
    pub decimal: Option<Decimal>,
    /// The words of cells in which a value is missing, as in an empty one: NA,?
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub missing: Vec<String>,
}

/// A table of text cells.
#[derive(Debug)]
pub struct Table {
    /// The file's name.
    pub path: String,
    pub separator: Separator,
    pub decimal: Decimal,
    /// What was decided although something speaks against it.
    pub notes: Vec<String>,
    missing: Vec<String>,
    text: String,
    records: Vec<StringRecord>,
    /// How many of the records are a header: 1 or none.
    headers: usize,
    /// The columns' names, if the header was read.
    names: Option<Vec<String>>,
}

impl Table {
    /// Reads a file whose first row names the columns or does not: `format` says which, or all rows do.
    ///
    /// # Errors
    /// If the file cannot be read, if rows have different numbers of fields, or if there are none; if nothing tells whether
    /// 1,937 is more than a thousand or less than two; if two columns have one name.
    pub fn read(path: &Path, format: &Format) -> Result<Self, String> {
        let mut table = Self::read_rows(path, format)?;
        let rows_and_columns = [table.records.len(), table.records[0].len()];
        let cell = |row: usize, column: usize| table.present(&table.records[row], column);
        let (has_header, is_certain) = match format.header {
            Header::Yes => (true, true),
            Header::No => (false, true),
            Header::Auto => header::decide(rows_and_columns, cell, |cell| table.decimal.parse(cell).is_some()),
        };
        if !is_certain {
            let first = shown(&table.records[0].iter().collect::<Vec<_>>().join(", "));
            let (taken, other, way_out) = match has_header {
                true => ("the columns' names", "data", "no"),
                false => ("data", "the columns' names", "yes"),
            };
            table.notes.push(format!(
                "the first row, {first:?}, may be either: it is taken as {taken}; --header {way_out} if it is {other}"
            ));
        }
        if has_header {
            table.read_header()?;
        }
        Ok(table)
    }

    /// Reads a file's rows; the first counts as data.
    pub fn read_rows(path: &Path, format: &Format) -> Result<Self, String> {
        let (text, encoding) = text::read(path)?;
        let separator = format.separator.unwrap_or_else(|| Separator::of(&text));
        let path = path.display().to_string();
        let records = separator.rows(&text).collect::<csv::Result<Vec<_>>>();
        let records = records.map_err(|error| format!("cannot read {path}: {error}"))?;
        let mut table = Table {
            path,
            separator,
            decimal: format.decimal.unwrap_or(Decimal::Point),
            notes: Vec::new(),
            missing: format.missing.clone(),
            text,
            records,
            headers: 0,
            names: None,
        };
        table.notes.extend(encoding.map(|name| format!("{} is not in UTF-8: it is read as {name}", table.path)));
        table.check_widths()?;
        if format.decimal.is_none() {
            table.find_decimal()?;
        }
        Ok(table)
    }

    fn check_widths(&self) -> Result<(), String> {
        let Some(first) = self.records.first() else { return Err(format!("{} has no rows", self.path)) };
        let Some(other) = self.records.iter().find(|record| record.len() != first.len()) else { return Ok(()) };
        let line = self.line_of(other);
        let found = fields(other.len());
        let [found_line, first_line] =
            [other, first].map(|record| shown(self.text[self.start_of(record)..].lines().next().unwrap_or_default()));
        Err(format!(
            "{}, line {line}: {found}, and the first row has {}, separated by {:?} (--separator takes another): {found_line:?} after {first_line:?}",
            self.path,
            first.len(),
            self.separator.to_string(),
        ))
    }

    fn find_decimal(&mut self) -> Result<(), String> {
        let cells = self.records.iter().flat_map(|record| record.iter().map(str::trim));
        self.decimal = match Decimal::of(cells) {
            Evidence::Clear(decimal) => decimal,
            // Such a cell was quoted, or the comma would have separated it.
            Evidence::Doubtful(cell) if self.separator == Separator::Character(b',') => {
                self.notes.push(format!(
                    "{cell:?} is taken as a number with a comma after the thousands; --decimal comma if that is a \
                     decimal comma"
                ));
                Decimal::Point
            }
            Evidence::Doubtful(cell) => {
                return Err(format!(
                    "{}: is {cell:?} more than a thousand, or less? --decimal point or --decimal comma says it",
                    self.path
                ));
            }
            Evidence::Mixed(decimal, count, cell) => {
                let (mark, other) = match decimal {
                    Decimal::Point => ("a decimal point", "comma"),
                    Decimal::Comma => ("a decimal comma", "point"),
                };
                self.notes.push(format!(
                    "numbers have {mark}; what does not fit it: {count} cells, such as {cell:?} (--decimal {other}?)"
                ));
                decimal
            }
        };
        Ok(())
    }

    /// Takes the first row out of the data.
    ///
    /// # Errors
    /// If there are no other rows.
    pub fn skip_header(&mut self) -> Result<(), String> {
        self.headers = 1;
        match self.data() {
            [] => Err(format!("{} has only one row: names without data (--header no if it is data)", self.path)),
            _ => Ok(()),
        }
    }

    /// Takes the first row out of the data, as the columns' names.
    ///
    /// # Errors
    /// If there are no other rows, or two columns have one name.
    fn read_header(&mut self) -> Result<(), String> {
        self.skip_header()?;
        let header = &self.records[0];
        let names = (0..header.len()).map(|column| match header[column].trim() {
            "" => numbered(column),
            name => name.to_owned(),
        });
        let names = names.collect::<Vec<_>>();
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
            let line = self.line_of(header);
            return Err(format!(
                "{}, line {line}: two columns are named {name:?} (--header no if they are not names)",
                self.path
            ));
        }
        self.names = Some(names);
        Ok(())
    }

    /// Whether the columns have names of their own.
    pub fn is_named(&self) -> bool {
        self.names.is_some()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.records[0].len()
    }

    /// A column's name: without a header "column 1", "column 2" and so on.
    pub fn column_name(&self, column: usize) -> String {
        self.names.as_ref().map_or_else(|| numbered(column), |names| names[column].clone())
    }

    /// The number of rows of data.
    pub fn rows(&self) -> usize {
        self.data().len()
    }

    /// The words of cells in which a value is missing.
    pub fn missing_words(&self) -> &[String] {
        &self.missing
    }

    /// The first row, names or data.
    pub fn first_row(&self) -> impl Iterator<Item = &str> {
        self.records[0].iter().map(str::trim)
    }

    /// The cells of a column of data; `None` for a missing one.
    pub fn cells(&self, column: usize) -> impl ExactSizeIterator<Item = Option<&str>> + Clone {
        self.data().iter().map(move |record| self.present(record, column))
    }

    /// The line on which a row of data begins, from 1.
    pub fn line(&self, row: usize) -> usize {
        self.line_of(&self.data()[row])
    }

    fn data(&self) -> &[StringRecord] {
        &self.records[self.headers..]
    }

    /// A cell without the blanks around it; `None` if it is missing.
    fn present<'a>(&self, record: &'a StringRecord, column: usize) -> Option<&'a str> {
        let cell = record[column].trim();
        (!cell.is_empty() && !self.missing.iter().any(|word| word.trim() == cell)).then_some(cell)
    }

    /// The byte at which a record begins.
    fn start_of(&self, record: &StringRecord) -> usize {
        let end_of_last = record.position().map_or(0, |position| position.byte() as usize);
        self.text.len() - self.text[end_of_last..].trim_start_matches(['\r', '\n']).len()
    }

    fn line_of(&self, record: &StringRecord) -> usize {
        let before = &self.text.as_bytes()[..self.start_of(record)];
        // A line ends with \n, with \r, or with both.
        let ends = |i: usize| before[i] == b'\r' || before[i] == b'\n' && (i == 0 || before[i - 1] != b'\r');
        1 + (0..before.len()).filter(|&i| ends(i)).count()
    }
}

/// The name of a column that has none.
pub fn numbered(column: usize) -> String {
    format!("column {}", column + 1)
}

/// "1 field", "2 fields".
pub fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
}

/// The beginning of a text.
pub fn shown(text: &str) -> String {
    let mut beginning = text.chars().take(SHOWN).collect::<String>();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

/// Some of these names or cells, quoted; "and 7 more" if there are more than ten.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 10;
    let names = names.into_iter().collect::<Vec<_>>();
    let mut text = names.iter().take(MOST).map(|name| format!("{:?}", shown(name))).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        // Writing to a string cannot fail.
        _ = write!(text, " and {} more", names.len() - MOST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, format: &Format) -> Result<Table, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Table::read(file.path(), format)
    }

    fn read(text: &str) -> Result<Table, String> {
        table(text, &Format::default())
    }

    fn column(table: &Table, index: usize) -> Vec<&str> {
        table.cells(index).map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn names_and_cells_are_read() {
        let read_table = read("a , ,c\n1,\" x, y \",NA\n2,,\n").unwrap();
        assert!(read_table.is_named());
        assert_eq!([0, 1, 2].map(|index| read_table.column_name(index)), ["a", "column 2", "c"]);
        assert_eq!((column(&read_table, 0), column(&read_table, 1)), (vec!["1", "2"], vec!["x, y", ""]));
        let format = Format { missing: vec!["NA".to_owned()], ..Default::default() };
        assert_eq!(column(&table("a,c\n1,NA\n2,3\n", &format).unwrap(), 1), ["", "3"]);
        let data = table("a,b\n1,2\n", &Format { header: Header::No, ..Default::default() }).unwrap();
        assert_eq!((data.is_named(), data.rows(), data.column_name(1)), (false, 2, "column 2".to_owned()));
    }

    #[test]
    fn what_was_decided_in_doubt_is_said() {
        let notes = |text: &str| read(text).unwrap().notes.join("; ");
        assert_eq!(notes("a,b\n1,x\n2,y\n"), "");
        assert!(
            notes("shop,2022\na,100\nb,101\na,102\nb,103\n")
                .contains("\"shop, 2022\", may be either: it is taken as the columns' names")
        );
        assert!(notes("a,b\n1,\"1,937\"\n2,\"2,004\"\n").contains("comma after the thousands; --decimal comma"));
        assert!(
            notes("a;b\n1,5;2.5\n2,5;3,5\n")
                .contains("numbers have a decimal comma; what does not fit it: 1 cells, such as \"2.5\"")
        );
        let error = read("a;b\n1;1,937\n2;2,004\n").unwrap_err();
        assert!(error.contains("is \"1,937\" more than a thousand, or less?"), "{error}");
        let format = Format { decimal: Some(Decimal::Comma), ..Default::default() };
        assert_eq!(table("a;b\n1;1,937\n", &format).unwrap().decimal, Decimal::Comma);
    }

    #[test]
    fn errors_show_the_line_and_name_the_separator() {
        for (text, words) in [
            ("", "has no rows"),
            ("\r\n\n", "has no rows"),
            ("a,b\n", "only one row: names without data"),
            ("a,a\n1,2\n3,4\n", "line 1: two columns are named \"a\""),
            (
                "a,b\n1,2\n3\n",
                "line 3: 1 field, and the first row has 2, separated by \",\" (--separator takes another): \"3\" after \"a,b\"",
            ),
            ("a;b\r1;2\r\r3;4;5\r", "line 4: 3 fields, and the first row has 2, separated by \";\""),
            ("a,b\r\n1,\"2\r\n\"\r\n3,4,5\r\n", "line 4: 3 fields"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
