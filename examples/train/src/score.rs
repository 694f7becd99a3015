//! How good the answers for the rows held out are, compared with a baseline without a network.

use std::fmt::Write;

use wgrad::reference::{self, Matrix};
use wgrad::{Activation, Loss, class_of};

use crate::common::confusion::confusion_table;
use crate::scaling::{Answers, Scaling};

/// The most classes for which a table is printed.
const MOST_CLASSES: usize = 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    Classes {
        names: Vec<String>,
        /// The number of rows per actual class and answered class, row-major.
        counts: Vec<u64>,
        /// The most frequent class of the training rows, as the baseline's answer.
        baseline: usize,
    },
    Numbers {
        rows: usize,
        network: Fit,
        /// The mean of the training rows, as the baseline's answer.
        mean: f64,
        baseline: Fit,
    },
}

/// How well answers fit numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The root mean square error, in the target's units.
    pub error: f64,
    /// 1 minus the ratio of the squared errors to the squared differences from the mean: at best 1, `None` if all targets
    /// are equal.
    pub r_squared: Option<f64>,
}

impl Score {
    /// The score of `outputs` for rows with the targets `scored`, at least one, where the training rows have the targets
    /// `training`.
    pub fn new(scaling: &Scaling, outputs: &[f32], scored: &[f64], training: &[f64]) -> Self {
        match &scaling.target.answers {
            Answers::Classes(names) => {
                let classes = names.len();
                let mut counts = vec![0; classes * classes];
                for (outputs, &class) in outputs.chunks_exact(classes).zip(scored) {
                    counts[class as usize * classes + class_of(outputs)] += 1;
                }
                let mut frequencies = vec![0u64; classes];
                training.iter().for_each(|&class| frequencies[class as usize] += 1);
                // The first of several.
                let baseline = (0..classes).rev().max_by_key(|&class| frequencies[class]).unwrap_or(0);
                Score::Classes { names: names.clone(), counts, baseline }
            }
            Answers::Numbers(units) => {
                let mean = mean(training);
                let network = Fit::new(outputs.iter().map(|&output| units.number_of(output)), scored);
                let rows = scored.len();
                Score::Numbers { rows, network, mean, baseline: Fit::new(scored.iter().map(|_| mean), scored) }
            }
        }
    }

    /// The fraction of right answers; `None` for numbers.
    pub fn accuracy(&self) -> Option<f64> {
        let Score::Classes { names, counts, .. } = self else { return None };
        let right = (0..names.len()).map(|class| counts[class * names.len() + class]).sum::<u64>();
        Some(right as f64 / counts.iter().sum::<u64>() as f64)
    }

    /// Several lines; the last is for scripts. `about` says which rows were scored.
    pub fn report(&self, about: &str) -> String {
        let mut report = String::new();
        // Writing to a string cannot fail.
        match self {
            Score::Classes { names, counts, baseline } => {
                let classes = names.len();
                if classes <= MOST_CLASSES {
                    report = confusion_table(names, |actual, predicted| counts[actual * classes + predicted]) + "\n";
                }
                let rows = counts.iter().sum::<u64>();
                let baseline_accuracy =
                    counts[baseline * classes..][..classes].iter().sum::<u64>() as f64 / rows as f64;
                let name = &names[*baseline];
                _ = writeln!(report, "{about} {rows} rows");
                _ = writeln!(
                    report,
                    "baseline accuracy {baseline_accuracy:.4}: always {name:?}, the most frequent of the training rows"
                );
                _ = write!(report, "accuracy {:.4}", self.accuracy().unwrap_or_default());
            }
            Score::Numbers { rows, network, mean, baseline } => {
                let [error, baseline_error, mean] = [network.error, baseline.error, *mean].map(figures);
                _ = writeln!(report, "{about} {rows} rows");
                _ = writeln!(
                    report,
                    "baseline root mean square error {baseline_error}, R² {}: always {mean}, the training rows' mean",
                    baseline.r_squared_text()
                );
                _ = writeln!(report, "network  root mean square error {error}");
                _ = write!(report, "R² {}", network.r_squared_text());
            }
        }
        report
    }
}

impl Fit {
    fn new(answers: impl Iterator<Item = f64>, targets: &[f64]) -> Self {
        let count = targets.len() as f64;
        let mean = mean(targets);
        let squares = answers.zip(targets).map(|(answer, &target)| (answer - target).powi(2)).sum::<f64>();
        let variation = targets.iter().map(|&target| (target - mean).powi(2)).sum::<f64>();
        let r_squared = (variation > 0.0).then(|| 1.0 - squares / variation);
        Fit { error: (squares / count).sqrt(), r_squared }
    }

    fn r_squared_text(&self) -> String {
        self.r_squared.map_or("none: all these rows have one target".to_owned(), |r_squared| format!("{r_squared:.4}"))
    }
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The same loss as the training's, of a network that ends with the activation `last`: the mean over the rows.
pub fn loss(loss: Loss, last: Activation, outputs: &[f32], targets: &[f32], rows: usize) -> wgrad::Result<f64> {
    let matrix = |values: &[f32]| Matrix::from_f32(rows, values.len() / rows.max(1), values);
    Ok(reference::loss(loss, last, &matrix(outputs)?, &matrix(targets)?)?.0 / rows as f64)
}

/// A number with four significant digits, or all digits before the decimal point.
pub fn figures(number: f64) -> String {
    let before_the_point = if number == 0.0 { 1 } else { number.abs().log10().floor() as i32 + 1 };
    format!("{number:.*}", (4 - before_the_point).clamp(0, 12) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Missing;
    use crate::scaling::{Target, Units};

    fn scaling(answers: Answers) -> Scaling {
        Scaling {
            named: true,
            missing: Missing::default(),
            inputs: Vec::new(),
            target: Target { name: "t".to_owned(), answers },
        }
    }

    #[test]
    fn classes_are_counted_and_compared_with_the_most_frequent_one() {
        let scaling = scaling(Answers::Classes(["a", "b"].map(str::to_owned).to_vec()));
        let outputs = [0.9, 0.1, 0.2, 0.8, 0.6, 0.4, 0.3, 0.7];
        let score = Score::new(&scaling, &outputs, &[0.0, 1.0, 1.0, 1.0], &[1.0, 0.0, 0.0]);
        assert_eq!(
            score,
            Score::Classes { names: vec!["a".into(), "b".into()], counts: vec![1, 0, 1, 2], baseline: 0 }
        );
        assert_eq!(score.accuracy(), Some(0.75));
        let report = score.report("held out");
        assert!(report.contains("\nbaseline accuracy 0.2500: always \"a\""), "{report}");
        assert!(report.ends_with("\naccuracy 0.7500"), "{report}");
    }

    #[test]
    fn numbers_are_compared_with_the_mean_in_their_own_units() {
        let scaling = scaling(Answers::Numbers(Units::Range { low: 0.0, high: 100.0 }));
        // Outputs that encode 10, 50 and 90, each 2 from its target.
        let score = Score::new(&scaling, &[0.108, 0.5, 0.892], &[12.0, 48.0, 92.0], &[0.0, 100.0]);
        let Score::Numbers { network, mean, baseline, .. } = score else { panic!("{score:?}") };
        assert!((network.error - 2.0).abs() < 1e-4, "{network:?}");
        assert!((network.r_squared.unwrap() - (1.0 - 12.0 / 3_210.666_666)).abs() < 1e-6, "{network:?}");
        assert_eq!(mean, 50.0);
        assert!(baseline.r_squared.unwrap() < 0.0 && baseline.error > 30.0, "{baseline:?}");
        assert!(
            score.report("held out").ends_with("\nnetwork  root mean square error 2.000\nR² 0.9963"),
            "{}",
            score.report("held out")
        );
    }

    #[test]
    fn no_score_is_nan() {
        let scaling = scaling(Answers::Numbers(Units::Range { low: 0.0, high: 100.0 }));
        let report = Score::new(&scaling, &[0.5], &[48.0], &[0.0, 100.0]).report("held out");
        assert!(report.ends_with("\nR² none: all these rows have one target") && !report.contains("NaN"), "{report}");
    }

    #[test]
    fn a_loss_is_the_mean_over_the_rows() {
        let (outputs, targets) = ([1.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.5]);
        assert_eq!(loss(Loss::SquaredError, Activation::Sigmoid, &outputs, &targets, 2), Ok(0.3125));
        let cross_entropy = Loss::CrossEntropy { label_smoothing: 0.0 };
        let of_classes = loss(cross_entropy, Activation::Softmax, &[1.0, 0.0, 0.5, 0.5], &[1.0, 0.0, 0.0, 1.0], 2);
        assert!((of_classes.unwrap() - 0.5 * 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn figures_are_four_or_more() {
        let shown = [0.0, 1.0, -0.012_346, 12.345_6, 123_456.7, 9.0e-9].map(figures);
        assert_eq!(shown, ["0.000", "1.000", "-0.01235", "12.35", "123457", "0.000000009000"]);
    }
}
