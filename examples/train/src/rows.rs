//! The rows to predict from: a file whose columns are found by name or by position.

use std::path::Path;

use crate::scaling::{Encoding, Input, Scaling};
use crate::table::{Format, Header, Table, fields, listed, numbered};

/// The rows of a file: the cells of each input's column, in the order of the inputs. `None` is a missing cell.
///
/// If both tables have a header, the columns are found by name, and other columns are ignored. Otherwise the columns
/// must be exactly the inputs, in order. `Header::Auto` takes the first row as a header if one of its fields is the
/// name of a column of the training table, or if no field is a number although some inputs are.
///
/// # Errors
/// If the file cannot be read, a column is missing, a field is not of its column's kind, or there are no rows; if a cell is
/// missing and `filled` does not say that it gets the mean.
pub fn read(path: &Path, format: &Format, scaling: &Scaling, filled: bool) -> Result<(Table, Cells), String> {
    let mut table = Table::read_rows(path, format)?;
    let has_header = match format.header {
        Header::Auto => looks_like_header(&table, scaling),
        Header::Yes => true,
        Header::No => false,
    };
    let indices = field_indices(&table, has_header, scaling)?;
    if has_header {
        table.skip_header()?;
    }
    let mut columns = Vec::with_capacity(indices.len());
    for (input, &index) in scaling.inputs.iter().zip(&indices) {
        let cells = table.cells(index).enumerate().map(|(row, field)| {
            let read = match field {
                Some(field) => cell(field, &input.encoding, &table).map(Some),
                None if filled => Ok(None),
                None => Err("a value; --missing-rows mean takes the training rows' mean".to_owned()),
            };
            read.map_err(|expected| {
                let found = field.map_or("a missing value".to_owned(), |field| format!("{field:?}"));
                format!(
                    "{}, line {}, column {:?}: found {found}, expected {expected}",
                    table.path,
                    table.line(row),
                    input.name
                )
            })
        });
        columns.push(cells.collect::<Result<Vec<_>, _>>()?);
    }
    Ok((table, columns))
}

/// The cells of each input's column.
pub type Cells = Vec<Vec<Option<f64>>>;

fn looks_like_header(table: &Table, scaling: &Scaling) -> bool {
    let names = || scaling.inputs.iter().map(|input| &input.name).chain([&scaling.target.name]);
    let is_name = |field: &str| names().any(|name| name == field);
    let wants_numbers = scaling.inputs.iter().any(|input| matches!(input.encoding, Encoding::Number { .. }));
    scaling.named && table.first_row().any(is_name)
        || wants_numbers && table.first_row().all(|field| table.decimal.parse(field).is_none())
}

/// The field index of each input.
fn field_indices(table: &Table, has_header: bool, scaling: &Scaling) -> Result<Vec<usize>, String> {
    let inputs = &scaling.inputs;
    let malformed = |found: String, expected: String| {
        format!(
            "{}, first row: found {found}, expected {expected}; fields are separated by {:?} (--separator takes another)",
            table.path,
            table.separator.to_string()
        )
    };
    if !(has_header && scaling.named) {
        if table.columns() == inputs.len() {
            return Ok((0..inputs.len()).collect());
        }
        let names = listed(inputs.iter().map(|input| input.name.as_str()));
        return Err(malformed(fields(table.columns()), format!("{}, without the target: {names}", inputs.len())));
    }
    let index_of = |Input { name, .. }: &Input| {
        // A column without a name is known by its number.
        let named = |(index, field): (usize, &str)| {
            (field == name || field.is_empty() && *name == numbered(index)).then_some(index)
        };
        let mut found = table.first_row().enumerate().filter_map(named);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => Err(malformed(format!("two columns {name:?}"), "one".to_owned())),
            (None, _) => {
                Err(malformed(format!("the columns {}", listed(table.first_row())), format!("also a column {name:?}")))
            }
        }
    };
    inputs.iter().map(index_of).collect()
}

/// A field as a cell; or what was expected.
fn cell(field: &str, encoding: &Encoding, table: &Table) -> Result<f64, String> {
    match encoding {
        Encoding::Number { .. } => table.decimal.parse(field).ok_or_else(|| "a number".to_owned()),
        Encoding::Words { words, .. } => {
            let index = words.iter().position(|word| word == field).map(|index| index as f64);
            index.ok_or_else(|| {
                format!("one of the training table's words: {}", listed(words.iter().map(String::as_str)))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::problem::Missing;
    use crate::scaling::{Answers, Target, Units};

    use super::*;

    fn scaling(named: bool) -> Scaling {
        let name = |name: &str, number: usize| if named { name.to_owned() } else { format!("column {number}") };
        let words = Encoding::Words { words: vec!["red".to_owned(), "green".to_owned()], shares: vec![0.5; 2] };
        let inputs = vec![
            Input { name: name("size", 1), encoding: Encoding::Number { mean: 0.0, deviation: 1.0 } },
            Input { name: name("colour", 2), encoding: words },
        ];
        Scaling {
            named,
            missing: Missing::default(),
            inputs,
            target: Target { name: name("t", 3), answers: Answers::Numbers(Units::Range { low: 0.0, high: 1.0 }) },
        }
    }

    fn rows_filled(text: &str, header: Header, named: bool, filled: bool) -> Result<Cells, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let format = Format { header, missing: vec!["?".to_owned()], ..Default::default() };
        read(file.path(), &format, &scaling(named), filled).map(|(_, cells)| cells)
    }

    fn rows(text: &str, header: Header, named: bool) -> Result<Cells, String> {
        rows_filled(text, header, named, false)
    }

    const EXPECTED: [[Option<f64>; 2]; 2] = [[Some(1.5), Some(2.0)], [Some(1.0), Some(0.0)]];

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
    fn rows_are_read_by_their_own_dialect() {
        for text in ["size;colour\r1,5;green\r2;red\r", "colour\tsize\ngreen\t1,5\nred\t2\n", "1,5 green\n2 red\n"] {
            assert_eq!(rows(text, Header::Auto, true).unwrap(), EXPECTED, "{text:?}");
        }
    }

    #[test]
    fn missing_cells_get_means_only_if_asked() {
        let text = "size,colour\n?,red\n2,\n";
        assert_eq!(rows_filled(text, Header::Auto, true, true).unwrap(), [[None, Some(2.0)], [Some(0.0), None]]);
        let error = rows(text, Header::Auto, true).unwrap_err();
        assert!(
            error.contains("line 2, column \"size\": found a missing value, expected a value; --missing"),
            "{error}"
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, words) in [
            ("size,shade\n1,red\n", "found the columns \"size\", \"shade\", expected also a column \"colour\""),
            ("size,size,colour\n1,1,red\n", "found two columns \"size\", expected one"),
            ("1,red,7\n", "found 3 fields, expected 2, without the target: \"size\", \"colour\""),
            ("size,colour\n1,red\n2\n", "line 3: 1 field, and the first row has 2, separated by \",\""),
            ("size,colour\r\n\r\n1,red\r\n2,blue\r\n", "line 4, column \"colour\": found \"blue\", expected one of"),
            ("size,colour\r1,red\r2,blue\r", "line 3, column \"colour\": found \"blue\", expected one of"),
            ("t,size,colour\n\"a\nb\",1,red\n\n0,x,red\n", "line 5, column \"size\": found \"x\", expected a number"),
            ("size,colour\ninf,red\n", "line 2, column \"size\": found \"inf\""),
            ("size,colour\n,red\n", "found a missing value"),
            ("size,colour\n", "names without data"),
            ("", "has no rows"),
        ] {
            let error = rows(text, Header::Auto, true).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
