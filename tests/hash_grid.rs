//! The hash grid: values and gradients agree with the reference, training too, and every run has the same bits.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::{self, Matrix, NeuralNetwork, Order};
use wgrad::{Dataset, Error, HashGrid, Mlp, Network, Optimizer, Plan, TrainConfig, Trainer};

/// Small grids, with dense levels and hashed ones.
fn grids() -> Vec<(HashGrid, usize)> {
    let grid = |levels, features, table_log2, base_resolution, per_level_scale, smoothstep| HashGrid {
        levels,
        features,
        table_log2,
        base_resolution,
        per_level_scale,
        smoothstep,
    };
    vec![
        (grid(4, 2, 6, 4, 1.5, false), 2),
        (grid(3, 1, 12, 16, 2.0, true), 2),
        (grid(5, 4, 8, 3, 1.7, false), 2),
        (grid(2, 8, 5, 2, 3.0, true), 3),
        (grid(6, 2, 7, 4, 1.4, false), 3),
        (grid(1, 1, 3, 2, 1.0, false), 3),
        // No level that fits in workgroup memory.
        (grid(2, 4, 10, 24, 1.5, false), 3),
    ]
}

fn matrix(rows: usize, columns: usize, values: &[f32]) -> Matrix {
    Matrix::from_f32(rows, columns, values).unwrap()
}

/// Points between the edges, on them, and outside.
fn points(rows: usize, inputs: usize) -> Vec<f32> {
    let edges = [0.0, 1.0, 0.5, -0.2, 1.3, 0.25, 1e-20, 1.0 - f32::EPSILON];
    edges.into_iter().chain(uniform(5, rows * inputs)).take(rows * inputs).collect()
}

/// A network whose outputs are the grid's values: its layer is the identity.
fn values_of(grid: HashGrid, inputs: usize, seed: u64) -> (Mlp, Vec<f32>) {
    let width = (grid.levels * grid.features) as usize;
    let mlp = Mlp::inputs(inputs).hash_grid(grid).linear(width);
    let mut parameters = normal(seed, mlp.parameter_count());
    let layer = mlp.grid_range().end;
    for (i, w) in parameters[layer..].iter_mut().enumerate() {
        *w = f32::from(i / width == i % width);
    }
    (mlp, parameters)
}

#[test]
fn values_and_gradients_agree_with_the_reference() {
    for (seed, (grid, inputs)) in (0..).zip(grids()) {
        for (layout, rows) in [(Layout::Dense, 1), (Layout::Scattered, 67), (Layout::Dense, 300)] {
            let (mlp, parameters) = values_of(grid, inputs, seed);
            let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
            let (x, width) = (points(rows, inputs), mlp.output_width());
            let d = normal(9, rows * width);
            let input = Placed::new(gpu(), layout, rows, inputs, Some(&x));
            let d_output = Placed::new(gpu(), layout, rows, width, Some(&d));
            let [y, d_x] = [width, inputs].map(|width| Placed::new(gpu(), layout, rows, width, None));
            let forward = network.forward(&input.rows, &y.rows).unwrap();
            let backward = forward.backward(&d_output.rows, Some(&d_x.rows)).unwrap();
            let poison = vec![POISON; backward.d_parameters().size() as usize / 4];
            gpu().queue().write_buffer(backward.d_parameters(), 0, bytemuck::cast_slice(&poison));
            submit(gpu(), |encoder| {
                forward.record(encoder);
                backward.record(encoder);
            });
            let what = format!("{mlp}, {rows} rows");
            let mut reference = NeuralNetwork::from_parameters(&mlp, &parameters).unwrap();
            let expected = reference.forward(&matrix(rows, inputs, &x)).unwrap();
            assert_close(&what, &y.read(gpu()), expected.as_slice(), |_| 4e-6);
            let expected_d_x = reference.backward(&matrix(rows, width, &d)).unwrap();
            assert_l2(&format!("{what}, d_x"), &d_x.read(gpu()), expected_d_x.as_slice(), 2e-6);
            let found = backward.read_d_parameters().unwrap();
            let range = mlp.grid_range();
            let expected = &reference.d_parameters()[range.clone()];
            assert_l2(&format!("{what}, gradient"), &found[range.clone()], expected, 1e-6);
            // What no point touches has no gradient at all.
            let zeros = |values: &mut dyn Iterator<Item = bool>| values.filter(|is_zero| *is_zero).count();
            let found_zeros = zeros(&mut found[range].iter().map(|&g| g == 0.0));
            assert_eq!(found_zeros, zeros(&mut expected.iter().map(|&g| g == 0.0)), "{what}");
        }
    }
}

#[test]
fn the_references_gradients_agree_with_central_differences() {
    const H: f64 = 1.0 / 4_096.0;
    let (mut compared, mut compared_points) = (0, 0);
    for (grid, inputs) in grids() {
        let entries = Mlp::inputs(inputs).hash_grid(grid).linear(1).grid_range().len() / grid.features as usize;
        let table = matrix(entries, grid.features as usize, &normal(3, entries * grid.features as usize));
        let x = matrix(5, inputs, &uniform(4, 5 * inputs));
        let d =
            matrix(5, (grid.levels * grid.features) as usize, &normal(5, 5 * (grid.levels * grid.features) as usize));
        let [d_x, d_table] = reference::encode_grid_backward(&grid, &table, &x, &d).unwrap();
        let loss = |table: &Matrix, x: &Matrix| {
            let e = reference::encode_grid(&grid, table, x).unwrap();
            e.as_slice().iter().zip(d.as_slice()).map(|(e, d)| e * d).sum::<f64>()
        };
        for i in (0..d_table.as_slice().len()).step_by(7) {
            let at = |h: f64| {
                let mut moved = table.clone();
                moved.as_mut_slice()[i] += h;
                loss(&moved, &x)
            };
            let expected = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((d_table.as_slice()[i] - expected).abs() < 1e-7, "{grid:?}: feature {i}");
            compared += 1;
        }
        // A place in a level is an f32, so that differences are coarse; and within a cell alone there is a derivative.
        for i in 0..x.as_slice().len() {
            let value = x.as_slice()[i];
            let is_in_one_cell = (0..grid.levels).all(|l| {
                let scale = f64::from(grid.base_resolution) * grid.per_level_scale.powi(l as i32) - 1.0;
                let cell = |x: f64| (scale * x + 0.5).floor();
                cell(value - 2.0 * H) == cell(value + 2.0 * H)
            });
            if !is_in_one_cell {
                continue;
            }
            let at = |h: f64| {
                let mut moved = x.clone();
                moved.as_mut_slice()[i] += h;
                loss(&table, &moved)
            };
            let expected = (at(H) - at(-H)) / (2.0 * H);
            let found = d_x.as_slice()[i];
            assert!((found - expected).abs() < 2e-2 * expected.abs().max(1.0), "{grid:?}: {found} and {expected}");
            compared_points += 1;
        }
    }
    assert!(compared_points > 30, "{compared_points}");
    assert!(compared > 300, "{compared}");
}

/// Sums past 2^31 units need the high word: in a level that is summed in workgroup memory first, by several workgroups, and in one
/// that is not.
#[test]
fn sums_that_overflow_a_word_are_right() {
    for (table_log2, base_resolution, place) in [(3, 2, 0.5), (12, 64, 0.5), (12, 64, 1.0)] {
        let grid = HashGrid { levels: 1, features: 1, table_log2, base_resolution, ..Default::default() };
        let (mlp, parameters) = values_of(grid, 2, 1);
        let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
        let (rows, features) = (5_000, mlp.grid_range().len());
        // All at one place, with gradients near the largest; and in the other direction.
        let points = vec![place; 2 * rows];
        for sign in [1.0, -1.0] {
            let x = Placed::new(gpu(), Layout::Dense, rows, 2, Some(&points));
            let d = (0..rows).map(|i| sign * (1.0 + (i % 7) as f32 / 8.0)).collect::<Vec<_>>();
            let d_output = Placed::new(gpu(), Layout::Dense, rows, 1, Some(&d));
            let y = Placed::new(gpu(), Layout::Dense, rows, 1, None);
            let forward = network.forward(&x.rows, &y.rows).unwrap();
            let backward = forward.backward(&d_output.rows, None).unwrap();
            submit(gpu(), |encoder| {
                forward.record(encoder);
                backward.record(encoder);
                backward.record(encoder); // begins anew
            });
            let found = backward.read_d_parameters().unwrap();
            let sum = d.iter().map(|&d| f64::from(d)).sum::<f64>();
            let table = matrix(features, 1, &parameters[..features]);
            let (points, d) = (matrix(rows, 2, &points), matrix(rows, 1, &d));
            let [_, expected] = reference::encode_grid_backward(&grid, &table, &points, &d).unwrap();
            let what = format!("sums in {features} entries");
            assert_close(&what, &found[..features], expected.as_slice(), |i| 1e-6 * expected.as_slice()[i].abs());
            let total = found[..features].iter().map(|&g| f64::from(g)).sum::<f64>();
            assert!((total - sum).abs() < 1e-6 * sum.abs() && sum.abs() > 4.0 * 1_500.0, "{total}, {sum}");
        }
    }
}

/// A picture's worth of points, or a few.
fn trainer_of(mlp: &Mlp, config: TrainConfig, samples: usize) -> (Network, Trainer, [Vec<f32>; 2]) {
    let (x, t) = (uniform(11, samples * mlp.input_width()), targets(12, samples * mlp.output_width()));
    let network = Network::new(gpu(), mlp, 5).unwrap();
    let data = Dataset::from_slices(gpu(), samples, &x, &t).unwrap();
    let trainer = Trainer::new(&network, &data, config).unwrap();
    (network, trainer, [x, t])
}

fn configs() -> [TrainConfig; 5] {
    let adam = TrainConfig { learning_rate: 0.01, ..TrainConfig::adam() };
    [
        TrainConfig { learning_rate: 0.3, batch_size: 5, ..Default::default() },
        TrainConfig { batch_size: 9, frozen: vec![0, 1], ..adam.clone() },
        TrainConfig { batch_size: 32, grid_learning_rate: 0.5, weight_decay: 0.01, ..adam.clone() },
        TrainConfig { batch_size: 7, shuffle: true, average: Some(0.9), grid_weight_decay: 0.001, ..adam },
        TrainConfig {
            optimizer: Optimizer::momentum(0.9),
            learning_rate: 0.05,
            batch_size: 16,
            clip_norm: Some(0.5),
            ..Default::default()
        },
    ]
}

#[test]
fn training_agrees_with_the_reference() {
    for (seed, (grid, inputs)) in (0..).zip(grids()) {
        let mlp = Mlp::inputs(inputs).hash_grid(grid).linear(6).bias().tanh().linear(2).bias();
        for config in configs() {
            for plan in [Plan::Plain, Plan::Layered] {
                let config = TrainConfig { plan, seed, ..config.clone() };
                let (network, mut trainer, [x, t]) = trainer_of(&mlp, config.clone(), 67);
                let shuffle = config.shuffle.then_some(seed);
                let order = Order { samples: 67, batch_size: config.batch_size as u32, shuffle };
                let training = reference_training(&mlp, 5, (&x, &t), order, config.learning_rate);
                let mut training = training.with_descent(descent_of(&mlp, &config));
                let what = format!("{mlp}, {}, {plan}", config.optimizer);
                for (steps, bound) in [(1, 2e-6), (99, 1e-5), (100, 2e-5)] {
                    training.train_steps(steps).unwrap();
                    record(&mut trainer, steps);
                    let found = network.read_parameters().unwrap();
                    assert_l2(
                        &format!("{what}, {} steps", training.step()),
                        &found,
                        &training.network.parameters(),
                        bound,
                    );
                }
                let loss = training.loss().unwrap();
                let report = trainer.read_loss().unwrap().unwrap();
                assert_close(&what, &[report.loss], &[loss], |_| 1e-5 * loss);
                if config.average.is_some() {
                    let averages = trainer.averaged().unwrap().read_parameters().unwrap();
                    assert_l2(&format!("{what}, average"), &averages, training.descent().averages(), 2e-5);
                }
            }
        }
    }
}

#[test]
fn every_run_has_the_same_bits_however_it_is_cut() {
    let grid = HashGrid { levels: 6, table_log2: 8, base_resolution: 4, per_level_scale: 1.6, ..Default::default() };
    let mlp = Mlp::inputs(2).hash_grid(grid).linear(16).relu().linear(3);
    for plan in [Plan::Plain, Plan::Layered] {
        let config = TrainConfig { batch_size: 200, shuffle: true, plan, learning_rate: 0.01, ..TrainConfig::adam() };
        let train = |cuts: &[u64]| {
            let (network, mut trainer, _) = trainer_of(&mlp, config.clone(), 1_000);
            cuts.iter().for_each(|&steps| record(&mut trainer, steps));
            bits(&network.read_parameters().unwrap())
        };
        let first = train(&[40]);
        for run in 0..20 {
            let cuts = [&[40u64][..], &[1, 39], &[13, 14, 13]][run % 3];
            assert!(train(cuts) == first, "{plan}: run {run}");
        }
    }
}

/// What is not finite changes nothing, and training says so.
#[test]
fn a_step_whose_gradient_is_not_finite_is_skipped() {
    let grid = HashGrid { levels: 2, table_log2: 6, base_resolution: 4, ..Default::default() };
    let mlp = Mlp::inputs(2).hash_grid(grid).linear(4).tanh().linear(1);
    for plan in [Plan::Plain, Plan::Layered] {
        let network = Network::new(gpu(), &mlp, 5).unwrap();
        let [x, t] = [uniform(1, 2 * 8), uniform(2, 8)].map(|values| buffer_of(gpu(), bytemuck::cast_slice(&values)));
        let rows = |buffer: &wgrad::wgpu::Buffer, width| wgrad::Rows::new(buffer, width).rows(8);
        let data = Dataset::from_buffers(gpu(), rows(&x, 2), rows(&t, 1)).unwrap();
        let config = TrainConfig { batch_size: 8, plan, learning_rate: 0.01, ..TrainConfig::adam() };
        let mut trainer = Trainer::new(&network, &data, config).unwrap();
        record(&mut trainer, 3);
        let before = bits(&network.read_parameters().unwrap());
        gpu().queue().write_buffer(&t, 8, bytemuck::cast_slice(&[f32::NAN]));
        record(&mut trainer, 2);
        assert_eq!(bits(&network.read_parameters().unwrap()), before, "{plan}");
        let error = trainer.read_loss().unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        gpu().queue().write_buffer(&t, 8, bytemuck::cast_slice(&[0.5f32]));
        record(&mut trainer, 2);
        assert_ne!(bits(&network.read_parameters().unwrap()), before, "{plan}");
        assert!(trainer.read_loss().unwrap().unwrap().loss.is_finite());
    }
}

/// The same for an app's own loss: the gradient with respect to the features is then 0.
#[test]
fn a_gradient_that_is_not_finite_is_not_added() {
    let (mlp, parameters) = values_of(grids()[0].0, 2, 3);
    let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
    let width = mlp.output_width();
    let input = Placed::new(gpu(), Layout::Dense, 3, 2, Some(&uniform(1, 6)));
    let y = Placed::new(gpu(), Layout::Dense, 3, width, None);
    let forward = network.forward(&input.rows, &y.rows).unwrap();
    for wrong in [f32::NAN, f32::INFINITY] {
        let mut d = normal(2, 3 * width);
        d[width + 1] = wrong;
        let d_output = Placed::new(gpu(), Layout::Dense, 3, width, Some(&d));
        let backward = forward.backward(&d_output.rows, None).unwrap();
        submit(gpu(), |encoder| {
            forward.record(encoder);
            backward.record(encoder);
        });
        let found = backward.read_d_parameters().unwrap();
        assert!(found[mlp.grid_range()].iter().all(|&g| g == 0.0), "{wrong}");
    }
}

/// NaN among the inputs counts as 0, and is not spread.
#[test]
fn points_that_are_no_numbers_are_not_spread() {
    let (mlp, parameters) = values_of(grids()[0].0, 2, 3);
    let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
    let x = [f32::NAN, 0.3, 0.0, 0.3, f32::INFINITY, f32::NEG_INFINITY, 1.0, 0.0];
    let input = Placed::new(gpu(), Layout::Dense, 4, 2, Some(&x));
    let y = Placed::new(gpu(), Layout::Dense, 4, mlp.output_width(), None);
    let forward = network.forward(&input.rows, &y.rows).unwrap();
    submit(gpu(), |encoder| forward.record(encoder));
    let y = y.read(gpu());
    let width = mlp.output_width();
    assert_eq!(bits(&y[..width]), bits(&y[width..2 * width]));
    assert_eq!(bits(&y[2 * width..3 * width]), bits(&y[3 * width..]));
    assert!(y.iter().all(|y| y.is_finite()));
}

#[test]
fn what_cannot_be_is_refused() {
    let usual = HashGrid::default();
    for (grid, words) in [
        (HashGrid { levels: 0, ..usual }, "levels"),
        (HashGrid { levels: 33, ..usual }, "levels"),
        (HashGrid { features: 3, ..usual }, "features"),
        (HashGrid { features: 16, ..usual }, "features"),
        (HashGrid { table_log2: 2, ..usual }, "table_log2"),
        (HashGrid { table_log2: 25, ..usual }, "table_log2"),
        (HashGrid { base_resolution: 1, ..usual }, "base_resolution"),
        (HashGrid { per_level_scale: 0.5, ..usual }, "per_level_scale"),
        (HashGrid { per_level_scale: f64::NAN, ..usual }, "per_level_scale"),
        (HashGrid { levels: 32, ..usual }, "finest"),
    ] {
        let error = Network::new(gpu(), &Mlp::inputs(2).hash_grid(grid).linear(1), 0).unwrap_err().to_string();
        assert!(error.contains(words), "{grid:?}: {error}");
    }
    let small = HashGrid { levels: 2, table_log2: 6, ..usual };
    for inputs in [1, 4] {
        let error = Network::new(gpu(), &Mlp::inputs(inputs).hash_grid(small).linear(1), 0).unwrap_err();
        assert!(error.to_string().contains("two or three"), "{error}");
    }
    let mlp = Mlp::inputs(2).hash_grid(small).linear(1);
    let network = Network::new(gpu(), &mlp, 0).unwrap();
    let data = Dataset::from_slices(gpu(), 3, &[0.1; 6], &[0.1; 3]).unwrap();
    for plan in PERSISTENT.into_iter().chain([Plan::Persistent]) {
        let error = Trainer::new(&network, &data, TrainConfig { plan, ..Default::default() }).unwrap_err();
        assert!(matches!(error, Error::PlanUnavailable { .. }) && error.to_string().contains("hash grid"), "{error}");
    }
    for grid_learning_rate in [-1.0, f32::NAN] {
        let config = TrainConfig { grid_learning_rate, ..Default::default() };
        assert!(matches!(Trainer::new(&network, &data, config), Err(Error::OutOfRange { .. })));
    }
}
