//! Digits to train on and to test with.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::common::options::at_least_one;
use crate::digits::Digits;
use crate::strokes;

/// The seeds of the digits that this program draws.
const TRAINING_SEED: u64 = 1;
const TEST_SEED: u64 = 2;

#[derive(Args)]
pub struct Source {
    /// Pictures of 28×28 pixels, an IDX file, plain or gzipped; every rank reads it
    #[arg(long, value_name = "FILE", requires = "labels")]
    images: Option<PathBuf>,
    /// Their labels, an IDX file
    #[arg(long, value_name = "FILE", requires = "images")]
    labels: Option<PathBuf>,
    /// Without files: how many digits to draw
    #[arg(long, value_name = "COUNT", default_value_t = 5_000, value_parser = at_least_one)]
    drawn: usize,
    /// The digits held out for the test: the last ones of the files
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = at_least_one)]
    test: usize,
}

/// What was read or drawn.
pub struct Sets {
    pub training: Digits,
    pub test: Digits,
    /// Where they are from.
    pub description: String,
}

impl Source {
    pub fn open(&self) -> Result<Sets, Box<dyn Error>> {
        match self.read()? {
            Some((digits, file)) => {
                let count = digits.len().checked_sub(self.test).filter(|&count| count > 0);
                let count = count.ok_or_else(|| {
                    format!("{file} has {} samples, and --test {} leaves none to train on", digits.len(), self.test)
                })?;
                let (training, test) = digits.split_at(count);
                Ok(Sets { training, test, description: format!("{file}, the last {} held out", self.test) })
            }
            None => Ok(Sets {
                training: strokes::draw(self.drawn, TRAINING_SEED),
                test: strokes::draw(self.test, TEST_SEED),
                description: format!("digits drawn by this program, {} others held out", self.test),
            }),
        }
    }

    /// The digits of the files, and the name of the pictures' file.
    #[cfg(feature = "datasets")]
    fn read(&self) -> Result<Option<(Digits, String)>, Box<dyn Error>> {
        use crate::digits::SIDE;
        use wgrad::datasets::LabelledImages;

        let (Some(images), Some(labels)) = (&self.images, &self.labels) else { return Ok(None) };
        let file = images.file_name().unwrap_or(images.as_os_str()).display().to_string();
        let images = LabelledImages::from_idx(images, labels, |_| ())?;
        let (height, width) = (images.height(), images.width());
        if (height, width) != (SIDE, SIDE) {
            return Err(format!("{file} has pictures of {height}×{width} pixels, and digits have {SIDE}×{SIDE}").into());
        }
        Ok(Some((Digits::new(images.pixels(), images.labels())?, file)))
    }

    #[cfg(not(feature = "datasets"))]
    fn read(&self) -> Result<Option<(Digits, String)>, Box<dyn Error>> {
        match self.images {
            Some(_) => Err("--images and --labels need the feature `datasets`, which is on by default".into()),
            None => Ok(None),
        }
    }
}
