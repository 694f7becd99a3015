//! Every plan takes the reference's steps, for any network, any split of the steps and any layout of the samples.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::Order;
use wgrad::{Dataset, Error, Mlp, Network, Plan, TrainConfig, Trainer};

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
        case(Mlp::inputs(5).linear(6).linear(4).linear(2).sigmoid(), 9, 2, None),
        case(Mlp::inputs(3).linear(17).sigmoid().linear(9).bias(), 8, 3, None),
        case(Mlp::inputs(2).frequency(3).linear(9).sigmoid().linear(3).sigmoid(), 13, 1, Some(6)),
        case(Mlp::inputs(3).one_blob(4).linear(6).bias().sigmoid().linear(2).sigmoid(), 11, 4, Some(7)),
        case(Mlp::inputs(3).spherical_harmonics(3).linear(5).bias().sigmoid().linear(1).sigmoid(), 10, 3, None),
        case(Mlp::inputs(1).frequency(2).linear(3).sigmoid(), 5, 2, None),
    ]
}

/// The thirty networks with their seeds, some with batches, some shuffled.
fn thirty_networks() -> impl Iterator<Item = (usize, Case)> {
    let case = |(i, mlp)| Case {
        mlp,
        samples: 11 + i,
        batch_size: [1, 4, 1, 5][i % 4],
        shuffle: (i % 3 == 1).then_some(i as u64),
    };
    networks().into_iter().enumerate().map(case).enumerate()
}

#[test]
fn weights_follow_the_reference_step_by_step_in_every_plan() {
    let trained = follow_the_reference(cases().into_iter().enumerate(), 2_000);
    assert_eq!(trained[0], cases().len());
    assert!(trained[1] == trained[0] && trained[3] >= 12 && trained[4] == trained[0]);
    assert!(trained[2] >= 12 || !has_subgroups());
}

/// Half of the thirty networks: the halves run at the same time, since much of it is compiling. The plain plan's
/// twelve dispatches a step would be two thirds of the rest: it goes 100 steps, and 2,000 in the test above.
fn half_of_thirty_networks_follow_the_reference(half: usize) {
    let trained = follow_the_reference(thirty_networks().skip(half).step_by(2), 100);
    assert_eq!(trained[0], 15);
    assert!(trained[1] == 15 && trained[3] >= 13 && trained[4] == trained[0], "{trained:?}");
    assert!(trained[2] >= 13 || !has_subgroups(), "{trained:?}");
}

#[test]
fn weights_of_thirty_networks_follow_the_reference_in_every_plan() {
    half_of_thirty_networks_follow_the_reference(0);
}

#[test]
fn weights_of_the_other_half_follow_the_reference_in_every_plan() {
    half_of_thirty_networks_follow_the_reference(1);
}

/// Trains each network, from its seed, by each plan that can: 2,000 steps, `steps_of_plain` by the plain plan.
/// Returns the number of networks trained by each plan.
fn follow_the_reference(cases: impl Iterator<Item = (usize, Case)>, steps_of_plain: u64) -> [usize; 5] {
    let mut trained = [0; 5];
    for (seed, case) in cases {
        let plans = [Plan::Plain, Plan::Layered].into_iter().chain(PERSISTENT).enumerate();
        let mut trainers = Vec::new();
        for (index, plan) in plans {
            match case.trainer_by(plan, seed as u64) {
                Ok((network, trainer)) => {
                    assert!(trainer.plan().starts_with(plan.name()), "{plan}: {}", trainer.plan());
                    trained[index] += 1;
                    trainers.push((plan, network, trainer));
                }
                Err(Error::TooLarge { .. }) if PERSISTENT.contains(&plan) => {}
                Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => {}
                Err(error) => panic!("{}, {plan}: {error}", case.mlp),
            }
        }
        let (inputs, targets) = case.data();
        let mut reference = reference_training(&case.mlp, seed as u64, (&inputs, &targets), case.order(), 0.1);
        for (steps, bound) in [(100, 2e-6), (1_000, 5e-6), (2_000, 1e-5)] {
            let more = steps - reference.step();
            reference.train_steps(more).unwrap();
            let goes_on = |plan: &Plan| *plan != Plan::Plain || steps <= steps_of_plain;
            for (plan, network, trainer) in trainers.iter_mut().filter(|(plan, ..)| goes_on(plan)) {
                record(trainer, more);
                let case = format!("{} by {} of {}", case.mlp, case.batch_size, case.samples);
                let what = format!("{case}, {plan}, after {steps} steps");
                let parameters = network.read_parameters().unwrap();
                assert_l2(&what, &parameters, &reference.network.parameters(), bound);

                let report = trainer.read_loss().unwrap().unwrap();
                assert_eq!((report.step, report.epoch), (reference.step(), reference.epoch()), "{what}");
                let loss = reference.loss().unwrap();
                assert_close(&format!("{what}: loss"), &[report.loss], &[loss], |_| 1e-5 * loss);
            }
        }
    }
    let [plain, layered, subgroup, invocation, workgroup] = trained;
    say(&format!(
        "weights followed: plain {plain} networks, layered {layered}, persistent-subgroup {subgroup}, persistent-invocation {invocation}, \
         persistent-workgroup {workgroup}"
    ));
    trained
}

/// Two samples repeated are the worst case of a sum: equal terms are rounded the same way each time.
#[test]
fn large_batches_lose_no_digits_in_any_plan() {
    let mlp = Mlp::inputs(3).linear(2).bias().sigmoid();
    let mut checked = 0;
    // Weights take a batch of more than 30,720 in several dispatches.
    for (samples, steps) in [(400, 3), (4_000, 3), (30_000, 2), (70_000, 2)] {
        let repeated = |values: &[f32]| values.repeat(samples / 2);
        let (inputs, targets) = (repeated(&normal(60, 6)), repeated(&[0.9, 0.2, 0.35, 0.6]));
        let order = Order { samples: samples as u32, batch_size: samples as u32, shuffle: None };
        for plan in plans() {
            if samples > 30_000 && PERSISTENT.contains(&plan) {
                continue; // one dispatch takes no more
            }
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
                // The first step's change is the gradient.
                let parameters = network.read_parameters().unwrap();
                let weights = reference.network.parameters();
                if step == 1 {
                    let found = parameters.iter().zip(&start).map(|(w, start)| (f64::from(*w) - start) as f32);
                    let expected = weights.iter().zip(&start).map(|(w, start)| w - start).collect::<Vec<_>>();
                    assert_l2(&what, &found.collect::<Vec<_>>(), &expected, 2e-6);
                }
                assert_l2(&what, &parameters, &weights, 2e-6);
                let loss = reference.loss().unwrap();
                let report = trainer.read_loss().unwrap().unwrap();
                assert_eq!(report.step, step, "{what}");
                assert_close(&what, &[report.loss], &[loss], |_| 1e-6 + 1e-6 * loss);
                checked += 1;
            }
        }
    }
    assert!(checked >= 2 * 3 + 2 * 3 + 2 * 2 + 2 * 2);
}

#[test]
fn the_same_seed_gives_the_same_bits_however_the_steps_are_split() {
    for plan in plans() {
        let case = Case { mlp: xor_mlp(), samples: 13, batch_size: 3, shuffle: Some(5) };
        let run = |parts: &[u64]| {
            let (network, mut trainer) = case.trainer_by(plan, 6).unwrap();
            parts.iter().for_each(|&steps| record(&mut trainer, steps));
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

/// On a driver that stops long loops, a plan that counts too few iterations would leave steps undone in its longest
/// dispatches.
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
                Ok(trained) => trained,
                Err(Error::TooLarge { .. }) if case.mlp == wide => continue,
                Err(Error::PlanUnavailable { .. }) if plan == Plan::PersistentSubgroup && !has_subgroups() => continue,
                Err(error) => panic!("{plan}: {error}"),
            };
            compared += 1;
            let description = trainer.plan();
            let most = description.split("up to ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let most = most.parse::<u64>().unwrap();
            record(&mut trainer, most);
            let (same, mut short) = case.trainer_by(plan, 2).unwrap();
            (0..most.div_ceil(64)).for_each(|_| record(&mut short, most.min(64)));
            assert_eq!(trainer.read_loss().unwrap(), short.read_loss().unwrap(), "{description}");
            assert_eq!(
                bits(&network.read_parameters().unwrap()),
                bits(&same.read_parameters().unwrap()),
                "{description}"
            );
        }
    }
    assert!(compared >= if has_subgroups() { 7 } else { 5 }, "{compared}");
}

#[test]
fn samples_are_read_at_any_offset_and_stride_of_the_apps_buffers() {
    // Where offsets and strides allow, some plans read rows as vec2 or vec4.
    let vec4_rows = Mlp::inputs(4).linear(3).bias().sigmoid().linear(8).sigmoid();
    let vec2_and_vec4_rows = Mlp::inputs(6).linear(5).sigmoid().linear(4).sigmoid();
    for (mlp, plan) in [xor_mlp(), vec4_rows, vec2_and_vec4_rows]
        .iter()
        .flat_map(|mlp| plans().into_iter().map(move |plan| (mlp, plan)))
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
            // Nothing was written outside the matrices. Poison read from there would show in the weights.
            inputs.read(gpu());
            targets.read(gpu());
            bits(&network.read_parameters().unwrap())
        });
        assert_eq!(runs[0], runs[1], "{mlp}, {plan}");
        assert_eq!(runs[0], runs[2], "{mlp}, {plan}");
    }
}

#[test]
fn the_plan_describes_itself() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (_, trainer) = case.trainer(0);
    assert!(trainer.plan().starts_with("plain: "), "{}", trainer.plan());
    for plan in Plan::ALL {
        assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
    }
    // `Plan::Auto` is persistent for a small network, and layered for one that fits in no persistent variant.
    let (_, trainer) = case.trainer_by(Plan::Auto, 0).unwrap();
    assert!(trainer.plan().starts_with("persistent-"), "{}", trainer.plan());
    let large = Case { mlp: Mlp::inputs(100).linear(100).sigmoid(), samples: 2, batch_size: 1, shuffle: None };
    let (_, trainer) = large.trainer_by(Plan::Auto, 0).unwrap();
    let plan = trainer.plan();
    assert!(plan.starts_with("layered: ") && plan.contains("not persistent: persistent-subgroup: "), "{plan}");
    let words = "layerd".parse::<Plan>().unwrap_err().to_string();
    assert!(
        words.contains("\"layerd\" names no plan; choose one of") && words.contains("auto, plain, layered"),
        "{words}"
    );
}
