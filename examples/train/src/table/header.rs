//! Whether a table's first row names its columns: decided by all rows.

use clap::ValueEnum;

/// Whether the first row names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Header {
    /// Decided by all rows
    #[default]
    Auto,
    Yes,
    No,
}

/// What a column says of the first row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vote {
    /// Numbers below a word; or words, of which none is the first row's.
    Name,
    /// Words that recur and none of which is the first row's.
    PerhapsName,
    /// A number above numbers.
    PerhapsData,
    /// The first row's word is in other rows too.
    Data,
    /// A missing cell; or words that do not recur.
    Nothing,
}

/// Whether the first row names the columns, and whether that is certain. `cell` gives the cell of a row and column, `None`
/// if it is missing; `is_number` whether a cell shows a number.
pub fn decide<'a>(
    [rows, columns]: [usize; 2],
    cell: impl Fn(usize, usize) -> Option<&'a str>,
    is_number: impl Fn(&str) -> bool,
) -> (bool, bool) {
    let votes = (0..columns).map(|column| {
        let below = (1..rows).filter_map(|row| cell(row, column)).collect::<Vec<_>>();
        cell(0, column).map_or(Vote::Nothing, |first| vote(first, &below, &is_number))
    });
    let votes = votes.collect::<Vec<_>>();
    let [name, perhaps_name, perhaps_data, data] =
        [Vote::Name, Vote::PerhapsName, Vote::PerhapsData, Vote::Data].map(|vote| votes.contains(&vote));
    let first = || (0..columns).filter_map(|column| cell(0, column));
    match (name, data) {
        (true, _) => (true, !data),
        // Two columns cannot have one name.
        _ if has_duplicates(first().collect()) => (false, true),
        (false, true) => (false, true),
        (false, false) if perhaps_name => (true, !perhaps_data),
        // Columns that are themselves numbered: 0, 1, 2 or 1, 2, 3.
        (false, false) if columns > 2 && is_counting(first()) => (true, false),
        (false, false) if perhaps_data => (false, true),
        (false, false) => (true, false),
    }
}

fn vote(first: &str, below: &[&str], is_number: impl Fn(&str) -> bool) -> Vote {
    let numbers = below.iter().filter(|cell| is_number(cell)).count();
    if below.is_empty() {
        return if is_number(first) { Vote::PerhapsData } else { Vote::Nothing };
    }
    let are_numbers = 2 * numbers >= below.len();
    if below.contains(&first) && !(are_numbers && is_number(first)) {
        return Vote::Data;
    }
    match (is_number(first), are_numbers) {
        (true, true) => Vote::PerhapsData,
        (false, true) => Vote::Name,
        // A number above words is no more likely a name than a word is.
        _ => {
            let mut different = below.to_vec();
            different.sort_unstable();
            different.dedup();
            if 2 * different.len() <= below.len() { Vote::PerhapsName } else { Vote::Nothing }
        }
    }
}

fn has_duplicates(mut cells: Vec<&str>) -> bool {
    cells.sort_unstable();
    cells.windows(2).any(|pair| pair[0] == pair[1])
}

/// Whether these are 0, 1, 2 and so on, or 1, 2, 3.
fn is_counting<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> bool {
    (0..2).any(|start| cells.clone().enumerate().all(|(i, cell)| cell.parse() == Ok(start + i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(text: &str) -> (bool, bool) {
        let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).collect::<Vec<_>>();
        let cell = |row: usize, column: usize| Some(rows[row][column]).filter(|cell| !cell.is_empty() && *cell != "NA");
        decide([rows.len(), rows[0].len()], cell, |cell| cell.parse::<f64>().is_ok())
    }

    #[test]
    fn all_rows_decide() {
        let (yes, no, perhaps) = ((true, true), (false, true), (true, false));
        for (text, expected) in [
            ("a,b\n1,x\n2,y", yes),
            ("1,x\n2,y\n3,z", no),
            ("0,0,0\n0,1,1\n1,0,1\n1,1,0", no),
            // Few odd cells make no words of numbers.
            ("wind,rain\nNA,1\nnone,2\n3,4\n5,6", yes),
            ("wind,rain\nnone,1\n2,2\n3,4\n5,6", yes),
            // An index without a name.
            (",noise,kind\n0,0.5,a\n1,0.25,b", yes),
            // Words alone.
            ("kind,colour\napple,red\npear,green\napple,green\npear,red", yes),
            ("apple,red\npear,green\napple,green\npear,red", no),
            ("kind,colour\napple,red", perhaps),
            ("a,b", perhaps),
            ("1,b", no),
            // Years as names.
            ("shop,2022,2023\na,100,150\nb,101,152\na,102,154\nb,103,156", perhaps),
            // Data without a header, whose first row has a missing cell, or an odd one beside others like it.
            ("NA,0,48.2\n24.1,1,62.0\n10.5,2,21.0", no),
            ("0,2,no\n1,4,no\n2,more,no\n3,2,yes\n4,4,yes\n5,more,yes", no),
            ("3,more,yes\n2,4,no\n1,2,no\n0,more,no\n6,4,yes\n5,2,yes", no),
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor", no),
            // The columns' numbers, as some programs write them.
            ("0,1,2\n0.5,0.25,7\n0.5,0.5,9", perhaps),
            ("1,2,3\n0.5,0.25,7\n0.5,0.5,9", perhaps),
            // A name cannot stand twice.
            ("a,a\nb,c\nb,c\nb,c", no),
        ] {
            assert_eq!(decided(text), expected, "{text:?}");
        }
    }
}
