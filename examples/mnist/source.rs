//! The digits: from files, or drawn by this program.

use std::error::Error;

use crate::Options;
use crate::digits::Digits;
use crate::strokes;

/// The seeds of the digits that this program draws.
const TRAINING_SEED: u64 = 1;
const TEST_SEED: u64 = 2;

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
                let training_count = digits.len().checked_sub(held_out).filter(|&count| count > 0);
                let training_count = training_count.ok_or_else(|| {
                    format!("{files} has {} samples, and --test {held_out} leaves none to train on", digits.len())
                })?;
                let (training, test) = digits.split_at(training_count);
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
    let name = |path: &std::path::Path| path.file_name().unwrap_or(path.as_os_str()).display().to_string();
    let (images, files) = match (&options.images, &options.labels, &options.csv) {
        (Some(images), Some(labels), _) => (LabelledImages::from_idx(images, labels, progress)?, name(images)),
        (.., Some(csv)) => (LabelledImages::from_csv(csv, LabelColumn::First, progress)?, name(csv)),
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
