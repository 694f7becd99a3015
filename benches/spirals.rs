//! How many steps learn two spirals, as the notebook trains and as is usual today: 200 points, 2-32-32-1, until every one is
//! classified rightly.
//!
//! cargo bench --bench spirals -- --help

mod common;

use std::process::ExitCode;

use clap::Parser;
use wgrad::{Activation, Dataset, Gpu, Init, Loss, Mlp, Network, Optimizer, Plan, TrainConfig, Trainer};

use crate::common::Outcome;

/// Trains on two spirals until all points are classified rightly, in several ways, and prints the steps.
#[derive(Parser)]
struct Options {
    /// The most steps of a training
    #[arg(long, default_value_t = 200_000)]
    most: u64,
    /// The seeds, from 1 on
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

const POINTS: usize = 100;
const BATCH_SIZE: usize = 8;

/// A point each of the two spirals, a turn and a half around the origin, and their classes.
fn spirals() -> (Vec<f32>, Vec<f32>) {
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for i in 0..POINTS {
        let part = i as f32 / POINTS as f32;
        let (radius, angle) = (0.5 + 5.5 * part, 3.0 * std::f32::consts::PI * part);
        for class in [0.0, 1.0] {
            let angle = angle + class * std::f32::consts::PI;
            inputs.extend([radius * angle.cos(), radius * angle.sin()]);
            targets.push(class);
        }
    }
    (inputs, targets)
}

/// A way to train.
struct Way {
    activation: Activation,
    loss: Loss,
    optimizer: Optimizer,
    learning_rate: f32,
}

/// The notebook's way at its rate and at the best one that was found; the same by Adam; and both with today's usual activation
/// and loss.
fn ways() -> Vec<Way> {
    let notebooks = |optimizer, learning_rate| {
        let (activation, loss) = (Activation::Sigmoid, Loss::SquaredError);
        Way { activation, loss, optimizer, learning_rate }
    };
    let todays = |optimizer, learning_rate| {
        let (activation, loss) = (Activation::Tanh, Loss::BinaryCrossEntropy);
        Way { activation, loss, optimizer, learning_rate }
    };
    vec![
        notebooks(Optimizer::Sgd, 0.1),
        notebooks(Optimizer::Sgd, 1.0),
        notebooks(Optimizer::adam(), 0.03),
        todays(Optimizer::Sgd, 0.3),
        todays(Optimizer::momentum(0.9), 0.03),
        todays(Optimizer::adam(), 0.003),
        todays(Optimizer::adam(), 0.01),
    ]
}

/// The steps until all points are classified rightly, looked at every 250 steps; none if they never are.
fn steps(gpu: &Gpu, way: &Way, seed: u64, most: u64) -> wgrad::Result<Option<u64>> {
    let &Way { activation, loss, optimizer, learning_rate } = way;
    let mlp = Mlp::inputs(2).linear(32).bias().activation(activation).linear(32).bias().activation(activation);
    let mlp = mlp.linear(1).bias().sigmoid();
    let network = Network::new_by(gpu, &mlp, Init::XavierNormal, seed)?;
    let (inputs, targets) = spirals();
    let data = Dataset::from_slices(gpu, 2 * POINTS, &inputs, &targets)?;
    let config = TrainConfig {
        loss,
        optimizer,
        learning_rate,
        batch_size: BATCH_SIZE,
        shuffle: true,
        seed,
        plan: Plan::Auto,
        ..Default::default()
    };
    let mut trainer = Trainer::new(&network, &data, config)?;
    let epochs = 10;
    while trainer.latest_loss()?.is_none_or(|report| report.step < most) {
        trainer.train(epochs, |_| ())?;
        let outputs = network.predict(&inputs)?;
        if outputs.iter().zip(&targets).all(|(y, t)| (*y >= 0.5) == (*t >= 0.5)) {
            return Ok(trainer.latest_loss()?.map(|report| report.step));
        }
    }
    Ok(None)
}

fn main() -> ExitCode {
    common::main(run)
}

fn run(options: &Options) -> Outcome {
    let gpu = Gpu::headless()?;
    println!("### {}\n", gpu.description());
    println!("| training | learning rate | steps to 200 of 200 points, by seed |");
    println!("| --- | ---: | --- |");
    for way in ways() {
        let mut found = Vec::new();
        for seed in 1..=options.seeds {
            let steps = steps(&gpu, &way, seed, options.most)?;
            found.push(steps.map_or("never".to_owned(), |steps| steps.to_string()));
        }
        let Way { activation, loss, optimizer, learning_rate } = way;
        println!("| {activation}, {loss}, {} | {learning_rate} | {} |", optimizer.name(), found.join(", "));
    }
    Ok(())
}
