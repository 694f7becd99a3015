//! Thousands of networks at once: how wide must a hidden layer be to learn XOR, and how often does it?
//!
//! cargo run --release --example population -- --help

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use wgrad::{Dataset, Gpu, Loss, Mlp, Network, TrainConfig, Trainer};

use crate::common::exit::exit;
use crate::common::{progress, xor};

/// A network with a lower loss has learned XOR. One misclassified sample alone gives a higher loss: ½ · 2 · 0.49² / 4
/// if its outputs are just on the wrong side of one half.
const LEARNED: f32 = 0.06;

/// Trains populations of networks on XOR: one per width, then a large one.
#[derive(Parser)]
struct Options {
    /// The number of epochs of the four samples
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// The number of networks of each width
    #[arg(long, default_value_t = 142)]
    count: usize,
    /// The widths of the hidden layer, from 2 to this one
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(2..))]
    widest: u16,
    /// The number of networks in the large population, of the widest kind
    #[arg(long, default_value_t = 4_096)]
    large: usize,
    /// The learning rate of gradient descent
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f32,
    /// The seed of the first network's initial weights; network i uses the seed plus i
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::headless()?;
    println!("adapter  {}", gpu.description());
    println!("each     {} networks, {} epochs of 4 steps\n", options.count, options.epochs);

    println!("network   learned         median loss");
    let widest = usize::from(options.widest);
    for hidden in 2..=widest {
        let (losses, ..) = train(&gpu, options, hidden, options.count)?;
        let learned = losses.iter().filter(|&&loss| loss < LEARNED).count();
        let fraction = learned as f64 / losses.len() as f64;
        let bar = "█".repeat((fraction * 30.0).round() as usize);
        println!(
            "{:8}  {learned:4} of {:4}  {:.6}  {bar} {:.0} %",
            format!("2-{hidden}-2"),
            losses.len(),
            losses[losses.len() / 2],
            fraction * 100.0
        );
    }

    println!("\na population of {} networks 2-{widest}-2", options.large);
    let (losses, plan, seconds) = train(&gpu, options, widest, options.large)?;
    let learned = losses.iter().filter(|&&loss| loss < LEARNED).count();
    println!("{plan}");
    println!("learned  {learned} of {}", losses.len());
    let steps = options.epochs * xor::INPUTS.len() as u64;
    let network_steps = losses.len() as f64 * steps as f64;
    println!("seconds  {seconds:.2}, {:.4} µs per network-step\n", seconds * 1e6 / network_steps);
    print_histogram(&losses);
    Ok(())
}

/// Trains a population. Returns its losses in ascending order, the plan's description, and the seconds.
fn train(gpu: &Gpu, options: &Options, hidden: usize, count: usize) -> Result<(Vec<f32>, String, f64), Box<dyn Error>> {
    let network = Network::population(gpu, &Mlp::widths(&[2, hidden, 2]), count, options.seed)?;
    let data = Dataset::new(gpu, &xor::INPUTS, &xor::TARGETS)?;
    let config = TrainConfig { learning_rate: options.learning_rate, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;

    let bar = progress::bar(options.epochs, "2-{prefix}-2, {pos}/{len} epochs, {eta} left, mean loss {msg}")?;
    bar.set_prefix(hidden.to_string());
    let start = Instant::now();
    trainer.train(options.epochs, |progress| {
        bar.set_message(format!("{:.6}", progress.report.loss));
        bar.set_position(progress.epoch);
    })?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let mut losses = network.evaluate(&data, Loss::SquaredError)?;
    losses.sort_by(f32::total_cmp);
    Ok((losses, trainer.plan(), seconds))
}

/// Prints a histogram of the losses; a bin is half a power of ten.
fn print_histogram(losses: &[f32]) {
    let bin = |loss: f32| (2.0 * loss.max(1e-9).log10()).floor() as i32;
    let bins = losses.iter().filter(|loss| loss.is_finite()).map(|&loss| bin(loss));
    let (Some(first), Some(last)) = (bins.clone().min(), bins.clone().max()) else {
        println!("no loss is finite");
        return;
    };
    let counts = (first..=last).map(|bin| bins.clone().filter(|&other| other == bin).count()).collect::<Vec<_>>();
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    println!("loss from       networks");
    for (bin, count) in (first..).zip(counts) {
        // Rounded up, so that a single network is visible.
        let bar = "█".repeat((count * 50).div_ceil(most));
        println!("{:10.2e}  {count:8}  {bar}", 10f64.powf(f64::from(bin) / 2.0));
    }
}
