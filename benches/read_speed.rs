//! How fast data sets are read here, in megabytes of file per second: CSV, IDX, and gzipped IDX.
//!
//! cargo bench --features datasets --bench read_speed -- --help

mod common;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use wgrad::datasets::{LabelColumn, LabelledImages};

use crate::common::{Outcome, median};

/// Writes images like MNIST's digits to temporary files, reads each file several times, and prints the medians.
#[derive(Parser)]
struct Options {
    /// The number of images
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    /// How often each file is read
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
}

const SIDE: u32 = 28;

fn main() -> ExitCode {
    common::main(run)
}

fn run(options: &Options) -> Outcome {
    let folder = tempfile::tempdir()?;
    let paths = ["digits.csv", "images.idx", "labels.idx", "images.idx.gz"].map(|name| folder.path().join(name));
    let [csv, images, labels, packed] = &paths;
    let [pixels, classes] = digits(options.images);
    write_csv(csv, &pixels, &classes)?;
    let count = options.images.to_be_bytes();
    let side = SIDE.to_be_bytes();
    let image_file = [&[0, 0, 8, 3], &count[..], &side, &side, &pixels].concat();
    fs::write(images, &image_file)?;
    fs::write(labels, [&[0, 0, 8, 1], &count[..], &classes].concat())?;
    let mut encoder = GzEncoder::new(BufWriter::new(File::create(packed)?), Compression::default());
    encoder.write_all(&image_file)?;
    encoder.finish()?.flush()?;
    drop(image_file);

    println!("{} images of {SIDE} × {SIDE}, median of {} runs\n", options.images, options.runs);
    println!("| file | MB | MB/s |\n| --- | --- | --- |");
    let check = |read: LabelledImages| match read.pixels() == pixels && read.labels() == classes {
        true => Ok(()),
        false => Err("other images were read than were written"),
    };
    measure(options, "CSV", csv, || Ok(check(LabelledImages::from_csv(csv, LabelColumn::First, |_| ())?)?))?;
    measure(options, "IDX", images, || Ok(check(LabelledImages::from_idx(images, labels, |_| ())?)?))?;
    measure(options, "gzipped IDX", packed, || Ok(check(LabelledImages::from_idx(packed, labels, |_| ())?)?))?;
    measure(options, "the same, flate2 alone", packed, || {
        let mut contents = Vec::with_capacity(pixels.len() + 16);
        MultiGzDecoder::new(BufReader::with_capacity(1 << 20, File::open(packed)?)).read_to_end(&mut contents)?;
        Ok(())
    })
}

/// Pixels, four fifths of them black as in MNIST, and labels.
fn digits(count: u32) -> [Vec<u8>; 2] {
    let mut state = 1_u32;
    let mut random = || {
        // The linear congruential generator of Numerical Recipes; its upper bits are more random.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut pixels = Vec::new();
    while pixels.len() < (count * SIDE * SIDE) as usize {
        // In runs, as pen strokes give them.
        let black = 10 + random() % 30;
        let ink = 2 + random() % 6;
        pixels.extend((0..black).map(|_| 0));
        pixels.extend((0..ink).map(|_| (random() % 256) as u8));
    }
    pixels.truncate((count * SIDE * SIDE) as usize);
    [pixels, (0..count).map(|_| (random() % 10) as u8).collect()]
}

fn write_csv(path: &Path, pixels: &[u8], classes: &[u8]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for (image, class) in pixels.chunks_exact((SIDE * SIDE) as usize).zip(classes) {
        write!(file, "{class}")?;
        for pixel in image {
            write!(file, ",{pixel}")?;
        }
        writeln!(file)?;
    }
    file.flush()
}

/// Reads a file several times, and prints the table's row for it.
fn measure(options: &Options, name: &str, path: &Path, mut read: impl FnMut() -> Outcome) -> Outcome {
    let mut seconds = Vec::new();
    for _ in 0..options.runs {
        let start = Instant::now();
        read()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let megabytes = fs::metadata(path)?.len() as f64 / 1e6;
    println!("| {name} | {megabytes:.1} | {:.0} |", megabytes / median(&mut seconds));
    Ok(())
}
