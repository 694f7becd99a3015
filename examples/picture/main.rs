//! A network learns a picture from its coordinates: a small one by a hash grid, which learns edges and textures, by frequencies, or
//! from the coordinates alone, which gives a blur.
//!
//! cargo run --release --example picture -- --help

#[path = "../common/mod.rs"]
mod common;
mod pixels;
#[path = "../common/save.rs"]
mod save;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use wgrad::{Dataset, Gpu, Network, Picture, Trainer};

use crate::common::coordinate_network::{self, Kind};
use crate::common::exit::exit;
use crate::common::options::at_least_one;
use crate::common::progress;
use crate::common::say::say;
use crate::pixels::Pixels;
use crate::save::{rehearse_network, save};

/// After these steps the picture is looked at, and kept for the strip.
const MILESTONES: [u64; 3] = [10, 100, 1_000];

/// Also after these, to see how it goes.
const LOOKS: [u64; 2] = [300, 3_000];

/// Learns a picture and writes it: as it was learned, what is wrong with it, and how it came to be.
#[derive(Parser)]
struct Options {
    /// A PNG file; without one, a picture that the program draws
    picture: Option<PathBuf>,
    /// What the network makes of the coordinates
    #[arg(long, value_enum, default_value_t = Kind::Grid)]
    encoding: Kind,
    /// The number of training steps
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// The number of random points per step
    #[arg(long, default_value_t = 1 << 14, value_parser = at_least_one)]
    batch: usize,
    /// The logarithm of the hash grid's entries per level
    #[arg(long, default_value_t = 15)]
    table_log2: u32,
    /// The seed of the weights and of the points
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder for learned.png, error.png and strip.png
    #[arg(long, default_value = "target/picture")]
    out: PathBuf,
    /// Saves the network to this file (needs the feature `files`)
    #[arg(long)]
    save: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let pixels = match &options.picture {
        Some(path) => Pixels::open(path)?,
        None => Pixels::draw(512),
    };
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let gpu = Gpu::headless()?;
    let network = coordinate_network::network(&gpu, options.encoding, options.table_log2, options.seed)?;
    let mlp = network.mlp();
    rehearse_network(&network, options.save.as_deref())?;

    let picture = Picture::from_slice(&gpu, pixels.width, 3, &pixels.rgb)?;
    let points = Dataset::from_picture(&picture, options.batch, options.seed)?;
    let mut trainer = Trainer::new(&network, &points, coordinate_network::config(options.batch))?;
    say!("adapter  {}", gpu.description())?;
    say!("picture  {} × {}, {}", pixels.width, pixels.height, pixels.name)?;
    say!("network  {mlp}")?;
    let parameters = mlp.parameter_count();
    say!("         {parameters} parameters, {:.1} MB of GPU memory to train", trainer.memory().total() as f64 / 1e6)?;
    say!("plan     {}", trainer.plan())?;

    let strip = learn(&mut trainer, &network, &pixels, options)?;
    let learned = pixels.learned(&network)?;
    let written = [
        ("learned.png", learned.clone()),
        ("error.png", pixels.error(&learned)),
        ("strip.png", Pixels::side_by_side(&strip)),
    ];
    for (name, picture) in written {
        let path = options.out.join(name);
        picture.write(&path)?;
        say!("written  {}", path.display())?;
    }
    let stored = pixels.png_bytes()?;
    say!(
        "size     {} KB of parameters as f32, {} KB as a PNG: {:.1} times",
        4 * parameters / 1_000,
        stored / 1_000,
        4.0 * parameters as f64 / stored as f64
    )?;
    save(&network, options.save.as_deref())
}

/// Trains, and looks at the picture from time to time. Returns what was seen at the milestones, the picture itself last.
fn learn(
    trainer: &mut Trainer,
    network: &Network,
    pixels: &Pixels,
    options: &Options,
) -> Result<Vec<Pixels>, Box<dyn Error>> {
    let bar = progress::bar(options.steps, "step {pos}/{len}, {rate} per second; {msg}")?;
    let (mut strip, mut trained) = (Vec::new(), Duration::ZERO);
    let mut stops = MILESTONES.into_iter().chain(LOOKS).filter(|&step| step < options.steps).collect::<Vec<_>>();
    stops.push(options.steps);
    stops.sort_unstable();
    let mut done = 0;
    for stop in stops {
        let begun = Instant::now();
        // An epoch is a step: its batch is all points that are drawn for it.
        trainer.train(stop - done, |progress| bar.set_position(progress.report.step))?;
        trained += begun.elapsed();
        done = stop;
        let learned = pixels.learned(network)?;
        let decibels = pixels.psnr(&learned);
        bar.set_message(format!("{decibels:.2} dB after {stop}"));
        let milliseconds = 1e3 * trained.as_secs_f64() / stop as f64;
        bar.suspend(|| say!("step     {stop}: PSNR {decibels:.2} dB, {milliseconds:.1} ms a step"))?;
        if MILESTONES.contains(&stop) || stop == options.steps {
            strip.push(learned);
        }
    }
    bar.finish_and_clear();
    strip.push(pixels.clone());
    Ok(strip)
}
