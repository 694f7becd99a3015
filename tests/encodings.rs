//! The table of input encodings: values and derivatives agree with the reference, these with central differences; a network with
//! an encoding is trained, saved and refused as any other.

mod common;

use common::*;
use wgrad::reference::{self, Matrix};
use wgrad::{Encoding, Error, Gpu, HashGrid, Mlp, Network, Plan, kernels};

/// Each encoding without parameters, also with the least and the largest parameters.
fn encodings() -> Vec<Encoding> {
    let more = [
        Encoding::Frequency(1),
        Encoding::Frequency(32),
        Encoding::OneBlob(4),
        Encoding::OneBlob(1024),
        Encoding::SphericalHarmonics(1),
        Encoding::SphericalHarmonics(3),
    ];
    let without_parameters = |encoding: &Encoding| !matches!(encoding, Encoding::HashGrid(_));
    Encoding::ALL.iter().copied().filter(without_parameters).chain(more).collect()
}

/// Inputs around the edges of [0, 1] and of bins, and between.
fn inputs(rows: usize) -> Vec<f32> {
    let edges = [0.0, -0.0, 1.0, 0.5, 0.25, 0.75, 1e-30, 1.0 - f32::EPSILON, 0.0625, 1.0 / 3.0, 0.999, 2e-7];
    let between = uniform(5, 3 * rows);
    edges.into_iter().chain(between).take(3 * rows).collect()
}

/// Directions of length 1, as inputs from 0 to 1.
fn directions(rows: usize) -> Vec<f32> {
    let of = |v: &[f32]| {
        let length = v.iter().map(|v| v * v).sum::<f32>().sqrt();
        v.iter().map(|v| 0.5 + 0.5 * v / length).collect::<Vec<_>>()
    };
    normal(6, 3 * rows).chunks(3).flat_map(of).collect()
}

/// A matrix whose column `j` is 1, and the others 0.
fn column_of_ones(rows: usize, columns: usize, j: usize) -> Matrix {
    matrix(rows, columns, &(0..rows * columns).map(|i| f32::from(i % columns == j)).collect::<Vec<_>>())
}

fn matrix(rows: usize, columns: usize, values: &[f32]) -> Matrix {
    Matrix::from_f32(rows, columns, values).unwrap()
}

#[test]
fn values_agree_with_the_reference() {
    for encoding in encodings() {
        let rows = 211;
        let any = match encoding {
            Encoding::SphericalHarmonics(_) => directions(rows),
            _ => normal(6, 3 * rows),
        };
        for (layout, inputs) in [(Layout::Dense, inputs(rows)), (Layout::Scattered, any)] {
            let x = Placed::new(gpu(), layout, rows, 3, Some(&inputs));
            let e = Placed::new(gpu(), layout, rows, encoding.width(3), None);
            run(gpu(), &[kernels::encode(gpu(), encoding, &x.rows, &e.rows).unwrap()]);
            let expected = reference::encode(encoding, &matrix(rows, 3, &inputs)).unwrap();
            // Spherical harmonics of what is no direction are larger than 1.
            let bound = |i: usize| 2e-7 * expected.as_slice()[i].abs().max(1.0);
            assert_close(&encoding.to_string(), &e.read(gpu()), expected.as_slice(), bound);
        }
    }
}

/// At any magnitude, where a product with π would be noise.
#[test]
fn frequencies_of_large_inputs_are_exact() {
    let inputs = [1e3, -1e6, 12345.678, 3.4e20, -0.1, 7.0].map(|x: f32| x);
    let x = Placed::new(gpu(), Layout::Dense, 6, 1, Some(&inputs));
    let e = Placed::new(gpu(), Layout::Dense, 6, 64, None);
    let encoding = Encoding::Frequency(32);
    run(gpu(), &[kernels::encode(gpu(), encoding, &x.rows, &e.rows).unwrap()]);
    let expected = reference::encode(encoding, &matrix(6, 1, &inputs)).unwrap();
    assert_close("frequency", &e.read(gpu()), expected.as_slice(), |_| 2e-7);
}

#[test]
fn derivatives_agree_with_the_reference() {
    for encoding in encodings() {
        let (rows, width) = (67, encoding.width(3));
        let (inputs, d) = (inputs(rows), normal(7, rows * width));
        let x = Placed::new(gpu(), Layout::Scattered, rows, 3, Some(&inputs));
        let d_e = Placed::new(gpu(), Layout::Dense, rows, width, Some(&d));
        let d_x = Placed::new(gpu(), Layout::Scattered, rows, 3, None);
        run(gpu(), &[kernels::encode_backward(gpu(), encoding, &x.rows, &d_e.rows, &d_x.rows).unwrap()]);
        let (x, d) = (matrix(rows, 3, &inputs), matrix(rows, width, &d));
        let expected = reference::encode_backward(encoding, &x, &d).unwrap();
        // Of a sum of terms of either sign: relative to the largest derivative of a value.
        let largest = match encoding {
            Encoding::Frequency(frequencies) => 2f64.powi(frequencies as i32),
            Encoding::OneBlob(bins) => f64::from(bins),
            _ => 8.0,
        };
        assert_close(&encoding.to_string(), &d_x.read(gpu()), expected.as_slice(), |_| 2e-6 * largest);
    }
}

#[test]
fn the_references_derivatives_agree_with_central_differences() {
    const H: f64 = 1e-4;
    let mut compared = 0;
    for encoding in [Encoding::Frequency(4), Encoding::OneBlob(8), Encoding::SphericalHarmonics(4)] {
        let x = matrix(9, 3, &uniform(8, 27));
        let width = encoding.width(3);
        for j in 0..width {
            let one = column_of_ones(9, width, j);
            let found = reference::encode_backward(encoding, &x, &one).unwrap();
            for i in 0..27 {
                let at = |steps: f64| {
                    let mut moved = x.clone();
                    moved.as_mut_slice()[i] += steps * H;
                    reference::encode(encoding, &moved).unwrap().as_slice()[i / 3 * width + j]
                };
                let expected = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * H);
                let difference = (found.as_slice()[i] - expected).abs();
                // The third derivative of a bump jumps at its edge.
                let allowed = if matches!(encoding, Encoding::OneBlob(_)) { 2e-5 } else { 1e-7 };
                assert!(difference <= allowed, "{encoding}: value {j} of row {}: off by {difference:e}", i / 3);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 27 * (24 + 24 + 16));
}

/// Bumps are parts of one, and come in again at the other end.
#[test]
fn one_blob_is_a_partition_that_repeats() {
    let encoding = Encoding::OneBlob(16);
    let x = Matrix::from_rows(&[[0.0], [0.03], [0.5], [0.99], [1.0], [-0.01], [1.03]]);
    let e = reference::encode(encoding, &x).unwrap();
    for row in 0..x.rows() {
        let sum = e.row(row).unwrap().iter().sum::<f64>();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
    for (left, right) in [(0, 4), (1, 6), (3, 5)] {
        for (left, right) in e.row(left).unwrap().iter().zip(e.row(right).unwrap()) {
            assert!((left - right).abs() < 1e-9, "{left}, {right}");
        }
    }
}

#[test]
fn known_values() {
    let values = |encoding, x: &[f32]| reference::encode(encoding, &matrix(1, x.len(), x)).unwrap().as_slice().to_vec();
    let close = |found: Vec<f64>, expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-7, "{found}, {expected}");
        }
    };
    let half = 0.5f64.sqrt();
    close(values(Encoding::Frequency(2), &[0.25, 0.5]), &[half, half, 1.0, 0.0, 1.0, 0.0, 0.0, -1.0]);
    // In the middle of a bin: 1/2 + 15/16 (1/2 - 1/12 + 1/160) below its end.
    let inside = 15.0 / 8.0 * (0.5 - 1.0 / 12.0 + 1.0 / 160.0);
    let beside = (1.0 - inside) / 2.0;
    close(values(Encoding::OneBlob(4), &[0.375]), &[beside, inside, beside, 0.0]);
    // The direction z.
    let expected = [0.2820948, 0.0, 0.4886025, 0.0, 0.0, 0.0, 0.6307831, 0.0, 0.0, 0.0, 0.0, 0.0, 0.7463527];
    let all = values(Encoding::SphericalHarmonics(4), &[0.5, 0.5, 1.0]);
    close(all[..13].to_vec(), &expected);
    assert!(all[13..].iter().all(|value| *value == 0.0));
}

/// A picture of bytes is encoded too, by the plain plan.
#[test]
fn bytes_are_encoded() {
    let mlp = Mlp::inputs(3).frequency(2).linear(4).tanh().linear(2).sigmoid();
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let pixels = (0..3 * 8u32).map(|i| (i * 37 % 256) as u8).collect::<Vec<_>>();
    let labels = [0u8, 1, 1, 0, 1, 0, 0, 1];
    let bytes = wgrad::BytesConfig { classes: 2, ..Default::default() };
    let data = wgrad::Dataset::from_bytes(gpu(), 8, &pixels, &labels, bytes).unwrap();
    let config = |plan| wgrad::TrainConfig { plan, batch_size: 3, ..Default::default() };
    let refused = wgrad::Trainer::new(&network, &data, config(Plan::Layered)).unwrap_err();
    assert!(refused.to_string().contains("bytes"), "{refused}");
    let mut trainer = wgrad::Trainer::new(&network, &data, config(Plan::Auto)).unwrap();
    assert!(trainer.plan().starts_with("plain"), "{}", trainer.plan());
    let before = trainer.memory().total();
    trainer.train(50, |_| ()).unwrap();
    assert_eq!(trainer.memory().total(), before);
    assert!(trainer.read_loss().unwrap().unwrap().loss.is_finite());
}

#[test]
fn an_encodings_text_names_it() {
    let grid = HashGrid { table_log2: 15, per_level_scale: 1.5, smoothstep: true, ..Default::default() };
    for encoding in encodings().into_iter().chain([HashGrid::default(), grid].map(Encoding::HashGrid)) {
        assert_eq!(encoding.to_string().parse(), Ok(encoding));
    }
    assert_eq!(Encoding::HashGrid(grid).to_string(), "hash_grid(16, 2, 15, 16, 1.5, 1)");
    assert_eq!("frequency".parse(), Ok(Encoding::Frequency(8)));
    for text in ["frequency(2.5)", "frequency(-1)", "frequencies(2)", "one_blob(1, 2)", "hash_grid(1)", ""] {
        let error = text.parse::<Encoding>().unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{text}: {error}");
    }
    let mlp = Mlp::inputs(2).frequency(8).linear(3).relu();
    assert_eq!(mlp.to_string(), "2 → frequency(8) → linear 3 → relu");
    assert_eq!((mlp.input_width(), mlp.encoded_width(), mlp.parameter_count()), (2, 32, 96));
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    let gpu = Gpu::headless().unwrap();
    let refused = |mlp: Mlp| Network::new(&gpu, &mlp, 0).unwrap_err().to_string();
    for (mlp, words) in [
        (Mlp::inputs(2).frequency(0).linear(1), "frequencies"),
        (Mlp::inputs(2).frequency(33).linear(1), "frequencies"),
        (Mlp::inputs(2).one_blob(12).linear(1), "power of two"),
        (Mlp::inputs(2).one_blob(2).linear(1), "bins"),
        (Mlp::inputs(3).spherical_harmonics(5).linear(1), "degree"),
        (Mlp::inputs(2).spherical_harmonics(2).linear(1), "three inputs"),
        (Mlp::inputs(2).frequency(2).frequency(3).linear(1), "before the first layer"),
        (Mlp::inputs(2).linear(4).frequency(3).linear(1), "before the first layer"),
        (Mlp::inputs(2).frequency(3), "layers"),
        (Mlp::inputs(2).frequency(3).relu().linear(2), "layer"),
        (Mlp::inputs(0).frequency(3).linear(2), "input"),
        (Mlp::inputs(usize::MAX).frequency(3).linear(2), "parameters"),
    ] {
        let error = refused(mlp.clone());
        assert!(error.contains(words), "{mlp}: {error}");
    }
    let rows = |width: usize| Placed::new(&gpu, Layout::Dense, 4, width, Some(&vec![0.5; 4 * width]));
    let [x, e, narrow] = [rows(2), rows(8), rows(7)];
    assert!(kernels::encode(&gpu, Encoding::Frequency(2), &x.rows, &e.rows).is_ok());
    for error in [
        kernels::encode(&gpu, Encoding::Frequency(2), &x.rows, &narrow.rows).unwrap_err(),
        kernels::encode(&gpu, Encoding::Frequency(0), &x.rows, &e.rows).unwrap_err(),
        kernels::encode_backward(&gpu, Encoding::Frequency(2), &x.rows, &narrow.rows, &x.rows).unwrap_err(),
        kernels::encode_backward(&gpu, Encoding::Frequency(2), &x.rows, &e.rows, &narrow.rows).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Shapes { .. } | Error::Count { .. }), "{error}");
    }
}

/// Coordinates alone give a blur; encoded, a small network learns stripes.
#[test]
fn learns_what_coordinates_alone_do_not() {
    let samples = 256;
    let x = (0..samples).map(|i| (i as f32 + 0.5) / samples as f32).collect::<Vec<_>>();
    let t = x.iter().map(|x| f32::from((x * 16.0) as u32 % 2 == 1)).collect::<Vec<_>>();
    let loss = |mlp: Mlp| {
        let network = Network::new(gpu(), &mlp.linear(16).bias().tanh().linear(1).bias(), 1).unwrap();
        let data = wgrad::Dataset::from_slices(gpu(), samples, &x, &t).unwrap();
        let config = wgrad::TrainConfig { batch_size: 16, learning_rate: 0.01, ..wgrad::TrainConfig::adam() };
        let mut trainer = wgrad::Trainer::new(&network, &data, config).unwrap();
        trainer.train(60, |_| ()).unwrap();
        trainer.read_loss().unwrap().unwrap().loss
    };
    let [plain, encoded] = [loss(Mlp::inputs(1)), loss(Mlp::inputs(1).frequency(6))];
    assert!(encoded < 0.02 && plain > 0.1, "{encoded} and {plain}");
}
