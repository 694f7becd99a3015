//! The problem that a table poses: its inputs, and its target's kind.

use std::collections::BTreeMap;

use clap::ValueEnum;
use wgrad::datasets::{self, Table, Values};

/// The kind of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A class if it has words, or whole numbers with at most 20 different values and at least five rows per value on
    /// average; otherwise a number
    Auto,
    /// A class per different value
    Class,
    /// A number, within the range of the training rows
    Number,
}

/// `Kind::Auto` takes at most this many different whole numbers as classes, with at least this many rows per class.
const MOST_NUMBERED_CLASSES: usize = 20;
const ROWS_PER_CLASS: usize = 5;

/// The most different words of a column. A column with more likely names or numbers the rows: nothing can be learned
/// from it.
const MOST_WORDS: usize = 1_000;

/// A column as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// The different words, or the classes; `None` for a column of numbers.
    pub words: Option<Vec<String>>,
    /// One number per row; for words, the index of the row's word in `words`.
    pub cells: Vec<f32>,
}

#[derive(Debug)]
pub struct Problem {
    /// Whether the columns have names of their own.
    pub named: bool,
    pub inputs: Vec<Column>,
    pub target: Column,
    pub rows: usize,
}

impl Problem {
    /// # Errors If the table has no such target or no other column, if the target is not of that kind, or if a column
    /// has too many words.
    pub fn new(table: &Table, target: &str, kind: Kind) -> Result<Self, String> {
        let columns = table.columns();
        let target = target_of(columns, target)?;
        if columns.len() < 2 {
            return Err(format!("the table has only the column {:?}: there is nothing to tell it from", target.name));
        }
        let inputs =
            columns.iter().filter(|column| column.name != target.name).map(input_of).collect::<Result<_, _>>()?;
        // `Table::from_csv` gives these names to columns without a name.
        let named = columns.iter().enumerate().any(|(i, column)| column.name != format!("column {}", i + 1));
        Ok(Problem { named, inputs, target: answers_of(target, kind)?, rows: table.rows() })
    }
}

/// A column by its name, or the first, or the last.
fn target_of<'a>(columns: &'a [datasets::Column], target: &str) -> Result<&'a datasets::Column, String> {
    let by_name = columns.iter().find(|column| column.name == target);
    let found = by_name.or_else(|| match target {
        "first" => columns.first(),
        "last" => columns.last(),
        _ => None,
    });
    found.ok_or_else(|| {
        let names = columns.iter().map(|column| format!("{:?}", column.name)).collect::<Vec<_>>();
        format!("there is no column {target:?} to be the target; the table has {}", names.join(", "))
    })
}

fn input_of(column: &datasets::Column) -> Result<Column, String> {
    let (words, cells) = match &column.values {
        Values::Numbers(numbers) => (None, numbers.clone()),
        Values::Words { classes, rows } => {
            check_words(&column.name, classes.len())?;
            (Some(classes.clone()), rows.iter().map(|&row| row as f32).collect())
        }
    };
    Ok(Column { name: column.name.clone(), words, cells })
}

fn answers_of(column: &datasets::Column, kind: Kind) -> Result<Column, String> {
    let name = column.name.clone();
    match &column.values {
        Values::Words { .. } if kind == Kind::Number => {
            Err(format!("the target {name:?} is of words, and --kind number wants numbers"))
        }
        Values::Words { classes, rows } => {
            check_words(&name, classes.len())?;
            // In alphabetical order, in which they are easier to find.
            let mut sorted = classes.clone();
            sorted.sort();
            let indices = classes.iter().map(|class| sorted.partition_point(|other| other < class) as f32);
            let indices = indices.collect::<Vec<_>>();
            let cells = rows.iter().map(|&row| indices[row as usize]).collect();
            Ok(Column { name, words: Some(sorted), cells })
        }
        Values::Numbers(numbers) => {
            let values = distinct(numbers);
            let is_class = match kind {
                Kind::Auto => look_like_classes(&values, numbers.len()),
                Kind::Class => true,
                Kind::Number => false,
            };
            if !is_class {
                return Ok(Column { name, words: None, cells: numbers.clone() });
            }
            check_words(&name, values.len())?;
            let cells = numbers.iter().map(|number| values.partition_point(|other| other < number) as f32).collect();
            Ok(Column { name, words: Some(values.iter().map(f32::to_string).collect()), cells })
        }
    }
}

/// The different numbers in ascending order. 0 and -0 are the same.
fn distinct(numbers: &[f32]) -> Vec<f32> {
    let mut values = numbers.iter().map(|number| number + 0.0).collect::<Vec<_>>();
    values.sort_by(f32::total_cmp);
    values.dedup();
    values
}

fn look_like_classes(values: &[f32], rows: usize) -> bool {
    let count = values.len();
    values.iter().all(|value| value.fract() == 0.0) && count <= MOST_NUMBERED_CLASSES && rows >= count * ROWS_PER_CLASS
}

fn check_words(name: &str, count: usize) -> Result<(), String> {
    if count <= MOST_WORDS {
        return Ok(());
    }
    Err(format!(
        "column {name:?} has {count} different values, and at most {MOST_WORDS} are told apart: leave it out of the table"
    ))
}

/// The classes that none of these rows has.
pub fn missing_classes<'a>(target: &'a Column, rows: &[usize]) -> Vec<&'a str> {
    let Some(classes) = &target.words else { return Vec::new() };
    let mut missing = classes.iter().enumerate().map(|(i, class)| (i, class.as_str())).collect::<BTreeMap<_, _>>();
    rows.iter().for_each(|&row| _ = missing.remove(&(target.cells[row] as usize)));
    missing.into_values().collect()
}

#[cfg(test)]
mod tests {
    use wgrad::datasets::Header;

    use super::*;

    fn table(text: &str) -> Table {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Table::from_csv(file.path(), Header::Auto, |_| ()).unwrap()
    }

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn words_become_indices_and_classes_are_sorted() {
        let table = table("size,colour,kind\n1,red,pear\n2,green,apple\n3,red,pear\n");
        let problem = Problem::new(&table, "last", Kind::Auto).unwrap();
        let column = |name: &str, words, cells: &[f32]| Column { name: name.to_owned(), words, cells: cells.to_vec() };
        let [size, colour] =
            [column("size", None, &[1.0, 2.0, 3.0]), column("colour", words(&["red", "green"]), &[0.0, 1.0, 0.0])];
        assert_eq!(problem.inputs, [size, colour]);
        assert_eq!(problem.target, column("kind", words(&["apple", "pear"]), &[1.0, 0.0, 1.0]));
        assert_eq!((problem.named, problem.rows), (true, 3));
        assert_eq!(missing_classes(&problem.target, &[0, 2]), ["apple"]);
        assert_eq!(missing_classes(&problem.target, &[1, 2]), [""; 0]);
    }

    #[test]
    fn the_target_is_the_column_of_that_name_or_first_or_last() {
        let problem = |text, target| Problem::new(&table(text), target, Kind::Auto);
        let text = "a,b,c\n1,2,3.5\n2,3,4\n";
        for (target, name) in [("first", "a"), ("last", "c"), ("b", "b")] {
            assert_eq!(problem(text, target).unwrap().target.name, name);
        }
        assert_eq!(problem("last,b\n1,2\n2,4\n", "last").unwrap().target.name, "last");
        let error = problem(text, "d").unwrap_err();
        assert!(error.contains("\"d\"") && error.contains("\"a\", \"b\", \"c\""), "{error}");
        assert!(problem("a\n1\n2\n", "a").unwrap_err().contains("only the column"));
        assert!(!problem("1,2\n3,4\n", "first").unwrap().named);
    }

    #[test]
    fn whole_numbers_are_classes_where_they_are_few_and_frequent() {
        let target = |numbers: &mut dyn Iterator<Item = String>, kind| {
            let rows = numbers.map(|number| format!("0,{number}\n")).collect::<String>();
            Problem::new(&table(&format!("x,y\n{rows}")), "y", kind).unwrap().target
        };
        let cyclic = |values: u32, rows: u32, kind| target(&mut (0..rows).map(|i| (i % values).to_string()), kind);
        assert_eq!(cyclic(3, 15, Kind::Auto).words, words(&["0", "1", "2"]));
        assert_eq!(cyclic(3, 14, Kind::Auto).words, None);
        assert_eq!(cyclic(20, 100, Kind::Auto).words.map(|words| words.len()), Some(20));
        assert_eq!(cyclic(21, 1_000, Kind::Auto).words, None);
        assert_eq!(cyclic(3, 15, Kind::Number).words, None);
        assert_eq!(cyclic(21, 21, Kind::Class).words.map(|words| words.len()), Some(21));
        let halves = |kind| target(&mut (0..100).map(|i| (f64::from(i % 2) / 2.0).to_string()), kind).words;
        assert_eq!((halves(Kind::Auto), halves(Kind::Class)), (None, words(&["0", "0.5"])));
        // In the order of numbers, not of strings.
        let tens = target(&mut (0..50).map(|i| [10, 9, -1][i % 3].to_string()), Kind::Auto);
        assert_eq!((tens.words, &tens.cells[..3]), (words(&["-1", "9", "10"]), &[2.0, 1.0, 0.0][..]));
    }

    #[test]
    fn refuses_words_as_numbers_and_columns_of_names() {
        assert!(Problem::new(&table("x,y\n1,a\n2,b\n"), "y", Kind::Number).unwrap_err().contains("is of words"));
        let names = (0..1_001).map(|i| format!("{i},person {i}\n")).collect::<String>();
        for target in ["first", "last"] {
            let error = Problem::new(&table(&format!("x,name\n{names}")), target, Kind::Auto).unwrap_err();
            assert!(error.contains("\"name\" has 1001 different values"), "{error}");
        }
    }
}
