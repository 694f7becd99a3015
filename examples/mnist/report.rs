//! Formats answers and byte counts.

use wgrad::class_of;

/// The class with the highest output, and the three highest outputs. An error if these are not numbers.
pub fn answer(outputs: &[f32]) -> Result<String, String> {
    if outputs.iter().any(|output| !output.is_finite()) {
        return Err("the network's outputs are not numbers".to_owned());
    }
    let mut classes = (0..outputs.len()).collect::<Vec<_>>();
    classes.sort_by(|&a, &b| outputs[b].total_cmp(&outputs[a]));
    let best = classes.iter().take(3).map(|&class| format!("{class}: {:.3}", outputs[class]));
    Ok(format!("{} (outputs {})", class_of(outputs), best.collect::<Vec<_>>().join(", ")))
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
        let answered = |outputs: &[f32]| answer(outputs).expect("numbers");
        assert_eq!(answered(&[0.1, 0.95, 0.02, 0.3]), "1 (outputs 1: 0.950, 3: 0.300, 0: 0.100)");
        // The first of equal outputs, as Network::classify counts it: 0 and -0 are equal.
        assert_eq!(answered(&[-0.0, 0.0]), "0 (outputs 1: 0.000, 0: -0.000)");
        assert!(answer(&[0.1, f32::NAN]).is_err() && answer(&[f32::INFINITY, 0.1]).is_err());
    }

    #[test]
    fn bytes_are_in_a_unit_of_their_size() {
        assert_eq!([bytes(12), bytes(1_536), bytes(5 << 20)], ["12 B", "1.5 KiB", "5.0 MiB"]);
    }
}
