//! The reference is right: it has the notebook's values, its gradients agree with central differences, and its shuffled
//! order is a permutation.

mod common;

use common::{XOR_INPUTS, XOR_TARGETS, normal, reference_training, uniform, xor_mlp};
use wgrad::reference::{self, ActivationLayer, Layer, Linear, Matrix, NeuralNetwork, Order, permutation};
use wgrad::{Activation, Error, Loss, Mlp};

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    assert!(!found.is_empty());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
    }
}

#[test]
fn has_the_notebooks_linear_layer() {
    let w = Matrix::from_rows(&[[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]]);
    let mut layer = Linear::new(w);
    let y = layer.forward(&Matrix::from_rows(&[[0.3, 0.5]])).unwrap();
    assert_near(y.as_slice(), &[0.03 - 0.2, 0.06 + 0.25, 0.09 + 0.3], 1e-15);
    let dx = layer.backward(&Matrix::from_rows(&[[0.1, 0.2, -0.3]])).unwrap();
    assert_near(dx.as_slice(), &[0.01 + 0.04 - 0.09, -0.04 + 0.1 - 0.18], 1e-15);
    let dw = layer.d_parameters().unwrap();
    assert_near(dw.as_slice(), &[0.03, 0.06, -0.09, 0.05, 0.1, -0.15], 1e-15);
    layer.update(0.1).unwrap();
    assert_near(layer.parameters().unwrap().as_slice(), &[0.097, 0.194, 0.309, -0.405, 0.49, 0.615], 1e-15);
}

#[test]
fn drives_the_notebooks_sigmoid_network_to_its_targets() {
    let w = Matrix::from_rows(&[[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]]);
    let mut network =
        NeuralNetwork::new(vec![Box::new(Linear::new(w)), Box::new(ActivationLayer::new(Activation::Sigmoid))]);
    let (x, t) = (Matrix::from_rows(&[[0.3, 0.5]]), Matrix::from_rows(&[[0.0, 0.0, 1.0]]));
    for _ in 0..100_000 {
        network.train_step(&x, &t, 0.1).unwrap();
    }
    assert_near(network.forward(&x).unwrap().as_slice(), &[0.0124, 0.0124, 0.9876], 1e-4);
}

#[test]
fn learns_xor_from_ten_seeds() {
    for seed in 0..10 {
        let order = Order { samples: 4, batch_size: 1, shuffle: None };
        let data = (XOR_INPUTS.as_flattened(), XOR_TARGETS.as_flattened());
        let mut training = reference_training(&xor_mlp(), seed, data, order, 0.1);
        training.train_steps(4 * 2_000).unwrap();
        let y = training.network.forward(&Matrix::from_f32(4, 2, data.0).unwrap()).unwrap();
        let classes = [0, 1, 2, 3].map(|row| usize::from(y.row(row).unwrap()[1] > y.row(row).unwrap()[0]));
        assert_eq!(classes, [0, 1, 1, 0], "seed {seed}");
    }
}

/// Networks of one to five layers, with and without bias, and their batch sizes.
fn networks() -> Vec<(Mlp, usize)> {
    let mut networks = Vec::new();
    for (batch, widths) in [
        (1, vec![2, 30, 2]),
        (3, vec![5, 1]),
        (4, vec![7, 13, 11, 3]),
        (2, vec![1, 2, 3, 4, 5, 6]),
        (8, vec![20, 24, 10]),
    ] {
        for bias in [false, true] {
            for last_sigmoid in [false, true] {
                let mut mlp = Mlp::inputs(widths[0]);
                for (i, &width) in widths[1..].iter().enumerate() {
                    mlp = mlp.linear(width);
                    mlp = if bias { mlp.bias() } else { mlp };
                    mlp = if last_sigmoid || i + 2 < widths.len() { mlp.sigmoid() } else { mlp };
                }
                networks.push((mlp, batch));
            }
        }
    }
    networks.extend([
        (Mlp::inputs(3).linear(4).linear(2), 5),
        (Mlp::inputs(40).linear(64).linear(30).sigmoid(), 2),
        (Mlp::inputs(2).frequency(2).linear(6).tanh().linear(3), 3),
        (Mlp::inputs(2).one_blob(4).linear(5).bias().sigmoid().linear(2), 4),
        (Mlp::inputs(3).spherical_harmonics(4).linear(4).bias().tanh().linear(1), 5),
    ]);
    networks
}

#[test]
fn gradients_agree_with_central_differences() {
    const H: f64 = 1e-5;
    let networks = networks();
    assert!(networks.len() >= 20);
    let mut checks = 0;
    for (seed, (mlp, batch)) in networks.iter().enumerate() {
        let seed = seed as u64;
        let x = Matrix::from_f32(*batch, mlp.input_width(), &normal(seed, batch * mlp.input_width())).unwrap();
        let t = Matrix::from_f32(*batch, mlp.output_width(), &uniform(seed, batch * mlp.output_width())).unwrap();
        let mut network = NeuralNetwork::from_parameters(mlp, &mlp.initial_parameters(seed).unwrap()).unwrap();
        let y = network.forward(&x).unwrap();
        let d_x =
            network.backward(&reference::loss(Loss::SquaredError, Activation::Identity, &y, &t).unwrap().1).unwrap();
        let gradient = network.d_parameters();

        let mut check = |what: &str, found: f64, differ: &mut dyn FnMut(f64) -> f64| {
            let expected = (differ(H) - differ(-H)) / (2.0 * H);
            let allowed = 1e-9 + 1e-6 * expected.abs();
            assert!(
                (found - expected).abs() <= allowed,
                "{mlp}, the gradient with respect to {what}: {found} and {expected}"
            );
            checks += 1;
        };
        let loss_at = |network: &mut NeuralNetwork, x: &Matrix| {
            let y = network.forward(x).unwrap();
            reference::loss(Loss::SquaredError, Activation::Identity, &y, &t).unwrap().0
        };
        let mut index = 0;
        for layer in 0..network.layers().len() {
            for i in 0..network.layers()[layer].parameters().map_or(0, |w| w.as_slice().len()) {
                check("a parameter", gradient[index], &mut |h| {
                    let parameter = |network: &mut NeuralNetwork, by: f64| {
                        network.layers_mut()[layer].parameters_mut().unwrap().as_mut_slice()[i] += by;
                    };
                    parameter(&mut network, h);
                    let loss = loss_at(&mut network, &x);
                    parameter(&mut network, -h);
                    loss
                });
                index += 1;
            }
        }
        assert_eq!(index, mlp.parameter_count());
        for i in 0..x.as_slice().len() {
            check("an input", d_x.as_slice()[i], &mut |h| {
                let mut x = x.clone();
                x.as_mut_slice()[i] += h;
                loss_at(&mut network, &x)
            });
        }
    }
    assert!(checks >= 10_000, "only {checks} partial derivatives were compared");
}

#[test]
fn the_shuffled_order_is_a_permutation() {
    for samples in (1..=300).chain([60_000]) {
        for (seed, epoch) in [(0, 0), (0, 1), (1, 0), (u64::MAX, 1 << 40)] {
            let mut seen = vec![false; samples as usize];
            for position in 0..samples {
                let sample = permutation(position, samples, seed, epoch) as usize;
                assert!(!std::mem::replace(&mut seen[sample], true), "{samples} samples: {sample} came twice");
            }
        }
    }
}

#[test]
fn the_shuffled_order_is_uniform() {
    const EPOCHS: u64 = 10_000;
    for samples in [2, 3, 4, 5, 10, 37] {
        // How often each sample was at each position, and how often each came before each other.
        let mut counts = vec![0.0; (samples * samples) as usize];
        let mut before = vec![0.0; (samples * samples) as usize];
        for epoch in 0..EPOCHS {
            let order = (0..samples).map(|position| permutation(position, samples, 42, epoch)).collect::<Vec<_>>();
            for (position, &sample) in order.iter().enumerate() {
                counts[position * samples as usize + sample as usize] += 1.0;
                for &later in &order[position + 1..] {
                    before[(sample * samples + later) as usize] += 1.0;
                }
            }
        }
        let expected = EPOCHS as f64 / f64::from(samples);
        let chi_squared = counts.iter().map(|count| (count - expected) * (count - expected) / expected).sum::<f64>();
        let freedom = f64::from((samples - 1) * (samples - 1));
        // Five standard deviations.
        assert!(chi_squared <= freedom + 5.0 * (2.0 * freedom).sqrt(), "{samples} samples: chi² {chi_squared}");
        let half = EPOCHS as f64 / 2.0;
        for (i, &count) in before.iter().enumerate().filter(|(i, _)| i / samples as usize != i % samples as usize) {
            assert!(
                (count - half).abs() <= 5.0 * half.sqrt(),
                "{samples} samples: pair {i} came in order {count} times"
            );
        }
    }
}

#[test]
fn the_shuffled_order_is_fixed() {
    let order =
        |samples, seed, epoch| (0..8).map(|position| permutation(position, samples, seed, epoch)).collect::<Vec<_>>();
    // Computed by a separate program in another language.
    assert_eq!(order(8, 0, 0), [3, 0, 5, 6, 7, 1, 4, 2]);
    assert_eq!(order(60_000, 1, 2), [25_625, 5_967, 44_617, 6_054, 31_216, 14_413, 52_974, 10_813]);
    assert_eq!(
        order(u32::MAX, u64::MAX, u64::MAX),
        [
            3_605_068_287,
            3_905_703_427,
            3_312_571_606,
            2_132_007_131,
            3_749_460_594,
            2_076_418_176,
            2_966_374_413,
            1_747_879_690
        ]
    );
}

#[test]
fn a_seed_means_the_same_parameters_everywhere() {
    let parameters = Mlp::inputs(4).linear(2).bias().sigmoid().linear(1).initial_parameters(1).unwrap();
    let bits = parameters.iter().map(|parameter| parameter.to_bits()).collect::<Vec<_>>();
    let expected = [
        0x3ed8_104b,
        0x3eb7_2efd,
        0xbf75_3b47,
        0x3e67_ad9e,
        0xbed0_d7b1,
        0x3e37_7664,
        0x3fbc_b1ca,
        0x3d64_5b95,
        0,
        0,
        0xbf0d_bacd,
        0xbfaa_11e4,
    ];
    assert_eq!(bits, expected, "{parameters:?}");
}

#[test]
fn initial_weights_are_lecun_normal() {
    let mlp = Mlp::inputs(100).linear(1_000);
    let weights = mlp.initial_parameters(3).unwrap();
    let moment = |power: i32| weights.iter().map(|&w| f64::from(w).powi(power)).sum::<f64>() / weights.len() as f64;
    assert!(moment(1).abs() < 0.0015, "mean {}", moment(1));
    assert!((moment(2).sqrt() - 0.1).abs() < 0.001, "deviation {}", moment(2).sqrt());
    assert!((moment(4) / moment(2).powi(2) - 3.0).abs() < 0.1, "kurtosis {}", moment(4) / moment(2).powi(2));
    assert_ne!(weights, mlp.initial_parameters(4).unwrap());
}

#[test]
fn losses_are_means_over_the_last_complete_epoch() {
    // A network whose weights never change: y = x, so the samples' losses are ½, 2 and 4½.
    let network = || NeuralNetwork::new(vec![Box::new(Linear::new(Matrix::from_rows(&[[1.0]])))]);
    let inputs = Matrix::from_rows(&[[1.0], [2.0], [3.0]]);
    let targets = Matrix::from_rows(&[[0.0], [0.0], [0.0]]);
    let order = Order { samples: 3, batch_size: 2, shuffle: None };
    let mut training = reference::Training::new(network(), inputs, targets, order, 0.0).unwrap();
    assert_eq!(training.loss(), None);
    let mut step_and_loss = || {
        training.train_steps(1).unwrap();
        (training.step(), training.epoch(), training.loss().unwrap())
    };
    assert_eq!(step_and_loss(), (1, 0, 1.25));
    assert_eq!(step_and_loss(), (2, 1, 7.0 / 3.0));
    assert_eq!(step_and_loss(), (3, 1, 7.0 / 3.0));
}

#[test]
fn refuses_shapes_that_do_not_fit() {
    let (two_by_three, three_by_two) = (Matrix::from_rows(&[[1.0; 3]; 2]), Matrix::from_rows(&[[1.0; 2]; 3]));
    let refused = [
        reference::matmul(&two_by_three, &two_by_three).unwrap_err(),
        reference::matmul_transposed(&two_by_three, &three_by_two, 3).unwrap_err(),
        reference::outer_product(&two_by_three, &three_by_two, false).unwrap_err(),
        reference::activation_backward(Activation::Sigmoid, &two_by_three, &three_by_two, &three_by_two).unwrap_err(),
        reference::loss(Loss::SquaredError, Activation::Identity, &two_by_three, &three_by_two).unwrap_err(),
        reference::weight_update(&two_by_three, &three_by_two, 0.1, 1).unwrap_err(),
        reference::gather(&two_by_three, &[2]).unwrap_err(),
        Linear::new(two_by_three.clone()).forward(&two_by_three).unwrap_err(),
        Linear::new(two_by_three.clone()).backward(&two_by_three).unwrap_err(),
        ActivationLayer::new(Activation::Sigmoid).backward(&two_by_three).unwrap_err(),
        Linear::new(two_by_three.clone()).update(0.1).unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, Error::Shapes { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("[2, 3]"), "{message}");
    }
    assert!(matches!(
        reference::weight_update(&two_by_three, &two_by_three, 0.1, 0),
        Err(Error::Count { found: 0, least: 1, most: u64::MAX, .. })
    ));
    assert!(matches!(
        reference::matmul_transposed(&two_by_three, &two_by_three, usize::MAX),
        Err(Error::Shapes { .. })
    ));
    assert!(matches!(Matrix::new(usize::MAX, 0, vec![]), Err(Error::Count { found: 0, least: 1, most: u64::MAX, .. })));
    assert!(matches!(Matrix::new(2, 3, vec![0.0; 5]), Err(Error::Count { found: 5, least: 6, most: 6, .. })));
}
