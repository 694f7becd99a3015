//! Training on the GPU takes the reference's steps, and learns.

mod common;

use std::time::Duration;

use common::*;
use wgrad::reference::Order;
use wgrad::{Dataset, Error, LossReading, Mlp, Network, Plan, TrainConfig, Trainer};

/// Targets between 0.1 and 0.9.
fn targets(seed: u64, count: usize) -> Vec<f32> {
    uniform(seed, count).iter().map(|target| 0.1 + 0.8 * target).collect()
}

struct Case {
    mlp: Mlp,
    samples: usize,
    batch_size: usize,
    shuffle: Option<u64>,
}

impl Case {
    fn data(&self) -> (Vec<f32>, Vec<f32>) {
        (normal(30, self.samples * self.mlp.input_width()), targets(31, self.samples * self.mlp.output_width()))
    }

    fn trainer(&self, seed: u64) -> (Network, Trainer) {
        self.trainer_by(Plan::Layered, seed).unwrap()
    }

    fn trainer_by(&self, plan: Plan, seed: u64) -> Result<(Network, Trainer), Error> {
        let (inputs, targets) = self.data();
        let network = Network::new(gpu(), &self.mlp, seed).unwrap();
        let data = Dataset::from_slices(gpu(), self.samples, &inputs, &targets).unwrap();
        let config = TrainConfig {
            learning_rate: 0.1,
            batch_size: self.batch_size,
            shuffle: self.shuffle.is_some(),
            seed: self.shuffle.unwrap_or(0),
            plan,
        };
        let trainer = Trainer::new(&network, &data, config)?;
        Ok((network, trainer))
    }

    fn order(&self) -> Order {
        Order { samples: self.samples as u32, batch_size: self.batch_size as u32, shuffle: self.shuffle }
    }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// The plans that this device has, for a small network.
fn plans() -> Vec<Plan> {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let plans = [Plan::Layered].into_iter().chain(PERSISTENT);
    let plans = plans.filter(|&plan| case.trainer_by(plan, 0).is_ok()).collect::<Vec<_>>();
    assert_eq!(plans.len(), if has_subgroups() { 4 } else { 3 }, "{plans:?}");
    plans
}

const PERSISTENT: [Plan; 3] = [Plan::PersistentSubgroup, Plan::PersistentInvocation, Plan::PersistentWorkgroup];

fn cases() -> Vec<Case> {
    let five = Mlp::inputs(4).linear(9).sigmoid().linear(8).bias().sigmoid().linear(7).sigmoid().linear(6).sigmoid();
    let five = five.linear(5).bias().sigmoid();
    let case = |mlp, samples, batch_size, shuffle| Case { mlp, samples, batch_size, shuffle };
    vec![
        case(Mlp::inputs(3).linear(2).sigmoid(), 5, 1, None),
        case(xor_mlp(), 4, 1, None),
        case(xor_mlp(), 13, 1, Some(1)),
        case(Mlp::inputs(2).linear(30).bias().sigmoid().linear(2).bias().sigmoid(), 13, 5, Some(1 << 33)),
        case(Mlp::inputs(8).linear(32).sigmoid().linear(32).bias().sigmoid().linear(4).sigmoid(), 67, 8, None),
        case(five.clone(), 29, 1, None),
        case(five, 29, 7, Some(3)),
        case(Mlp::inputs(1).linear(1).bias().sigmoid(), 3, 1, None),
        case(Mlp::inputs(64).linear(5).bias().sigmoid(), 150, 3, None),
        case(Mlp::inputs(2).linear(64).bias().sigmoid().linear(1).sigmoid(), 13, 1, Some(4)),
        case(Mlp::inputs(7).linear(33).sigmoid().linear(3).linear(10).bias().sigmoid(), 21, 4, Some(5)),
        case(Mlp::inputs(5).sigmoid().linear(6).sigmoid().sigmoid().linear(2).sigmoid().sigmoid(), 9, 2, None),
        case(Mlp::inputs(3).linear(17).sigmoid().linear(9).bias(), 8, 3, None),
    ]
}

/// The table of networks, some a sample at a time, some in batches, some shuffled.
fn table() -> Vec<Case> {
    let case = |(i, mlp)| Case {
        mlp,
        samples: 11 + i,
        batch_size: [1, 4, 1, 5][i % 4],
        shuffle: (i % 3 == 1).then_some(i as u64),
    };
    networks().into_iter().enumerate().map(case).collect()
}

fn record(trainer: &mut Trainer, steps: u64) {
    submit(gpu(), |encoder| trainer.record_steps(encoder, steps));
}

#[test]
fn weights_follow_the_reference_step_by_step_in_every_plan() {
    let trained = follow_the_reference(cases());
    assert_eq!(trained[0], cases().len());
    assert!(trained[2] >= 8 && trained[3] == trained[0]);
    assert!(trained[1] >= 8 || !has_subgroups());
}

#[test]
fn weights_of_thirty_networks_follow_the_reference_in_every_plan() {
    let trained = follow_the_reference(table());
    assert_eq!(trained[0], 30);
    assert!(trained[2] >= 26 && trained[3] == trained[0]);
    assert!(trained[1] >= 26 || !has_subgroups());
}

/// Trains each network by each plan that can; gives how many networks were trained by each.
fn follow_the_reference(cases: Vec<Case>) -> [usize; 4] {
    let mut trained = [0; 4];
    for (seed, case) in cases.into_iter().enumerate() {
        let plans = [Plan::Layered].into_iter().chain(PERSISTENT).enumerate();
        let mut trainers = Vec::new();
        for (place, plan) in plans {
            match case.trainer_by(plan, seed as u64) {
                Ok((network, trainer)) => {
                    assert!(trainer.plan().starts_with(plan.name()), "{plan}: {}", trainer.plan());
                    trained[place] += 1;
                    trainers.push((plan, network, trainer));
                }
                Err(Error::TooLarge { .. }) if plan != Plan::Layered => {}
                Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => {}
                Err(error) => panic!("{}, {plan}: {error}", case.mlp),
            }
        }
        let (inputs, targets) = case.data();
        let mut reference = reference_training(&case.mlp, seed as u64, (&inputs, &targets), case.order(), 0.1);
        for (steps, bound) in [(100, 2e-6), (1_000, 5e-6), (2_000, 1e-5)] {
            let more = steps - reference.step();
            reference.train_steps(more).unwrap();
            for (plan, network, trainer) in &mut trainers {
                record(trainer, more);
                let case = format!("{} by {} of {}", case.mlp, case.batch_size, case.samples);
                let what = format!("{case}, {plan}, after {steps} steps");
                let parameters = network.read_parameters().unwrap();
                assert_l2(&what, &parameters, &reference.network.parameters(), bound);

                let reading = trainer.read_loss().unwrap().unwrap();
                assert_eq!((reading.step, reading.epoch), (reference.step(), reference.epoch()), "{what}");
                let loss = reference.loss().unwrap();
                assert_close(&format!("{what}: loss"), &[reading.loss], &[loss], |_| 1e-5 * loss);
            }
        }
    }
    let [layered, subgroup, invocation, workgroup] = trained;
    say(&format!(
        "weights followed: layered {layered} networks, persistent-subgroup {subgroup}, persistent-invocation {invocation}, \
         persistent-workgroup {workgroup}"
    ));
    trained
}

/// With the whole data set as one batch the gradient hardly changes from step to step, so each weight is rounded the
/// same way thousands of times: stored as f32 it may drift by ε/2 a step, 6e-5 after 1,000, whoever computes the
/// gradient. So here the GPU is held to what storing the reference's weights as f32 does alone.
#[test]
fn weights_trained_on_the_whole_data_set_drift_as_f32_weights_must() {
    let mlp = Mlp::inputs(4).linear(9).sigmoid().linear(8).bias().sigmoid().linear(5).sigmoid();
    let case = Case { mlp, samples: 29, batch_size: 29, shuffle: Some(3) };
    let (network, mut trainer) = case.trainer(5);
    let (inputs, targets) = case.data();
    let training = || reference_training(&case.mlp, 5, (&inputs, &targets), case.order(), 0.1);
    let (mut exact, mut rounded) = (training(), training());
    for steps in [100, 1_000, 2_000] {
        let more = steps - exact.step();
        record(&mut trainer, more);
        exact.train_steps(more).unwrap();
        for _ in 0..more {
            rounded.train_steps(1).unwrap();
            for w in rounded.network.layers_mut().iter_mut().filter_map(|layer| layer.parameters_mut()) {
                w.as_mut_slice().iter_mut().for_each(|w| *w = f64::from(*w as f32));
            }
        }
        let rounded = rounded.network.parameters().iter().map(|&w| w as f32).collect::<Vec<_>>();
        let drift = relative_l2(&rounded, &exact.network.parameters());
        assert!(drift < steps as f64 * EPSILON / 2.0, "{drift:e}");
        let what = format!("after {steps} steps");
        assert_l2(&what, &network.read_parameters().unwrap(), &exact.network.parameters(), 1.25 * drift);
    }
}

#[test]
fn losses_of_the_first_epoch_are_means_over_the_samples_so_far() {
    let case = Case { mlp: xor_mlp(), samples: 13, batch_size: 5, shuffle: Some(2) };
    let (_, mut trainer) = case.trainer(1);
    let (inputs, targets) = case.data();
    let mut reference = reference_training(&case.mlp, 1, (&inputs, &targets), case.order(), 0.1);
    assert_eq!(trainer.read_loss().unwrap(), None);
    for step in 1..=7 {
        record(&mut trainer, 1);
        reference.train_steps(1).unwrap();
        let reading = trainer.read_loss().unwrap().unwrap();
        assert_eq!((reading.step, reading.epoch), (step, step / 3));
        let loss = reference.loss().unwrap();
        assert_close("loss", &[reading.loss], &[loss], |_| 1e-6 + 1e-6 * loss);
    }
}

#[test]
fn a_batch_of_more_samples_than_a_dispatch_may_add_is_whole() {
    let case =
        Case { mlp: Mlp::inputs(3).linear(2).bias().sigmoid(), samples: 70_000, batch_size: 70_000, shuffle: None };
    let (network, mut trainer) = case.trainer(4);
    let (inputs, targets) = case.data();
    let mut reference = reference_training(&case.mlp, 4, (&inputs, &targets), case.order(), 0.1);
    record(&mut trainer, 5);
    reference.train_steps(5).unwrap();
    assert_l2("weights", &network.read_parameters().unwrap(), &reference.network.parameters(), 2e-6);
    let loss = reference.loss().unwrap();
    assert_close("loss", &[trainer.read_loss().unwrap().unwrap().loss], &[loss], |_| 1e-6 + 1e-6 * loss);
}

/// Two samples over and over make the worst of sums: equal addends are rounded the same way each time.
#[test]
fn large_batches_lose_no_digits_in_any_plan() {
    let mlp = Mlp::inputs(3).linear(2).bias().sigmoid();
    let mut checked = 0;
    for (samples, steps) in [(400, 3), (4_000, 3), (30_000, 2)] {
        let repeated = |numbers: &[f32]| numbers.repeat(samples / 2);
        let (inputs, targets) = (repeated(&normal(60, 6)), repeated(&[0.9, 0.2, 0.35, 0.6]));
        let order = Order { samples: samples as u32, batch_size: samples as u32, shuffle: None };
        for plan in plans() {
            let network = Network::new(gpu(), &mlp, 5).unwrap();
            let data = Dataset::from_slices(gpu(), samples, &inputs, &targets).unwrap();
            let config = TrainConfig { batch_size: samples, learning_rate: 8.0, plan, ..Default::default() };
            let mut trainer = match Trainer::new(&network, &data, config) {
                Ok(trainer) => trainer,
                Err(Error::TooLarge { .. }) if plan == Plan::PersistentWorkgroup && samples > 400 => continue,
                Err(error) => panic!("{plan}: {error}"),
            };
            let mut reference = reference_training(&mlp, 5, (&inputs, &targets), order, 8.0);
            let start = reference.network.parameters();
            for step in 1..=steps {
                record(&mut trainer, 1);
                reference.train_steps(1).unwrap();
                let what = format!("{plan}, {samples} samples, step {step}");
                // Of the first step, what it changed: the gradient.
                let parameters = network.read_parameters().unwrap();
                let weights = reference.network.parameters();
                if step == 1 {
                    let found = parameters.iter().zip(&start).map(|(w, start)| (f64::from(*w) - start) as f32);
                    let expected = weights.iter().zip(&start).map(|(w, start)| w - start).collect::<Vec<_>>();
                    assert_l2(&what, &found.collect::<Vec<_>>(), &expected, 2e-6);
                }
                assert_l2(&what, &parameters, &weights, 2e-6);
                let loss = reference.loss().unwrap();
                let found = trainer.read_loss().unwrap().unwrap().loss;
                assert_close(&what, &[found], &[loss], |_| 1e-6 + 1e-6 * loss);
                checked += 1;
            }
        }
    }
    assert!(checked >= 2 * 3 + 2 * 3 + 2 * 2);
}

#[test]
fn the_same_seed_gives_the_same_bits_however_the_work_is_cut() {
    for plan in plans() {
        let case = Case { mlp: xor_mlp(), samples: 13, batch_size: 3, shuffle: Some(5) };
        let run = |cuts: &[u64]| {
            let (network, mut trainer) = case.trainer_by(plan, 6).unwrap();
            cuts.iter().for_each(|&steps| record(&mut trainer, steps));
            let parameters = network.read_parameters().unwrap();
            (bits(&parameters), trainer.read_loss().unwrap().unwrap().loss.to_bits())
        };
        let whole = run(&[60]);
        for _ in 0..49 {
            assert_eq!(run(&[60]), whole, "{plan}");
        }
        assert_eq!(run(&[1, 2, 3, 4, 0, 50]), whole, "{plan}");
        assert_eq!(run(&[1; 60]), whole, "{plan}");
        assert_ne!(run(&[61]), whole, "{plan}");
    }
}

/// The longest dispatches that are planned: on a driver that stops long loops, a plan that counted its iterations
/// short would leave some of them undone.
#[test]
fn the_longest_dispatches_do_the_steps_of_short_ones() {
    let wide = Mlp::inputs(9).linear(21).bias().sigmoid().linear(6).sigmoid();
    let mut compared = 0;
    for plan in PERSISTENT {
        for (mlp, samples, batch_size, shuffle) in
            [(xor_mlp(), 4, 1, None), (xor_mlp(), 33, 2, Some(9)), (wide.clone(), 129, 5, Some(1))]
        {
            let case = Case { mlp, samples, batch_size, shuffle };
            let (network, mut trainer) = match case.trainer_by(plan, 2) {
                Ok(made) => made,
                Err(Error::TooLarge { .. }) if case.mlp == wide => continue,
                Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => continue,
                Err(error) => panic!("{plan}: {error}"),
            };
            compared += 1;
            let words = trainer.plan();
            let most = words.split("up to ").nth(1).and_then(|words| words.split(' ').next()).unwrap();
            let most = most.parse::<u64>().unwrap();
            record(&mut trainer, most);
            let (same, mut short) = case.trainer_by(plan, 2).unwrap();
            (0..most.div_ceil(64)).for_each(|_| record(&mut short, most.min(64)));
            assert_eq!(trainer.read_loss().unwrap(), short.read_loss().unwrap(), "{words}");
            assert_eq!(bits(&network.read_parameters().unwrap()), bits(&same.read_parameters().unwrap()), "{words}");
        }
    }
    assert!(compared >= if has_subgroups() { 7 } else { 5 }, "{compared}");
}

#[test]
fn samples_are_found_wherever_they_lie_in_the_apps_buffers() {
    // Where rows lie dense, some plans read their numbers by twos or fours.
    let by_fours = Mlp::inputs(4).linear(3).bias().sigmoid().linear(8).sigmoid();
    let by_twos_and_fours = Mlp::inputs(6).linear(5).sigmoid().linear(4).sigmoid();
    for (mlp, plan) in
        [xor_mlp(), by_fours, by_twos_and_fours].iter().flat_map(|mlp| plans().into_iter().map(move |plan| (mlp, plan)))
    {
        let case = Case { mlp: mlp.clone(), samples: 13, batch_size: 3, shuffle: None };
        let (inputs, targets) = case.data();
        let runs = [Layout::Dense, Layout::Scattered, Layout::Spaced].map(|layout| {
            let network = Network::new(gpu(), mlp, 3).unwrap();
            let inputs = Placed::new(gpu(), layout, 13, mlp.input_width(), Some(&inputs));
            let targets = Placed::new(gpu(), layout, 13, mlp.output_width(), Some(&targets));
            let data = Dataset::from_buffers(gpu(), inputs.rows.clone(), targets.rows.clone()).unwrap();
            let config = TrainConfig { batch_size: 3, plan, ..Default::default() };
            record(&mut Trainer::new(&network, &data, config).unwrap(), 40);
            // Nothing but the matrices is read, and nothing of them written.
            inputs.read(gpu());
            targets.read(gpu());
            bits(&network.read_parameters().unwrap())
        });
        assert_eq!(runs[0], runs[1], "{mlp}, {plan}");
        assert_eq!(runs[0], runs[2], "{mlp}, {plan}");
    }
}

#[test]
fn trains_that_many_epochs_more() {
    let case = Case { mlp: xor_mlp(), samples: 13, batch_size: 5, shuffle: None };
    let (network, mut trainer) = case.trainer(7);
    assert_eq!(trainer.steps_per_epoch(), 3);
    trainer.train(0, |_| panic!("nothing was trained")).unwrap();
    assert_eq!(trainer.latest_loss().unwrap(), None);
    let mut seen = Vec::new();
    trainer.train(40, |progress| seen.push(progress)).unwrap();
    assert!(seen.is_sorted_by_key(|progress| progress.epoch));
    let last = seen.last().unwrap();
    assert_eq!((last.epoch, last.epochs), (40, 40));
    assert_eq!(seen.iter().filter(|progress| progress.epoch == 40).count(), 1);
    assert_eq!(Some(last.reading), trainer.latest_loss().unwrap());
    // In the middle of an epoch too.
    record(&mut trainer, 1);
    trainer.train(10, |progress| assert!(progress.epoch <= 10)).unwrap();
    let reading = trainer.latest_loss().unwrap().unwrap();
    assert_eq!((reading.step, reading.epoch), (3 * 40 + 1 + 3 * 10, 50));

    let (same, mut trainer) = case.trainer(7);
    record(&mut trainer, reading.step);
    assert_eq!(same.read_parameters().unwrap(), network.read_parameters().unwrap());
}

/// The caller's time is not the GPU's: submissions grow all the same, and the progress is told a few times.
#[test]
fn a_slow_progress_callback_does_not_make_submissions_small() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (_, mut trainer) = case.trainer_by(Plan::Auto, 1).unwrap();
    let mut calls = 0;
    trainer
        .train(25_000, |_| {
            calls += 1;
            std::thread::sleep(Duration::from_millis(60));
        })
        .unwrap();
    assert!(calls <= 40, "{calls} calls");
}

#[test]
fn learns_xor_from_ten_seeds() {
    for seed in 0..10 {
        let network = Network::new(gpu(), &xor_mlp(), seed).unwrap();
        let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
        let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
        trainer.train(2_000, |_| ()).unwrap();
        let y = network.predict(XOR_INPUTS.as_flattened()).unwrap();
        let classes = y.chunks_exact(2).map(|y| usize::from(y[1] > y[0])).collect::<Vec<_>>();
        assert_eq!(classes, [0, 1, 1, 0], "seed {seed}: {y:?}");
    }
}

#[test]
fn drives_the_notebooks_sigmoid_network_towards_its_targets() {
    let mlp = Mlp::inputs(2).linear(3).sigmoid();
    let start = [0.1, 0.2, 0.3, -0.4, 0.5, 0.6];
    let network = Network::from_parameters(gpu(), &mlp, &start).unwrap();
    let data = Dataset::new(gpu(), &[[0.3, 0.5]], &[[0.0, 0.0, 1.0]]).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    trainer.train(5_000, |_| ()).unwrap();

    let mut reference = wgrad::reference::NeuralNetwork::from_parameters(&mlp, &start).unwrap();
    let row = |numbers: &[f32]| wgrad::reference::Matrix::from_f32(1, numbers.len(), numbers).unwrap();
    for _ in 0..5_000 {
        reference.train_step(&row(&[0.3, 0.5]), &row(&[0.0, 0.0, 1.0]), f64::from(0.1f32)).unwrap();
    }
    let y = network.predict(&[0.3, 0.5]).unwrap();
    assert_close("y", &y, reference.forward(&row(&[0.3, 0.5])).unwrap().as_slice(), |_| 1e-5);
    assert_close("y", &y, &[0.0, 0.0, 1.0], |_| 0.07);
}

#[test]
fn the_learning_rate_can_change_while_training() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (network, mut trainer) = case.trainer(8);
    record(&mut trainer, 3);
    let parameters = network.read_parameters().unwrap();
    trainer.write_learning_rate(0.0).unwrap();
    record(&mut trainer, 3);
    assert_eq!(network.read_parameters().unwrap(), parameters);
    trainer.write_learning_rate(0.5).unwrap();
    record(&mut trainer, 3);
    assert_ne!(network.read_parameters().unwrap(), parameters);
    assert!(matches!(trainer.write_learning_rate(f32::NAN), Err(Error::LearningRate(_))));
}

#[test]
fn two_trainers_of_one_network_share_its_weights() {
    let case = Case { mlp: xor_mlp(), samples: 13, batch_size: 1, shuffle: None };
    let (network, mut trainer) = case.trainer(9);
    let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let mut other = Trainer::new(&network, &data, TrainConfig { batch_size: 4, ..Default::default() }).unwrap();
    submit(gpu(), |encoder| {
        for _ in 0..20 {
            trainer.record_steps(encoder, 3);
            other.record_steps(encoder, 2);
        }
    });

    let (inputs, targets) = case.data();
    let mut reference = reference_training(&case.mlp, 9, (&inputs, &targets), case.order(), 0.1);
    let xor = (XOR_INPUTS.as_flattened(), XOR_TARGETS.as_flattened());
    let order = Order { samples: 4, batch_size: 4, shuffle: None };
    let mut other_reference = reference_training(&case.mlp, 9, xor, order, 0.1);
    for _ in 0..20 {
        reference.train_steps(3).unwrap();
        std::mem::swap(&mut reference.network, &mut other_reference.network);
        other_reference.train_steps(2).unwrap();
        std::mem::swap(&mut reference.network, &mut other_reference.network);
    }
    assert_l2("weights", &network.read_parameters().unwrap(), &reference.network.parameters(), 2e-6);
    assert_eq!(trainer.read_loss().unwrap().unwrap().step, 60);
    assert_eq!(other.read_loss().unwrap().unwrap().step, 40);
}

#[test]
fn training_that_diverges_is_reported() {
    let network = Network::new(gpu(), &Mlp::inputs(2).linear(4).linear(2), 1).unwrap();
    let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let config = TrainConfig { learning_rate: 1e6, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    let saved = network.read_parameters().unwrap();
    let error = trainer.train(50, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert!(matches!(trainer.latest_loss(), Err(Error::Diverged { .. })));
    // Saved parameters, a new trainer and a lower learning rate are the way out.
    network.write_parameters(&saved).unwrap();
    assert_eq!(network.read_parameters().unwrap(), saved);
    Trainer::new(&network, &data, TrainConfig::default()).unwrap().train(50, |_| ()).unwrap();

    // It is seen at once, not at the end of an epoch.
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    record(&mut trainer, 4);
    assert!(trainer.read_loss().is_ok());
    let poison = [POISON; 16];
    gpu().queue().write_buffer(network.parameters(), 0, bytemuck::cast_slice(&poison));
    record(&mut trainer, 1);
    assert!(matches!(trainer.read_loss(), Err(Error::Diverged { step: 5, .. })));
}

#[test]
fn the_plan_says_in_words_which_it_is() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (_, trainer) = case.trainer(0);
    assert!(trainer.plan().starts_with("layered: "), "{}", trainer.plan());
    for plan in Plan::ALL {
        assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
    }
    // A small network is persistent by itself, one that no variant can hold is layered.
    let (_, trainer) = case.trainer_by(Plan::Auto, 0).unwrap();
    assert!(trainer.plan().starts_with("persistent-"), "{}", trainer.plan());
    let large = Case { mlp: Mlp::inputs(100).linear(100).sigmoid(), samples: 2, batch_size: 1, shuffle: None };
    let (_, trainer) = large.trainer_by(Plan::Auto, 0).unwrap();
    let plan = trainer.plan();
    assert!(plan.starts_with("layered: ") && plan.contains("not persistent: persistent-subgroup: "), "{plan}");
    let words = "layerd".parse::<Plan>().unwrap_err().to_string();
    assert!(words.contains("layerd") && words.contains("auto, layered"), "{words}");
}

#[test]
fn readings_say_step_epoch_and_loss() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (_, mut trainer) = case.trainer(3);
    record(&mut trainer, 9);
    let reading = trainer.read_loss().unwrap().unwrap();
    assert!(matches!(reading, LossReading { step: 9, epoch: 2, .. }), "{reading:?}");
}
