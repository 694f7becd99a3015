//! What is printed: the confusion matrix, numbers with their nouns, and bytes.

use std::fmt::Write;

/// The confusion matrix as text. Rows: what it is; columns: what the network says; at the end, how many of the row are
/// right. A dot is none, so that the misses stand out.
pub fn confusion_table(classes: usize, count: impl Fn(usize, usize) -> u64) -> String {
    let all = (0..classes).flat_map(|actual| (0..classes).map(move |predicted| (actual, predicted)));
    let largest = all.map(|(actual, predicted)| count(actual, predicted)).max().unwrap_or(0);
    let width = largest.to_string().len().max(3) + 1;
    let mut table = String::from("is \\ says");
    // Writing to a string cannot fail.
    (0..classes).for_each(|predicted| _ = write!(table, "{predicted:width$}"));
    table.push_str("    right\n");
    for actual in 0..classes {
        let row = (0..classes).map(|predicted| count(actual, predicted));
        _ = write!(table, "{actual:9}");
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

/// What a network answers: the class with the highest output, and the three highest outputs.
pub fn answer(outputs: &[f32]) -> String {
    let mut classes = (0..outputs.len()).collect::<Vec<_>>();
    classes.sort_by(|&a, &b| outputs[b].total_cmp(&outputs[a]));
    let best = classes.iter().take(3).map(|&class| format!("{class}: {:.3}", outputs[class]));
    let first = classes.first().map(usize::to_string).unwrap_or_default();
    format!("{first} (outputs {})", best.collect::<Vec<_>>().join(", "))
}

/// Bytes in the unit that people use for so many.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_rows_of_what_it_is_and_dots_for_none() {
        let counts = [[98, 2, 0], [0, 1_003, 0], [0, 0, 0]];
        let table = confusion_table(3, |actual, predicted| counts[actual][predicted]);
        let expected = "\
is \\ says    0    1    2    right
        0   98    2    ·   98.0 %
        1    · 1003    ·  100.0 %
        2    ·    ·    ·     none
";
        assert_eq!(table, expected);
    }

    #[test]
    fn an_answer_is_the_highest_output_and_shows_three_in_order() {
        assert_eq!(answer(&[0.1, 0.95, 0.02, 0.3]), "1 (outputs 1: 0.950, 3: 0.300, 0: 0.100)");
        assert_eq!(answer(&[0.5]), "0 (outputs 0: 0.500)");
    }

    #[test]
    fn bytes_are_in_a_unit_of_their_size() {
        assert_eq!([bytes(12), bytes(1_536), bytes(5 << 20)], ["12 B", "1.5 KiB", "5.0 MiB"]);
    }
}
