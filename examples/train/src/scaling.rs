//! Turns cells into a network's inputs, and its outputs into an answer.
//!
//! - A number becomes `(number - mean) / deviation` with the mean and standard deviation of the training rows, or 0 if
//!   its column is constant there.
//! - A word becomes one input per word of its column: 1 for the word itself, 0 for the others.
//! - A missing cell becomes the mean of these inputs in the training rows: 0 for a number, and each word's share.
//! - A class becomes one output per class: 1 for the class itself and 0 for the others where outputs are probabilities,
//!   otherwise 0.99 and 0.01. The answer is the class with the highest output.
//! - A numeric target becomes one output: standardised as inputs are, for a network that can give any number; for one that
//!   ends in a sigmoid or tanh, from 0.01 for the lowest of the training rows to 0.99 for the highest. Then answers
//!   of a sigmoid exceed this range by at most about a hundredth of it.

use crate::column::Column;
use crate::problem::{Missing, Problem};

/// A sigmoid never reaches 0 or 1.
const LOW: f64 = 0.01;
const HIGH: f64 = 0.99;

#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Whether the columns have names of their own.
    pub named: bool,
    pub missing: Missing,
    pub inputs: Vec<Input>,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub name: String,
    pub encoding: Encoding,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// The deviation of a constant column is 0.
    Number { mean: f64, deviation: f64 },
    /// The column's different words, and the share that each has in the training rows.
    Words { words: Vec<String>, shares: Vec<f64> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub name: String,
    pub answers: Answers,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    Classes(Vec<String>),
    Numbers(Units),
}

/// What the output for a numeric target means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Units {
    /// 0.01 is the lowest of the training rows, 0.99 the highest.
    Range { low: f64, high: f64 },
    /// Deviations from the mean of the training rows.
    Standard { mean: f64, deviation: f64 },
}

impl Units {
    /// The output for a number.
    fn output_of(self, number: f64) -> f32 {
        let output = match self {
            Units::Range { low, high } => LOW + (HIGH - LOW) * (number - low) / (high - low),
            Units::Standard { mean, deviation } => (number - mean) / deviation,
        };
        output as f32
    }

    /// The least difference between numbers that outputs tell apart: outputs are of about 1, and an f32 has 24 bits.
    pub fn resolution(self) -> f64 {
        let unit = match self {
            Units::Range { low, high } => (high - low).abs(),
            Units::Standard { deviation, .. } => deviation,
        };
        unit / f64::from(1 << 24)
    }

    /// The number that an output stands for.
    pub fn number_of(self, output: f32) -> f64 {
        let output = f64::from(output);
        match self {
            Units::Range { low, high } => low + (high - low) * (output - LOW) / (HIGH - LOW),
            Units::Standard { mean, deviation } => mean + deviation * output,
        }
    }
}

impl Scaling {
    /// The scaling of the training rows; `bounded` is whether the network's outputs are.
    ///
    /// # Errors
    /// If all of them have the same target.
    pub fn new(problem: &Problem, training: &[usize], bounded: bool) -> Result<Self, String> {
        let inputs = problem.inputs.iter();
        let inputs = inputs.map(|column| Input { name: column.name.clone(), encoding: Encoding::of(column, training) });
        let target = &problem.target;
        let [low, high] = range(target, training);
        if low == high {
            let value = match &target.words {
                Some(classes) => format!("{:?}", classes[low as usize]),
                None => low.to_string(),
            };
            let rows = training.len();
            return Err(format!(
                "the target {:?} is {value} in all {rows} training rows: nothing to learn",
                target.name
            ));
        }
        let answers = match &target.words {
            Some(classes) => Answers::Classes(classes.clone()),
            None if bounded => Answers::Numbers(Units::Range { low, high }),
            None => {
                let [mean, deviation] = mean_and_deviation(target, training);
                Answers::Numbers(Units::Standard { mean, deviation })
            }
        };
        let target = Target { name: target.name.clone(), answers };
        Ok(Scaling { named: problem.named, missing: problem.missing.clone(), inputs: inputs.collect(), target })
    }

    /// The network's inputs per row.
    pub fn input_width(&self) -> usize {
        self.inputs.iter().map(|input| input.encoding.width()).sum()
    }

    /// The network's outputs per row.
    pub fn output_width(&self) -> usize {
        match &self.target.answers {
            Answers::Classes(classes) => classes.len(),
            Answers::Numbers(_) => 1,
        }
    }

    /// The network's inputs for these rows; `columns` has the cells of each input, `None` for a missing one.
    pub fn inputs_of(&self, columns: &[&[Option<f64>]], rows: &[usize]) -> Vec<f32> {
        let mut inputs = Vec::with_capacity(rows.len() * self.input_width());
        for &row in rows {
            for (input, cells) in self.inputs.iter().zip(columns) {
                input.encoding.push(cells[row], &mut inputs);
            }
        }
        inputs
    }

    /// The target outputs for these rows; `cells` has the target of each row. `others` and `own` are those of a class that
    /// is not the row's, and of its own.
    pub fn targets_of(&self, cells: &[f64], rows: &[usize], [others, own]: [f32; 2]) -> Vec<f32> {
        let targets = rows.iter().map(|&row| cells[row]);
        match &self.target.answers {
            Answers::Classes(classes) => {
                let one_hot =
                    |class: f64| (0..classes.len()).map(move |i| if i == class as usize { own } else { others });
                targets.flat_map(one_hot).collect()
            }
            Answers::Numbers(units) => targets.map(|number| units.output_of(number)).collect(),
        }
    }
}

impl Encoding {
    fn of(column: &Column, training: &[usize]) -> Self {
        let Some(words) = &column.words else {
            let [mean, deviation] = mean_and_deviation(column, training);
            return Encoding::Number { mean, deviation };
        };
        let mut shares = vec![0.0; words.len()];
        cells(column, training).for_each(|word| shares[word as usize] += 1.0);
        let count = shares.iter().sum::<f64>().max(1.0);
        shares.iter_mut().for_each(|share| *share /= count);
        Encoding::Words { words: words.clone(), shares }
    }

    fn width(&self) -> usize {
        match self {
            Encoding::Number { .. } => 1,
            Encoding::Words { words, .. } => words.len(),
        }
    }

    fn push(&self, cell: Option<f64>, inputs: &mut Vec<f32>) {
        match (self, cell) {
            (Encoding::Number { mean, deviation }, Some(number)) if *deviation != 0.0 => {
                inputs.push(((number - mean) / deviation) as f32);
            }
            (Encoding::Number { .. }, _) => inputs.push(0.0),
            (Encoding::Words { words, .. }, Some(word)) => {
                inputs.extend((0..words.len()).map(|i| f32::from(i == word as usize)));
            }
            (Encoding::Words { shares, .. }, None) => inputs.extend(shares.iter().map(|&share| share as f32)),
        }
    }
}

/// The cells of these rows that are not missing.
fn cells(column: &Column, rows: &[usize]) -> impl Iterator<Item = f64> + Clone {
    rows.iter().filter_map(|&row| column.cells[row])
}

/// The lowest and the highest cell of these rows.
fn range(column: &Column, rows: &[usize]) -> [f64; 2] {
    let cells = cells(column, rows);
    [cells.clone().fold(f64::INFINITY, f64::min), cells.fold(f64::NEG_INFINITY, f64::max)]
}

/// The mean of these rows' cells, and their standard deviation; 0 and 0 if all are missing.
fn mean_and_deviation(column: &Column, rows: &[usize]) -> [f64; 2] {
    let numbers = cells(column, rows);
    let count = numbers.clone().count().max(1) as f64;
    // Differences from one of the numbers keep the digits of large numbers that are close to each other.
    let origin = numbers.clone().next().unwrap_or_default();
    let mean = origin + numbers.clone().map(|number| number - origin).sum::<f64>() / count;
    let [low, high] = range(column, rows);
    // Rounding would leave a constant column some deviation.
    if low >= high {
        return [mean, 0.0];
    }
    [mean, (numbers.map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [f32; 2] = [0.01, 0.99];

    fn column(name: &str, words: &[&str], cells: &[f64]) -> Column {
        let words = (!words.is_empty()).then(|| words.iter().map(|&word| word.to_owned()).collect());
        Column { name: name.to_owned(), words, cells: cells.iter().copied().map(Some).collect() }
    }

    fn problem(target: Column) -> Problem {
        let inputs = vec![
            column("size", &[], &[1.0, 3.0, 100.0]),
            column("colour", &["red", "green"], &[1.0, 0.0, 0.0]),
            column("constant", &[], &[0.1, 0.1, 7.0]),
        ];
        Problem { named: true, inputs, target, rows: 3, missing: Missing::default(), notes: Vec::new() }
    }

    #[test]
    fn inputs_are_standardised_by_the_training_rows_alone_and_words_are_one_hot() {
        let problem = problem(column("price", &[], &[10.0, 30.0, 50.0]));
        let scaling = Scaling::new(&problem, &[0, 1], true).unwrap();
        assert_eq!(scaling.inputs[0].encoding, Encoding::Number { mean: 2.0, deviation: 1.0 });
        let columns = problem.inputs.iter().map(|column| column.cells.as_slice()).collect::<Vec<_>>();
        assert_eq!(scaling.inputs_of(&columns, &[1, 0]), [1.0, 1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0]);
        // Missing cells get the training rows' means: of these, half is green.
        assert_eq!(scaling.inputs_of(&[&[None], &[None], &[None]], &[0]), [0.0, 0.5, 0.5, 0.0]);
        // The row held out, with another number in the constant column.
        assert_eq!(scaling.inputs_of(&columns, &[2]), [98.0, 1.0, 0.0, 0.0]);
        assert_eq!((scaling.input_width(), scaling.output_width()), (4, 1));
    }

    #[test]
    fn numeric_targets_are_encoded_and_decoded() {
        let cells = [-3.0, 250.0, 17.5, 400.0];
        let mut problem = problem(column("price", &[], &cells));
        problem.inputs.clear();
        let ranged = Scaling::new(&problem, &[0, 1, 2], true).unwrap();
        assert_eq!(ranged.target.answers, Answers::Numbers(Units::Range { low: -3.0, high: 250.0 }));
        let standard = Scaling::new(&problem, &[0, 1, 2], false).unwrap();
        let targets = [&ranged, &standard].map(|scaling| scaling.targets_of(&cells, &[0, 1, 2, 3], TARGETS));
        assert_eq!(targets[0][..2], [0.01, 0.99]);
        assert!(targets[1][..3].iter().sum::<f32>().abs() < 1e-6, "{targets:?}");
        for (scaling, targets) in [ranged, standard].into_iter().zip(targets) {
            let Answers::Numbers(units) = scaling.target.answers else { panic!("{:?}", scaling.target) };
            // Also beyond the training rows' range.
            for (target, cell) in targets.into_iter().zip(cells) {
                let back = units.number_of(target);
                assert!((back - cell).abs() < 1e-4, "{back} {cell}");
            }
        }
    }

    #[test]
    fn large_numbers_keep_their_differences() {
        let seconds = (0..200).map(|i| 1_700_000_000.0 + f64::from(i) / 2.0).collect::<Vec<_>>();
        let time = column("time", &[], &seconds);
        let rows = (0..200).collect::<Vec<_>>();
        let [mean, deviation] = mean_and_deviation(&time, &rows);
        assert_eq!(mean, 1_700_000_049.75);
        let mut inputs = Vec::new();
        rows.iter().for_each(|&row| Encoding::Number { mean, deviation }.push(time.cells[row], &mut inputs));
        assert!(inputs.windows(2).all(|pair| pair[1] - pair[0] > 0.01), "{inputs:?}");
    }

    #[test]
    fn classes_are_one_hot_and_the_highest_output_is_the_answer() {
        let scaling =
            Scaling::new(&problem(column("kind", &["a", "b", "c"], &[2.0, 0.0, 1.0])), &[0, 1], true).unwrap();
        let targets = scaling.targets_of(&[2.0, 0.0, 1.0], &[0, 2], TARGETS);
        assert_eq!(targets, [0.01, 0.01, 0.99, 0.01, 0.99, 0.01]);
        assert_eq!(targets.chunks(3).map(wgrad::class_of).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(scaling.output_width(), 3);
    }

    #[test]
    fn refuses_training_rows_with_one_target() {
        let number = Scaling::new(&problem(column("price", &[], &[5.0, 5.0, 6.0])), &[0, 1], true).unwrap_err();
        assert!(number.contains("\"price\" is 5 in all 2 training rows"), "{number}");
        let class = Scaling::new(&problem(column("kind", &["a", "b"], &[1.0, 1.0, 0.0])), &[0, 1], true).unwrap_err();
        assert!(class.contains("\"kind\" is \"b\" in all 2"), "{class}");
    }
}
