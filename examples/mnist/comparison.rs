//! The same training by the f64 reference, on the processor: do both read the test digits alike?

use std::error::Error;

use indicatif::{ProgressBar, ProgressStyle};
use wgrad::reference::{Matrix, NeuralNetwork, Order, Training};
use wgrad::{Network, TrainConfig};

use crate::INPUTS;
use crate::digits::{Digits, PIXELS};

/// The targets of a digit's own class and of the others.
const TARGETS: [f32; 2] = [0.99, 0.01];

/// What a network says of each test digit, and how often it is right.
pub struct Comparison {
    /// The test digits that the network and the reference take for the same.
    pub alike: usize,
    /// The test digits that the reference takes for what they are.
    pub right: usize,
    /// The test digits.
    pub digits: usize,
}

/// Trains the reference as the network was trained for so many epochs from the parameters `initial`, and compares what
/// both say of the test digits.
pub fn compare(
    network: &Network,
    initial: &[f32],
    config: &TrainConfig,
    epochs: u64,
    training: &Digits,
    test: &Digits,
) -> Result<Comparison, Box<dyn Error>> {
    let order = Order {
        samples: u32::try_from(training.len())?,
        batch_size: u32::try_from(config.batch_size)?,
        shuffle: config.shuffle.then_some(config.seed),
    };
    let targets =
        training.labels().iter().flat_map(|&label| (0..10).map(move |class| TARGETS[usize::from(class != label)]));
    let mut reference = Training::new(
        NeuralNetwork::from_parameters(network.mlp(), initial)?,
        Matrix::from_f32(training.len(), PIXELS, &inputs(training))?,
        Matrix::from_f32(training.len(), 10, &targets.collect::<Vec<_>>())?,
        order,
        f64::from(config.learning_rate),
    )?;
    let template = "{bar:30} the reference: {pos} of {len} steps, {eta} left";
    let bar = ProgressBar::new(epochs * order.steps_per_epoch()).with_style(ProgressStyle::with_template(template)?);
    while reference.step() < bar.length().unwrap_or(0) {
        reference.train_steps(100.min(bar.length().unwrap_or(0) - reference.step()))?;
        bar.set_position(reference.step());
    }
    bar.finish_and_clear();

    let test_inputs = inputs(test);
    let found = network.predict(&test_inputs)?.chunks_exact(10).map(class).collect::<Vec<_>>();
    let outputs = reference.network.forward(&Matrix::from_f32(test.len(), PIXELS, &test_inputs)?)?;
    let expected = outputs.as_slice().chunks_exact(10).map(class).collect::<Vec<_>>();
    let right = expected.iter().zip(test.labels()).filter(|&(&class, &label)| class == usize::from(label)).count();
    let alike = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
    Ok(Comparison { alike, right, digits: test.len() })
}

/// What the kernels make of the bytes.
fn inputs(digits: &Digits) -> Vec<f32> {
    let scale = (INPUTS[1] - INPUTS[0]) / 255.0;
    digits.pixels().iter().map(|&byte| f32::from(byte) * scale + INPUTS[0]).collect()
}

/// The place of the largest output.
fn class<T: PartialOrd>(outputs: &[T]) -> usize {
    (1..outputs.len()).fold(0, |most, i| if outputs[i] > outputs[most] { i } else { most })
}
