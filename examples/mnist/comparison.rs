//! The same training by the f64 reference on the CPU, to compare the classes of the test digits.

use std::error::Error;

use wgrad::reference::{Descent, Matrix, NeuralNetwork, Order, Training};
use wgrad::{Network, TrainConfig, class_of};

use crate::common::{choices, progress};
use crate::digits::{Digits, PIXELS};
use crate::{CLASSES, INPUTS};

/// The reference's classes of the test digits, compared with the network's and with the labels.
pub struct Comparison {
    /// The number of test digits that network and reference give the same class.
    pub same: usize,
    /// The number of test digits that the reference classifies correctly.
    pub right: usize,
    /// The number of test digits.
    pub digits: usize,
}

/// Trains the reference as the network was trained, for this many epochs from the parameters `initial`, and compares
/// their classes of the test digits.
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
    let target = choices::class_targets(config.loss);
    let one_hot = |&label: &u8| (0..CLASSES).map(move |class| target[usize::from(class == usize::from(label))]);
    let targets = training.labels().iter().flat_map(one_hot);
    let mut descent = Descent::new(config.optimizer, config.learning_rate.into());
    descent.schedule = config.schedule;
    descent.weight_decay = config.weight_decay.into();
    let reference = Training::new(
        NeuralNetwork::from_parameters(network.mlp(), initial)?,
        Matrix::from_f32(training.len(), PIXELS, &inputs(training))?,
        Matrix::from_f32(training.len(), CLASSES, &targets.collect::<Vec<_>>())?,
        order,
        descent.learning_rate,
    )?;
    let mut reference = reference.with_loss(config.loss).with_descent(descent);
    let steps = epochs * order.steps_per_epoch();
    let bar = progress::bar(steps, "the reference: {pos} of {len} steps, {eta} left")?;
    while reference.step() < steps {
        reference.train_steps(100.min(steps - reference.step()))?;
        bar.set_position(reference.step());
    }
    bar.finish_and_clear();

    let test_inputs = inputs(test);
    let found = classes(&network.predict(&test_inputs)?);
    let outputs = reference.network.forward(&Matrix::from_f32(test.len(), PIXELS, &test_inputs)?)?;
    if outputs.as_slice().iter().any(|output| !output.is_finite()) {
        return Err("the reference's outputs are not numbers any more".into());
    }
    let expected = classes(&outputs.as_slice().iter().map(|&output| output as f32).collect::<Vec<_>>());
    let right = expected.iter().zip(test.labels()).filter(|&(&class, &label)| class == usize::from(label)).count();
    let same = found.iter().zip(&expected).filter(|(found, expected)| found == expected).count();
    Ok(Comparison { same, right, digits: test.len() })
}

/// The f32 inputs that the kernels decode from the bytes.
fn inputs(digits: &Digits) -> Vec<f32> {
    let scale = (INPUTS[1] - INPUTS[0]) / 255.0;
    digits.pixels().iter().map(|&byte| f32::from(byte) * scale + INPUTS[0]).collect()
}

/// The class of each row of outputs.
fn classes(outputs: &[f32]) -> Vec<usize> {
    outputs.chunks_exact(CLASSES).map(class_of).collect()
}
