//! The networks of a population train as each would alone.

mod common;

use common::case::bits;
use common::*;
use wgrad::reference::Order;
use wgrad::{Dataset, Error, Gpu, Loss, Mlp, Network, Plan, TrainConfig, Trainer};

/// The plans that can train populations on this device.
fn plans() -> Vec<Plan> {
    let network = Network::new(gpu(), &xor_mlp(), 0).unwrap();
    let data = xor_data();
    let plans = [Plan::PersistentSubgroup, Plan::PersistentInvocation, Plan::PersistentWorkgroup];
    let plans = plans.into_iter().filter(|&plan| Trainer::new(&network, &data, config(plan)).is_ok());
    let plans = plans.collect::<Vec<_>>();
    assert_eq!(plans.len(), if has_subgroups() { 3 } else { 2 }, "{plans:?}");
    plans
}

fn xor_data() -> Dataset {
    Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap()
}

fn config(plan: Plan) -> TrainConfig {
    TrainConfig { plan, ..Default::default() }
}

fn train(network: &Network, config: TrainConfig, steps: u64) -> Trainer {
    let mut trainer = Trainer::new(network, &xor_data(), config).unwrap();
    submit(gpu(), |encoder| trainer.record_steps(encoder, steps));
    trainer
}

#[test]
fn each_network_has_the_bits_of_one_trained_alone() {
    for plan in plans() {
        for count in [1, 2, 7, 8, 9, 64, 65] {
            let config = TrainConfig { batch_size: 3, shuffle: true, seed: 4, ..config(plan) };
            let population = Network::population(gpu(), &xor_mlp(), count, 10).unwrap();
            assert_eq!(population.count(), count);
            let losses = train(&population, config.clone(), 101).read_losses().unwrap();
            assert_eq!(losses.len(), count);
            let parameters = population.read_parameters().unwrap();
            assert_eq!(parameters.len(), count * xor_mlp().parameter_count());
            for i in [0, count / 2, count - 1] {
                let alone = Network::new(gpu(), &xor_mlp(), 10 + i as u64).unwrap();
                let loss = train(&alone, config.clone(), 101).read_loss().unwrap().unwrap();
                let alone = bits(&alone.read_parameters().unwrap());
                assert_eq!(bits(&parameters[i * alone.len()..][..alone.len()]), alone, "{plan}: {i} of {count}");
                assert_eq!(losses[i], loss, "{plan}: {i} of {count}");
                let extracted = population.extract(i).unwrap();
                assert_eq!((extracted.count(), bits(&extracted.read_parameters().unwrap())), (1, alone));
            }
        }
    }
}

/// Of a population that is trained in parts, on whatever devices: the plan of the whole, and its bits.
#[test]
fn a_network_has_the_same_bits_in_every_part() {
    let usual = TrainConfig { shuffle: true, seed: 4, ..Default::default() };
    let rate = |i: usize| 0.001 * (1 + i) as f32;
    let train = |population: &Network, config: &TrainConfig, first: usize| {
        let mut trainer = Trainer::new(population, &xor_data(), config.clone()).unwrap();
        let rates = (first..first + population.count()).map(rate).collect::<Vec<_>>();
        trainer.write_learning_rates(&rates).unwrap();
        submit(gpu(), |encoder| trainer.record_steps(encoder, 101));
        let plan = trainer.plan().split(':').next().unwrap().to_owned();
        (bits(&population.read_parameters().unwrap()), trainer.read_losses().unwrap(), plan)
    };
    const WHOLE: usize = 200;
    let (parameters, losses, plan) = train(&Network::population(gpu(), &xor_mlp(), WHOLE, 10).unwrap(), &usual, 0);
    let part_of = TrainConfig { part_of: Some(WHOLE), ..usual.clone() };
    for cuts in [&[0, 1, 20, WHOLE][..], &[0, 100, WHOLE]] {
        let (mut found, mut found_losses) = (Vec::new(), Vec::new());
        for part in cuts.windows(2).map(|ends| ends[0]..ends[1]) {
            let population = Network::population_part(gpu(), &xor_mlp(), part.clone(), 10).unwrap();
            let (bits, losses, its_plan) = train(&population, &part_of, part.start);
            assert_eq!(its_plan, plan, "{part:?}");
            found.extend(bits);
            found_losses.extend(losses);
        }
        assert!(found == parameters && found_losses == losses, "{cuts:?}");
    }
    // Left alone, a part of one network takes another plan.
    let alone = Network::population_part(gpu(), &xor_mlp(), 0..1, 10).unwrap();
    assert!(!has_subgroups() || train(&alone, &usual, 0).2 != plan, "{plan}");
    let few = TrainConfig { part_of: Some(3), ..usual };
    let population = Network::population(gpu(), &xor_mlp(), 4, 10).unwrap();
    assert!(matches!(Trainer::new(&population, &xor_data(), few), Err(Error::Count { .. })));
}

#[test]
fn more_networks_than_65_535_workgroups_hold_all_train() {
    let mlp = Mlp::inputs(2).linear(1).sigmoid();
    let data = Dataset::new(gpu(), &[[0.5, -0.25]], &[[0.9]]).unwrap();
    for plan in plans() {
        // One dimension of a dispatch has at most 65,535 workgroups, with up to eight networks each.
        let count = if plan == Plan::PersistentInvocation { 8 * 66_000 } else { 66_000 };
        let population = Network::population(gpu(), &mlp, count, 0).unwrap();
        let before = population.read_parameters().unwrap();
        let mut trainer = Trainer::new(&population, &data, config(plan)).unwrap();
        submit(gpu(), |encoder| trainer.record_steps(encoder, 3));
        let reports = trainer.read_losses().unwrap();
        assert_eq!(reports.len(), count);
        assert!(reports.iter().all(|report| report.step == 3 && report.loss.is_finite()));
        let after = population.read_parameters().unwrap();
        assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{plan}: one did not train");
        for i in (0..count).step_by(101).chain([count - 1]) {
            let mut reference = wgrad::reference::NeuralNetwork::from_parameters(&mlp, &before[2 * i..][..2]).unwrap();
            let row = |values: &[f32]| wgrad::reference::Matrix::from_f32(1, values.len(), values).unwrap();
            for _ in 0..3 {
                reference.train_step(&row(&[0.5, -0.25]), &row(&[0.9]), f64::from(0.1f32)).unwrap();
            }
            assert_close(&format!("{plan}: {i}"), &after[2 * i..][..2], &reference.parameters(), |_| 1e-6);
        }
    }
}

/// By Adam with weight decay and averages: each network's rate and decay are its own, and so are its moments.
#[test]
fn each_network_has_moments_a_rate_and_a_decay_of_its_own() {
    let mlp = Mlp::inputs(2).linear(7).bias().tanh().linear(2).bias().softmax();
    let (rates, decays) = ([0.01f32, 0.002, 0.03, 0.005, 0.015], [0.0f32, 0.1, 0.01, 0.3, 0.02]);
    for plan in plans() {
        let config = TrainConfig {
            loss: Loss::CrossEntropy { label_smoothing: 0.1 },
            weight_decay: 1.0,
            average: Some(0.9),
            plan,
            ..TrainConfig::adam()
        };
        let set = |network: &Network, rates: &[f32], decays: &[f32]| {
            let mut trainer = Trainer::new(network, &xor_data(), config.clone()).unwrap();
            trainer.write_learning_rates(rates).unwrap();
            trainer.write_weight_decays(decays).unwrap();
            submit(gpu(), |encoder| trainer.record_steps(encoder, 130));
            trainer.averaged().unwrap().read_parameters().unwrap()
        };
        let population = Network::population(gpu(), &mlp, rates.len(), 5).unwrap();
        let averages = set(&population, &rates, &decays);
        for (i, average) in averages.chunks_exact(mlp.parameter_count()).enumerate() {
            let alone = Network::new(gpu(), &mlp, 5 + i as u64).unwrap();
            let expected = set(&alone, &rates[i..=i], &decays[i..=i]);
            assert_eq!(bits(average), bits(&expected), "{plan}: network {i}'s average");
            let [found, expected] =
                [population.extract(i).unwrap(), alone].map(|network| network.read_parameters().unwrap());
            assert_eq!(bits(&found), bits(&expected), "{plan}: network {i}");
        }
    }
}

#[test]
fn each_network_learns_at_its_own_rate() {
    for plan in plans() {
        let rates = (0..20).map(|i| 0.02 * i as f32).collect::<Vec<_>>();
        let population = Network::population(gpu(), &xor_mlp(), rates.len(), 3).unwrap();
        let mut trainer = Trainer::new(&population, &xor_data(), config(plan)).unwrap();
        trainer.write_learning_rates(&rates).unwrap();
        submit(gpu(), |encoder| trainer.record_steps(encoder, 50));
        let order = Order { samples: 4, batch_size: 1, shuffle: None };
        for (i, &rate) in rates.iter().enumerate() {
            let xor = (XOR_INPUTS.as_flattened(), XOR_TARGETS.as_flattened());
            let mut reference = reference_training(&xor_mlp(), 3 + i as u64, xor, order, rate);
            reference.train_steps(50).unwrap();
            let found = population.extract(i).unwrap().read_parameters().unwrap();
            assert_l2(&format!("{plan}: {i}"), &found, &reference.network.parameters(), 2e-6);
        }
        assert_eq!(
            trainer.write_learning_rates(&rates[1..]).unwrap_err().to_string(),
            "Trainer::write_learning_rates: the length of learning_rates is 19; it must be exactly 20: one per network"
        );
        let refused = trainer.write_learning_rates(&[f32::NAN; 20]);
        assert!(matches!(refused, Err(Error::NotFinite { index: Some(0), .. })));
        // One rate for all.
        trainer.write_learning_rate(0.0).unwrap();
        let before = population.read_parameters().unwrap();
        submit(gpu(), |encoder| trainer.record_steps(encoder, 5));
        assert_eq!(population.read_parameters().unwrap(), before);
    }
}

#[test]
fn evaluation_gives_each_networks_loss_and_changes_nothing() {
    let linear = Mlp::inputs(2).linear(3).linear(2);
    let deep = Mlp::inputs(2).linear(9).bias().sigmoid().linear(5).sigmoid().linear(7).bias().sigmoid().linear(2);
    let wide = Mlp::inputs(2).linear(3_000).sigmoid().linear(2);
    let samples = 300; // more than one batch
    let (inputs, targets) = (normal(40, samples * 2), uniform(41, samples * 2));
    let data = Dataset::from_slices(gpu(), samples, &inputs, &targets).unwrap();
    for (mlp, count) in
        [(xor_mlp(), 1), (xor_mlp(), 13), (deep.clone(), 1), (deep, 9), (linear.clone(), 1), (linear, 2), (wide, 1)]
    {
        let population = Network::population(gpu(), &mlp, count, 6).unwrap();
        let before = population.read_parameters().unwrap();
        let losses = population.evaluate(&data, Loss::SquaredError).unwrap();
        assert_eq!(losses.len(), count);
        for (i, loss) in losses.iter().enumerate() {
            let order = Order { samples: samples as u32, batch_size: samples as u32, shuffle: None };
            let mut reference = reference_training(&mlp, 6 + i as u64, (&inputs, &targets), order, 0.1);
            reference.train_steps(1).unwrap();
            let expected = reference.loss().unwrap();
            assert_close(&format!("{mlp}, {i} of {count}"), &[*loss], &[expected], |_| 1e-5 * expected);
        }
        assert_eq!(population.read_parameters().unwrap(), before);
    }
}

#[test]
fn evaluation_takes_no_more_rows_at_a_time_than_a_binding_holds() {
    // 256 rows of the hidden layer would take 143 MB, and a binding holds 134.
    let mlp = Mlp::inputs(1).linear(140_000).sigmoid().linear(1);
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let inputs = (0..256).map(|i| i as f32 / 256.0).collect::<Vec<_>>();
    let data = Dataset::from_slices(gpu(), 256, &inputs, &[0.0; 256]).unwrap();
    let y = network.predict(&inputs[..8]).unwrap();
    let few = Dataset::from_slices(gpu(), 8, &inputs[..8], &y).unwrap();
    assert!(network.evaluate(&data, Loss::SquaredError).unwrap()[0].is_finite());
    assert!(network.evaluate(&few, Loss::SquaredError).unwrap()[0] <= 1e-6);
}

#[test]
fn a_network_that_diverges_leaves_the_others_alone() {
    let mlp = Mlp::inputs(2).linear(4).linear(2);
    for plan in plans() {
        let population = Network::population(gpu(), &mlp, 3, 1).unwrap();
        let mut trainer = Trainer::new(&population, &xor_data(), config(plan)).unwrap();
        trainer.write_learning_rates(&[0.1, 1e6, 0.1]).unwrap();
        trainer.train(20, |_| ()).unwrap();
        let reports = trainer.latest_losses().unwrap();
        let finite = reports.iter().map(|report| report.loss.is_finite()).collect::<Vec<_>>();
        assert_eq!(finite, [true, false, true], "{plan}");
        let mean = trainer.latest_loss().unwrap().unwrap().loss;
        assert_close("mean", &[mean], &[f64::from(reports[0].loss + reports[2].loss) / 2.0], |_| 1e-6);
        let losses = population.evaluate(&xor_data(), Loss::SquaredError).unwrap();
        assert!(losses[0].is_finite() && !losses[1].is_finite() && losses[2].is_finite());
        // If all networks diverge, that is an error.
        trainer.write_learning_rate(1e6).unwrap();
        assert!(matches!(trainer.train(20, |_| ()), Err(Error::Diverged { .. })), "{plan}");
        assert!(trainer.latest_losses().unwrap().iter().all(|report| !report.loss.is_finite()));
    }
}

#[test]
fn a_device_without_features_trains_one_network_per_invocation_and_says_why() {
    let instance = wgrad::wgpu::Instance::new(wgrad::wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).unwrap();
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let network = Network::new(&gpu, &xor_mlp(), 1).unwrap();
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    let plan = trainer.plan();
    assert!(plan.starts_with("persistent-invocation"), "{plan}");
    assert!(plan.contains("not persistent-subgroup: the device was requested without the feature SUBGROUP"), "{plan}");
    let error = Trainer::new(&network, &data, config(Plan::PersistentSubgroup)).unwrap_err();
    assert!(matches!(error, Error::PlanUnavailable { plan: "persistent-subgroup", .. }), "{error}");
    trainer.train(2_000, |_| ()).unwrap();
    let y = network.predict(XOR_INPUTS.as_flattened()).unwrap();
    let classes = y.chunks_exact(2).map(|y| usize::from(y[1] > y[0])).collect::<Vec<_>>();
    assert_eq!(classes, [0, 1, 1, 0]);
}
