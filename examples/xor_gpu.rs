//! The notebook's main job: a 2-30-2 network learns XOR, one sample per step, on the GPU.
//!
//! cargo run --release --example xor_gpu -- --help

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use wgrad::{Dataset, Gpu, Mlp, Network, Plan, TrainConfig, Trainer, class_of};

use crate::common::chart::{Chart, Series};
use crate::common::exit::exit;
use crate::common::{options, progress, xor};

/// The notebook's number of epochs, and the seconds that they took on its author's machine.
const NOTEBOOK_EPOCHS: u64 = 100_000;
const NOTEBOOK_SECONDS: f64 = 14.0;

/// The largest distance of an output from its target allowed after the notebook's epochs.
const TOLERANCE: f32 = 0.03;

/// The most losses that a chart shows.
const PLOTTED: u64 = 400;

/// Trains a network on XOR on the GPU, as the notebook "Python neural networks" does in NumPy.
#[derive(Parser)]
struct Options {
    /// The number of epochs of the four samples
    #[arg(long, default_value_t = NOTEBOOK_EPOCHS)]
    epochs: u64,
    /// The width of the hidden layer
    #[arg(long, default_value_t = 30)]
    hidden: usize,
    /// The learning rate of gradient descent
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f32,
    /// The seed of the initial weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = Plan::Auto, help = options::PLANS)]
    plan: Plan,
    /// A file for a chart of the loss; the training then stops often and takes longer
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::headless()?;
    let mlp = Mlp::widths(&[2, options.hidden, 2]);
    let network = Network::new(&gpu, &mlp, options.seed)?;
    let data = Dataset::new(&gpu, &xor::INPUTS, &xor::TARGETS)?;
    let config = TrainConfig { learning_rate: options.learning_rate, plan: options.plan, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    println!("adapter  {}", gpu.description());
    println!("network  {mlp}, {} parameters", mlp.parameter_count());
    println!("plan     {}", trainer.plan());

    println!("\nbefore training");
    print_table(&network)?;
    let (losses, seconds) = train(&mut trainer, options)?;
    if let Some(path) = &options.plot {
        let (title, x) = (format!("XOR: {mlp}"), "epochs of 4 samples".to_owned());
        Chart { title, x, losses: vec![losses], accuracies: Vec::new() }.save(path)?;
    }

    println!("\nafter {} epochs", options.epochs);
    let (missed, farthest) = print_table(&network)?;
    if let Some(report) = trainer.latest_loss()? {
        println!("loss     {:.6}", report.loss);
    }
    print_time(options, options.epochs * trainer.steps_per_epoch(), seconds);
    if missed > 0 {
        let all = xor::INPUTS.len();
        return Err(format!("{missed} of {all} classes are wrong: train for more epochs").into());
    }
    if options.epochs >= NOTEBOOK_EPOCHS && farthest.total_cmp(&TOLERANCE).is_gt() {
        return Err(format!("an output is {farthest:.4} from its target, and {TOLERANCE} was expected").into());
    }
    Ok(())
}

/// Trains with a progress bar. Returns the losses for a chart, and the seconds.
fn train(trainer: &mut Trainer, options: &Options) -> Result<(Series, f64), Box<dyn Error>> {
    let bar = progress::bar(options.epochs, "{pos}/{len} epochs, {rate} epochs/s, {eta} left, loss {msg}")?;
    let mut losses = Series::new("mean loss of an epoch");
    // Training in several calls gives the same bits; it is split only for a chart.
    let epochs_per_call =
        if options.plot.is_some() { options.epochs.div_ceil(PLOTTED).max(1) } else { options.epochs.max(1) };
    let start = Instant::now();
    let mut done = 0;
    while done < options.epochs {
        let epochs = epochs_per_call.min(options.epochs - done);
        trainer.train(epochs, |progress| {
            bar.set_message(format!("{:.6}", progress.report.loss));
            bar.set_position(done + progress.epoch);
            if progress.report.epoch > 0 {
                losses.points.push((progress.report.epoch as f64, f64::from(progress.report.loss)));
            }
        })?;
        done += epochs;
    }
    bar.finish();
    Ok((losses, start.elapsed().as_secs_f64()))
}

/// Prints how long the steps took, compared with the notebook's author's time.
fn print_time(options: &Options, steps: u64, seconds: f64) {
    println!("seconds  {seconds:.3}, including the driver's compiling of the shader; BENCHMARKS.md excludes it");
    if options.epochs == NOTEBOOK_EPOCHS && options.hidden == 30 {
        let times = NOTEBOOK_SECONDS / seconds;
        println!("the notebook's author took {NOTEBOOK_SECONDS} s in NumPy: {times:.0} times as long");
    }
    if steps > 0 {
        println!("{steps} steps, {:.2} µs/step", seconds * 1e6 / steps as f64);
    }
}

/// Prints each input, the network's outputs, their class, and the class wanted. Returns the number of wrong classes,
/// and the largest distance of an output from its target.
fn print_table(network: &Network) -> wgrad::Result<(usize, f32)> {
    println!("input     outputs             class  wanted");
    let outputs = network.predict(xor::INPUTS.as_flattened())?;
    let mut missed = 0;
    let mut farthest = 0f32;
    for ((input, output), target) in xor::INPUTS.iter().zip(outputs.chunks_exact(2)).zip(&xor::TARGETS) {
        let (class, wanted) = (class_of(output), class_of(target));
        let [first, second] = input;
        println!("[{first}, {second}] → [{:.4}, {:.4}]  {class:5}  {wanted:6}", output[0], output[1]);
        missed += usize::from(class != wanted);
        // In the total order NaN is the largest.
        let distances = output.iter().zip(target).map(|(y, t)| (y - t).abs());
        farthest = distances.chain([farthest]).max_by(f32::total_cmp).unwrap_or(f32::NAN);
    }
    Ok((missed, farthest))
}
