//! Each activation, loss and optimizer trains by every plan as the reference does.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::{Descent, Order};
use wgrad::{Activation, Dataset, Decay, Error, Loss, Mlp, Network, Optimizer, Plan, Schedule, TrainConfig, Trainer};

/// A network, and how it is trained.
struct Combination {
    mlp: Mlp,
    config: TrainConfig,
}

/// The optimizers, each with what goes with it: decay, schedules, an average.
fn descents() -> Vec<TrainConfig> {
    let default = TrainConfig::default;
    vec![
        TrainConfig { learning_rate: 0.05, ..default() },
        TrainConfig { learning_rate: 0.05, weight_decay: 0.01, average: Some(0.9), ..default() },
        TrainConfig {
            optimizer: Optimizer::momentum(0.9),
            learning_rate: 0.01,
            schedule: Schedule::new(Decay::Cosine { steps: 150, floor: 0.1 }).warm_up(20),
            ..default()
        },
        TrainConfig {
            optimizer: Optimizer::nesterov(0.8),
            learning_rate: 0.01,
            weight_decay: 0.001,
            schedule: Decay::Steps { first: 50, every: 40, factor: 0.5 }.into(),
            ..default()
        },
        TrainConfig { schedule: Decay::Exponential { factor: 0.99 }.into(), weight_decay: 0.01, ..TrainConfig::adam() },
        TrainConfig {
            optimizer: Optimizer::adamw(),
            learning_rate: 0.002,
            weight_decay: 0.05,
            average: Some(0.95),
            ..default()
        },
    ]
}

/// Each activation of a hidden layer, and each loss with a last activation that it goes with.
fn heads() -> Vec<(Activation, Loss)> {
    use Activation::{Exponential, Identity, Sigmoid, Silu, Sine, Softmax, Softplus, Tanh};
    vec![
        (Sigmoid, Loss::SquaredError),
        (Silu, Loss::SquaredError),
        (Identity, Loss::MeanSquaredError),
        (Sine(2.0), Loss::MeanSquaredError),
        (Tanh, Loss::L1),
        (Softplus, Loss::Huber { delta: 0.3 }),
        (Exponential, Loss::RelativeSquaredError),
        (Silu, Loss::RelativeSquaredError),
        (Identity, Loss::BinaryCrossEntropy),
        (Sigmoid, Loss::BinaryCrossEntropy),
        (Identity, Loss::CrossEntropy { label_smoothing: 0.0 }),
        (Softmax, Loss::CrossEntropy { label_smoothing: 0.1 }),
    ]
}

fn hidden() -> impl Iterator<Item = Activation> {
    let all = Activation::ALL.iter().copied().filter(|&activation| activation != Activation::Softmax);
    all.map(|activation| if activation == Activation::Sine(30.0) { Activation::Sine(3.0) } else { activation })
}

/// Trains 200 steps by every plan that can, and compares weights, loss and average with the reference's. Returns how many plans
/// trained.
fn check(Combination { mlp, config }: &Combination, samples: usize) -> usize {
    let case = Case {
        mlp: mlp.clone(),
        samples,
        batch_size: config.batch_size,
        shuffle: config.shuffle.then_some(config.seed),
    };
    let (inputs, targets) = case.data();
    let order = Order { samples: samples as u32, batch_size: config.batch_size as u32, shuffle: case.shuffle };
    let mut descent = Descent::new(config.optimizer, config.learning_rate.into());
    descent.schedule = config.schedule;
    descent.weight_decay = config.weight_decay.into();
    descent.clip_norm = config.clip_norm.map(f64::from);
    descent.average = config.average;
    descent.frozen = config.frozen.iter().map(|&layer| mlp.parameter_ranges()[layer].clone()).collect();
    let reference = reference_training(mlp, 3, (&inputs, &targets), order, config.learning_rate);
    let mut reference = reference.with_loss(config.loss).with_descent(descent);
    reference.train_steps(200).unwrap();
    let weights = reference.network.parameters();
    let mut trained = 0;
    for plan in [Plan::Plain, Plan::Layered].into_iter().chain(PERSISTENT) {
        let network = Network::new(gpu(), mlp, 3).unwrap();
        let data = Dataset::from_slices(gpu(), samples, &inputs, &targets).unwrap();
        let what = format!("{mlp}, {}, {}, {plan}", config.loss, config.optimizer);
        let mut trainer = match Trainer::new(&network, &data, TrainConfig { plan, ..config.clone() }) {
            Ok(trainer) => trainer,
            Err(Error::TooLarge { .. }) if PERSISTENT.contains(&plan) => continue,
            Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => continue,
            Err(Error::PlanUnavailable { .. }) if PERSISTENT.contains(&plan) && config.clip_norm.is_some() => continue,
            Err(error) => panic!("{what}: {error}"),
        };
        record(&mut trainer, 150);
        record(&mut trainer, 50);
        let found = network.read_parameters().unwrap();
        assert_l2(&what, &found, &weights, 1e-5);
        let loss = reference.loss().unwrap();
        let report = trainer.read_loss().unwrap().unwrap();
        assert_close(&format!("{what}: loss"), &[report.loss], &[loss], |_| 1e-5 * loss.abs() + 1e-6);
        if config.average.is_some() {
            let averages = trainer.averaged().unwrap().read_parameters().unwrap();
            assert_l2(&format!("{what}: average"), &averages, reference.descent().averages(), 1e-5);
        }
        trained += 1;
    }
    trained
}

#[test]
fn combinations() {
    let descents = descents();
    for (i, hidden) in hidden().enumerate() {
        let (last, loss) = heads()[i % heads().len()];
        let descent = descents[i % descents.len()].clone();
        let mlp = Mlp::inputs(3).linear(5 + i % 3).bias().activation(hidden).linear(3).bias().activation(last);
        let config = TrainConfig { loss, batch_size: [1, 3, 4][i % 3], shuffle: i % 2 == 1, ..descent };
        check(&Combination { mlp, config }, 11);
    }
}
