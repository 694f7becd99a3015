//! What separates a row's fields.

use std::fmt::{self, Display};
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};

/// The most bytes that are looked at to find the separator.
const SAMPLE: usize = 1 << 18;

/// What separates a row's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// This ASCII character, once.
    Character(u8),
    /// Any number of blanks and tabs, as in columns that are aligned by blanks.
    Blanks,
}

impl Separator {
    /// The separator of a text, by its first rows. Beside what separates a table, any text has one.
    pub fn of(text: &str) -> Self {
        let sample = match text.get(..text.ceil_char_boundary(SAMPLE)) {
            // Up to the last whole line.
            Some(start) if start.len() < text.len() => start.rfind(['\n', '\r']).map_or(start, |end| &start[..end]),
            _ => text,
        };
        let found = csv_nose::Sniffer::new().sniff_bytes(sample.as_bytes());
        let found = found.map_or(b',', |found| found.dialect.delimiter);
        let separator = if found == b' ' { Separator::Blanks } else { Separator::Character(found) };
        let by_blanks = Separator::Blanks.fields(sample).filter(|&fields| fields > 1);
        let is_blanks = match separator.fields(sample) {
            None | Some(1) => by_blanks.is_some(),
            // Some columns aligned by blanks, and others behind a tab.
            fields => found == b'\t' && sample.contains("  ") && by_blanks > fields,
        };
        if is_blanks { Separator::Blanks } else { separator }
    }

    /// The number of fields per row, if it is the same in all rows.
    fn fields(self, text: &str) -> Option<usize> {
        let mut counts = self.rows(text).map(|row| row.map_or(0, |row| row.len()));
        let first = counts.next()?;
        counts.all(|count| count == first).then_some(first)
    }

    /// The rows of a text, blank lines left out. A row's position is where it begins, or in the line breaks before.
    pub fn rows(self, text: &str) -> impl Iterator<Item = csv::Result<StringRecord>> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true);
        let (text, delimiter) = match self {
            Separator::Character(character) => (text.to_owned(), character),
            Separator::Blanks => (text.replace('\t', " "), b' '),
        };
        let rows = builder.delimiter(delimiter).from_reader(std::io::Cursor::new(text)).into_records();
        rows.map(move |row| match self {
            Separator::Character(_) => row,
            Separator::Blanks => row.map(|row| {
                let mut fields = row.iter().filter(|field| !field.is_empty()).collect::<StringRecord>();
                fields.set_position(row.position().cloned());
                fields
            }),
        })
    }
}

impl Display for Separator {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Separator::Character(b'\t') => write!(formatter, "tab"),
            Separator::Character(character) => write!(formatter, "{}", char::from(*character)),
            Separator::Blanks => write!(formatter, "blanks"),
        }
    }
}

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            b"blanks" | b" " => Ok(Separator::Blanks),
            b"tab" | b"\\t" => Ok(Separator::Character(b'\t')),
            &[character] if character.is_ascii() && !matches!(character, b'"' | b'\r' | b'\n') => {
                Ok(Separator::Character(character))
            }
            _ => Err("one character such as , or ; or the word tab, or blanks".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_found() {
        for (text, separator) in [
            ("a,b,kind\n1,2,x\n2,3,y\n", ","),
            ("a;b;kind\n1,5;2;x\n2,25;3;y\n", ";"),
            ("a\tb\tkind\n1.5\t2\tx y\n2\t\tz, w\n", "tab"),
            ("a|b\r1|2\r3|4\r", "|"),
            ("a b kind\n1.5 2 x\n2 3 y\n", "blanks"),
            (" 18.0   8  3504.\t\"one car\"\n 15.0  10   352.\t\"another\"\n", "blanks"),
            ("name,text\n\"a, b\",\"c; d; e\"\n\"x, y\",\"z; y; t\"\n", ","),
            ("carat,price\n0.9,\"5,088.00\"\n0.3,\"2,759.00\"\n", ","),
            ("kind\nlight green\nred\n", ","),
            ("x,colour\n1,light green\n2,dark red\n", ","),
            ("0.5,-0.5\n", ","),
            ("0,5;-0,5\n1;2,5\n", ";"),
            ("5\n", ","),
            ("", ","),
        ] {
            assert_eq!(Separator::of(text).to_string(), separator, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_judged_by_whole_lines_of_its_beginning() {
        let text = "ä;1,5;x\n".repeat(SAMPLE / 4);
        assert_eq!(Separator::of(&text), Separator::Character(b';'));
    }

    #[test]
    fn rows_aligned_by_blanks_have_no_empty_fields() {
        let rows = Separator::Blanks.rows("  1   2\t\"a b\"  \n\n3 4 c\n").map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(rows, [vec!["1", "2", "a b"], vec!["3", "4", "c"]]);
    }

    #[test]
    fn separators_are_read_as_they_are_written() {
        for text in [",", ";", "tab", "|", "blanks"] {
            assert_eq!(text.parse::<Separator>().unwrap().to_string(), text);
        }
        assert_eq!("\t".parse::<Separator>().unwrap().to_string(), "tab");
        for text in ["", "ab", "\"", "\n", "ä"] {
            assert!(text.parse::<Separator>().is_err(), "{text:?}");
        }
    }
}
