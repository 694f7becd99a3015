//! The rows to predict from: a CSV file whose columns are found by name or by position.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use wgrad::Error;
use wgrad::datasets::Header;

use crate::scaling::{Encoding, Input, Scaling};

/// The most words or names that an error lists.
const LISTED: usize = 10;

/// The cells of each input's column, in the order of the inputs.
///
/// If both tables have a header, the columns are found by name, and other columns are ignored. Otherwise the columns
/// must be exactly the inputs, in order. `Header::Auto` takes the first row as a header if one of its fields is the
/// name of a column of the training table, or if no field is a number although some inputs are.
///
/// # Errors
/// If the file cannot be read, a column is missing, a field is not of its column's kind, or there are no rows.
pub fn read(path: &Path, header: Header, scaling: &Scaling) -> wgrad::Result<Vec<Vec<f32>>> {
    let unreadable = |reason: String| Error::File { action: "read", path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader.into_records().collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(error.to_string()))?;
    let malformed = |place: String, found: String, expected: String| Error::Malformed {
        path: path.display().to_string(),
        place,
        found,
        expected,
    };
    let no_rows =
        || malformed("the end of the file".to_owned(), "no rows".to_owned(), "rows to predict from".to_owned());
    let first = rows.first().ok_or_else(no_rows)?;
    let has_header = match header {
        Header::Auto => looks_like_header(first, scaling),
        Header::Yes => true,
        Header::No => false,
    };
    let indices = field_indices(first, has_header, scaling)
        .map_err(|(found, expected)| malformed(format!("line {}", line(&text, first)), found, expected))?;
    let data = &rows[usize::from(has_header)..];
    if data.is_empty() {
        return Err(no_rows());
    }

    let mut columns = vec![Vec::with_capacity(data.len()); indices.len()];
    for row in data {
        if row.len() != first.len() {
            let expected = format!("{}, as in the first row", first.len());
            return Err(malformed(format!("line {}", line(&text, row)), fields(row.len()), expected));
        }
        for ((input, &index), cells) in scaling.inputs.iter().zip(&indices).zip(&mut columns) {
            let field = field(row, index);
            cells.push(cell(field, &input.encoding).map_err(|expected| {
                let found = if field.is_empty() { "an empty field".to_owned() } else { format!("{field:?}") };
                malformed(format!("line {}, column {:?}", line(&text, row), input.name), found, expected)
            })?);
        }
    }
    Ok(columns)
}

fn looks_like_header(first: &StringRecord, scaling: &Scaling) -> bool {
    let names = || scaling.inputs.iter().map(|input| &input.name).chain([&scaling.target.name]);
    let fields = || (0..first.len()).map(|index| field(first, index));
    let is_name = |field: &str| names().any(|name| name == field);
    let wants_numbers = scaling.inputs.iter().any(|input| matches!(input.encoding, Encoding::Number { .. }));
    scaling.named && fields().any(is_name) || wants_numbers && fields().all(|field| field.parse::<f32>().is_err())
}

/// The field index of each input; or what was found and what was expected.
fn field_indices(first: &StringRecord, has_header: bool, scaling: &Scaling) -> Result<Vec<usize>, (String, String)> {
    let inputs = &scaling.inputs;
    if !(has_header && scaling.named) {
        let expected = || {
            let names = listed(inputs.iter().map(|input| input.name.as_str()));
            format!("{}, without the target: {names}", inputs.len())
        };
        let fits = first.len() == inputs.len();
        return if fits { Ok((0..inputs.len()).collect()) } else { Err((fields(first.len()), expected())) };
    }
    let index_of = |Input { name, .. }: &Input| {
        let mut found = (0..first.len()).filter(|&index| field(first, index) == name);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => Err((format!("two columns {name:?}"), "one".to_owned())),
            (None, _) => {
                let names = listed((0..first.len()).map(|index| field(first, index)));
                Err((format!("the columns {names}"), format!("also a column {name:?}")))
            }
        }
    };
    inputs.iter().map(index_of).collect()
}

/// A field as a cell; or what was expected.
fn cell(field: &str, encoding: &Encoding) -> Result<f32, String> {
    match encoding {
        Encoding::Number { .. } => {
            let number = field.parse().ok().filter(|number: &f32| number.is_finite());
            number.ok_or_else(|| "a finite number".to_owned())
        }
        Encoding::Words(words) => {
            let index = words.iter().position(|word| word == field).map(|index| index as f32);
            index.ok_or_else(|| {
                format!("one of the training table's words: {}", listed(words.iter().map(String::as_str)))
            })
        }
    }
}

/// A field without the spaces around it.
fn field(row: &StringRecord, index: usize) -> &str {
    row.get(index).unwrap_or_default().trim_ascii()
}

fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names.map(|name| format!("{name:?}")).collect::<Vec<_>>();
    if names.len() > LISTED {
        names.truncate(LISTED);
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// The line on which a row begins. The crate `csv` gives the end of the row before; blank lines may follow it.
fn line(text: &str, row: &StringRecord) -> usize {
    let end_of_last = row.position().map_or(0, |position| position.byte() as usize);
    let (before, rest) = text.split_at_checked(end_of_last).unwrap_or((text, ""));
    let between = rest.len() - rest.trim_start_matches(['\r', '\n', '\u{feff}']).len();
    let newlines = |text: &str| text.bytes().filter(|&byte| byte == b'\n').count();
    1 + newlines(before) + newlines(&rest[..between])
}

#[cfg(test)]
mod tests {
    use crate::scaling::{Answers, Target, Units};

    use super::*;

    fn scaling(named: bool) -> Scaling {
        let name = |name: &str, number: usize| if named { name.to_owned() } else { format!("column {number}") };
        let words = Encoding::Words(vec!["red".to_owned(), "green".to_owned()]);
        let inputs = vec![
            Input { name: name("size", 1), encoding: Encoding::Number { mean: 0.0, deviation: 1.0 } },
            Input { name: name("colour", 2), encoding: words },
        ];
        Scaling {
            named,
            inputs,
            target: Target { name: name("t", 3), answers: Answers::Numbers(Units::Range { low: 0.0, high: 1.0 }) },
        }
    }

    fn rows(text: &str, header: Header, named: bool) -> Result<Vec<Vec<f32>>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), header, &scaling(named)).map_err(|error| error.to_string())
    }

    const EXPECTED: [[f32; 2]; 2] = [[1.5, 2.0], [1.0, 0.0]];

    #[test]
    fn columns_are_found_by_name_in_any_order_with_the_target_or_without() {
        for text in [
            "size,colour\n1.5,green\n2,red\n",
            "\u{feff}colour , size\r\n\r\n green,1.5\r\n red,2\r\n",
            "t,size,other,colour\nwhatever,1.5,x,green\n,2,,red",
        ] {
            assert_eq!(rows(text, Header::Auto, true).unwrap(), EXPECTED, "{text}");
            assert_eq!(rows(text, Header::Yes, true).unwrap(), EXPECTED, "{text}");
        }
    }

    #[test]
    fn columns_are_found_by_position_without_a_header() {
        for named in [true, false] {
            assert_eq!(rows("1.5,green\n2,red\n", Header::Auto, named).unwrap(), EXPECTED);
            assert_eq!(rows("1.5,green\n2,red\n", Header::No, named).unwrap(), EXPECTED);
        }
        // A header is no use to a network whose columns have no names.
        assert_eq!(rows("a,b\n1.5,green\n2,red\n", Header::Auto, false).unwrap(), EXPECTED);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, words) in [
            ("size,shade\n1,red\n", "line 1: found the columns \"size\", \"shade\", expected also a column \"colour\""),
            ("size,size,colour\n1,1,red\n", "line 1: found two columns \"size\", expected one"),
            ("1,red,7\n", "line 1: found 3 fields, expected 2, without the target: \"size\", \"colour\""),
            ("size,colour\n1,red\n2\n", "line 3: found 1 field, expected 2, as in the first row"),
            ("size,colour\r\n\r\n1,red\r\n2,blue\r\n", "line 4, column \"colour\": found \"blue\", expected one of"),
            ("t,size,colour\n\"a\nb\",1,red\n\n0,x,red\n", "line 5, column \"size\": found \"x\", expected a finite"),
            ("size,colour\ninf,red\n", "line 2, column \"size\": found \"inf\""),
            ("size,colour\n,red\n", "found an empty field"),
            ("size,colour\n", "found no rows"),
            ("", "found no rows"),
        ] {
            let error = rows(text, Header::Auto, true).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
