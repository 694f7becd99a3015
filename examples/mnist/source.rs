//! The digits: from files, or drawn by this program.

use std::error::Error;

use clap::ValueEnum;

use crate::common::say::note;
use crate::digits::Digits;
use crate::{CLASSES, Options, strokes};

/// What to do if the labels cannot be labels.
const LABEL_WAY_OUT: &str = "; if that is not the label's column: --label last or --label first says where it is";

/// The seeds of the digits that this program draws.
const TRAINING_SEED: u64 = 1;
const TEST_SEED: u64 = 2;

/// Below this no pixel of a file is light.
const DARK: u8 = 64;

/// The column of the label in a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Label {
    /// As the header says, or the first
    Auto,
    First,
    Last,
}

/// Digits for training, and others for the test.
pub struct Source {
    pub training: Digits,
    pub test: Digits,
    /// A description of the digits.
    pub description: String,
    /// Printed beside each figure: which digits it is about.
    pub about: &'static str,
}

impl Source {
    /// The digits that the options ask for.
    pub fn open(options: &Options) -> Result<Self, Box<dyn Error>> {
        let held_out = options.test;
        let mut source = match read(options)? {
            Some((digits, files)) => {
                let way_out = if options.csv.is_some() { LABEL_WAY_OUT } else { "" };
                check_labels(digits.labels()).map_err(|problem| format!("{files}: {problem}{way_out}"))?;
                let training_count = digits.len().checked_sub(held_out).filter(|&count| count > 0);
                let training_count = training_count.ok_or_else(|| {
                    format!("{files} has {} samples, and --test {held_out} leaves none to train on", digits.len())
                })?;
                let (training, test) = digits.split_at(training_count);
                notes(&training, &test).iter().for_each(|text| note(format_args!("note: {files}: {text}")));
                let description = format!("{files}: {training_count} to train on, the last {held_out} held out");
                Source { training, test, description, about: "on the digits held out" }
            }
            None => {
                let (training, test) =
                    (strokes::draw(options.drawn, TRAINING_SEED), strokes::draw(held_out, TEST_SEED));
                let description = format!(
                    "procedural digits, drawn by this program and by nobody's hand: {} to train on, {held_out} of \
                     another seed held out; --images and --labels, or --csv, take real ones",
                    options.drawn
                );
                Source { training, test, description, about: "on procedural digits" }
            }
        };
        if let Some(degrees) = options.rotate {
            source.training = source.training.with_rotated(degrees);
            source.description +=
                &format!("; with copies rotated by ±{degrees}°, {} to train on", source.training.len());
        }
        Ok(source)
    }
}

/// Refuses labels that are no digits, or that are all the same: then something else was read.
fn check_labels(labels: &[u8]) -> Result<(), String> {
    if let Some(index) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        return Err(format!("the label of digit {} is {}, and labels are 0 to 9", index + 1, labels[index]));
    }
    match labels {
        [first, rest @ ..] if rest.iter().all(|label| label == first) => Err(format!("every label is {first}")),
        _ => Ok(()),
    }
}

/// What makes a score, or answers, worth less than they look.
fn notes(training: &Digits, test: &Digits) -> Vec<String> {
    let mut notes = Vec::new();
    let has = |digits: &Digits, class: usize| digits.labels().iter().any(|&label| usize::from(label) == class);
    let unknown =
        (0..CLASSES).filter(|&class| has(test, class) && !has(training, class)).map(|class| class.to_string());
    let unknown = unknown.collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() {
        notes.push(format!("of those held out, none to train on shows these: {unknown}; are the digits in order?"));
    }
    if let [first, second @ ..] = test.labels()
        && !second.is_empty()
        && second.iter().all(|label| label == first)
    {
        notes.push(format!("all those held out are {first}; are the digits in order?"));
    }
    let lightest = training.pixels().iter().max().copied().unwrap_or(0);
    if lightest < DARK {
        notes.push(format!("the lightest pixel is {lightest}, where white is 255"));
    }
    let corners = training.iter().filter(|(picture, _)| picture[0] > u8::MAX / 2).count();
    if 2 * corners > training.len() {
        notes.push("the digits are dark on light, and those of --own are made light on dark".to_owned());
    }
    notes
}

/// The digits of the files, and the files' names; `None` if the options name no file.
#[cfg(feature = "datasets")]
fn read(options: &Options) -> Result<Option<(Digits, String)>, Box<dyn Error>> {
    use crate::digits::SIDE;
    use indicatif::{ProgressBar, ProgressStyle};
    use wgrad::datasets::{LabelColumn, LabelledImages, ReadProgress};

    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} read")?);
    let progress = |progress: ReadProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.bytes);
    };
    let column = match options.label {
        Label::Auto => LabelColumn::ByHeader,
        Label::First => LabelColumn::First,
        Label::Last => LabelColumn::Last,
    };
    let name = |path: &std::path::Path| path.file_name().unwrap_or(path.as_os_str()).display().to_string();
    let (images, files) = match (&options.images, &options.labels, &options.csv) {
        (Some(images), Some(labels), _) => (LabelledImages::from_idx(images, labels, progress)?, name(images)),
        (.., Some(csv)) => (LabelledImages::from_csv(csv, column, progress)?, name(csv)),
        _ => return Ok(None),
    };
    bar.finish_and_clear();
    if (images.height(), images.width()) != (SIDE, SIDE) {
        let (height, width) = (images.height(), images.width());
        return Err(format!("{files} has pictures of {height}×{width} pixels, and MNIST's have {SIDE}×{SIDE}").into());
    }
    Ok(Some((Digits::new(images.pixels(), images.labels())?, files)))
}

#[cfg(not(feature = "datasets"))]
fn read(options: &Options) -> Result<Option<(Digits, String)>, Box<dyn Error>> {
    if options.images.is_some() || options.csv.is_some() {
        let way_out = "cargo run --release --features datasets --example mnist";
        return Err(format!("--images and --csv need the feature `datasets`: {way_out}").into());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::PIXELS;

    fn digits(labels: &[u8], pixel: u8) -> Digits {
        Digits::new(&vec![pixel; labels.len() * PIXELS], labels).expect("a picture per label")
    }

    #[test]
    fn labels_are_refused_that_are_no_digits_or_all_the_same() {
        assert_eq!(check_labels(&[0, 9]), Ok(()));
        assert_eq!(check_labels(&[0, 3, 10]), Err("the label of digit 3 is 10, and labels are 0 to 9".to_owned()));
        assert_eq!(check_labels(&[4; 5]), Err("every label is 4".to_owned()));
    }

    #[test]
    fn what_makes_a_score_worth_less_is_noted() {
        let pixels = [0, 100, 200]; // dark enough not to be paper, light enough to be ink, paper
        let noted = |training: &[u8], test: &[u8], pixel: usize| {
            notes(&digits(training, pixels[pixel]), &digits(test, pixels[pixel]))
        };
        assert!(noted(&[0, 1, 2], &[2, 1], 1).is_empty());
        assert!(noted(&[0, 1, 2], &[2], 1).is_empty());
        assert!(noted(&[0, 1, 2], &[2, 7, 8], 1)[0].contains("these: 7, 8;"));
        assert!(noted(&[0, 1, 2], &[2, 2], 1)[0].contains("all those held out are 2"));
        assert!(noted(&[0, 1, 2], &[2, 1], 0)[0].contains("lightest pixel is 0"));
        assert!(noted(&[0, 1, 2], &[2, 1], 2)[0].contains("dark on light"));
    }
}
