//! Optimizers, schedules and rates that make no training.

use wgrad::{Dataset, Decay, Error, Gpu, Mlp, Network, Optimizer, Plan, Result, Schedule, TrainConfig, Trainer};

use super::noop;

fn trainer(gpu: &Gpu, config: TrainConfig) -> Result<Trainer> {
    let mlp = Mlp::inputs(2).linear(3).tanh().linear(2);
    let network = Network::new(gpu, &mlp, 0).unwrap();
    Trainer::new(&network, &Dataset::from_slices(gpu, 2, &[0.5; 4], &[0.5; 4]).unwrap(), config)
}

#[test]
fn refuses_parameters_of_optimizers_out_of_their_range() {
    let gpu = noop();
    let by = |optimizer| trainer(&gpu, TrainConfig { optimizer, ..Default::default() });
    let adam = |beta1, beta2, epsilon| by(Optimizer::Adam { beta1, beta2, epsilon });
    let adamw = |beta1, beta2, epsilon| by(Optimizer::AdamW { beta1, beta2, epsilon });
    for bad in [1.0, 1.5, -0.1, f64::NAN, f64::INFINITY, 1.0 - 1e-12] {
        assert_refused!(
            by(Optimizer::momentum(bad)),
            Error::OutOfRange { .. },
            "Trainer::new",
            "momentum",
            "0 to less"
        );
        assert_refused!(by(Optimizer::nesterov(bad)), Error::OutOfRange { .. }, "momentum");
        assert_refused!(adam(bad, 0.9, 1e-8), Error::OutOfRange { .. }, "β₁", "0 to less than 1");
        assert_refused!(adam(0.9, bad, 1e-8), Error::OutOfRange { .. }, "β₂", "0 to less than 1");
        assert_refused!(adamw(bad, 0.9, 1e-8), Error::OutOfRange { .. }, "β₁");
        assert_refused!(adamw(0.9, bad, 1e-8), Error::OutOfRange { .. }, "β₂");
    }
    for bad in [0.0, -1e-8, f64::NAN, f64::INFINITY, 1e-60] {
        assert_refused!(adam(0.9, 0.999, bad), Error::OutOfRange { .. }, "ε", "above 0");
        assert_refused!(adamw(0.9, 0.999, bad), Error::OutOfRange { .. }, "ε", "above 0");
    }
    assert!(adam(0.0, 0.0, 1e-15).is_ok() && by(Optimizer::momentum(0.0)).is_ok());
}

#[test]
fn refuses_decays_norms_averages_and_schedules_out_of_their_range() {
    let gpu = noop();
    let default = TrainConfig::default;
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        let decays = trainer(&gpu, TrainConfig { weight_decay: bad, ..default() });
        assert_refused!(decays, Error::OutOfRange { .. }, "weight decay", "at least 0");
    }
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let clips = trainer(&gpu, TrainConfig { clip_norm: Some(bad), ..default() });
        assert_refused!(clips, Error::OutOfRange { .. }, "clipping norm", "above 0");
    }
    for bad in [1.0, -0.5, f64::NAN, 1.0 - 1e-12] {
        let averages = trainer(&gpu, TrainConfig { average: Some(bad), ..default() });
        assert_refused!(averages, Error::OutOfRange { .. }, "average", "less than 1");
    }
    let by = |decay| trainer(&gpu, TrainConfig { schedule: Schedule::new(decay), ..default() });
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_refused!(by(Decay::Exponential { factor: bad }), Error::OutOfRange { .. }, "factor of the schedule");
        let steps = by(Decay::Steps { first: 1, every: 1, factor: bad });
        assert_refused!(steps, Error::OutOfRange { .. }, "factor of the schedule", "0.5");
    }
    let every = by(Decay::Steps { first: 1, every: 0, factor: 0.5 });
    assert_refused!(every, Error::OutOfRange { .. }, "from decay to decay", "1 or more");
    assert_refused!(by(Decay::Cosine { steps: 0, floor: 0.0 }), Error::OutOfRange { .. }, "steps of the cosine");
    for bad in [-0.1, 1.1, f64::NAN] {
        assert_refused!(by(Decay::Cosine { steps: 9, floor: bad }), Error::OutOfRange { .. }, "floor", "0 to 1");
    }
}

#[test]
fn refuses_frozen_layers_that_are_none_and_leaves_one_to_train() {
    let gpu = noop();
    let frozen = |frozen: &[usize]| trainer(&gpu, TrainConfig { frozen: frozen.to_vec(), ..Default::default() });
    assert_refused!(frozen(&[2]), count!(2, 0, 1), "a frozen layer", "2 layers");
    assert_refused!(frozen(&[1, 0]), count!(0, 1, 2), "leave one out");
    assert!(frozen(&[0, 0]).is_ok());
}

#[test]
fn clipping_is_refused_by_name_in_a_persistent_plan_and_auto_takes_another() {
    let gpu = noop();
    let by = |plan| trainer(&gpu, TrainConfig { clip_norm: Some(1.0), plan, ..Default::default() });
    for plan in [Plan::Persistent, Plan::PersistentInvocation, Plan::PersistentWorkgroup] {
        assert_refused!(by(plan), Error::PlanUnavailable { .. }, "norm of all gradients", "layered");
    }
    let plan = by(Plan::Auto).unwrap().plan();
    assert!(plan.starts_with("layered") && plan.contains("norm of all gradients"), "{plan}");
    // A population has no other plan.
    let network = Network::population(&gpu, &Mlp::inputs(2).linear(2), 3, 0).unwrap();
    let data = Dataset::from_slices(&gpu, 2, &[0.5; 4], &[0.5; 4]).unwrap();
    let config = TrainConfig { clip_norm: Some(1.0), ..Default::default() };
    assert_refused!(Trainer::new(&network, &data, config), Error::PlanUnavailable { .. }, "one by one");
}

#[test]
fn moments_that_do_not_fit_a_binding_or_registers_are_refused_or_lie_elsewhere() {
    let gpu = noop();
    // 128 MiB hold the parameters of 17 million, but not twice as much.
    let mlp = Mlp::inputs(4_096).linear(4_200);
    let network = Network::new(&gpu, &mlp, 0).unwrap();
    let data = Dataset::from_slices(&gpu, 1, &[0.5; 4_096], &[0.5; 4_200]).unwrap();
    let refused = Trainer::new(&network, &data, TrainConfig::adam());
    assert_refused!(refused, Error::TooLarge { what: "the moments of the optimizer", .. }, "137625600", "sgd");
    assert!(Trainer::new(&network, &data, TrainConfig::default()).is_ok());
    let mut trainer = trainer(&gpu, TrainConfig::default()).unwrap();
    assert_refused!(trainer.write_weight_decays(&[0.1]), Error::OutOfRange { .. }, "weight_decay is 0");
    assert_refused!(trainer.averaged(), Error::OutOfRange { .. }, "Trainer::averaged", "average is None");
}
