//! What an app does before its first frame and in each: shaders compiled, parameters read without waiting.

use super::*;
use wgrad::{LossReport, Optimizer};

/// Networks and trainers of every plan of the test's device, alike; by gradient descent and by Adam.
fn pairs(gpu: &Gpu) -> Vec<[(Network, Trainer); 2]> {
    let data = Dataset::new(gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let plans = [Plan::Plain, Plan::Layered, Plan::Persistent, Plan::PersistentInvocation, Plan::PersistentWorkgroup];
    let configs = plans.into_iter().flat_map(|plan| {
        [Optimizer::Sgd, Optimizer::adam()].map(|optimizer| TrainConfig { plan, optimizer, ..Default::default() })
    });
    let trainer = |config: &TrainConfig| {
        let network = Network::new(gpu, &xor_mlp(), 1).unwrap();
        let trainer = Trainer::new(&network, &data, config.clone()).unwrap();
        (network, trainer)
    };
    configs.map(|config| [trainer(&config), trainer(&config)]).collect()
}

#[test]
fn a_warm_up_leaves_everything_as_it_was() {
    for [(warm, mut warm_trainer), (cold, mut cold_trainer)] in pairs(gpu()) {
        let plan = warm_trainer.plan();
        warm_trainer.warm_up().unwrap();
        assert_eq!(warm_trainer.read_loss().unwrap(), None, "{plan}");
        for _ in 0..3 {
            let [found, expected] =
                [(&warm, &mut warm_trainer), (&cold, &mut cold_trainer)].map(|(network, trainer)| {
                    submit(gpu(), |encoder| trainer.record_steps(encoder, 7));
                    let parameters = network.read_parameters().unwrap();
                    (parameters.iter().map(|w| w.to_bits()).collect::<Vec<_>>(), trainer.read_loss().unwrap())
                });
            assert_eq!(found, expected, "{plan}");
            warm_trainer.warm_up().unwrap();
        }
    }
    // Before there is a sample.
    let data = Dataset::with_capacity(gpu(), 8, 2, 2).unwrap();
    let network = Network::new(gpu(), &xor_mlp(), 1).unwrap();
    let trainer = Trainer::new(&network, &data, TrainConfig { shuffle: true, ..Default::default() }).unwrap();
    let before = network.read_parameters().unwrap();
    trainer.warm_up().unwrap();
    assert_eq!(network.read_parameters().unwrap(), before);
}

#[test]
fn parameters_arrive_without_waiting() {
    for [(network, mut trainer), _] in pairs(gpu()) {
        let plan = trainer.plan();
        assert_eq!(trainer.latest_parameters().unwrap(), None);
        // More copies than can be pending, and encoders that are dropped: neither blocks what comes.
        for _ in 0..10 {
            let mut encoder = gpu().device().create_command_encoder(&Default::default());
            trainer.record_parameters(&mut encoder).unwrap();
        }
        assert_eq!(trainer.latest_parameters().unwrap(), None, "{plan}");
        // While four are on their way, no other is recorded.
        let mut pending = [(); 4].map(|()| gpu().device().create_command_encoder(&Default::default()));
        pending.iter_mut().for_each(|encoder| trainer.record_parameters(encoder).unwrap());
        submit(gpu(), |encoder| trainer.record_parameters(encoder).unwrap());
        network.read_parameters().unwrap();
        assert_eq!(trainer.latest_parameters().unwrap(), None, "{plan}");
        drop(pending);
        for steps in [5, 10] {
            submit(gpu(), |encoder| {
                trainer.record_steps(encoder, 5);
                trainer.record_parameters(encoder).unwrap();
            });
            let expected = network.read_parameters().unwrap();
            let found = trainer.latest_parameters().unwrap().unwrap();
            assert_eq!((found.step, &found.parameters), (steps, &expected), "{plan}");
        }
        // Steps after a copy do not show in it.
        let before = network.read_parameters().unwrap();
        submit(gpu(), |encoder| {
            trainer.record_parameters(encoder).unwrap();
            trainer.record_steps(encoder, 5);
        });
        assert_ne!(network.read_parameters().unwrap(), before);
        assert_eq!(trainer.latest_parameters().unwrap().unwrap().parameters, before, "{plan}");
        for _ in 0..6 {
            submit(gpu(), |encoder| trainer.record_parameters(encoder).unwrap());
        }
        let after = network.read_parameters().unwrap();
        assert_eq!(trainer.latest_parameters().unwrap().unwrap().parameters, after, "{plan}");
        let report: Option<LossReport> = trainer.read_loss().unwrap();
        assert_eq!(report.unwrap().step, 15);
    }
}

#[test]
fn a_submission_that_is_refused_brings_no_parameters() {
    let (network, mut trainer) = xor_trainer(gpu());
    let destroyed = buffer_of(gpu(), &[0; 4]);
    let mut encoder = gpu().device().create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 5);
    trainer.record_parameters(&mut encoder).unwrap();
    encoder.clear_buffer(&destroyed, 0, None);
    destroyed.destroy();
    let scope = gpu().device().push_error_scope(wgpu::ErrorFilter::Validation);
    gpu().queue().submit([encoder.finish()]);
    assert!(pollster::block_on(scope.pop()).is_some());
    let parameters = network.read_parameters().unwrap();
    assert_eq!(trainer.latest_parameters().unwrap(), None);
    submit(gpu(), |encoder| trainer.record_parameters(encoder).unwrap());
    assert_eq!(network.read_parameters().unwrap(), parameters);
    assert_eq!(trainer.latest_parameters().unwrap().unwrap().parameters, parameters);
}
