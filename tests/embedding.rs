//! Inside an app: on its device, in its encoder, on its buffers; nothing is created, submitted or waited for without
//! it.

mod common;
#[path = "embedding/frames.rs"]
mod frames;
#[path = "embedding/lost_device.rs"]
mod lost_device;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use wgrad::{Dataset, Error, Gpu, Network, Plan, Rows, TrainConfig, Trainer, wgpu};

/// A device that an app requests at the default limits, without features.
fn app_device() -> (wgpu::Device, wgpu::Queue) {
    app_device_with(wgpu::Features::empty())
}

/// The same with those of these features that the adapter has.
fn app_device_with(features: wgpu::Features) -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).expect("the tests need an adapter");
    let required_features = features & adapter.features();
    let descriptor = wgpu::DeviceDescriptor { required_features, ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).expect("a device at the default limits")
}

fn xor_trainer(gpu: &Gpu) -> (Network, Trainer) {
    let network = Network::new(gpu, &xor_mlp(), 1).unwrap();
    let data = Dataset::new(gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    (network, trainer)
}

#[test]
fn trains_on_the_apps_buffers_in_the_apps_encoder() {
    let (device, queue) = app_device();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    // A vertex has 5 values: inputs at index 1 and 2, targets at index 3 and 4.
    let vertices =
        XOR_INPUTS.iter().zip(&XOR_TARGETS).flat_map(|(x, t)| [9.0, x[0], x[1], t[0], t[1]]).map(f32::to_bits);
    let vertices = buffer_of(&gpu, &vertices.collect::<Vec<_>>());
    let points = Rows::new(&vertices, 2).offset(4).stride(20);
    let classes = Rows::new(&vertices, 2).offset(12).stride(20);
    let output = buffer_of(&gpu, &[POISON; 8]);

    let network = Network::new(&gpu, &xor_mlp(), 1).unwrap();
    let data = Dataset::from_buffers(&gpu, points.clone(), classes).unwrap();
    assert_eq!(data.samples(), 4);
    let forward = network.forward(&points, &Rows::new(&output, 2)).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    let mut encoder = device.create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 500);
    forward.record(&mut encoder);
    queue.submit([encoder.finish()]);

    let (same, mut same_trainer) = xor_trainer(&gpu);
    submit(&gpu, |encoder| same_trainer.record_steps(encoder, 500));
    assert_eq!(network.read_parameters().unwrap(), same.read_parameters().unwrap());
    let y = words_of(&gpu, &output).into_iter().map(f32::from_bits).collect::<Vec<_>>();
    assert_eq!(y, same.predict(XOR_INPUTS.as_flattened()).unwrap());
}

#[test]
fn a_device_of_our_own_has_the_default_limits_and_no_feature_but_subgroups() {
    let device = gpu().device();
    assert_eq!(device.limits(), wgpu::Limits::default());
    assert!(wgpu::Features::SUBGROUP.contains(device.features()));
}

#[test]
fn a_step_creates_no_gpu_object() {
    for features in [wgpu::Features::empty(), wgpu::Features::TIMESTAMP_QUERY] {
        records_without_creating(app_device_with(features));
    }
}

fn records_without_creating((device, queue): (wgpu::Device, wgpu::Queue)) {
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    // Two counts: the crate's own of objects created, and wgpu's of objects that the driver holds.
    let count = || {
        let counters = device.get_internal_counters().hal;
        let driver =
            [&counters.buffers, &counters.bind_groups, &counters.bind_group_layouts, &counters.pipeline_layouts]
                .into_iter()
                .chain([&counters.compute_pipelines, &counters.shader_modules, &counters.query_sets])
                .map(|counter| counter.read())
                .sum::<isize>();
        (gpu.created_objects(), driver)
    };
    let before = count();
    let (network, mut trainer) = xor_trainer(&gpu);
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let config = TrainConfig { plan: Plan::Layered, ..Default::default() };
    let mut layered = Trainer::new(&network, &data, config).unwrap();
    let [input, output] = [1, 2].map(|seed| buffer_of(&gpu, bytemuck::cast_slice(&normal(seed, 8))));
    let forward = network.forward(&Rows::new(&input, 2), &Rows::new(&output, 2)).unwrap();
    let backward = forward.backward(&Rows::new(&input, 2), None).unwrap();
    network.read_parameters().unwrap();
    let created = count();
    assert!(created.0 > before.0 + 20 && created.1 > before.1 + 20, "both counts can rise: {before:?}, {created:?}");

    let mut encoder = device.create_command_encoder(&Default::default());
    for steps in [1, 9, 90, 900] {
        trainer.record_steps(&mut encoder, steps);
        layered.record_steps(&mut encoder, steps);
        forward.record(&mut encoder);
        backward.record(&mut encoder);
    }
    trainer.record_steps(&mut encoder, 0);
    assert_eq!(count(), created);
    queue.submit([encoder.finish()]);
    assert_eq!(trainer.read_loss().unwrap().unwrap().step, 1_000);
    assert_eq!(count().0, created.0 + 1, "the blocking read makes its staging buffer");
    assert_eq!(layered.read_loss().unwrap().unwrap().step, 1_000);
}

#[test]
fn losses_arrive_without_waiting_and_recording_nothing_gives_none() {
    let (device, queue) = app_device();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (_, mut trainer) = xor_trainer(&gpu);
    assert_eq!(trainer.latest_loss().unwrap(), None);
    let mut latest = 0;
    let mut encoder = device.create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 0);
    queue.submit([encoder.finish()]);
    for frame in 1..=50 {
        submit(&gpu, |encoder| trainer.record_steps(encoder, 4));
        assert_eq!(trainer.steps_per_epoch(), 4);
        if let Some(report) = trainer.latest_loss().unwrap() {
            assert!(latest <= report.step && report.step <= frame * 4, "{report:?} in frame {frame}");
            latest = report.step;
        }
    }
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let report = trainer.latest_loss().unwrap().expect("all submissions are done");
    // The last frames may have found no free slot, but the reports in the slots arrived.
    assert!(report.step >= 16, "{report:?}");
    submit(&gpu, |encoder| trainer.record_steps(encoder, 4));
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    assert_eq!(trainer.latest_loss().unwrap().unwrap().step, 204);
}

#[test]
fn steps_within_grows_to_the_frames_time() {
    for features in [wgpu::Features::empty(), wgpu::Features::TIMESTAMP_QUERY] {
        let (device, queue) = app_device_with(features);
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        let (_, mut trainer) = xor_trainer(&gpu);
        // No step has been timed; neither calls nor dropped encoders time one.
        let minute = Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(trainer.steps_within(minute), Ok(1));
            trainer.record_steps(&mut device.create_command_encoder(&Default::default()), 1_000);
            device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        }
        let objects = gpu.created_objects();
        let (mut steps, mut recorded) = (0, 0);
        for frame in 0..5 {
            let before = steps;
            steps = trainer.steps_within(minute).unwrap();
            // A minute allows the largest growth: eight times the steps before.
            assert_eq!(steps, (8 * before).max(1), "{features:?}, frame {frame}");
            submit(&gpu, |encoder| trainer.record_steps(encoder, steps));
            recorded += steps;
            device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        }
        // The smallest budget gets one step, no budget none.
        assert_eq!(trainer.steps_within(Duration::from_nanos(1)), Ok(1));
        assert_eq!(trainer.steps_within(Duration::ZERO), Ok(0));
        assert_eq!(gpu.created_objects(), objects);
        // Timing the steps has lost no loss report.
        assert_eq!(trainer.latest_loss().unwrap().unwrap().step, recorded);
        device.destroy();
        assert!(matches!(trainer.steps_within(minute), Err(Error::DeviceLost { .. })));
    }
}

#[test]
fn timestamps_separate_the_training_from_the_rest_of_a_frame() {
    let (device, queue) = app_device_with(wgpu::Features::TIMESTAMP_QUERY);
    if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return say("the adapter has no timestamps: not tested");
    }
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (_, mut trainer) = xor_trainer(&gpu);
    // Steps take microseconds; their completion is noticed 30 ms later.
    let late = Duration::from_millis(30);
    for _ in 0..12 {
        let steps = trainer.steps_within(late).unwrap();
        submit(&gpu, |encoder| trainer.record_steps(encoder, steps.min(64)));
        std::thread::sleep(late);
    }
    // By the time until completion was noticed, 30 ms would be 64 steps.
    let steps = trainer.steps_within(late).unwrap();
    assert!(steps > 128, "{steps}");
}

#[test]
fn several_trainers_and_networks_share_a_device_and_an_encoder() {
    let (device, queue) = app_device();
    device.on_uncaptured_error(Arc::new(|error| panic!("the app's handler was given {error}")));
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let train = |plan, seed| {
        let network = Network::new(&gpu, &xor_mlp(), seed).unwrap();
        let config = TrainConfig { plan, ..Default::default() };
        let trainer = Trainer::new(&network, &data, config).unwrap();
        (network, trainer)
    };
    let alone = [(Plan::Persistent, 1), (Plan::Layered, 2)].map(|(plan, seed)| {
        let (network, mut trainer) = train(plan, seed);
        for steps in [3, 40, 1] {
            submit(&gpu, |encoder| trainer.record_steps(encoder, steps));
        }
        (network.read_parameters().unwrap(), network.predict(XOR_INPUTS.as_flattened()).unwrap())
    });

    let [(first, mut first_trainer), (second, mut second_trainer)] =
        [train(Plan::Persistent, 1), train(Plan::Layered, 2)];
    let third = Network::new(&gpu, &xor_mlp(), 3).unwrap();
    let untouched = third.read_parameters().unwrap();
    let input = buffer_of(&gpu, bytemuck::cast_slice(XOR_INPUTS.as_flattened()));
    let networks = [&first, &second, &third];
    let outputs = networks.map(|_| buffer_of(&gpu, &[POISON; 8]));
    let passes = [0, 1, 2].map(|i| networks[i].forward(&Rows::new(&input, 2), &Rows::new(&outputs[i], 2)).unwrap());
    for steps in [3, 40, 1] {
        submit(&gpu, |encoder| {
            first_trainer.record_steps(encoder, steps);
            passes[2].record(encoder);
            second_trainer.record_steps(encoder, steps);
            passes[0].record(encoder);
            passes[1].record(encoder);
        });
    }
    let answers = outputs.map(|output| words_of(&gpu, &output).into_iter().map(f32::from_bits).collect::<Vec<_>>());
    for (i, (parameters, outputs)) in alone.iter().enumerate() {
        assert_eq!((&networks[i].read_parameters().unwrap(), &answers[i]), (parameters, outputs), "network {i}");
    }
    assert_eq!(third.read_parameters().unwrap(), untouched);
    assert_eq!(answers[2], third.predict(XOR_INPUTS.as_flattened()).unwrap());
    for trainer in [&mut first_trainer, &mut second_trainer] {
        assert_eq!(trainer.latest_loss().unwrap().unwrap().step, 44);
    }
}

#[test]
fn an_encoder_that_the_app_drops_loses_nothing() {
    let (device, _queue) = app_device_with(wgpu::Features::TIMESTAMP_QUERY);
    let gpu = Gpu::from_wgpu(&device, &_queue).unwrap();
    let (network, mut trainer) = xor_trainer(&gpu);
    let parameters = network.read_parameters().unwrap();
    for i in 0..20 {
        let mut encoder = device.create_command_encoder(&Default::default());
        trainer.record_steps(&mut encoder, 5);
        if i % 2 == 0 {
            drop(encoder.finish());
        }
    }
    assert_eq!(trainer.latest_loss().unwrap(), None);
    assert_eq!(network.read_parameters().unwrap(), parameters);
    // Every slot of the readback is free again: the next report arrives.
    submit(&gpu, |encoder| trainer.record_steps(encoder, 3));
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    assert_eq!(trainer.latest_loss().unwrap().unwrap().step, 3);
}

#[test]
fn handles_move_between_threads() {
    let (device, queue) = app_device();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (network, mut trainer) = xor_trainer(&gpu);
    let painter = network.clone();
    let trained = std::thread::spawn(move || trainer.train(20, |_| ()).map(|()| trainer)).join().unwrap().unwrap();
    assert_eq!(painter.predict(&[0.0, 1.0]).unwrap().len(), 2);

    // Networks trained at the same time on one queue have the same bits as trained one after the other.
    let train = |seed| {
        let network = Network::new(&gpu, &xor_mlp(), seed).unwrap();
        let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
        Trainer::new(&network, &data, TrainConfig::default()).unwrap().train(20, |_| ()).unwrap();
        network.read_parameters().unwrap()
    };
    let together = std::thread::scope(|scope| {
        let threads = [1, 2, 3].map(|seed| scope.spawn(move || train(seed)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(together, [1, 2, 3].map(train));
    assert_eq!(together[0], network.read_parameters().unwrap());
    drop(trained);
}

#[test]
fn resources_dropped_in_flight_are_not_freed_early() {
    let (device, queue) = app_device();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (network, mut trainer) = xor_trainer(&gpu);
    submit(&gpu, |encoder| trainer.record_steps(encoder, 300));
    drop(trainer);
    let after_drop = network.read_parameters().unwrap();
    let (same, mut same_trainer) = xor_trainer(&gpu);
    submit(&gpu, |encoder| same_trainer.record_steps(encoder, 300));
    assert_eq!(after_drop, same.read_parameters().unwrap());
}

#[test]
fn a_submission_that_wgpu_refuses_is_reported_once_and_training_continues() {
    let (device, queue) = app_device_with(wgpu::Features::TIMESTAMP_QUERY);
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (_, mut trainer) = xor_trainer(&gpu);
    submit(&gpu, |encoder| trainer.record_steps(encoder, 5));
    assert_eq!(trainer.read_loss().unwrap().unwrap().step, 5);

    let steps = trainer.steps_within(Duration::from_secs(60)).unwrap();

    // The app's mistake, in the encoder with the training steps: it destroys a buffer before the submission.
    let [from, to] = [buffer_of(&gpu, &[0; 4]), buffer_of(&gpu, &[0; 4])];
    let mut encoder = device.create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 500);
    encoder.copy_buffer_to_buffer(&from, 0, &to, 0, 16);
    from.destroy();
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    queue.submit([encoder.finish()]);
    assert!(pollster::block_on(scope.pop()).is_some());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();

    let error = trainer.latest_loss().unwrap_err();
    assert!(matches!(error, Error::WorkDropped { expected: 505, found: 5, .. }), "{error}");
    // Dropped steps are not timed: the next frame gets as many as before.
    assert_eq!(trainer.steps_within(Duration::from_secs(60)), Ok(steps));
    submit(&gpu, |encoder| trainer.record_steps(encoder, 5));
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    assert_eq!(trainer.latest_loss().unwrap().unwrap().step, 10);
    trainer.train(1, |_| ()).unwrap();
}

#[test]
fn a_data_set_whose_buffer_the_app_destroyed_is_refused() {
    let (device, queue) = app_device();
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let [inputs, targets] = [1, 2].map(|seed| buffer_of(&gpu, bytemuck::cast_slice(&normal(seed, 8))));
    let data = Dataset::from_buffers(&gpu, Rows::new(&inputs, 2), Rows::new(&targets, 2)).unwrap();
    let network = Network::new(&gpu, &xor_mlp(), 1).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    inputs.destroy();
    let error = trainer.train(1, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Buffer { problem: wgrad::BufferProblem::Refused { .. }, .. }), "{error}");
}

#[test]
fn every_label_starts_with_the_crates_name() {
    let (device, queue) = app_device_with(wgpu::Features::TIMESTAMP_QUERY);
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (network, mut trainer) = xor_trainer(&gpu);
    trainer.train(1, |_| ()).unwrap();
    network.read_parameters().unwrap();
    // The allocator, where there is one, lists the buffers' labels.
    let Some(report) = device.generate_allocator_report() else { return };
    let names = report.allocations.iter().map(|allocation| allocation.name.as_str());
    let (wgpus, ours) = names.partition::<Vec<_>, _>(|name| name.starts_with("(wgpu internal)"));
    assert!(ours.len() > 20, "{ours:?}, {wgpus:?}");
    assert!(ours.iter().all(|name| name.starts_with("wgrad ")), "{ours:?}");
}
