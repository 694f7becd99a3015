//! Splits the rows into those trained on and those held out.

use std::str::FromStr;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// The number of rows held out: none only as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// This fraction of all rows, between 0 and 1.
    Fraction(f64),
    /// This many rows.
    Rows(usize),
}

impl FromStr for Test {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fraction = || text.parse::<f64>().ok().filter(|fraction| *fraction > 0.0 && *fraction < 1.0);
        match text.parse::<usize>() {
            Ok(rows) => Ok(Test::Rows(rows)),
            Err(_) => fraction()
                .map(Test::Fraction)
                .ok_or_else(|| "a fraction between 0 and 1, or a number of rows".to_owned()),
        }
    }
}

/// The rows to train on and those held out, each in random order. The same seed gives the same rows.
///
/// # Errors
/// If there would be none to train on; or, unless none are to be held out, none of these.
pub fn split(rows: usize, test: Test, seed: u64) -> Result<[Vec<usize>; 2], String> {
    if rows < 2 && test != Test::Rows(0) {
        return Err(format!(
            "the table has {rows} row: there must be some to train on and some to hold out (--test 0 holds out none)"
        ));
    }
    let held_out = match test {
        Test::Fraction(fraction) => ((rows as f64 * fraction).round() as usize).clamp(1, rows - 1),
        Test::Rows(held_out) if held_out < rows => held_out,
        Test::Rows(held_out) => {
            return Err(format!("--test {held_out} leaves none of the table's {rows} rows to train on"));
        }
    };
    let mut order = (0..rows).collect::<Vec<_>>();
    order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    let training = order.split_off(held_out);
    Ok([training, order])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_either_trained_on_or_held_out() {
        for (rows, test, held_out_rows) in [
            (10, Test::Fraction(0.2), 2),
            (10, Test::Rows(3), 3),
            (2, Test::Fraction(0.01), 1),
            (2, Test::Fraction(0.99), 1),
            (4, Test::Rows(0), 0),
            (1, Test::Rows(0), 0),
            (1_000, Test::Fraction(0.25), 250),
        ] {
            let [training, held_out] = split(rows, test, 1).unwrap();
            assert_eq!(held_out.len(), held_out_rows);
            let mut all = [training, held_out].concat();
            all.sort_unstable();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_rows_in_random_order() {
        assert_eq!(split(100, Test::Rows(20), 7), split(100, Test::Rows(20), 7));
        assert_ne!(split(100, Test::Rows(20), 7), split(100, Test::Rows(20), 8));
        let [training, held_out] = split(100, Test::Rows(20), 7).unwrap();
        assert!(!training.is_sorted() && !held_out.is_sorted());
    }

    #[test]
    fn refuses_to_train_on_nothing_or_to_hold_out_nothing_unasked() {
        let fifth = Test::Fraction(0.2);
        for (rows, test) in [(0, fifth), (1, fifth), (0, Test::Rows(0)), (5, Test::Rows(5)), (5, Test::Rows(6))] {
            assert!(split(rows, test, 1).is_err(), "{rows} {test:?}");
        }
        assert_eq!(
            ["0.2", "0", "30"].map(str::parse),
            [Ok(Test::Fraction(0.2)), Ok(Test::Rows(0)), Ok(Test::Rows(30))]
        );
        for text in ["0.0", "1.0", "-1", "1.5", "NaN", "a fifth", ""] {
            assert!(text.parse::<Test>().is_err(), "{text}");
        }
    }
}
