//! Formats answers and byte counts.

use wgrad::class_of;

/// The class with the highest output, and the three highest outputs.
pub fn answer(outputs: &[f32]) -> String {
    let mut classes = (0..outputs.len()).collect::<Vec<_>>();
    classes.sort_by(|&a, &b| outputs[b].total_cmp(&outputs[a]));
    let best = classes.iter().take(3).map(|&class| format!("{class}: {:.3}", outputs[class]));
    format!("{} (outputs {})", class_of(outputs), best.collect::<Vec<_>>().join(", "))
}

/// A byte count in B, KiB or MiB.
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
    fn an_answer_is_the_highest_output_and_shows_three_in_order() {
        assert_eq!(answer(&[0.1, 0.95, 0.02, 0.3]), "1 (outputs 1: 0.950, 3: 0.300, 0: 0.100)");
        // The first of equal outputs, as Network::classify counts it: 0 and -0 are equal.
        assert_eq!(answer(&[-0.0, 0.0]), "0 (outputs 1: 0.000, 0: -0.000)");
    }

    #[test]
    fn bytes_are_in_a_unit_of_their_size() {
        assert_eq!([bytes(12), bytes(1_536), bytes(5 << 20)], ["12 B", "1.5 KiB", "5.0 MiB"]);
    }
}
