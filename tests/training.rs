//! Training on the GPU takes the reference's steps, and learns.

mod common;

use std::time::Duration;

use common::case::*;
use common::*;
use wgrad::reference::Order;
use wgrad::{Dataset, Error, LossReport, Mlp, Network, Optimizer, Plan, Rows, TrainConfig, Trainer, wgpu};

/// With the whole data set as one batch the gradient hardly changes from step to step, so each weight is rounded the
/// same way thousands of times. Stored as f32, it may drift by ε/2 per step, 6e-5 after 1,000, however exact the
/// gradient is. So the GPU's bound is the drift of a reference whose weights are rounded to f32 after each step.
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
        let report = trainer.read_loss().unwrap().unwrap();
        assert_eq!((report.step, report.epoch), (step, step / 3));
        let loss = reference.loss().unwrap();
        assert_close("loss", &[report.loss], &[loss], |_| 1e-6 + 1e-6 * loss);
    }
}

#[test]
fn a_batch_of_more_samples_than_one_dispatch_may_add_is_complete() {
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

#[test]
fn trains_the_given_number_of_further_epochs() {
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
    assert_eq!(Some(last.report), trainer.latest_loss().unwrap());
    // Also from the middle of an epoch.
    record(&mut trainer, 1);
    trainer.train(10, |progress| assert!(progress.epoch <= 10)).unwrap();
    let report = trainer.latest_loss().unwrap().unwrap();
    assert_eq!((report.step, report.epoch), (3 * 40 + 1 + 3 * 10, 50));

    let (same, mut trainer) = case.trainer(7);
    record(&mut trainer, report.step);
    assert_eq!(same.read_parameters().unwrap(), network.read_parameters().unwrap());
}

/// The callback's time is not counted as the GPU's: submissions still grow, and progress is reported only a few times.
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
    let row = |values: &[f32]| wgrad::reference::Matrix::from_f32(1, values.len(), values).unwrap();
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
    assert!(matches!(trainer.write_learning_rate(f32::NAN), Err(Error::NotFinite { index: None, .. })));
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
    // The way out: saved parameters, a new trainer and a lower learning rate.
    network.write_parameters(&saved).unwrap();
    assert_eq!(network.read_parameters().unwrap(), saved);
    Trainer::new(&network, &data, TrainConfig::default()).unwrap().train(50, |_| ()).unwrap();

    // Or the same trainer, at a lower rate: its account of losses is clean again from the next epoch on.
    for (plan, more) in plans().into_iter().flat_map(|plan| [(plan, 0), (plan, 3)]) {
        let config = TrainConfig { learning_rate: 1e6, plan, ..Default::default() };
        let mut trainer = Trainer::new(&network, &data, config).unwrap();
        assert!(matches!(trainer.train(50, |_| ()), Err(Error::Diverged { .. })), "{plan}");
        record(&mut trainer, more);
        network.write_parameters(&saved).unwrap();
        trainer.write_learning_rate(0.1).unwrap();
        trainer.train(1, |_| ()).unwrap();
        let mut losses = Vec::new();
        trainer.train(2, |progress| losses.push(progress.report.loss)).unwrap();
        assert!(!losses.is_empty() && losses.iter().all(|loss| loss.is_finite()), "{plan}: {losses:?}");
        // What diverges again is reported again.
        trainer.write_learning_rate(1e6).unwrap();
        assert!(matches!(trainer.train(50, |_| ()), Err(Error::Diverged { .. })), "{plan}");
        network.write_parameters(&saved).unwrap();
    }

    // Divergence is reported at once, not at the end of an epoch.
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    record(&mut trainer, 4);
    assert!(trainer.read_loss().is_ok());
    let poison = [POISON; 16];
    gpu().queue().write_buffer(network.parameters(), 0, bytemuck::cast_slice(&poison));
    record(&mut trainer, 1);
    assert!(matches!(trainer.read_loss(), Err(Error::Diverged { step: 5, .. })));
}

#[test]
fn loss_reports_have_step_epoch_and_loss() {
    let case = Case { mlp: xor_mlp(), samples: 4, batch_size: 1, shuffle: None };
    let (_, mut trainer) = case.trainer(3);
    record(&mut trainer, 9);
    let report = trainer.read_loss().unwrap().unwrap();
    assert!(matches!(report, LossReport { step: 9, epoch: 2, .. }), "{report:?}");
}

/// A submission that wgpu refuses is told once, and its steps are not missed later.
#[test]
fn steps_of_a_refused_submission_are_not_counted() {
    let gpu = gpu();
    for plan in [Plan::Plain, Plan::Layered, Plan::Persistent] {
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("the app's buffer, still mapped"),
            size: 4 * 16,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: true,
        });
        let network = Network::new(gpu, &xor_mlp(), 1).unwrap();
        let data = Dataset::from_buffers(gpu, Rows::new(&buffer, 2).rows(4), Rows::new(&buffer, 2).rows(4)).unwrap();
        let mut trainer = Trainer::new(&network, &data, TrainConfig { plan, ..Default::default() }).unwrap();
        for _ in 0..2 {
            let refused = trainer.train(3, |_| ()).unwrap_err();
            assert!(matches!(refused, Error::Buffer { .. }), "{plan}: {refused}");
        }
        buffer.unmap();
        assert_eq!(trainer.latest_loss(), Ok(None), "{plan}");
        trainer.train(3, |_| ()).unwrap();
        assert_eq!(trainer.read_loss().unwrap().unwrap().step, 12, "{plan}");
    }
}

#[test]
fn clipped_gradients_train_as_the_reference_does() {
    let (inputs, targets) = (XOR_INPUTS.concat(), XOR_TARGETS.concat());
    let order = Order { samples: 4, batch_size: 1, shuffle: None };
    for (plan, optimizer) in [Plan::Plain, Plan::Layered].into_iter().zip([Optimizer::Sgd, Optimizer::momentum(0.9)]) {
        let clipped = TrainConfig { plan, optimizer, clip_norm: Some(0.05), learning_rate: 0.3, ..Default::default() };
        let reference = |config: &TrainConfig| {
            let training = reference_training(&xor_mlp(), 1, (&inputs, &targets), order, config.learning_rate);
            let mut training = training.with_descent(descent_of(&xor_mlp(), config));
            training.train_steps(200).unwrap();
            training.network.parameters()
        };
        let expected = reference(&clipped);
        let unclipped = reference(&TrainConfig { clip_norm: None, ..clipped.clone() });
        let unclipped = unclipped.iter().map(|&w| w as f32).collect::<Vec<_>>();
        assert!(relative_l2(&unclipped, &expected) > 0.01, "clipping changes nothing here");

        let network = Network::new(gpu(), &xor_mlp(), 1).unwrap();
        let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
        let mut trainer = Trainer::new(&network, &data, clipped).unwrap();
        record(&mut trainer, 200);
        assert_l2(&format!("{plan}, {optimizer}"), &network.read_parameters().unwrap(), &expected, 1e-5);
    }
}
