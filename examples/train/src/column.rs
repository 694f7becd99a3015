//! A column of a table as numbers: its kind is decided by all its cells.

use std::collections::HashMap;

use crate::table::{Table, listed, shown};

/// The most different words of a column. A column with more likely names or numbers the rows: nothing can be learned
/// from it.
const MOST_WORDS: usize = 1_000;

/// In fewer rows, different values are no reason for doubt.
const FEWEST: usize = 10;

/// Whole numbers up to this one are exact in an f64, so that different ones stay different.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A column as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// The different words, or the classes; `None` for a column of numbers.
    pub words: Option<Vec<String>>,
    /// One number per row, `None` if it is missing; for words, the index of the row's word in `words`.
    pub cells: Vec<Option<f64>>,
}

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As numbers if all cells are numbers; as words if most are not; otherwise an error shows those that are not.
    ByCells,
    /// Every cell is a word.
    Words,
    /// What is no number is missing.
    Numbers,
}

impl Column {
    /// Reads a column of the table. Also returns what the user should know of it.
    ///
    /// # Errors
    /// If at least half of the cells are numbers and some are not; if the column is empty; if it has too many words.
    pub fn read(table: &Table, index: usize, reading: Reading) -> Result<(Self, Option<String>), String> {
        let name = table.column_name(index);
        let cells = || table.cells(index);
        let number = |cell: &str| table.decimal.parse(cell);
        let present = cells().flatten().count();
        let numbers = cells().flatten().filter(|cell| number(cell).is_some()).count();
        if present == 0 {
            return Err(format!("column {name:?} is empty: --leave-out {name:?}"));
        }
        let mut note = None;
        let is_number = match reading {
            Reading::Words => false,
            Reading::Numbers => true,
            Reading::ByCells if 2 * numbers >= present && numbers < present => {
                return Err(odd_cells(table, index, [present, numbers]));
            }
            Reading::ByCells => {
                if (1..present).contains(&numbers) {
                    let example = cells().flatten().find(|cell| number(cell).is_some()).unwrap_or_default();
                    note = Some(format!(
                        "column {name:?} is of words, though {numbers} of {present} cells are numbers, such as {example:?} \
                         (--numbers {name:?} takes the others as missing)"
                    ));
                }
                numbers == present
            }
        };
        if is_number {
            if numbers == 0 {
                return Err(format!("column {name:?} has no number, but {}", listed(cells().flatten().take(3))));
            }
            let cells = cells().map(|cell| cell.and_then(number)).collect();
            return Ok((Column { name, words: None, cells }, None));
        }
        let mut indices = HashMap::new();
        let mut words = Vec::new();
        let cells = cells().map(|cell| {
            cell.map(|word| {
                *indices.entry(word).or_insert_with(|| {
                    words.push(word.to_owned());
                    (words.len() - 1) as f64
                })
            })
        });
        let cells = cells.collect();
        check_words(&name, words.len())?;
        Ok((Column { name, words: Some(words), cells }, note))
    }

    /// Reads a column whose different cells are classes: in the order of numbers, if all are, and otherwise of the alphabet.
    /// Numbers keep their text, but 5 and 5.0 are one class.
    ///
    /// # Errors
    /// If the column is empty or has too many classes.
    pub fn read_classes(table: &Table, index: usize) -> Result<Self, String> {
        let name = table.column_name(index);
        let numbers = table.cells(index).flatten().all(|cell| table.decimal.parse(cell).is_some());
        let mut classes = HashMap::new();
        let keys = table.cells(index).map(|cell| {
            let cell = cell?;
            let number = table.decimal.parse(cell).filter(|number| numbers && number.abs() <= LARGEST_EXACT);
            // 0 and -0 are one number.
            let key = number.map_or_else(|| cell.to_owned(), |number| (number + 0.0).to_string());
            classes.entry(key.clone()).or_insert(cell);
            Some(key)
        });
        let keys = keys.collect::<Vec<_>>();
        if classes.is_empty() {
            return Err(format!("column {name:?} is empty: there is nothing to learn"));
        }
        check_words(&name, classes.len())?;
        let value = |cell: &str| table.decimal.parse(cell).unwrap_or_default();
        let mut sorted = classes.into_iter().collect::<Vec<_>>();
        sorted.sort_by(|(_, a), (_, b)| match numbers {
            true => value(a).total_cmp(&value(b)).then(a.cmp(b)),
            false => a.cmp(b),
        });
        let words = sorted.iter().map(|(_, cell)| (*cell).to_owned()).collect();
        let indices = sorted.into_iter().enumerate().map(|(index, (key, _))| (key, index as f64));
        let indices = indices.collect::<HashMap<_, _>>();
        let cells = keys.iter().map(|key| key.as_ref().map(|key| indices[key])).collect();
        Ok(Column { name, words: Some(words), cells })
    }

    /// The different numbers that are not missing, in ascending order. 0 and -0 are the same.
    pub fn different(&self) -> Vec<f64> {
        let mut values = self.cells.iter().flatten().map(|number| number + 0.0).collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// What speaks against learning from this column: that it numbers the rows, or has another word in most of them.
    pub fn doubt(&self) -> Option<String> {
        let name = &self.name;
        let rows = self.cells.iter().flatten().count();
        if let Some(words) = &self.words {
            let is_name = rows >= FEWEST && 2 * words.len() > rows;
            let different = words.len();
            return is_name.then(|| {
                format!(
                    "column {name:?} has {different} different words in {rows} rows, from which nothing can be \
                     learned: --leave-out {name:?}"
                )
            });
        }
        let different = self.different();
        let (first, last) = (different.first()?, different.last()?);
        let is_counting =
            different.len() == rows && rows >= FEWEST && different.iter().all(|number| number.fract() == 0.0);
        (is_counting && last - first == (rows - 1) as f64).then(|| {
            format!(
                "column {name:?} numbers the rows, from {first} to {last}: if it says nothing of them, \
                 --leave-out {name:?}"
            )
        })
    }
}

/// The error of a column of numbers with some cells that are none.
fn odd_cells(table: &Table, index: usize, [present, numbers]: [usize; 2]) -> String {
    let name = table.column_name(index);
    let is_odd = |cell: &str| table.decimal.parse(cell).is_none();
    // Each different cell, with its first line and how often it is there.
    let mut different: Vec<(&str, usize, usize)> = Vec::new();
    let mut indices: HashMap<&str, usize> = HashMap::new();
    for (row, cell) in
        table.cells(index).enumerate().filter_map(|(row, cell)| Some((row, cell.filter(|cell| is_odd(cell))?)))
    {
        match indices.get(cell) {
            Some(&index) => different[index].2 += 1,
            None => {
                indices.insert(cell, different.len());
                different.push((cell, row, 1));
            }
        }
    }
    different.sort_by_key(|&(_, row, count)| (std::cmp::Reverse(count), row));
    const MOST: usize = 5;
    let cells = different.iter().take(MOST).map(|&(cell, row, count)| {
        let times = if count == 1 { String::new() } else { format!("{count} times, first ") };
        format!("{:?} ({times}in line {})", shown(cell), table.line(row))
    });
    let more = if different.len() > MOST { format!(" and {} others", different.len() - MOST) } else { String::new() };
    let cells = cells.collect::<Vec<_>>().join(", ");
    let missing = different.iter().take(MOST).map(|(cell, ..)| *cell).collect::<Vec<_>>().join(",");
    format!(
        "{}, column {name:?}: {numbers} of {present} cells are numbers, and these are not: {cells}{more}. \
         --missing {missing:?} says that the value is missing there, --numbers {name:?} that it is wherever there is no \
         number, --words {name:?} that all cells are words, --leave-out {name:?} does without the column",
        table.path
    )
}

fn check_words(name: &str, count: usize) -> Result<(), String> {
    if count <= MOST_WORDS {
        return Ok(());
    }
    Err(format!(
        "column {name:?} has {count} different words, and at most {MOST_WORDS} are told apart: --leave-out {name:?}, or \
         --numbers {name:?} if it should be of numbers"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Format;

    fn table(cells: &[&str], missing: &[&str]) -> Table {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rows = cells.iter().map(|cell| format!("{cell};0\n")).collect::<String>();
        std::fs::write(file.path(), "a;b\n".to_owned() + &rows).unwrap();
        let missing = missing.iter().map(|&word| word.to_owned()).collect();
        Table::read(file.path(), &Format { missing, ..Default::default() }).unwrap()
    }

    fn read(cells: &[&str], reading: Reading) -> Result<(Column, Option<String>), String> {
        Column::read(&table(cells, &[]), 0, reading)
    }

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn all_cells_decide_what_a_column_is_in_any_order() {
        let (numbers, _) = read(&["1700000000.5", "", "-2e3"], Reading::ByCells).unwrap();
        assert_eq!((numbers.words, numbers.cells), (None, vec![Some(1_700_000_000.5), None, Some(-2e3)]));
        let (colours, note) = read(&["red", "green", "", "red"], Reading::ByCells).unwrap();
        assert_eq!((colours.words, note), (words(&["red", "green"]), None));
        assert_eq!(colours.cells, [Some(0.0), Some(1.0), None, Some(0.0)]);

        let mut cells = ["2", "4", "more", "4", "more", "nan"];
        for _ in 0..cells.len() {
            let error = read(&cells, Reading::ByCells).unwrap_err();
            assert!(
                error.contains("3 of 6 cells are numbers") && error.contains("\"more\" (2 times, first in line"),
                "{error}"
            );
            assert!(error.contains("--missing \"more,nan\"") && error.contains("--words \"a\""), "{error}");
            assert_eq!(read(&cells, Reading::Words).unwrap().0.words.map(|words| words.len()), Some(4));
            let numbers = read(&cells, Reading::Numbers).unwrap().0.cells;
            assert_eq!(numbers.iter().flatten().sum::<f64>(), 10.0);
            cells.rotate_left(1);
        }
        let (titles, note) = read(&["1984", "Emma", "Ulysses", "Kim"], Reading::ByCells).unwrap();
        assert_eq!(titles.words.map(|words| words.len()), Some(4));
        assert!(note.is_some_and(|note| note.contains("1 of 4 cells are numbers, such as \"1984\"")));
        assert!(read(&["", ""], Reading::ByCells).unwrap_err().contains("is empty"));
        assert!(read(&["x", "y"], Reading::Numbers).unwrap_err().contains("no number, but \"x\", \"y\""));
    }

    #[test]
    fn words_of_missing_cells_are_no_odd_cells() {
        let table = table(&["NA", "1", "?", "2"], &["NA", "?"]);
        let (column, _) = Column::read(&table, 0, Reading::ByCells).unwrap();
        assert_eq!((column.words, column.cells), (None, vec![None, Some(1.0), None, Some(2.0)]));
    }

    #[test]
    fn classes_keep_their_text() {
        let classes = |cells: &[&str]| {
            let column = Column::read_classes(&table(cells, &[]), 0).unwrap();
            (column.words.unwrap(), column.cells.into_iter().map(Option::unwrap).collect::<Vec<_>>())
        };
        let labels = ["100000001", "100000004", "100000001"];
        assert_eq!(
            classes(&labels),
            (labels[..2].iter().map(|&label| label.to_owned()).collect(), vec![0.0, 1.0, 0.0])
        );
        // In the order of numbers, not of strings; 5 and 5.0 are one class.
        assert_eq!(
            classes(&["10", "9", "-1", "9.0"]),
            (vec!["-1".into(), "9".into(), "10".into()], vec![2.0, 1.0, 0.0, 1.0])
        );
        // Beyond what an f64 tells apart.
        assert_eq!(classes(&["12345678901234567891", "12345678901234567892"]).0.len(), 2);
        assert_eq!(classes(&["b", "10", "9"]), (vec!["10".into(), "9".into(), "b".into()], vec![2.0, 0.0, 1.0]));
    }

    #[test]
    fn columns_of_numbers_of_rows_and_of_names_are_doubted() {
        let doubt = |cell: &dyn Fn(usize) -> String| {
            let cells = (0..20).map(cell).collect::<Vec<_>>();
            let cells = cells.iter().map(String::as_str).collect::<Vec<_>>();
            read(&cells, Reading::ByCells).unwrap().0.doubt()
        };
        for start in [0, 1, 7] {
            let doubt = doubt(&|row| (start + row * 7 % 20).to_string()).unwrap();
            assert!(doubt.contains(&format!("numbers the rows, from {start} to {}", start + 19)), "{doubt}");
        }
        assert!(doubt(&|row| format!("person {}", row % 15)).unwrap().contains("15 different words in 20 rows"));
        assert_eq!(doubt(&|row| (row * 2).to_string()), None);
        assert_eq!(doubt(&|row| (row / 2).to_string()), None);
        assert_eq!(doubt(&|row| format!("kind {}", row % 5)), None);
        let names = (0..1_001).map(|row| format!("person {row}")).collect::<Vec<_>>();
        let names = names.iter().map(String::as_str).collect::<Vec<_>>();
        assert!(read(&names, Reading::ByCells).unwrap_err().contains("1001 different words"));
    }
}
