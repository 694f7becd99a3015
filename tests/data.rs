//! Data sets of bytes, split, and growing; classification; rows written to the GPU and read back.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::{self, Matrix, NeuralNetwork, Order};
use wgrad::{
    Activation, BytesConfig, Dataset, Error, Loss, Mlp, Network, Plan, Rows, TrainConfig, Trainer, class_of, kernels,
    wgpu,
};

/// Random bytes.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    uniform(seed, count).iter().map(|value| (value * 256.0) as u8).collect()
}

/// The f32 values that the bytes and classes encode.
fn decoded(config: BytesConfig, inputs: &[u8], classes: &[u8]) -> (Vec<f32>, Vec<f32>) {
    let [low, high] = config.inputs.map(f64::from);
    let [off, on] = config.targets;
    let targets = classes
        .iter()
        .flat_map(|&own| (0..config.classes).map(move |class| if class == usize::from(own) { on } else { off }));
    let inputs = inputs.iter().map(|&byte| (low + (high - low) * f64::from(byte) / 255.0) as f32);
    (inputs.collect(), targets.collect())
}

#[test]
fn bytes_train_as_the_values_that_they_encode() {
    let mut checked = 0;
    // Widths that fill whole u32 words and others; the last case has large tiles.
    for (width, hidden, classes, samples, batch_size, shuffle) in [
        (8, 5, 3, 13, 1, None),
        (5, 7, 4, 13, 4, Some(2)),
        (7, 9, 10, 33, 7, None),
        (1, 3, 1, 5, 2, Some(1)),
        (787, 45, 10, 80, 33, Some(5)),
    ] {
        let config = BytesConfig { classes, inputs: [-0.5, 1.5], targets: [0.1, 0.8] };
        let mlp = Mlp::inputs(width).linear(hidden).bias().sigmoid().linear(classes).sigmoid();
        let inputs = bytes(1, samples * width);
        let labels = (0..samples).map(|sample| (sample * 7 % classes) as u8).collect::<Vec<_>>();
        let (x, t) = decoded(config, &inputs, &labels);
        for plan in [Plan::Plain, Plan::Layered, Plan::Auto] {
            let network = Network::new(gpu(), &mlp, 3).unwrap();
            let data = Dataset::from_bytes(gpu(), samples, &inputs, &labels, config).unwrap();
            assert_eq!(data.samples(), samples);
            let train = TrainConfig {
                batch_size,
                shuffle: shuffle.is_some(),
                seed: shuffle.unwrap_or(0),
                plan,
                ..Default::default()
            };
            let mut trainer = Trainer::new(&network, &data, train.clone()).unwrap();
            let name = if plan == Plan::Plain { "plain" } else { "layered" };
            assert!(trainer.plan().starts_with(name), "{}", trainer.plan());
            record(&mut trainer, 100);
            let order = Order { samples: samples as u32, batch_size: batch_size as u32, shuffle };
            let mut reference = reference_training(&mlp, 3, (&x, &t), order, 0.1);
            reference.train_steps(100).unwrap();
            let what = format!("{mlp} by {batch_size}, {plan}");
            assert_l2(&what, &network.read_parameters().unwrap(), &reference.network.parameters(), 2e-6);
            let loss = reference.loss().unwrap();
            assert_close(&what, &[trainer.read_loss().unwrap().unwrap().loss], &[loss], |_| 1e-5 * loss);
            checked += 1;

            let persistent = TrainConfig { plan: Plan::Persistent, ..train };
            let refused = Trainer::new(&network, &data, persistent).unwrap_err();
            assert!(matches!(&refused, Error::PlanUnavailable { reason, .. } if reason.contains("bytes")), "{refused}");
        }
    }
    assert_eq!(checked, 15);
}

#[test]
fn the_parts_of_a_split_train_as_data_sets_of_their_own() {
    let (inputs, targets) = (normal(1, 2 * 13), common::case::targets(2, 2 * 13));
    let whole = Dataset::from_slices(gpu(), 13, &inputs, &targets).unwrap();
    let (first, second) = whole.split_at(5).unwrap();
    assert_eq!([first.samples(), second.samples()], [5, 8]);
    let (_, last) = second.split_at(7).unwrap();
    for (part, range) in [(first, 0..10), (second, 10..26), (last, 24..26)] {
        let rows = part.samples();
        let alone = Dataset::from_slices(gpu(), rows, &inputs[range.clone()], &targets[range]).unwrap();
        for plan in plans() {
            let [found, expected] = [&part, &alone].map(|data| {
                let network = Network::new(gpu(), &xor_mlp(), 4).unwrap();
                let config = TrainConfig { shuffle: true, seed: 3, plan, ..Default::default() };
                let mut trainer = Trainer::new(&network, data, config).unwrap();
                record(&mut trainer, 20);
                (bits(&network.read_parameters().unwrap()), trainer.read_loss().unwrap().unwrap())
            });
            assert_eq!(found, expected, "{plan}, {rows} rows");
        }
    }
    for at in [0, 13, 14, usize::MAX] {
        let error = whole.split_at(at).unwrap_err();
        assert!(matches!(error, Error::Count { found, least: 1, most: 12, .. } if found == at as u64), "{error:?}");
        assert!(error.to_string().contains("both parts need at least one of the 13 samples"), "{error}");
    }
}

#[test]
fn a_data_set_grows_while_it_is_trained_on() {
    let mlp = xor_mlp();
    let (inputs, targets) = (normal(5, 2 * 12), common::case::targets(6, 2 * 12));
    let rows = |from: usize, to: usize| (&inputs[2 * from..2 * to], &targets[2 * from..2 * to]);
    for plan in plans() {
        let data = Dataset::with_capacity(gpu(), 12, 2, 2).unwrap();
        let network = Network::new(gpu(), &mlp, 7).unwrap();
        let config = TrainConfig { batch_size: 3, plan, ..Default::default() };
        let mut trainer = Trainer::new(&network, &data, config).unwrap();
        // Without samples nothing is trained.
        record(&mut trainer, 5);
        assert_eq!((trainer.read_loss().unwrap(), trainer.steps_per_epoch()), (None, 0), "{plan}");
        trainer.train(3, |_| ()).unwrap();

        let mut reference = NeuralNetwork::from_parameters(&mlp, &mlp.initial_parameters(7).unwrap()).unwrap();
        let mut train = |batches: &[std::ops::Range<usize>]| {
            for batch in batches {
                let (x, t) = rows(batch.start, batch.end);
                let [x, t] = [x, t].map(|values| Matrix::from_f32(batch.len(), 2, values).unwrap());
                reference.train_step(&x, &t, f64::from(0.1f32)).unwrap();
            }
            reference.parameters()
        };
        let write = |from, to| {
            let (x, t) = rows(from, to);
            data.write_rows(from, x, t).unwrap();
        };
        let mut expect = |steps, weights: Vec<f64>| {
            record(&mut trainer, steps);
            assert_l2(&plan.to_string(), &network.read_parameters().unwrap(), &weights, 2e-6);
        };
        // The first batch has one sample; full batches follow, to the epoch's end and beyond.
        write(0, 5);
        expect(4, train(&[0..1, 1..4, 4..5, 0..3]));
        // The epoch's second batch was planned to end with the fifth sample; added samples come after it.
        write(5, 9);
        assert_eq!(data.samples(), 9);
        expect(3, train(&[3..5, 5..8, 8..9]));
        // Rows can be overwritten.
        data.write_rows(1, rows(10, 12).0, rows(10, 12).1).unwrap();
        data.write_rows(1, rows(1, 3).0, rows(1, 3).1).unwrap();
        write(9, 12);
        expect(8, train(&[0..3, 3..6, 6..9, 9..12, 0..3, 3..6, 6..9, 9..12]));
        let report = trainer.read_loss().unwrap().unwrap();
        assert_eq!((report.step, report.epoch, trainer.steps_per_epoch()), (15, 4, 4), "{plan}");
        assert!(report.loss > 0.0);
    }
}

#[test]
fn an_apps_buffers_fill_while_they_are_trained_on() {
    let (inputs, targets) = (normal(5, 2 * 12), common::case::targets(6, 2 * 12));
    for (plan, shuffle) in plans().into_iter().flat_map(|plan| [(plan, false), (plan, true)]) {
        let buffers = [(); 2].map(|()| buffer_of(gpu(), &[POISON; 24]));
        let [x, t] = [&buffers[0], &buffers[1]].map(|buffer| Rows::new(buffer, 2));
        let theirs = Dataset::from_buffers(gpu(), x, t).unwrap().with_samples(0).unwrap();
        let ours = Dataset::with_capacity(gpu(), 12, 2, 2).unwrap();
        assert_eq!(theirs.samples(), 0);
        let config = TrainConfig { batch_size: 3, plan, shuffle, ..Default::default() };
        let mut trained = [&theirs, &ours].map(|data| {
            let network = Network::new(gpu(), &xor_mlp(), 7).unwrap();
            let trainer = Trainer::new(&network, data, config.clone()).unwrap();
            (network, trainer)
        });
        for range in [0..5, 5..6, 6..12] {
            let (x, t) = (&inputs[2 * range.start..2 * range.end], &targets[2 * range.start..2 * range.end]);
            for (buffer, values) in buffers.iter().zip([x, t]) {
                gpu().queue().write_buffer(buffer, 8 * range.start as u64, bytemuck::cast_slice(values));
            }
            theirs.write_samples(range.end).unwrap();
            ours.write_rows(range.start, x, t).unwrap();
            assert_eq!(theirs.samples(), range.end);
            let [found, expected] = trained.each_mut().map(|(network, trainer)| {
                record(trainer, 7);
                bits(&network.read_parameters().unwrap())
            });
            assert!(found == expected && !found.iter().any(|&word| f32::from_bits(word).is_nan()), "{plan}, {range:?}");
        }
        let [found, expected] = trained.each_mut().map(|(_, trainer)| trainer.read_loss().unwrap().unwrap());
        assert_eq!(found, expected, "{plan}");
    }
}

#[test]
fn rows_are_written_at_any_offset_and_stride_of_the_apps_buffers() {
    let (x, t) = (normal(11, 5 * 3), normal(12, 5 * 2));
    for layout in [Layout::Dense, Layout::Scattered, Layout::Spaced] {
        let inputs = Placed::new(gpu(), layout, 5, 3, None);
        let targets = Placed::new(gpu(), layout, 5, 2, None);
        let data = Dataset::from_buffers(gpu(), inputs.rows.clone(), targets.rows.clone()).unwrap();
        let data = data.with_samples(0).unwrap();
        data.write_rows(0, &x[..9], &t[..6]).unwrap();
        data.write_rows(3, &x[9..], &t[6..]).unwrap();
        assert_eq!((inputs.read(gpu()), targets.read(gpu())), (x.clone(), t.clone()), "{layout:?}");
    }
}

#[test]
fn a_network_classifies_as_the_reference_does() {
    for (seed, classes, samples) in [(1, 3, 600), (2, 1, 255), (3, 10, 257), (4, 2, 1)] {
        let mlp = Mlp::inputs(5).linear(8).bias().sigmoid().linear(classes).sigmoid();
        let network = Network::new(gpu(), &mlp, seed).unwrap();
        let x = normal(seed, 5 * samples);
        let t = uniform(seed + 1, classes * samples);
        let data = Dataset::from_slices(gpu(), samples, &x, &t).unwrap();
        let found = network.classify(&data, Loss::SquaredError).unwrap();
        // `class_of` gives the same counts, row by row.
        let mut row_by_row = vec![0.0; found.classes() * found.classes()];
        for (y, t) in network.predict(&x).unwrap().chunks(classes).zip(t.chunks(classes)) {
            row_by_row[class_of(t) * found.classes() + class_of(y)] += 1.0;
        }

        let mut reference = NeuralNetwork::from_parameters(&mlp, &mlp.initial_parameters(seed).unwrap()).unwrap();
        let y = reference.forward(&Matrix::from_f32(samples, 5, &x).unwrap()).unwrap();
        let t = Matrix::from_f32(samples, classes, &t).unwrap();
        let expected = reference::confusion(&y, &t, 0.5).unwrap();
        assert_eq!(found.classes(), classes.max(2));
        let counts =
            (0..found.classes()).flat_map(|actual| (0..found.classes()).map(move |predicted| (actual, predicted)));
        let counts = counts.map(|(actual, predicted)| found.count(actual, predicted) as f64).collect::<Vec<_>>();
        assert_eq!(counts, expected.as_slice(), "{mlp}");
        assert_eq!(counts, row_by_row, "{mlp}");
        assert_eq!(found.samples(), samples as u64);
        let right = (0..found.classes()).map(|class| found.count(class, class)).sum::<u64>();
        assert_eq!(found.accuracy(), right as f64 / samples as f64);
        assert_eq!(found.count(classes + 7, 0), 0);
        let loss = reference::loss(Loss::SquaredError, Activation::Identity, &y, &t).unwrap().0 / samples as f64;
        assert_close("loss", &[found.loss()], &[loss], |_| 1e-5 * loss);
        assert_close("loss", &network.evaluate(&data, Loss::SquaredError).unwrap(), &[loss], |_| 1e-5 * loss);
    }
    // With bytes the labels are the classes.
    let mlp = Mlp::inputs(6).linear(4).sigmoid();
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let labels = [3, 0, 1, 1, 2, 3, 3];
    let config = BytesConfig { classes: 4, ..Default::default() };
    let data = Dataset::from_bytes(gpu(), 7, &bytes(9, 42), &labels, config).unwrap();
    let found = network.classify(&data, Loss::SquaredError).unwrap();
    let actual =
        (0..4).map(|actual| (0..4).map(|predicted| found.count(actual, predicted)).sum::<u64>()).collect::<Vec<_>>();
    assert_eq!(actual, [1, 2, 1, 3]);
    let population = Network::population(gpu(), &mlp, 2, 1).unwrap();
    assert!(matches!(
        population.classify(&data, Loss::SquaredError),
        Err(Error::Count { found: 2, least: 1, most: 1, .. })
    ));
}

#[test]
fn rows_are_read_back_unchanged_in_every_layout() {
    for (height, width) in [(1, 1), (1, 7), (3, 1), (5, 4), (33, 30)] {
        let values = normal(1, height * width);
        let rows = Rows::from_slice(gpu(), width, &values).unwrap();
        assert_eq!(rows.read(gpu()).unwrap(), values, "{height} rows of {width}");
        assert_eq!((rows.shape().rows, rows.shape().columns), (height as u64, width as u64));
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        assert_eq!(rows.buffer().usage(), usage);
        for layout in [Layout::Dense, Layout::Scattered, Layout::Spaced] {
            // Poison surrounds the rows and fills the gaps.
            let placed = Placed::new(gpu(), layout, height, width, Some(&values));
            assert_eq!(placed.rows.read(gpu()).unwrap(), values, "{height} rows of {width}, {layout:?}");
        }
    }
    // Two columns of a table: the last row ends before its stride does. Kernels take them too.
    let table = Rows::from_slice(gpu(), 1, &[9.0, 1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 5.0, 6.0]).unwrap();
    let columns = Rows::new(table.buffer(), 2).offset(4).stride(12);
    assert_eq!(columns.read(gpu()).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let y = Rows::from_slice(gpu(), 2, &[0.0; 6]).unwrap();
    run(gpu(), &[kernels::activation(gpu(), Activation::Sigmoid, &columns, &y).unwrap()]);
    let x = Matrix::from_f32(3, 2, &columns.read(gpu()).unwrap()).unwrap();
    assert_close("sigmoid", &y.read(gpu()).unwrap(), reference::activation(Activation::Sigmoid, &x).as_slice(), |_| {
        5e-7
    });
}

/// More than is uploaded at a time.
#[test]
fn many_rows_come_back_too() {
    let values = (0..1_500_000).map(|i| i as f32).collect::<Vec<_>>();
    assert!(Rows::from_slice(gpu(), 1_500, &values).unwrap().read(gpu()).unwrap() == values);
}

#[test]
fn the_memory_that_training_takes_is_what_it_says() {
    // 10,000 digits, as bytes: the data set is nearly all.
    let mlp = Mlp::inputs(784).linear(200).sigmoid().linear(10).sigmoid();
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let data = Dataset::from_bytes(gpu(), 10_000, &bytes(1, 7_840_000), &[7; 10_000], BytesConfig::default()).unwrap();
    let trainer = Trainer::new(&network, &data, TrainConfig { batch_size: 64, ..Default::default() }).unwrap();
    let memory = trainer.memory();
    assert_eq!((memory.data, memory.parameters), (10_000 * (784 + 4), 4 * 158_800));
    // The hidden layer's outputs and gradients, and the outputs' gradients.
    let activations = 4 * 64 * (200 + 200 + 12);
    assert!((activations..activations * 11 / 10).contains(&memory.batch), "{memory:?}");
    assert_eq!(memory.total(), memory.data + memory.parameters + memory.batch);
}

#[test]
fn a_data_set_shrinks_while_it_is_trained_on() {
    let mlp = xor_mlp();
    let (inputs, targets) = (normal(5, 2 * 12), common::case::targets(6, 2 * 12));
    for plan in plans() {
        let data = Dataset::with_capacity(gpu(), 12, 2, 2).unwrap();
        data.write_rows(0, &inputs, &targets).unwrap();
        let network = Network::new(gpu(), &mlp, 7).unwrap();
        let config = TrainConfig { batch_size: 3, plan, ..Default::default() };
        let mut trainer = Trainer::new(&network, &data, config).unwrap();
        let mut reference = NeuralNetwork::from_parameters(&mlp, &mlp.initial_parameters(7).unwrap()).unwrap();
        // Trains these batches, and returns the reference's loss of each.
        let mut expect = |trainer: &mut Trainer, batches: &[std::ops::Range<usize>]| {
            let mut losses = Vec::new();
            for batch in batches {
                let rows = 2 * batch.start..2 * batch.end;
                let [x, t] = [&inputs, &targets].map(|values| &values[rows.clone()]);
                let [x, t] = [x, t].map(|values| Matrix::from_f32(batch.len(), 2, values).unwrap());
                losses.push(reference.train_step(&x, &t, f64::from(0.1f32)).unwrap());
            }
            record(trainer, batches.len() as u64);
            assert_l2(&plan.to_string(), &network.read_parameters().unwrap(), &reference.parameters(), 2e-6);
            losses
        };
        expect(&mut trainer, &[0..3, 3..6]);
        // The next batch, 6..9, is cut, and the epoch ends there.
        data.write_samples(8).unwrap();
        assert_eq!((data.samples(), trainer.steps_per_epoch()), (8, 3));
        let losses = expect(&mut trainer, &[6..8, 0..3, 3..6]);
        // The next batch, 6..8, is gone: the next epoch begins, and the one that is over has the mean of its six samples.
        let before = trainer.read_loss().unwrap().unwrap();
        data.write_samples(5).unwrap();
        expect(&mut trainer, std::slice::from_ref(&(0..3)));
        let report = trainer.read_loss().unwrap().unwrap();
        assert_eq!([before.epoch, report.epoch], [1, 2], "{plan}");
        assert!(report.loss.is_finite() && report.loss != before.loss, "{plan}: {report:?}");
        let mean = (losses[1] + losses[2]) / 2.0;
        assert_close(&plan.to_string(), &[report.loss], &[mean], |_| 1e-5 * mean);
        // It grows again, as after any other growth.
        data.write_samples(12).unwrap();
        expect(&mut trainer, &[3..5, 5..8, 8..11, 11..12, 0..3]);
        // A recording that is never submitted takes nothing with it.
        data.write_samples(2).unwrap();
        let mut encoder = gpu().device().create_command_encoder(&Default::default());
        trainer.record_steps(&mut encoder, 4);
        drop(encoder);
        expect(&mut trainer, &[0..2, 0..2, 0..2]);
    }
}

#[test]
fn each_network_of_a_population_is_fitted_to_fewer_samples() {
    let (inputs, targets) = (normal(5, 2 * 12), common::case::targets(6, 2 * 12));
    let plan = Plan::PersistentInvocation;
    for shuffle in [false, true] {
        let data = Dataset::from_slices(gpu(), 12, &inputs, &targets).unwrap().with_samples(12).unwrap();
        let population = Network::population(gpu(), &xor_mlp(), 70, 7).unwrap();
        let alone = Network::new(gpu(), &xor_mlp(), 7 + 69).unwrap();
        let config = TrainConfig { batch_size: 2, shuffle, plan, ..Default::default() };
        let mut trainers = [&population, &alone].map(|network| Trainer::new(network, &data, config.clone()).unwrap());
        trainers.iter_mut().for_each(|trainer| record(trainer, 3));
        // The next batch, 6..8, is gone.
        data.write_samples(3).unwrap();
        trainers.iter_mut().for_each(|trainer| record(trainer, 9));
        let [found, expected] =
            [&population.extract(69).unwrap(), &alone].map(|network| bits(&network.read_parameters().unwrap()));
        assert_eq!(found, expected, "shuffle {shuffle}");
        let epochs = trainers.map(|mut trainer| trainer.read_losses().unwrap().last().unwrap().epoch);
        assert_eq!(epochs, [1 + 4, 1 + 4], "shuffle {shuffle}: nine batches of 2 and 1");
    }
}

#[test]
fn what_cannot_be_fewer_is_refused() {
    let fixed = Dataset::from_slices(gpu(), 3, &[0.0; 6], &[0.0; 3]).unwrap();
    let varying = fixed.with_samples(3).unwrap();
    for (data, samples) in [(&fixed, 2), (&fixed, 4), (&varying, 0), (&varying, 4)] {
        let refused = data.write_samples(samples).unwrap_err();
        assert!(matches!(&refused, Error::Count { found, .. } if *found == samples as u64), "{refused:?}");
        assert_eq!(data.samples(), 3);
    }
    varying.write_samples(1).unwrap();
    assert_eq!((fixed.samples(), varying.samples()), (3, 1));
}
