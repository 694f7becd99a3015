//! The confusion matrix as text.

use std::fmt::Write;

/// Longer names are cut in the table.
const LONGEST_NAME: usize = 12;

/// The confusion matrix as text. A row per actual class, a column per predicted class, and the share of the row that is
/// right. A dot means 0, so that the misses stand out.
pub fn confusion_table(names: &[String], count: impl Fn(usize, usize) -> u64) -> String {
    let classes = names.len();
    let names = names.iter().map(|name| shortened(name)).collect::<Vec<_>>();
    let all = (0..classes).flat_map(|actual| (0..classes).map(move |predicted| (actual, predicted)));
    let largest = all.map(|(actual, predicted)| count(actual, predicted)).max().unwrap_or(0);
    let longest_name = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = longest_name.max(largest.to_string().len()).max(3) + 1;
    let corner = "is \\ says";
    let first_width = longest_name.max(corner.len());
    // Writing to a string cannot fail.
    let mut table = format!("{corner:first_width$}");
    names.iter().for_each(|name| _ = write!(table, "{name:>width$}"));
    table.push_str("    right\n");
    for (actual, name) in names.iter().enumerate() {
        let row = (0..classes).map(|predicted| count(actual, predicted));
        _ = write!(table, "{name:>first_width$}");
        for count in row.clone() {
            _ = if count == 0 { write!(table, "{:>width$}", "·") } else { write!(table, "{count:width$}") };
        }
        let total = row.sum::<u64>();
        _ = match total {
            0 => writeln!(table, "{:>9}", "none"),
            _ => writeln!(table, "{:7.1} %", 100.0 * count(actual, actual) as f64 / total as f64),
        };
    }
    table
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_per_actual_class_and_dots_for_0() {
        let counts = [[98, 2, 0], [0, 1_003, 0], [0, 0, 0]];
        let names = ["0", "1", "2"].map(str::to_owned);
        let table = confusion_table(&names, |actual, predicted| counts[actual][predicted]);
        let expected = "\
is \\ says    0    1    2    right
        0   98    2    ·   98.0 %
        1    · 1003    ·  100.0 %
        2    ·    ·    ·     none
";
        assert_eq!(table, expected);
    }

    #[test]
    fn long_names_widen_the_table_and_are_cut() {
        let names = ["größer", "a name without end"].map(str::to_owned);
        let table = confusion_table(&names, |actual, predicted| u64::from(actual == predicted));
        let expected = "\
is \\ says          größer a name with…    right
      größer            1            ·  100.0 %
a name with…            ·            1  100.0 %
";
        assert_eq!(table, expected);
    }
}
