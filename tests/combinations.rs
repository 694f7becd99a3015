//! Each activation, loss and optimizer trains by every plan as the reference does.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::{Order, Training};
use wgrad::{Activation, Dataset, Decay, Error, Loss, Mlp, Network, Optimizer, Plan, Schedule, TrainConfig, Trainer};

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

/// Each loss, with the last activations that it goes with.
fn heads() -> Vec<(Loss, &'static [Activation])> {
    use Activation::{Exponential, Identity, Sigmoid, Silu, Sine, Softmax, Softplus, Tanh};
    vec![
        (Loss::SquaredError, &[Sigmoid, Silu]),
        (Loss::MeanSquaredError, &[Identity, Sine(2.0)]),
        (Loss::L1, &[Tanh, Identity]),
        (Loss::Huber { delta: 0.3 }, &[Softplus, Identity]),
        (Loss::RelativeSquaredError, &[Exponential, Identity]),
        (Loss::BinaryCrossEntropy, &[Identity, Sigmoid]),
        (Loss::CrossEntropy { label_smoothing: 0.1 }, &[Softmax, Identity]),
        (Loss::CrossEntropy { label_smoothing: 0.0 }, &[Identity, Softmax]),
    ]
}

/// Each activation of a hidden layer.
fn hidden() -> Vec<Activation> {
    let all = Activation::ALL.iter().copied().filter(|&activation| activation != Activation::Softmax);
    all.map(|activation| if activation == Activation::Sine(30.0) { Activation::Sine(3.0) } else { activation })
        .collect()
}

/// A network, and how it is trained.
struct Combination {
    mlp: Mlp,
    config: TrainConfig,
    samples: usize,
}

/// All combinations; sizes, batches and last activations take turns.
fn combinations() -> Vec<Combination> {
    let mut combinations = Vec::<Combination>::new();
    for hidden in hidden() {
        for (loss, last) in heads() {
            for descent in descents() {
                let i = combinations.len();
                let mlp = Mlp::inputs(3).linear(5 + i % 3).bias().activation(hidden);
                // After e^z tanh would be saturated: of its derivative, 1 - y², f32 keeps no digits there.
                let second = if hidden == Activation::Exponential { Activation::Softplus } else { Activation::Tanh };
                let mlp = if i % 4 == 3 { mlp.linear(4).activation(second) } else { mlp };
                let mlp = mlp.linear(3 - i % 2).bias().activation(last[i % last.len()]);
                let (batch_size, shuffle) = ([1, 3, 4, 1, 11][i % 5], i % 3 == 1);
                // Hidden layers of e^z diverge at the rate of the others.
                let rate = if hidden == Activation::Exponential { 0.1 } else { 1.0 } * descent.learning_rate;
                let config = TrainConfig { loss, batch_size, shuffle, seed: i as u64, learning_rate: rate, ..descent };
                combinations.push(Combination { mlp, config, samples: 11 });
            }
        }
    }
    combinations
}

impl Combination {
    fn data(&self) -> (Vec<f32>, Vec<f32>) {
        let Combination { mlp, config, samples } = self;
        let shuffle = config.shuffle.then_some(config.seed);
        Case { mlp: mlp.clone(), samples: *samples, batch_size: config.batch_size, shuffle }.data()
    }

    /// The reference's training, from initial parameters that differ by a factor.
    fn reference(&self, factor: impl Fn(usize) -> f64) -> Training {
        let Combination { mlp, config, samples } = self;
        let (inputs, targets) = self.data();
        let shuffle = config.shuffle.then_some(config.seed);
        let order = Order { samples: *samples as u32, batch_size: config.batch_size as u32, shuffle };
        let training = reference_training(mlp, 3, (&inputs, &targets), order, config.learning_rate);
        let mut training = training.with_loss(config.loss).with_descent(descent_of(mlp, config));
        let parameters = training.network.parameters();
        let parameters = parameters.iter().enumerate().map(|(i, w)| w * factor(i)).collect::<Vec<_>>();
        training.network.write_parameters(&parameters).unwrap();
        training
    }

    /// How far weights and loss of the reference go astray in 200 steps, relative to them, if each weight begins one f32 rounding
    /// off. Where relu has its kink, or |y - t| its own, a rounding can decide between two ways; where an output is near 0, its
    /// relative error is large.
    fn sensitivity(&self, weights: &[f64], loss: f64) -> [f64; 2] {
        let mut nudged = self.reference(|i| if i % 2 == 0 { 1.0 + EPSILON } else { 1.0 - EPSILON });
        nudged.train_steps(200).unwrap();
        let parameters = nudged.network.parameters().iter().map(|&w| w as f32).collect::<Vec<_>>();
        [relative_l2(&parameters, weights), (nudged.loss().unwrap() - loss).abs() / loss.abs()]
    }

    fn trainer(&self, plan: Plan) -> Result<(Network, Trainer), Error> {
        let (inputs, targets) = self.data();
        let network = Network::new(gpu(), &self.mlp, 3)?;
        let data = Dataset::from_slices(gpu(), self.samples, &inputs, &targets)?;
        let trainer = Trainer::new(&network, &data, TrainConfig { plan, ..self.config.clone() })?;
        Ok((network, trainer))
    }

    /// Trains by every plan that can, and compares weights, loss and averages with the reference's: after one step, where the
    /// change is that of one gradient, and after 200. Returns how many plans trained, and the largest difference.
    fn check(&self) -> (usize, f64) {
        let Combination { mlp, config, .. } = self;
        let mut reference = self.reference(|_| 1.0);
        let initial = reference.network.parameters();
        reference.train_steps(1).unwrap();
        let first = reference.network.parameters();
        reference.train_steps(199).unwrap();
        let (weights, loss) = (reference.network.parameters(), reference.loss().unwrap());
        let [mut bound, mut bound_of_loss] = [1e-5; 2];
        let (mut trained, mut largest) = (0, 0f64);
        for plan in [Plan::Plain, Plan::Layered].into_iter().chain(PERSISTENT) {
            let what = format!("{mlp}, {}, {}, {plan}", config.loss, config.optimizer);
            let (network, mut trainer) = match self.trainer(plan) {
                Ok(made) => made,
                Err(Error::TooLarge { .. }) if PERSISTENT.contains(&plan) => continue,
                Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => continue,
                Err(error) => panic!("{what}: {error}"),
            };
            record(&mut trainer, 1);
            let found = network.read_parameters().unwrap();
            assert_close(&format!("{what}: step 1"), &found, &first, |i| {
                2.0 * EPSILON * first[i].abs() + 2e-5 * (first[i] - initial[i]).abs() + 1e-8
            });
            record(&mut trainer, 149);
            record(&mut trainer, 50);
            let found = network.read_parameters().unwrap();
            let difference = relative_l2(&found, &weights);
            let report = trainer.read_loss().unwrap().unwrap();
            let difference_of_loss = (f64::from(report.loss) - loss).abs() / loss.abs();
            let [holds, loss_holds] = [difference <= bound, difference_of_loss <= bound_of_loss];
            if !(holds && loss_holds) {
                let astray = self.sensitivity(&weights, loss);
                // Each only where it is needed.
                bound = if holds { bound } else { bound.max(10.0 * astray[0]) };
                bound_of_loss = if loss_holds { bound_of_loss } else { bound_of_loss.max(10.0 * astray[1]) };
                say(&format!(
                    "{what}: weights differ by {difference:.1e}, the loss by {difference_of_loss:.1e}; one rounding more or less \
                     leads {:.1e} and {:.1e} astray",
                    astray[0], astray[1]
                ));
            }
            assert_l2(&what, &found, &weights, bound);
            largest = largest.max(difference);
            assert_close(&format!("{what}: loss"), &[report.loss], &[loss], |_| bound_of_loss * loss.abs() + 1e-6);
            if config.average.is_some() {
                let averages = trainer.averaged().unwrap().read_parameters().unwrap();
                assert_l2(&format!("{what}: average"), &averages, reference.descent().averages(), bound);
            }
            trained += 1;
        }
        (trained, largest)
    }
}

/// Checks combinations, and says how many were trained.
fn check(combinations: &[Combination]) -> usize {
    let (mut trained, mut largest) = (0, 0f64);
    for combination in combinations {
        let (plans, difference) = combination.check();
        trained += plans;
        largest = largest.max(difference);
    }
    let count = combinations.len();
    say(&format!(
        "{count} combinations of activation, loss and optimizer: {trained} trainings, at most {largest:.1e} off"
    ));
    trained
}

#[test]
fn a_sample_of_the_combinations_trains_as_the_reference_does() {
    let all = combinations();
    assert_eq!(all.len(), (Activation::ALL.len() - 1) * 8 * 6);
    for loss in Loss::ALL {
        assert!(heads().iter().any(|(of, _)| of.name() == loss.name()), "{loss}");
    }
    for optimizer in Optimizer::ALL {
        assert!(descents().iter().any(|descent| descent.optimizer.name() == optimizer.name()), "{optimizer}");
    }
    // By this step each hidden activation, loss and optimizer comes, and nearly each loss with both of its last activations.
    let sample = all.into_iter().step_by(31).collect::<Vec<_>>();
    let trained = check(&sample);
    assert!(trained >= sample.len() * if has_subgroups() { 5 } else { 4 }, "{trained}");
}

/// All of them, which takes a quarter of an hour: cargo test --test combinations -- --ignored
#[test]
#[ignore = "takes a quarter of an hour"]
fn all_combinations_train_as_the_reference_does() {
    let all = combinations();
    let trained = check(&all);
    assert!(trained >= all.len() * if has_subgroups() { 5 } else { 4 }, "{trained}");
}
