//! A network on the GPU agrees with the reference, forward and backward, also on an app's own rows.

mod common;

use common::*;
use wgrad::reference::{Matrix, NeuralNetwork};
use wgrad::{Mlp, Network};

/// Networks of 1, 2, 3 and 5 linear layers.
fn networks() -> Vec<Mlp> {
    vec![
        Mlp::inputs(3).linear(2),
        Mlp::inputs(1).linear(1).bias().sigmoid(),
        xor_mlp(),
        Mlp::inputs(2).linear(30).bias().sigmoid().linear(2).bias().sigmoid(),
        Mlp::inputs(65).linear(64).sigmoid().linear(63).bias().sigmoid().linear(10).sigmoid(),
        Mlp::inputs(5)
            .linear(7)
            .sigmoid()
            .linear(11)
            .sigmoid()
            .linear(13)
            .bias()
            .sigmoid()
            .linear(17)
            .sigmoid()
            .linear(3),
        Mlp::inputs(4).linear(6).linear(2).bias(),
        Mlp::inputs(784).linear(200).sigmoid().linear(10).sigmoid(),
        Mlp::inputs(2).frequency(8).linear(16).tanh().linear(3),
        Mlp::inputs(1).frequency(3).linear(5).bias(),
        Mlp::inputs(3).one_blob(16).linear(9).sigmoid().linear(1),
        Mlp::inputs(3).spherical_harmonics(4).linear(7).bias().silu().linear(2),
        // Wider than the tiles take: by the plain kernels.
        Mlp::inputs(3).one_blob(1024).linear(5).sigmoid(),
    ]
}

/// Inputs from N(0, 1); of an encoding, from 0 to 1.
fn samples(mlp: &Mlp, count: usize, seed: u64) -> Vec<f32> {
    let values = if mlp.input_encoding().is_some() { uniform } else { normal };
    values(seed, count * mlp.input_width())
}

#[test]
fn outputs_agree_with_the_reference() {
    for (seed, mlp) in networks().iter().enumerate() {
        let network = Network::new(gpu(), mlp, seed as u64).unwrap();
        let mut reference = NeuralNetwork::from_parameters(mlp, &mlp.initial_parameters(seed as u64).unwrap()).unwrap();
        for count in [1, 2, 65] {
            let x = samples(mlp, count, 20);
            let y = network.predict(&x).unwrap();
            let expected = reference.forward(&Matrix::from_f32(count, mlp.input_width(), &x).unwrap()).unwrap();
            assert_close(&format!("{mlp}"), &y, expected.as_slice(), |_| 5e-6);
        }
    }
}

/// Row counts around 65,535 times the height of the lowest tiles.
#[test]
fn takes_as_many_rows_as_a_picture_has_pixels() {
    let mlp = Mlp::inputs(2).linear(5).bias().sigmoid().linear(3);
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let mut reference = NeuralNetwork::from_parameters(&mlp, &mlp.initial_parameters(1).unwrap()).unwrap();
    for rows in [262_140, 262_141, 512 * 512, 524_281] {
        let x = normal(20, 2 * rows);
        let y = network.predict(&x).unwrap();
        assert_eq!(y.len(), 3 * rows);
        for first in [0, rows / 2, rows - 65] {
            let expected = reference.forward(&Matrix::from_f32(65, 2, &x[2 * first..][..130]).unwrap()).unwrap();
            assert_close(&format!("{rows} rows, from {first}"), &y[3 * first..][..195], expected.as_slice(), |_| 5e-6);
        }
    }
}

#[test]
fn every_gradient_agrees_with_the_reference() {
    let gpu = gpu();
    for (seed, mlp) in networks().iter().enumerate() {
        for (layout, count) in
            [(Layout::Dense, 1), (Layout::Scattered, 7), (Layout::Dense, 64), (Layout::Scattered, 257)]
        {
            let network = Network::new(gpu, mlp, seed as u64).unwrap();
            let mut reference =
                NeuralNetwork::from_parameters(mlp, &mlp.initial_parameters(seed as u64).unwrap()).unwrap();
            let x = samples(mlp, count, 21);
            let expected_y = reference.forward(&Matrix::from_f32(count, mlp.input_width(), &x).unwrap()).unwrap();
            // Gradients of magnitude 0.1 to 1.1, with both signs.
            let d_output =
                normal(22, count * mlp.output_width()).into_iter().map(|d| d.signum() * (0.1 + d.abs().min(1.0)));
            let d_output = d_output.collect::<Vec<f32>>();
            let d_output_matrix = Matrix::from_f32(count, mlp.output_width(), &d_output).unwrap();
            let expected_d_input = reference.backward(&d_output_matrix).unwrap();

            let input = Placed::new(gpu, layout, count, mlp.input_width(), Some(&x));
            let output = Placed::new(gpu, layout, count, mlp.output_width(), None);
            let d_output = Placed::new(gpu, layout, count, mlp.output_width(), Some(&d_output));
            let d_input = Placed::new(gpu, layout, count, mlp.input_width(), None);
            let forward = network.forward(&input.rows, &output.rows).unwrap();
            let backward = forward.backward(&d_output.rows, Some(&d_input.rows)).unwrap();
            let without_d_input = forward.backward(&d_output.rows, None).unwrap();
            for backward in [&backward, &without_d_input] {
                let poison = vec![POISON; backward.d_parameters().size() as usize / 4];
                gpu.queue().write_buffer(backward.d_parameters(), 0, bytemuck::cast_slice(&poison));
            }
            submit(gpu, |encoder| {
                forward.record(encoder);
                backward.record(encoder);
                without_d_input.record(encoder);
            });

            let what = format!("{mlp}, {count} samples");
            assert_close(&what, &output.read(gpu), expected_y.as_slice(), |_| 5e-6);
            assert_l2(&format!("{what}, d_input"), &d_input.read(gpu), expected_d_input.as_slice(), 2e-6);
            let (found, expected) = (backward.read_d_parameters().unwrap(), reference.d_parameters());
            assert_eq!(found, without_d_input.read_d_parameters().unwrap(), "{what}");
            let mut compared = 0;
            for (layer, range) in mlp.parameter_ranges().into_iter().enumerate().filter(|(_, range)| !range.is_empty())
            {
                compared += range.len();
                let what = format!("{what}, layer {layer}");
                assert_l2(&what, &found[range.clone()], &expected[range], 2e-6);
            }
            assert_eq!(compared, mlp.parameter_count());
        }
    }
}

#[test]
fn has_the_notebooks_values() {
    let gpu = gpu();
    let mlp = Mlp::inputs(2).linear(3);
    let network = Network::from_parameters(gpu, &mlp, &[0.1, 0.2, 0.3, -0.4, 0.5, 0.6]).unwrap();
    let x = Placed::new(gpu, Layout::Dense, 1, 2, Some(&[0.3, 0.5]));
    let y = Placed::new(gpu, Layout::Dense, 1, 3, None);
    let d_output = Placed::new(gpu, Layout::Dense, 1, 3, Some(&[0.1, 0.2, -0.3]));
    let d_input = Placed::new(gpu, Layout::Dense, 1, 2, None);
    let forward = network.forward(&x.rows, &y.rows).unwrap();
    let backward = forward.backward(&d_output.rows, Some(&d_input.rows)).unwrap();
    submit(gpu, |encoder| {
        forward.record(encoder);
        backward.record(encoder);
    });
    assert_close("y", &y.read(gpu), &[-0.17, 0.31, 0.39], |_| 1e-7);
    assert_close("dx", &d_input.read(gpu), &[-0.04, -0.12], |_| 1e-7);
    let dw = backward.read_d_parameters().unwrap();
    assert_close("dw", &dw, &[0.03, 0.06, -0.09, 0.05, 0.1, -0.15], |_| 1e-7);
}

#[test]
fn parameters_are_read_as_they_were_written() {
    let mlp = Mlp::inputs(3).linear(5).bias().sigmoid().linear(1);
    let network = Network::new(gpu(), &mlp, 9).unwrap();
    assert_eq!(network.read_parameters().unwrap(), mlp.initial_parameters(9).unwrap());
    assert_eq!(network.predict(&[]).unwrap(), [0.0f32; 0]);
    let parameters = normal(23, mlp.parameter_count());
    network.clone().write_parameters(&parameters).unwrap();
    assert_eq!(network.read_parameters().unwrap(), parameters);
    // Padded for shaders that read vec4.
    assert_eq!(network.parameters().size(), (parameters.len() as u64 * 4).next_multiple_of(16));
    assert_ne!(parameters.len() % 4, 0);
}
