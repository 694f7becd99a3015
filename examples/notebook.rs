//! The notebook "Python neural networks", cell by cell: each number computed on the GPU, and beside it by the
//! reference.
//!
//! cargo run --release --example notebook

use std::error::Error;
use std::process::ExitCode;

use wgrad::reference::{self, Layer, Linear, Matrix, NeuralNetwork, Sigmoid};
use wgrad::{Backward, Dataset, Forward, Gpu, Mlp, Network, Rows, TrainConfig, Trainer, wgpu};

const X: [f32; 2] = [0.3, 0.5];
const D_Y: [f32; 3] = [0.1, 0.2, -0.3];
const TARGETS: [f32; 3] = [0.0, 0.0, 1.0];
const LEARNING_RATE: f32 = 0.1;

/// How close to the reference everything must be, the outputs after 10,000 steps too.
const CLOSE: f64 = 1e-5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::headless()?;
    println!("adapter: {}\n", gpu.description());
    linear_layer(&gpu)?;
    sigmoid_network(&gpu)?;
    derivative(&gpu)
}

/// A linear layer with 2 inputs and 3 outputs: y = x · w, dx = dy · wᵀ, dw = xᵀ · dy.
fn linear_layer(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let mlp = Mlp::inputs(2).linear(3);
    let weights = mlp.initial_parameters(1)?;
    let network = Network::from_parameters(gpu, &mlp, &weights)?;
    let [x, y, d_y, d_x] = [&X[..], &[0.0; 3], &D_Y, &[0.0; 2]].map(|numbers| rows(gpu, numbers));
    let forward = network.forward(&x, &y)?;
    let backward = forward.backward(&d_y, Some(&d_x))?;
    forward_and_backward(gpu, &forward, &backward);

    let mut layer = Linear::new(Matrix::from_f32(2, 3, &weights)?);
    let expected_y = layer.forward(&row(&X)?)?;
    let expected_d_x = layer.backward(&row(&D_Y)?)?;

    println!("a linear layer, 2 inputs and 3 outputs");
    println!("w                 {}", numbers(&weights));
    println!("x                 {}", numbers(&X));
    show("y = x · w", &read(gpu, &y)?, expected_y.as_slice())?;
    println!("dy                {}", numbers(&D_Y));
    show("dx = dy · wᵀ", &read(gpu, &d_x)?, expected_d_x.as_slice())?;
    let expected_d_w = layer.d_parameters().map_or(&[][..], Matrix::as_slice);
    show("dw = xᵀ · dy", &backward.read_d_parameters()?, expected_d_w)?;
    Ok(())
}

/// The same with a sigmoid, driven to the targets [0, 0, 1] by gradient descent.
fn sigmoid_network(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let mlp = Mlp::inputs(2).linear(3).sigmoid();
    let weights = mlp.initial_parameters(1)?;
    let network = Network::from_parameters(gpu, &mlp, &weights)?;
    let data = Dataset::new(gpu, &[X], &[TARGETS])?;
    let config = TrainConfig { learning_rate: LEARNING_RATE, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    let linear = Linear::new(Matrix::from_f32(2, 3, &weights)?);
    let mut expected = NeuralNetwork::new(vec![Box::new(linear), Box::new(Sigmoid::new())]);

    println!("\na linear and a sigmoid layer, driven from y to {}", numbers(&TARGETS));
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

/// The derivative of the sigmoid, y · (1 - y), beside a numerical one.
fn derivative(gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    const H: f64 = 1e-5;
    let x = [-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0];
    let mlp = Mlp::inputs(x.len()).sigmoid();
    let network = Network::new(gpu, &mlp, 0)?;
    let [input, y, d_y, d_x] = [x, [0.0; 7], [1.0; 7], [0.0; 7]].map(|numbers| rows(gpu, &numbers));
    let forward = network.forward(&input, &y)?;
    let backward = forward.backward(&d_y, Some(&d_x))?;
    forward_and_backward(gpu, &forward, &backward);

    let sigmoid_at = |h: f64| Ok::<_, wgrad::Error>(reference::sigmoid(&row(&x)?.map(|x| x + h)));
    let expected = reference::sigmoid_backward(&row(&[1.0; 7])?, &sigmoid_at(0.0)?)?;
    let (above, below) = (sigmoid_at(H)?, sigmoid_at(-H)?);
    let numerical = above.as_slice().iter().zip(below.as_slice()).map(|(above, below)| (above - below) / (2.0 * H));

    println!("\nthe derivative of the sigmoid");
    println!("x                 {}", numbers(&x));
    show("y · (1 - y)", &read(gpu, &d_x)?, expected.as_slice())?;
    println!("numerical         {}", numbers(&numerical.map(|number| number as f32).collect::<Vec<_>>()));
    Ok(())
}

/// Prints what the GPU computed, and below it what the reference did; an error if they are far apart.
fn show(name: &str, gpu: &[f32], reference: &[f64]) -> Result<(), String> {
    let away = gpu.iter().zip(reference).map(|(&gpu, reference)| (f64::from(gpu) - reference).abs());
    let worst = away.max_by(f64::total_cmp).unwrap_or(f64::NAN);
    println!("{name:17} {}  GPU", numbers(gpu));
    let reference = reference.iter().map(|&number| number as f32).collect::<Vec<_>>();
    println!("{:17} {}  reference, at most {worst:.0e} away", "", numbers(&reference));
    // Written so that NaN is far.
    if worst <= CLOSE { Ok(()) } else { Err(format!("{name} is more than {CLOSE:.0e} from the reference")) }
}

fn numbers(numbers: &[f32]) -> String {
    let numbers = numbers.iter().map(|number| format!("{number:8.5}")).collect::<Vec<_>>();
    format!("[{}]", numbers.join(" "))
}

/// One row of numbers, as the reference takes it.
fn row(numbers: &[f32]) -> wgrad::Result<Matrix> {
    Matrix::from_f32(1, numbers.len(), numbers)
}

/// One row of numbers in a buffer of its own, as an app would make it.
fn rows(gpu: &Gpu, numbers: &[f32]) -> Rows {
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("notebook"),
        size: numbers.len() as u64 * 4,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(numbers));
    Rows::new(&buffer, numbers.len())
}

/// Runs both passes in one submission.
fn forward_and_backward(gpu: &Gpu, forward: &Forward, backward: &Backward) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    forward.record(&mut encoder);
    backward.record(&mut encoder);
    gpu.queue().submit([encoder.finish()]);
}

/// Reads a buffer back, as an app would.
fn read(gpu: &Gpu, rows: &Rows) -> Result<Vec<f32>, Box<dyn Error>> {
    let size = rows.buffer().size();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let descriptor = wgpu::BufferDescriptor { label: Some("notebook"), size, usage, mapped_at_creation: false };
    let staging = gpu.device().create_buffer(&descriptor);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(rows.buffer(), 0, &staging, 0, size);
    encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., |_| ());
    gpu.queue().submit([encoder.finish()]);
    gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    Ok(bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..)?))
}
