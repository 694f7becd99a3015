//! Kernels of the persistent plan at work: of any width, of the wrong width, and within the longest loop.

use super::variants::{Fit, walk_iterations};
use super::{Persistent, PersistentSpec};
use crate::codegen::{LONGEST_WALK, Work, registers, workgroup};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::kernels::{self, PersistentKernel, TrainingState, begin_pass};
use crate::loss::Loss;
use crate::mlp::Mlp;
use crate::network::Network;
use crate::reference;
use crate::trainer::{Plan, TrainConfig, Trainer};

/// Trains 45 steps by a kernel of one's own.
fn train(gpu: &Gpu, mlp: &Mlp, config: &TrainConfig, kernel: &PersistentKernel) -> (Vec<u32>, Vec<u32>) {
    let values = |width: usize| (0..40 * width).map(|i| (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
    let [inputs, targets] = [values(mlp.input_width()), values(mlp.output_width())];
    let data = Dataset::from_slices(gpu, 40, &inputs, &targets).unwrap();
    let network = Network::new(gpu, mlp, 1).unwrap();
    let state = TrainingState::new(gpu, 40, config.batch_size as u32, 0.5).unwrap();
    let operands = [data.inputs(), data.targets()].map(|samples| samples.rows.operand(gpu, "a test", "data").unwrap());
    let [inputs, targets] = &operands;
    let samples = [inputs, targets];
    let dispatches =
        kernels::persistent(gpu, kernel, (network.parameters(), None), samples, &state, config.seed).unwrap();
    let plan = Persistent { dispatches };
    gpu.submit("wgrad test", &mut |encoder| plan.record(&mut begin_pass(encoder, "wgrad test"), 45)).unwrap();
    let state = pollster::block_on(gpu.read("a test", state.buffer(), &|_| ()).unwrap().words()).unwrap();
    (state, network.read_parameters().unwrap().iter().map(|parameter| parameter.to_bits()).collect())
}

#[test]
fn a_subgroup_of_another_size_than_the_kernel_is_for_does_no_step() {
    let gpu = Gpu::headless().unwrap();
    if !gpu.device().features().contains(wgpu::Features::SUBGROUP) {
        return;
    }
    let mlp = Mlp::inputs(2).linear(6).sigmoid().linear(2);
    let config = TrainConfig::default();
    let spec = PersistentSpec::new(&mlp, Loss::SquaredError, 1, false, Work::Train);
    let lanes = gpu.adapter_info().subgroup_max_size;
    let by = |lanes: u32| {
        let source = registers::source(&spec, lanes);
        let kernel = PersistentKernel {
            spec: spec.clone(),
            source,
            workgroup: lanes,
            invocations_per_network: lanes,
            most_steps: 64,
        };
        let (state, parameters) = train(&gpu, &mlp, &config, &kernel);
        (TrainingState::steps(&state), parameters)
    };
    let untrained = mlp.initial_parameters(1).unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
    assert_eq!(by(2 * lanes), (0, untrained));
    assert_eq!(by(lanes).0, 45);
}

/// On a processor a workgroup is one subgroup, which works in step: only a wider one needs its barriers.
#[test]
fn a_workgroup_of_any_width_gives_the_same_bits() {
    let gpu = Gpu::headless().unwrap();
    // Layers of unlike widths, so that an invocation's tiles of one need others' of the layer before.
    let unlike = Mlp::inputs(9).linear(21).bias().sigmoid().linear(13).sigmoid().linear(6).sigmoid();
    for (mlp, batch_size, shuffle) in [
        (unlike.clone(), 13, true),
        (unlike.clone(), 13, false),
        (unlike, 1, false),
        (Mlp::inputs(5).linear(8).bias().sigmoid().linear(9).sigmoid().linear(2).bias(), 6, true),
    ] {
        let config = TrainConfig { batch_size, shuffle, ..TrainConfig::default() };
        let spec = PersistentSpec::new(&mlp, Loss::SquaredError, batch_size as u32, shuffle, Work::Train);
        let runs = [4, 32, 64, 256].map(|invocations| {
            let source = workgroup::kernel(&spec, invocations).source;
            let (workgroup, invocations_per_network) = (invocations, invocations);
            let kernel =
                PersistentKernel { spec: spec.clone(), source, workgroup, invocations_per_network, most_steps: 16 };
            train(&gpu, &mlp, &config, &kernel)
        });
        assert_eq!(TrainingState::steps(&runs[0].0), 45);
        for run in &runs[1..] {
            assert_eq!(*run, runs[0], "{mlp}");
        }
    }
}

/// Each batch's rows and the walks of its positions count into the loops of a dispatch.
#[test]
fn a_dispatchs_loops_are_as_long_as_planned() {
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let mlp = Mlp::inputs(2).linear(1).sigmoid();
    for (batch_size, rows) in [(1, 0), (2, 2), (128, 128), (129, 2 + 129), (16_385, 2 + 129 + 16_385)] {
        let spec = PersistentSpec::new(&mlp, Loss::SquaredError, batch_size, false, Work::Train);
        let fit = Fit { gpu: &gpu, spec: &spec, networks: 1, samples: 30_000, varies: false };
        assert_eq!(fit.iterations(1), 1 + rows, "batch size {batch_size}");
        assert_eq!(fit.iterations(64), 64 * (1 + rows), "batch size {batch_size}");
        // Shuffled, the walks of a batch's positions are added: where samples may come, the longest.
        let shuffled = PersistentSpec { shuffle: true, ..spec.clone() };
        let fit = Fit { spec: &shuffled, ..fit };
        assert_eq!(fit.iterations(1), 1 + rows + walk_iterations(30_000, batch_size.into()));
        let fit = Fit { varies: true, ..fit };
        assert_eq!(fit.iterations(1), 1 + rows + LONGEST_WALK * u64::from(batch_size));
    }
}

#[test]
fn walks_of_a_permutation_are_no_longer_than_planned() {
    for samples in [1, 2, 3, 4, 5, 7, 33, 63, 64, 65, 100, 1_000, 4_097] {
        for epoch in 0..20 {
            let walks = (0..samples)
                .map(|position| u64::from(reference::walk(position, samples, 7, epoch).1))
                .collect::<Vec<_>>();
            let walks = [walks.clone(), walks].concat();
            // Within an epoch, and across its end (into the same order, which is no better).
            for length in [1, 2, samples as usize / 2, samples as usize].into_iter().filter(|&length| length > 0) {
                let longest = walks.windows(length).map(|walks| walks.iter().sum::<u64>()).max().unwrap();
                let planned = walk_iterations(samples, length as u64);
                assert!(longest <= planned, "{length} of {samples}: {longest} iterations, {planned} planned");
            }
        }
    }
    assert_eq!(walk_iterations(4, 8_192), 8_192);
    assert_eq!(walk_iterations(60_000, 16_384), 16_384 + 2 * 5_536);
    assert_eq!(walk_iterations(33_000, 500), 64 * 500);
}

/// What people build: it would be slow for whoever takes two samples instead of one if the sums of gradients cost the plan.
#[test]
fn two_hidden_layers_of_32_stay_in_registers_for_batches_of_any_size() {
    let gpu = Gpu::headless().unwrap();
    // The narrow subgroups of some drivers hold less of it.
    let lanes = gpu.adapter_info().subgroup_min_size;
    if !gpu.is_cpu() || !gpu.device().features().contains(wgpu::Features::SUBGROUP) || lanes < 8 {
        return;
    }
    for bias in [false, true] {
        let layer = |mlp: Mlp, width| if bias { mlp.linear(width).bias() } else { mlp.linear(width) };
        let mlp = layer(layer(layer(Mlp::inputs(2), 32).sigmoid(), 32).sigmoid(), 3).sigmoid();
        for batch_size in (0..=14).map(|bits| 1 << bits) {
            let spec = PersistentSpec::new(&mlp, Loss::SquaredError, batch_size, false, Work::Train);
            let fit = Fit { gpu: &gpu, spec: &spec, networks: 1, samples: 16_384, varies: false };
            let (candidate, _) = fit.choose(Plan::Auto).unwrap();
            let plan = Plan::PersistentSubgroup.name();
            assert!(candidate.description.starts_with(plan), "batches of {batch_size}: {}", candidate.description);
        }
    }
}

/// On a GPU a large batch has work for many workgroups.
#[test]
fn auto_takes_the_layered_plan_where_it_is_estimated_to_be_faster() {
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap().assume_gpu();
    let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
    let network = Network::new(&gpu, &mlp, 1).unwrap();
    let data = Dataset::with_capacity(&gpu, 16_384, 2, 2).unwrap();
    let plan = |batch_size| {
        let config = TrainConfig { batch_size, ..TrainConfig::default() };
        Trainer::new(&network, &data, config).unwrap().plan()
    };
    assert!(plan(1).starts_with("persistent-"), "{}", plan(1));
    let large = plan(16_384);
    assert!(large.starts_with("layered") && large.contains("; not persistent: "), "{large}");
}
