//! Activations and losses with impossible parameters, where they cannot be, and that do not go together.

use wgrad::kernels::{self, TrainingState};
use wgrad::{Activation, Dataset, Error, Gpu, Loss, Mlp, Network, Plan, Result, TrainConfig, Trainer};

use super::{noop, rows};

/// A network with these outputs and this last activation, and data for it.
fn network(gpu: &Gpu, outputs: usize, last: Activation) -> (Network, Dataset) {
    let mlp = Mlp::inputs(2).linear(3).tanh().linear(outputs).activation(last);
    let network = Network::new(gpu, &mlp, 0).unwrap();
    (network, Dataset::from_slices(gpu, 4, &[0.5; 8], &vec![0.5; 4 * outputs]).unwrap())
}

/// What takes a loss: training by each plan, a network's measures, and the kernel. The operation, and what it says.
fn users(outputs: usize, last: Activation, loss: Loss) -> Vec<(&'static str, Result<()>)> {
    let gpu = noop();
    let (network, data) = network(&gpu, outputs, last);
    let mut users = Vec::new();
    for plan in [Plan::Auto, Plan::Plain, Plan::Layered, Plan::PersistentWorkgroup] {
        let config = TrainConfig { loss, plan, ..Default::default() };
        users.push(("Trainer::new", Trainer::new(&network, &data, config).map(drop)));
    }
    let [y, t, d_z] = [(); 3].map(|()| rows(&gpu, 4, outputs as u64));
    let state = TrainingState::new(&gpu, 4, 4, 0.1).unwrap();
    users.push(("loss", kernels::loss(&gpu, &state, loss, last, [&y, &t], &d_z).map(drop)));
    // Past a refusal, these would say that the noop device has computed nothing.
    users.push(("Network::evaluate", network.evaluate(&data, loss).map(drop)));
    users.push(("Network::classify", network.classify(&data, loss).map(drop)));
    users
}

#[test]
fn refuses_parameters_of_activations_that_are_none() {
    let gpu = noop();
    let slopes = [-1.0, -1e-30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(Activation::LeakyRelu);
    let factors = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(Activation::Sine);
    for activation in slopes.into_iter().chain(factors) {
        let value = match activation {
            Activation::LeakyRelu(parameter) | Activation::Sine(parameter) => parameter.to_string(),
            _ => unreachable!(),
        };
        // In a hidden layer and in the last one.
        let hidden = Mlp::inputs(2).linear(3).activation(activation).linear(2);
        for mlp in [hidden, Mlp::inputs(2).linear(3).activation(activation)] {
            assert_refused!(
                Network::new(&gpu, &mlp, 0),
                Error::OutOfRange { operation: "Network::new", value: ref found, .. } if *found == value,
                "choose a finite one",
                "for example"
            );
            let error = Network::population(&gpu, &mlp, 2, 0).map(drop).unwrap_err();
            assert!(matches!(error, Error::OutOfRange { operation: "Network::population", .. }), "{error:?}");
            let error = mlp.initial_parameters(0).unwrap_err();
            assert!(matches!(error, Error::OutOfRange { .. }), "{error:?}");
        }
        let [z, y, d] = [(); 3].map(|()| rows(&gpu, 1, 3));
        assert_refused!(kernels::activation(&gpu, activation, &z, &y), Error::OutOfRange { .. }, "activation");
        let backward = kernels::activation_backward(&gpu, activation, &d, &z, &y);
        assert_refused!(backward, Error::OutOfRange { .. }, "activation_backward");
    }
    for activation in
        [0.0, -0.0, 3.0].map(Activation::LeakyRelu).into_iter().chain([-30.0, 1e-30].map(Activation::Sine))
    {
        assert!(Network::new(&gpu, &Mlp::inputs(2).linear(3).activation(activation), 0).is_ok(), "{activation}");
    }
}

#[test]
fn refuses_parameters_of_losses_that_are_none() {
    let deltas = [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY].map(|delta| Loss::Huber { delta });
    let smoothings = [1.0, -0.1, 2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let smoothings = smoothings.map(|label_smoothing| Loss::CrossEntropy { label_smoothing });
    for loss in deltas.into_iter().chain(smoothings) {
        let (Loss::Huber { delta: value } | Loss::CrossEntropy { label_smoothing: value }) = loss else { panic!() };
        for (user, result) in users(3, Activation::Identity, loss) {
            assert_refused!(
                result,
                Error::OutOfRange { operation, value: ref found, .. } if operation == user && *found == value.to_string(),
                "choose"
            );
        }
    }
    for loss in [Loss::Huber { delta: 1e-30 }, Loss::CrossEntropy { label_smoothing: 0.999 }] {
        assert_eq!(users(3, Activation::Identity, loss)[0], ("Trainer::new", Ok(())));
    }
}

#[test]
fn refuses_a_softmax_where_it_cannot_be() {
    let gpu = noop();
    let new = |mlp: Mlp| Network::new(&gpu, &mlp, 0);
    let inside = Mlp::inputs(2).linear(3).sigmoid().linear(3).softmax().linear(2);
    assert_refused!(
        new(inside),
        Error::Misplaced { operation: "Network::new", after: 2, ref what, .. } if what == ".softmax()",
        "Network::new",
        "only the last layer can have a softmax"
    );
    let of_one = Mlp::inputs(2).linear(3).sigmoid().linear(1).softmax();
    assert_refused!(new(of_one), count!(1, 2, u64::MAX), "Network::new", "softmax of one output", ".sigmoid()");
    let second = Mlp::inputs(2).linear(3).sigmoid().softmax();
    assert_refused!(new(second), Error::Misplaced { after: 1, .. }, ".softmax()", "write .linear(outputs) before it");
    assert_refused!(new(Mlp::inputs(2).softmax()), Error::Misplaced { after: 0, .. }, ".softmax()");
    assert!(new(Mlp::inputs(2).linear(2).softmax()).is_ok());
}

#[test]
fn refuses_losses_that_are_of_other_outputs() {
    let cross_entropy = Loss::CrossEntropy { label_smoothing: 0.1 };
    for (outputs, last, loss, words) in [
        (3, Activation::Softmax, Loss::SquaredError, "goes with cross_entropy"),
        (3, Activation::Softmax, Loss::BinaryCrossEntropy, ".linear(outputs).sigmoid()"),
        (3, Activation::Softmax, Loss::Huber { delta: 1.0 }, "goes with cross_entropy"),
        (3, Activation::Sigmoid, cross_entropy, ".linear(classes).softmax()"),
        (3, Activation::Tanh, cross_entropy, ".linear(classes).softmax()"),
        (3, Activation::Relu, Loss::BinaryCrossEntropy, ".linear(outputs).sigmoid()"),
        (1, Activation::Sine(30.0), Loss::BinaryCrossEntropy, ".linear(outputs).sigmoid()"),
        (1, Activation::Identity, cross_entropy, "choose binary_cross_entropy"),
        (1, Activation::Sigmoid, cross_entropy, "choose binary_cross_entropy"),
    ] {
        for (user, result) in users(outputs, last, loss) {
            let error = result.unwrap_err();
            let said = error.to_string();
            let Error::UnsuitableLoss { operation, loss: named, activation, outputs: found, .. } = error else {
                panic!("{user} of {loss} of {last}: {error:?}")
            };
            assert_eq!((operation, found), (user, outputs));
            assert_eq!((named, activation), (loss.to_string(), last.to_string()));
            assert!(said.contains(words), "{said}");
        }
    }
}

/// Each loss that suits an activation trains by each plan.
#[test]
fn takes_each_loss_of_outputs_that_suit_it() {
    let mut suitable = 0;
    for &last in Activation::ALL {
        for &loss in Loss::ALL {
            for (user, result) in &users(2, last, loss)[..5] {
                let suits = match loss {
                    Loss::CrossEntropy { .. } => matches!(last, Activation::Identity | Activation::Softmax),
                    Loss::BinaryCrossEntropy => matches!(last, Activation::Identity | Activation::Sigmoid),
                    _ => last != Activation::Softmax,
                };
                assert_eq!(result.is_ok(), suits, "{user} of {loss} of {last}: {result:?}");
                suitable += usize::from(suits);
            }
        }
    }
    // All losses but the cross entropies suit all activations but softmax.
    assert_eq!(suitable, 5 * ((Loss::ALL.len() - 2) * (Activation::ALL.len() - 1) + 2 * 2));
}
