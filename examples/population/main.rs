//! Thousands of networks at once: how wide must a hidden layer be to learn XOR, how often does it, and at which learning rate?
//!
//! cargo run --release --example population -- --help

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "files")]
mod parts;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use wgrad::{Dataset, Gpu, Loss, Mlp, Network, Optimizer, Trainer};

use crate::common::choices::Descent;
use crate::common::exit::exit;
use crate::common::say::say;
use crate::common::sweep::{RATES, learning_rates};
use crate::common::{choices, progress, xor};

/// A network with a lower loss has learned XOR. One misclassified sample alone gives a higher loss: ½ · 2 · 0.49² / 4
/// if its outputs are just on the wrong side of one half.
const LEARNED: f32 = 0.06;

/// The lines of the table of learning rates.
const RATE_LINES: usize = 12;

/// Trains populations of networks on XOR, by adam if nothing else is chosen: one per width, one whose networks differ in the
/// learning rate, then a large one.
#[derive(Parser)]
struct Options {
    /// The number of epochs of the four samples
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
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
    /// The number of networks that try learning rates, of the widest kind
    #[arg(long, default_value_t = 1_536, value_parser = clap::value_parser!(u32).range(12..))]
    rates: u32,
    #[command(flatten)]
    descent: Descent,
    /// The seed of the first network's initial weights; network i uses the seed plus i
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Trains a part of the networks that try learning rates, and nothing else: part I, from 0, of N; again from its checkpoint, if it
    /// was interrupted. As a task of any scheduler (needs the feature `files`)
    #[arg(long, value_name = "I/N", requires = "folder", conflicts_with = "merge")]
    part: Option<String>,
    /// The folder for the parts' files
    #[arg(long, value_name = "DIR", requires = "part")]
    folder: Option<PathBuf>,
    /// The epochs between two checkpoints of a part
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint: u64,
    /// Merges the parts in this folder: their table, and the best network. With the options that they were made with (needs the
    /// feature `files`)
    #[arg(long, value_name = "DIR")]
    merge: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.part.is_some() || options.merge.is_some() {
        return run_parts(options);
    }
    let gpu = Gpu::headless()?;
    say!("adapter  {}", gpu.description())?;
    say!("each     {} networks, {} epochs of 4 steps", options.count, options.epochs)?;
    let config = options.descent.config(Optimizer::adam(), RATES);
    say!("training {}\n", choices::described(&config))?;

    say!("network   learned         median loss")?;
    let widest = usize::from(options.widest);
    for hidden in 2..=widest {
        let rates = vec![config.learning_rate; options.count];
        let mut losses = train(&gpu, options, hidden, &rates)?.losses;
        print_line(&format!("2-{hidden}-2"), &mut losses)?;
    }

    try_learning_rates(&gpu, options, config.learning_rate)?;

    say!("\na population of {} networks 2-{widest}-2", options.large)?;
    let Trained { losses, plan, seconds } = train(&gpu, options, widest, &vec![config.learning_rate; options.large])?;
    say!("{plan}")?;
    say!("learned  {} of {}", count_learned(&losses), losses.len())?;
    let steps = options.epochs * xor::INPUTS.len() as u64;
    let network_steps = losses.len() as f64 * steps as f64;
    say!("seconds  {seconds:.2}, {:.4} µs per network-step\n", seconds * 1e6 / network_steps)?;
    Ok(print_histogram(&losses)?)
}

/// This command line without `--merge`.
#[cfg(feature = "files")]
fn command_of_parts() -> String {
    let mut command = "cargo run --release --all-features --example population --".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--merge" => drop(arguments.next()),
            merge if merge.starts_with("--merge=") => {}
            other => command += &format!(" {other}"),
        }
    }
    command
}

#[cfg(not(feature = "files"))]
fn run_parts(_options: &Options) -> Result<(), Box<dyn Error>> {
    Err("--part and --merge need the feature `files`: cargo run --release --all-features --example population".into())
}

/// Trains a part of the networks that try learning rates, or merges all.
#[cfg(feature = "files")]
fn run_parts(options: &Options) -> Result<(), Box<dyn Error>> {
    let config = options.descent.config(Optimizer::adam(), RATES);
    let (hidden, count) = (usize::from(options.widest), options.rates as usize);
    let words = format!(
        "{count} networks 2-{hidden}-2, seed {}, {} epochs, {}",
        options.seed,
        options.epochs,
        choices::described(&config)
    );
    let rates = learning_rates(config.learning_rate, count);
    let (epochs, every, seed) = (options.epochs, options.checkpoint, options.seed);
    let sweep = parts::Sweep { hidden, rates, epochs, every, seed, config, words, command: command_of_parts() };
    let gpu = Gpu::headless()?;
    if let (Some(part), Some(folder)) = (&options.part, &options.folder) {
        say!("sweep    {}", sweep.words)?;
        return sweep.train(&gpu, part.parse().map_err(|problem| format!("--part {part}: {problem}"))?, folder);
    }
    let Some(folder) = &options.merge else { return Ok(()) };
    let losses = sweep.merge(&gpu, folder)?;
    say!("sweep    {}\n", sweep.words)?;
    Ok(print_rates(&sweep.rates, &losses)?)
}

/// Trains networks of the widest kind, each at a learning rate of its own, and prints which rates are the best.
fn try_learning_rates(gpu: &Gpu, options: &Options, usual: f32) -> Result<(), Box<dyn Error>> {
    let (count, widest) = (options.rates as usize, usize::from(options.widest));
    say!("\na population of {count} networks 2-{widest}-2, each with its own learning rate")?;
    let rates = learning_rates(usual, count);
    let losses = train(gpu, options, widest, &rates)?.losses;
    Ok(print_rates(&rates, &losses)?)
}

/// Prints how many networks have learned at which learning rates, and which are the best.
fn print_rates(rates: &[f32], losses: &[f32]) -> io::Result<()> {
    say!("rate from   learned        median loss")?;
    let per_line = rates.len().div_ceil(RATE_LINES);
    let mut lines = Vec::new();
    for (rates, losses) in rates.chunks(per_line).zip(losses.chunks(per_line)) {
        let mut losses = losses.to_vec();
        print_line(&format!("{:.2e}", rates[0]), &mut losses)?;
        lines.push((count_learned(&losses), losses[losses.len() / 2], [rates[0], rates[rates.len() - 1]]));
    }
    // In the total order NaN, the loss of a network that has diverged, is the largest.
    let best_line = lines.iter().max_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1))).map(|line| line.2);
    let best = losses.iter().zip(rates).min_by(|a, b| a.0.total_cmp(b.0));
    if let (Some([from, to]), Some((loss, rate))) = (best_line, best) {
        say!("best     from {from:.2e} to {to:.2e}: the most have learned, and then the lowest median")?;
        say!("         the lowest loss of a single network, {loss:.1e}, at {rate:.2e}")?;
    }
    Ok(())
}

/// Prints how many of the networks with these losses have learned, and the median loss; sorts the losses.
fn print_line(name: &str, losses: &mut [f32]) -> io::Result<()> {
    losses.sort_by(f32::total_cmp);
    let learned = count_learned(losses);
    let fraction = learned as f64 / losses.len() as f64;
    let bar = "█".repeat((fraction * 30.0).round() as usize);
    let median = losses[losses.len() / 2];
    say!("{name:8}  {learned:4} of {:4}  {median:8.2e}     {bar} {:.0} %", losses.len(), fraction * 100.0)
}

fn count_learned(losses: &[f32]) -> usize {
    losses.iter().filter(|&&loss| loss < LEARNED).count()
}

/// A trained population: the losses of its networks, in their order, the plan's description, and the seconds.
struct Trained {
    losses: Vec<f32>,
    plan: String,
    seconds: f64,
}

/// Trains a population of a network per learning rate.
fn train(gpu: &Gpu, options: &Options, hidden: usize, rates: &[f32]) -> Result<Trained, Box<dyn Error>> {
    let network = Network::population(gpu, &Mlp::widths(&[2, hidden, 2]), rates.len(), options.seed)?;
    let data = Dataset::new(gpu, &xor::INPUTS, &xor::TARGETS)?;
    let config = options.descent.config(Optimizer::adam(), RATES);
    let mut trainer = Trainer::new(&network, &data, config)?;
    trainer.write_learning_rates(rates)?;

    let bar = progress::bar(options.epochs, "2-{prefix}-2, {pos}/{len} epochs, {eta} left, mean loss {msg}")?;
    bar.set_prefix(hidden.to_string());
    let start = Instant::now();
    trainer.train(options.epochs, |progress| {
        bar.set_message(format!("{:.6}", progress.report.loss));
        bar.set_position(progress.epoch);
    })?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    Ok(Trained { losses: network.evaluate(&data, Loss::SquaredError)?, plan: trainer.plan(), seconds })
}

/// Prints a histogram of the losses; a bin is half a power of ten.
fn print_histogram(losses: &[f32]) -> io::Result<()> {
    let bin = |loss: f32| (2.0 * loss.max(1e-9).log10()).floor() as i32;
    let bins = losses.iter().filter(|loss| loss.is_finite()).map(|&loss| bin(loss));
    let (Some(first), Some(last)) = (bins.clone().min(), bins.clone().max()) else {
        return say!("no loss is finite");
    };
    let counts = (first..=last).map(|bin| bins.clone().filter(|&other| other == bin).count()).collect::<Vec<_>>();
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    say!("loss from       networks")?;
    for (bin, count) in (first..).zip(counts) {
        // Rounded up, so that a single network is visible.
        let bar = "█".repeat((count * 50).div_ceil(most));
        say!("{:10.2e}  {count:8}  {bar}", 10f64.powf(f64::from(bin) / 2.0))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_optimizer_trains_the_populations() {
        for optimizer in ["adam", "sgd"] {
            let arguments = ["--count", "3", "--widest", "3", "--large", "5", "--rates", "24", "--epochs", "50"];
            let arguments = ["population", "--optimizer", optimizer].into_iter().chain(arguments);
            run(&Options::try_parse_from(arguments).expect("options")).expect("a run");
        }
    }
}
