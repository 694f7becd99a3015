//! The notebook "Python neural networks", cell by cell: each value computed on the GPU and by the reference.
//!
//! cargo run --release --example notebook

mod common;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use wgrad::kernels::{activation, activation_backward};
use wgrad::reference::{self, ActivationLayer, Layer, Linear, Matrix, NeuralNetwork};
use wgrad::{Activation, Dataset, Gpu, Mlp, Network, Rows, TrainConfig, Trainer, wgpu};

use crate::common::exit::exit;
use crate::common::say::say;

const X: [f32; 2] = [0.3, 0.5];
const D_Y: [f32; 3] = [0.1, 0.2, -0.3];
const TARGETS: [f32; 3] = [0.0, 0.0, 1.0];
const LEARNING_RATE: f32 = 0.1;

/// The largest difference from the reference allowed, also for the outputs after 10,000 steps.
const TOLERANCE: f64 = 1e-5;

/// The notebook "Python neural networks", cell by cell: a linear layer, a sigmoid network in training, the derivative of
/// the sigmoid. Each value is computed on the GPU and by the reference in f64.
#[derive(Parser)]
struct Options {}

fn main() -> ExitCode {
    Options::parse();
    exit(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::headless()?;
    say!("adapter: {}\n", gpu.description())?;
    linear_layer(&gpu)?;
    sigmoid_network(&gpu)?;
    derivative(&gpu)
}

/// A linear layer with 2 inputs and 3 outputs: y = x · w, dx = dy · wᵀ, dw = xᵀ · dy.
fn linear_layer(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let mlp = Mlp::inputs(2).linear(3);
    let weights = mlp.initial_parameters(1)?;
    let network = Network::from_parameters(gpu, &mlp, &weights)?;
    let (x, y) = (row_on(gpu, &X)?, row_on(gpu, &[0.0; 3])?);
    let (d_y, d_x) = (row_on(gpu, &D_Y)?, row_on(gpu, &[0.0; 2])?);
    let forward = network.forward(&x, &y)?;
    let backward = forward.backward(&d_y, Some(&d_x))?;
    submit(gpu, |encoder| {
        forward.record(encoder);
        backward.record(encoder);
    });

    let mut layer = Linear::new(Matrix::from_f32(2, 3, &weights)?);
    let expected_y = layer.forward(&row(&X)?)?;
    let expected_d_x = layer.backward(&row(&D_Y)?)?;

    say!("a linear layer, 2 inputs and 3 outputs")?;
    say!("w                 {}", listed(&weights))?;
    say!("x                 {}", listed(&X))?;
    show("y = x · w", &y.read(gpu)?, expected_y.as_slice())?;
    say!("dy                {}", listed(&D_Y))?;
    show("dx = dy · wᵀ", &d_x.read(gpu)?, expected_d_x.as_slice())?;
    let expected_d_w = layer.d_parameters().map_or(&[][..], Matrix::as_slice);
    show("dw = xᵀ · dy", &backward.read_d_parameters()?, expected_d_w)?;
    Ok(())
}

/// The same layer with a sigmoid, trained to the targets [0, 0, 1] by gradient descent.
fn sigmoid_network(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let mlp = Mlp::inputs(2).linear(3).sigmoid();
    let weights = mlp.initial_parameters(1)?;
    let network = Network::from_parameters(gpu, &mlp, &weights)?;
    let data = Dataset::new(gpu, &[X], &[TARGETS])?;
    let config = TrainConfig { learning_rate: LEARNING_RATE, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    let linear = Linear::new(Matrix::from_f32(2, 3, &weights)?);
    let mut expected = NeuralNetwork::new(vec![Box::new(linear), Box::new(ActivationLayer::new(Activation::Sigmoid))]);

    say!("\na linear and a sigmoid layer, driven from y to {}", listed(&TARGETS))?;
    let mut steps = 0;
    for goal in [0, 1, 10, 100, 1_000, 10_000] {
        trainer.train(goal - steps, |_| ())?;
        for _ in steps..goal {
            expected.train_step(&row(&X)?, &row(&TARGETS)?, f64::from(LEARNING_RATE))?;
        }
        steps = goal;
        show(&format!("after {steps} steps"), &network.predict(&X)?, expected.forward(&row(&X)?)?.as_slice())?;
    }
    Ok(())
}

/// The derivative of the sigmoid, y · (1 - y), compared with a numerical one. Uses the kernels without a network.
fn derivative(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    const H: f64 = 1e-5;
    let x = [-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0];
    let (input, y) = (row_on(gpu, &x)?, row_on(gpu, &[0.0; 7])?);
    let (d_y, d_x) = (row_on(gpu, &[1.0; 7])?, row_on(gpu, &[0.0; 7])?);
    let forward = activation(gpu, Activation::Sigmoid, &input, &y)?;
    let backward = activation_backward(gpu, Activation::Sigmoid, &d_y, &y, &d_x)?;
    submit(gpu, |encoder| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        forward.record(&mut pass);
        backward.record(&mut pass);
    });

    let sigmoid_at =
        |h: f64| Ok::<_, wgrad::Error>(reference::activation(Activation::Sigmoid, &row(&x)?.map(|x| x + h)));
    let (ones, y) = (row(&[1.0; 7])?, sigmoid_at(0.0)?);
    let expected = reference::activation_backward(Activation::Sigmoid, &ones, &row(&x)?, &y)?;
    let (above, below) = (sigmoid_at(H)?, sigmoid_at(-H)?);
    let numerical = above.as_slice().iter().zip(below.as_slice()).map(|(above, below)| (above - below) / (2.0 * H));

    say!("\nthe derivative of the sigmoid")?;
    say!("x                 {}", listed(&x))?;
    show("y · (1 - y)", &d_x.read(gpu)?, expected.as_slice())?;
    say!("numerical         {}", listed(&numerical.map(|value| value as f32).collect::<Vec<_>>()))?;
    Ok(())
}

/// Prints the values of the GPU and, below them, those of the reference. Returns an error if they differ too much.
fn show(name: &str, gpu: &[f32], reference: &[f64]) -> Result<(), Box<dyn Error>> {
    let differences = gpu.iter().zip(reference).map(|(&gpu, reference)| (f64::from(gpu) - reference).abs());
    let worst = differences.max_by(f64::total_cmp).unwrap_or(f64::NAN);
    say!("{name:17} {}  GPU", listed(gpu))?;
    let reference = reference.iter().map(|&value| value as f32).collect::<Vec<_>>();
    say!("{:17} {}  reference, at most {worst:.0e} away", "", listed(&reference))?;
    // Written so that NaN fails.
    match worst <= TOLERANCE {
        true => Ok(()),
        false => Err(format!("{name} is more than {TOLERANCE:.0e} from the reference").into()),
    }
}

fn listed(values: &[f32]) -> String {
    let values = values.iter().map(|value| format!("{value:8.5}")).collect::<Vec<_>>();
    format!("[{}]", values.join(" "))
}

/// One row as a matrix of the reference.
fn row(values: &[f32]) -> wgrad::Result<Matrix> {
    Matrix::from_f32(1, values.len(), values)
}

/// One row in GPU memory.
fn row_on(gpu: &Gpu, values: &[f32]) -> wgrad::Result<Rows> {
    Rows::from_slice(gpu, values.len(), values)
}

/// Records into a new encoder and submits it.
fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder);
    gpu.queue().submit([encoder.finish()]);
}
