//! The problem that a table poses: its inputs, its target, and the rows that have both.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use crate::column::{Column, Reading};
use crate::table::{Table, listed};

/// The kind of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A class if it has words, or whole numbers with at most 20 different values and at least five rows per value on
    /// average; otherwise a number
    #[default]
    Auto,
    /// A class per different value
    Class,
    /// A number
    Number,
}

/// What becomes of rows in which values are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MissingRows {
    /// They are left out
    Drop,
    /// They get the mean of the training rows: of a column of words, the words' shares. Rows without a target are left out
    Mean,
}

/// `Kind::Auto` takes at most this many different whole numbers as classes, with at least this many rows per class.
const MOST_NUMBERED_CLASSES: usize = 20;
const ROWS_PER_CLASS: usize = 5;

/// What the columns are.
#[derive(Args, Clone, Debug)]
pub struct Columns {
    /// The column to predict from the others: its name, or "first" or "last"
    #[arg(long, value_name = "COLUMN", default_value = "last")]
    pub target: String,
    /// The kind of the target
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    pub kind: Kind,
    /// A column that the network does not get; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub leave_out: Vec<String>,
    /// A column whose cells are all words, also those that look like numbers; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub words: Vec<String>,
    /// A column of numbers, in which all else is missing; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub numbers: Vec<String>,
    /// What becomes of rows in which a value is missing
    #[arg(long, value_enum)]
    pub missing_rows: Option<MissingRows>,
}

/// In which cells a value is missing, and whether they get means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Missing {
    /// The words of such cells, beside empty ones.
    pub words: Vec<String>,
    pub filled: bool,
}

#[derive(Debug)]
pub struct Problem {
    /// Whether the columns have names of their own.
    pub named: bool,
    pub inputs: Vec<Column>,
    pub target: Column,
    pub rows: usize,
    pub missing: Missing,
    /// What the user should know of the columns.
    pub notes: Vec<String>,
}

impl Problem {
    /// # Errors
    /// If the table has no such columns, no input, or no target of that kind; if a column mixes numbers and words; if values
    /// are missing and nothing says what becomes of their rows.
    pub fn new(table: &Table, columns: &Columns) -> Result<Self, String> {
        let mut notes = Vec::new();
        let kept = kept(table, columns, &mut notes)?;
        let target_index = target_of(table, &kept, &columns.target)?;
        let name = table.column_name(target_index);
        if kept.len() < 2 {
            return Err(format!(
                "the table has only the column {name:?}: there is nothing to tell it from (fields are separated by {:?})",
                table.separator.to_string()
            ));
        }
        let mut inputs = Vec::new();
        for &index in kept.iter().filter(|&&index| index != target_index) {
            let (column, note) = Column::read(table, index, reading(&table.column_name(index), columns))?;
            notes.extend(note);
            notes.extend(column.doubt());
            inputs.push(column);
        }
        let target = answers_of(table, target_index, columns)?;
        let missing =
            Missing { words: table.missing_words().to_vec(), filled: columns.missing_rows == Some(MissingRows::Mean) };
        let mut problem = Problem { named: table.is_named(), inputs, target, rows: table.rows(), missing, notes };
        problem.settle_missing(table, columns.missing_rows)?;
        Ok(problem)
    }

    /// Leaves out the rows that cannot be learned from.
    fn settle_missing(&mut self, table: &Table, choice: Option<MissingRows>) -> Result<(), String> {
        let columns = || self.inputs.iter().chain([&self.target]);
        let is_missing = |column: &Column, row: usize| column.cells[row].is_none();
        let lacking = (0..self.rows).filter(|&row| columns().any(|column| is_missing(column, row))).collect::<Vec<_>>();
        let Some(&first) = lacking.first() else { return Ok(()) };
        let named = columns().filter(|column| lacking.iter().any(|&row| is_missing(column, row)));
        let named = listed(named.map(|column| column.name.as_str()));
        let count = lacking.len();
        let dropped = match choice {
            None => {
                return Err(format!(
                    "{}: {count} of {} rows have no value in some column ({named}), the first in line {}: --missing-rows \
                     drop leaves these rows out, --missing-rows mean takes the column's mean there",
                    table.path,
                    self.rows,
                    table.line(first)
                ));
            }
            Some(MissingRows::Drop) => lacking,
            Some(MissingRows::Mean) => lacking.into_iter().filter(|&row| is_missing(&self.target, row)).collect(),
        };
        let [left_out, filled] = [dropped.len(), count - dropped.len()];
        if left_out == self.rows {
            return Err(format!("{}: every row lacks a value ({named}), and none is left", table.path));
        }
        if filled > 0 {
            self.notes.push(format!("rows with missing values that get means ({named}): {filled}"));
        }
        if left_out > 0 {
            self.notes.push(format!("rows with missing values that are left out ({named}): {left_out}"));
        }
        let mut keep = vec![true; self.rows];
        dropped.iter().for_each(|&row| keep[row] = false);
        for column in self.inputs.iter_mut().chain([&mut self.target]) {
            let mut kept = keep.iter();
            column.cells.retain(|_| kept.next().copied().unwrap_or(true));
        }
        self.rows -= left_out;
        Ok(())
    }
}

/// The indices of the columns that are not left out: empty ones are, unless they are named.
fn kept(table: &Table, columns: &Columns, notes: &mut Vec<String>) -> Result<Vec<usize>, String> {
    let all = (0..table.columns()).map(|index| table.column_name(index)).collect::<Vec<_>>();
    for name in [&columns.leave_out, &columns.words, &columns.numbers].into_iter().flatten() {
        if !all.contains(name) {
            return Err(format!(
                "there is no column {name:?}; the table has {}",
                listed(all.iter().map(String::as_str))
            ));
        }
    }
    if let Some(name) = columns.words.iter().find(|name| columns.numbers.contains(name)) {
        return Err(format!("column {name:?} cannot be of --words and of --numbers"));
    }
    if columns.leave_out.contains(&columns.target) {
        return Err(format!("column {:?} is the target, and cannot be left out", columns.target));
    }
    let mut kept = Vec::new();
    for (index, name) in all.iter().enumerate().filter(|(_, name)| !columns.leave_out.contains(name)) {
        if table.cells(index).all(|cell| cell.is_none()) && *name != columns.target {
            notes.push(format!("column {name:?} is empty and left out"));
        } else {
            kept.push(index);
        }
    }
    Ok(kept)
}

/// The index of a column by its name, or of the first or the last.
fn target_of(table: &Table, kept: &[usize], target: &str) -> Result<usize, String> {
    let by_name = kept.iter().find(|&&index| table.column_name(index) == target);
    let found = by_name.or_else(|| match target {
        "first" => kept.first(),
        "last" => kept.last(),
        _ => None,
    });
    found.copied().ok_or_else(|| {
        let names = kept.iter().map(|&index| table.column_name(index)).collect::<Vec<_>>();
        let names = listed(names.iter().map(String::as_str));
        format!("there is no column {target:?} to be the target; the table has {names}")
    })
}

fn reading(name: &String, columns: &Columns) -> Reading {
    if columns.words.contains(name) {
        Reading::Words
    } else if columns.numbers.contains(name) {
        Reading::Numbers
    } else {
        Reading::ByCells
    }
}

fn answers_of(table: &Table, index: usize, columns: &Columns) -> Result<Column, String> {
    let reading = reading(&table.column_name(index), columns);
    if columns.kind == Kind::Class || reading == Reading::Words && columns.kind == Kind::Auto {
        return Column::read_classes(table, index);
    }
    let (column, _) = Column::read(table, index, reading)?;
    let is_class = match (&column.words, columns.kind) {
        (Some(_), Kind::Number) => {
            return Err(format!("the target {:?} is of words, and --kind number wants numbers", column.name));
        }
        (Some(_), _) => true,
        (None, Kind::Number) => false,
        (None, _) => reading == Reading::ByCells && look_like_classes(&column.different(), column.cells.len()),
    };
    if is_class { Column::read_classes(table, index) } else { Ok(column) }
}

fn look_like_classes(values: &[f64], rows: usize) -> bool {
    let count = values.len();
    values.iter().all(|value| value.fract() == 0.0) && count <= MOST_NUMBERED_CLASSES && rows >= count * ROWS_PER_CLASS
}

/// The classes that none of these rows has.
pub fn missing_classes<'a>(target: &'a Column, rows: &[usize]) -> Vec<&'a str> {
    let Some(classes) = &target.words else { return Vec::new() };
    let mut missing = classes.iter().enumerate().map(|(i, class)| (i, class.as_str())).collect::<BTreeMap<_, _>>();
    rows.iter().filter_map(|&row| target.cells[row]).for_each(|class| _ = missing.remove(&(class as usize)));
    missing.into_values().collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    fn problem(text: &str, arguments: &str) -> Result<Problem, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let options = Options::try_parse_from(format!("train t {arguments}").split_whitespace()).unwrap();
        Problem::new(&Table::read(file.path(), &options.format)?, &options.columns)
    }

    fn column(name: &str, words: &[&str], cells: &[f64]) -> Column {
        let words = (!words.is_empty()).then(|| words.iter().map(|&word| word.to_owned()).collect());
        Column { name: name.to_owned(), words, cells: cells.iter().copied().map(Some).collect() }
    }

    #[test]
    fn words_become_indices_and_classes_are_sorted() {
        let problem = problem("size,colour,kind\n1,red,pear\n2,green,apple\n3,red,pear\n", "").unwrap();
        let inputs = [column("size", &[], &[1.0, 2.0, 3.0]), column("colour", &["red", "green"], &[0.0, 1.0, 0.0])];
        assert_eq!(problem.inputs, inputs);
        assert_eq!(problem.target, column("kind", &["apple", "pear"], &[1.0, 0.0, 1.0]));
        assert_eq!((problem.named, problem.rows), (true, 3));
        assert_eq!(missing_classes(&problem.target, &[0, 2]), ["apple"]);
        assert_eq!(missing_classes(&problem.target, &[1, 2]), [""; 0]);
    }

    #[test]
    fn the_target_is_the_column_of_that_name_or_first_or_last() {
        let text = "a,b,c\n1,2,3.5\n2,3,4\n";
        for (target, name) in [("first", "a"), ("last", "c"), ("b", "b")] {
            assert_eq!(problem(text, &format!("--target {target}")).unwrap().target.name, name);
        }
        assert_eq!(problem("last,b\n1,2\n2,4\n", "").unwrap().target.name, "last");
        let error = problem(text, "--target d").unwrap_err();
        assert!(error.contains("\"d\"") && error.contains("\"a\", \"b\", \"c\""), "{error}");
        assert!(problem("a\n1\n2\n", "").unwrap_err().contains("only the column"));
        assert!(!problem("1,2\n3,4\n", "--target first").unwrap().named);
    }

    #[test]
    fn whole_numbers_are_classes_where_they_are_few_and_frequent() {
        let target = |numbers: &mut dyn Iterator<Item = String>, kind: &str| {
            let rows = numbers.map(|number| format!("0,{number}\n")).collect::<String>();
            problem(&format!("x,y\n{rows}"), &format!("--kind {kind}")).unwrap().target
        };
        let cyclic = |values: u32, rows: u32, kind| {
            target(&mut (0..rows).map(|i| (i % values).to_string()), kind).words.map(|words| words.len())
        };
        assert_eq!(cyclic(3, 15, "auto"), Some(3));
        assert_eq!(cyclic(3, 14, "auto"), None);
        assert_eq!(cyclic(20, 100, "auto"), Some(20));
        assert_eq!(cyclic(21, 1_000, "auto"), None);
        assert_eq!(cyclic(3, 15, "number"), None);
        assert_eq!(cyclic(21, 21, "class"), Some(21));
        let halves = |kind| target(&mut (0..100).map(|i| (f64::from(i % 2) / 2.0).to_string()), kind).words;
        assert_eq!((halves("auto"), halves("class")), (None, Some(["0", "0.5"].map(str::to_owned).to_vec())));
    }

    #[test]
    fn columns_are_left_out_and_must_exist() {
        let text = "id,x,empty,y\n1,5,,2.5\n2,6,,3.5\n3,7,,1.5\n";
        let names = |arguments: &str| {
            let problem = problem(text, arguments).unwrap();
            problem.inputs.iter().map(|column| column.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(""), ["id", "x"]);
        assert_eq!(names("--leave-out id"), ["x"]);
        assert_eq!(names("--leave-out y"), ["id"]);
        assert!(problem(text, "").unwrap().notes.iter().any(|note| note.contains("\"empty\" is empty and left out")));
        for (arguments, words) in [
            ("--leave-out z", "no column \"z\"; the table has \"id\", \"x\", \"empty\", \"y\""),
            ("--words z", "no column \"z\""),
            ("--target x --leave-out x", "is the target"),
            ("--words x --numbers x", "of --words and of --numbers"),
            ("--leave-out id --leave-out x", "only the column \"y\""),
            ("--target empty", "\"empty\" is empty"),
        ] {
            let error = problem(text, arguments).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(problem("x,y\n1,a\n2,b\n", "--kind number").unwrap_err().contains("is of words"));
    }

    #[test]
    fn rows_with_missing_cells_are_settled() {
        let text = "x,y\n1,1.5\n,2.5\n3,\n4,4.5\n";
        let error = problem(text, "").unwrap_err();
        assert!(error.contains("2 of 4 rows") && error.contains("line 3") && error.contains("\"x\", \"y\""), "{error}");
        let dropped = problem(text, "--missing-rows drop").unwrap();
        assert_eq!((&dropped.inputs[0], dropped.rows), (&column("x", &[], &[1.0, 4.0]), 2));
        let filled = problem(text, "--missing-rows mean").unwrap();
        assert_eq!(filled.inputs[0].cells, [Some(1.0), None, Some(4.0)]);
        assert_eq!((filled.target, filled.rows), (column("y", &[], &[1.5, 2.5, 4.5]), 3));
        assert!(filled.missing.filled && !dropped.missing.filled);
        assert!(problem("x,y\n1,\n,2\n", "--missing-rows drop").unwrap_err().contains("none is left"));
    }
}
