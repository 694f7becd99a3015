//! Plans that a network, a device or a data set does not allow.

use wgrad::BufferProblem::Aliased;
use wgrad::{Dataset, Error, Gpu, Mlp, Network, Plan, Result, Rows, TrainConfig, Trainer, wgpu};

use super::{noop, xor_mlp};

/// A device with the feature SUBGROUP, whose subgroups may have 4 to 128 lanes.
fn noop_with_subgroups() -> Gpu {
    let required_features = wgpu::Features::SUBGROUP;
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_features, ..Default::default() });
    Gpu::from_wgpu(&device, &queue).unwrap()
}

/// A trainer of such a network by this plan.
fn by(gpu: &Gpu, mlp: &Mlp, samples: usize, batch_size: usize, plan: Plan) -> Result<Trainer> {
    let network = Network::new(gpu, mlp, 0).unwrap();
    let [inputs, targets] = [mlp.input_width(), mlp.output_width()].map(|width| vec![0.5; samples * width]);
    let data = Dataset::from_slices(gpu, samples, &inputs, &targets).unwrap();
    Trainer::new(&network, &data, TrainConfig { batch_size, plan, ..Default::default() })
}

#[test]
fn refuses_plans_that_a_network_outgrows() {
    let gpu = noop();
    // What it needs, in bytes, and what there is: workgroup memory of the device, registers of our own measure.
    let wide = Mlp::inputs(64).linear(64).sigmoid();
    assert_refused!(
        by(&gpu, &wide, 4, 1, Plan::PersistentWorkgroup),
        Error::TooLarge { needed: 16_992, allowed: 16_384, limit: "max_compute_workgroup_storage_size", .. },
        "Trainer::new",
        "needs 16992 bytes",
        "allows 16384",
        "narrower"
    );
    assert_refused!(
        by(&gpu, &wide, 4, 1, Plan::PersistentInvocation),
        Error::TooLarge { needed: 17_152, allowed: 1_600, .. },
        "registers of an invocation",
        "another plan"
    );
    // By the family's name: what forbids each variant. And so it is said where a plan is chosen for itself.
    let refusals = [
        "persistent-subgroup: the device was requested without the feature SUBGROUP",
        "persistent-invocation: the network with its batch needs 17152 bytes",
        "persistent-workgroup: the network with its batch in a workgroup needs 16992 bytes",
    ];
    let error = by(&gpu, &wide, 4, 1, Plan::Persistent).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, Error::PlanUnavailable { plan: "persistent", .. }), "{words}");
    assert!(words.contains("narrower") && refusals.iter().all(|refusal| words.contains(refusal)), "{words}");
    let plan = by(&gpu, &wide, 4, 1, Plan::Auto).unwrap().plan();
    assert!(plan.starts_with("layered") && refusals.iter().all(|refusal| plan.contains(refusal)), "{plan}");
    let plan = by(&noop_with_subgroups(), &wide, 4, 1, Plan::Auto).unwrap().plan();
    assert!(plan.starts_with("layered") && plan.contains("no size that is pinned down, but 4 to 128"), "{plan}");

    // A sum of more terms than the tiled kernels' loops may have.
    let widest = Mlp::inputs(130_000).linear(1);
    assert_refused!(
        by(&gpu, &widest, 2, 1, Plan::Layered),
        Error::PlanUnavailable { plan: "layered", .. },
        "up to 126976 wide",
        "plain"
    );
    let plan = by(&gpu, &widest, 2, 1, Plan::Auto).unwrap().plan();
    assert!(plan.starts_with("plain") && plan.contains("; not layered: its kernels are for layers"), "{plan}");
    assert!(plan.contains("; not persistent: persistent-subgroup: "), "{plan}");
}

#[test]
fn refuses_plans_that_a_device_does_not_allow() {
    let gpu = noop();
    let small = Mlp::inputs(1).linear(1).sigmoid();
    assert_refused!(
        by(&gpu, &small, 40_000, 40_000, Plan::PersistentInvocation),
        Error::PlanUnavailable { plan: "persistent-invocation", .. },
        "40317 loop iterations",
        "32768",
        "auto"
    );
    assert_refused!(
        by(&gpu, &small, 4, 1, Plan::PersistentSubgroup),
        Error::PlanUnavailable { plan: "persistent-subgroup", .. },
        "without the feature SUBGROUP"
    );
    // The device has subgroups, but does not say how large they are.
    let with_subgroups = noop_with_subgroups();
    assert_refused!(
        by(&with_subgroups, &small, 4, 1, Plan::PersistentSubgroup),
        Error::PlanUnavailable { plan: "persistent-subgroup", .. },
        "no size that is pinned down, but 4 to 128 lanes"
    );
    let plan = by(&with_subgroups, &small, 4, 1, Plan::Auto).unwrap().plan();
    assert!(plan.starts_with("persistent-invocation") && plan.contains("4 to 128 lanes"), "{plan}");
}

/// A data set among the parameters that the steps write.
#[test]
fn refuses_samples_among_the_parameters() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let within = Rows::new(network.parameters(), 2).rows(4);
    let data = Dataset::from_buffers(&gpu, within.clone(), within).unwrap();
    for plan in [Plan::Persistent, Plan::Layered] {
        let trainer = Trainer::new(&network, &data, TrainConfig { plan, ..Default::default() });
        assert_refused!(
            trainer,
            buffer!(Aliased { with: "the parameters" }),
            "Trainer::new",
            "the data set's inputs",
            "the parameters"
        );
    }
}
