//! The tables of activations, losses and optimizers: their derivatives agree with central differences, each loss of probabilities
//! is that of the logits, optimizers take the steps of their formulas, and an entry's text names it.

mod common;

use common::{normal, uniform};
use wgrad::reference::{self, Descent, Matrix};
use wgrad::{Activation, Error, Loss, Optimizer};

const ROWS: usize = 50;
const OUTPUTS: usize = 4;

/// Each activation, also with parameters that are not the usual ones.
fn activations() -> Vec<Activation> {
    let more = [0.0, 0.2].map(Activation::LeakyRelu).into_iter().chain([1.0, -0.5].map(Activation::Sine));
    Activation::ALL.iter().copied().chain(more).collect()
}

/// Each loss, also with parameters that are not the usual ones.
fn losses() -> Vec<Loss> {
    let more = [Loss::Huber { delta: 0.3 }, Loss::CrossEntropy { label_smoothing: 0.1 }];
    Loss::ALL.iter().copied().chain(more).collect()
}

/// Whether a network that ends with this activation can have the loss.
fn suits(loss: Loss, last: Activation) -> bool {
    match loss {
        Loss::CrossEntropy { .. } => matches!(last, Activation::Identity | Activation::Softmax),
        Loss::BinaryCrossEntropy => matches!(last, Activation::Identity | Activation::Sigmoid),
        _ => last != Activation::Softmax,
    }
}

fn matrix(values: &[f32]) -> Matrix {
    Matrix::from_f32(ROWS, OUTPUTS, values).unwrap()
}

/// Pre-activations, and gradients with respect to the outputs.
fn rows() -> [Matrix; 2] {
    [1, 2].map(|seed| matrix(&normal(seed, ROWS * OUTPUTS)))
}

/// Targets: probabilities, whose rows have any sum, or each row's own class alone.
fn targets() -> [Matrix; 2] {
    let one = (0..ROWS * OUTPUTS).map(|i| if i % OUTPUTS == i / OUTPUTS % OUTPUTS { 1.0 } else { 0.0 });
    [matrix(&uniform(3, ROWS * OUTPUTS)), matrix(&one.collect::<Vec<_>>())]
}

/// Fails unless `gradient` has the derivatives of `sum` with respect to each element of `z`, by central differences of the fourth
/// order; of those that are not near a kink.
#[track_caller]
fn assert_gradient(
    what: &str,
    gradient: &Matrix,
    z: &Matrix,
    is_near_kink: impl Fn(usize) -> bool,
    sum: impl Fn(&Matrix) -> f64,
) {
    const H: f64 = 1e-4;
    let smooth = (0..ROWS * OUTPUTS).filter(|&i| !is_near_kink(i)).collect::<Vec<_>>();
    assert!(smooth.len() > ROWS * OUTPUTS / 2, "{what}: only {} derivatives are compared", smooth.len());
    for i in smooth {
        let at = |steps: f64| {
            let mut moved = z.clone();
            moved.as_mut_slice()[i] += steps * H;
            sum(&moved)
        };
        let expected = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * H);
        let found = gradient.as_slice()[i];
        // Written so that NaN fails. The sums are rounded, and their differences divided by H.
        let allowed = 1e-8 + 1e-8 * expected.abs();
        assert!((found - expected).abs() <= allowed, "{what}, at {}: {found} and {expected}", z.as_slice()[i]);
    }
}

/// The sum of the products of two matrices' elements.
fn product(left: &Matrix, right: &Matrix) -> f64 {
    left.as_slice().iter().zip(right.as_slice()).map(|(left, right)| left * right).sum()
}

/// Computed in Python, by the formulas as the documentation writes them.
#[test]
fn activations_have_these_values() {
    let z = Matrix::from_rows(&[[-0.5, 1.5]]);
    for (activation, expected) in [
        (Activation::Identity, [-0.5, 1.5]),
        (Activation::Sigmoid, [0.3775406687981454, 0.8175744761936437]),
        (Activation::Tanh, [-0.4621171572600098, 0.9051482536448664]),
        (Activation::Relu, [0.0, 1.5]),
        (Activation::LeakyRelu(0.25), [-0.125, 1.5]),
        (Activation::Elu, [-0.3934693402873666, 1.5]),
        (Activation::Exponential, [0.6065306597126334, 4.4816890703380645]),
        (Activation::Softplus, [0.4740769841801067, 1.7014132779827524]),
        (Activation::Silu, [-0.1887703343990727, 1.2263617142904655]),
        (Activation::Gelu, [-0.15428599017485606, 1.3995715769802328]),
        (Activation::Sine(30.0), [-0.6502878401571168, 0.8509035245341184]),
        (Activation::Softmax, [0.11920292202211757, 0.8807970779778824]),
    ] {
        for (found, expected) in reference::activation(activation, &z).as_slice().iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-14, "{activation}: {found} and {expected}");
        }
    }
}

/// Likewise, of logits, where it is of such. Each loss is a sum over samples.
#[test]
fn losses_have_these_values() {
    let y = Matrix::from_rows(&[[0.75, -2.0, 0.125]; 2]);
    let t = Matrix::from_rows(&[[0.25, 0.5, 0.5]; 2]);
    for (loss, expected) in [
        (Loss::SquaredError, 3.3203125),
        (Loss::MeanSquaredError, 2.2135416666666665),
        (Loss::L1, 1.125),
        (Loss::Huber { delta: 1.0 }, 0.7317708333333334),
        (Loss::Huber { delta: 0.25 }, 0.25),
        (Loss::RelativeSquaredError, 2.494363197342675),
        (Loss::BinaryCrossEntropy, 0.9237993508250139),
        (Loss::CrossEntropy { label_smoothing: 0.0 }, 2.2743710086394406),
        (Loss::CrossEntropy { label_smoothing: 0.125 }, 2.189386733423455),
    ] {
        let (found, _) = reference::loss(loss, Activation::Identity, &y, &t).unwrap();
        assert!((found - 2.0 * expected).abs() <= 1e-14, "{loss}: {found} and twice {expected}");
    }
}

#[test]
fn the_derivatives_of_activations_agree_with_central_differences() {
    let [z, d_output] = rows();
    for factor in [0.3, 2.0] {
        let z = z.map(|z| factor * z);
        for activation in activations() {
            let y = reference::activation(activation, &z);
            let d_input = reference::activation_backward(activation, &d_output, &z, &y).unwrap();
            let sum = |z: &Matrix| product(&d_output, &reference::activation(activation, z));
            assert_gradient(&activation.to_string(), &d_input, &z, |i| z.as_slice()[i].abs() < 1e-3, sum);
        }
    }
}

/// The derivative of an activation where it has a kink is that from below.
#[test]
fn the_derivatives_at_kinks_are_0_and_the_slope() {
    let zero = Matrix::from_rows(&[[0.0]]);
    let one = Matrix::from_rows(&[[1.0]]);
    for (activation, expected) in [(Activation::Relu, 0.0), (Activation::LeakyRelu(0.2), f64::from(0.2f32))] {
        let found = reference::activation_backward(activation, &one, &zero, &zero).unwrap();
        assert_eq!(found.as_slice(), [expected], "{activation}");
    }
    let (_, found) = reference::loss(Loss::L1, Activation::Identity, &one, &one).unwrap();
    assert_eq!(found.as_slice(), [0.0]);
}

#[test]
fn the_gradients_of_losses_agree_with_central_differences() {
    let [z, _] = rows();
    let mut pairs = 0;
    for loss in losses() {
        for last in activations().into_iter().filter(|&last| suits(loss, last)) {
            for t in targets() {
                let y = reference::activation(last, &z);
                let (_, d_output) = reference::loss(loss, last, &y, &t).unwrap();
                let d_input = reference::activation_backward(last, &d_output, &z, &y).unwrap();
                let sum = |z: &Matrix| {
                    let moved = reference::activation(last, z);
                    match loss {
                        Loss::RelativeSquaredError => relative_squared_error(&moved, &t, &y),
                        _ => reference::loss(loss, last, &moved, &t).unwrap().0,
                    }
                };
                let is_near_kink = |i: usize| {
                    let distance = (y.as_slice()[i] - t.as_slice()[i]).abs();
                    let is_near = |kink: f32| (distance - f64::from(kink)).abs() < 0.01;
                    let of_loss = match loss {
                        Loss::L1 => is_near(0.0),
                        Loss::Huber { delta } => is_near(delta),
                        _ => false,
                    };
                    of_loss || z.as_slice()[i].abs() < 1e-3
                };
                assert_gradient(&format!("{loss} of {last}"), &d_input, &z, is_near_kink, sum);
            }
            pairs += 1;
        }
    }
    // Six losses of any output, of all activations but softmax; three of two activations each.
    assert_eq!(pairs, 6 * (activations().len() - 1) + 3 * 2);
}

/// The loss whose denominators stay those of the outputs `held`.
fn relative_squared_error(y: &Matrix, t: &Matrix, held: &Matrix) -> f64 {
    let terms = y.as_slice().iter().zip(t.as_slice()).zip(held.as_slice());
    terms.map(|((y, t), held)| (y - t).powi(2) / (held * held + 0.01)).sum::<f64>() / OUTPUTS as f64
}

#[test]
fn a_loss_of_probabilities_is_that_of_the_logits() {
    let [z, _] = rows();
    for (loss, last) in [
        (Loss::BinaryCrossEntropy, Activation::Sigmoid),
        (Loss::CrossEntropy { label_smoothing: 0.0 }, Activation::Softmax),
        (Loss::CrossEntropy { label_smoothing: 0.1 }, Activation::Softmax),
    ] {
        for t in targets() {
            let p = reference::activation(last, &z);
            let (by_probabilities, d_p) = reference::loss(loss, last, &p, &t).unwrap();
            let d_z = reference::activation_backward(last, &d_p, &z, &p).unwrap();
            let (by_logits, expected) = reference::loss(loss, Activation::Identity, &z, &t).unwrap();
            let difference = (by_probabilities - by_logits).abs();
            assert!(difference <= 1e-12 * by_logits, "{loss}: {by_probabilities} and {by_logits}");
            for (found, expected) in d_z.as_slice().iter().zip(expected.as_slice()) {
                assert!((found - expected).abs() <= 1e-13, "the gradient of {loss}: {found} and {expected}");
            }
        }
    }
}

#[test]
fn logits_far_apart_have_a_finite_loss() {
    let t = Matrix::from_rows(&[[0.0, 1.0]]);
    for z in [Matrix::from_rows(&[[1e30, -1e30]]), Matrix::from_rows(&[[800.0, -800.0]])] {
        let [largest, _] = [z.as_slice()[0], z.as_slice()[1]];
        // By binary_cross_entropy, the mean over the outputs; by cross_entropy, the difference of the logits.
        let (loss, d_z) = reference::loss(Loss::BinaryCrossEntropy, Activation::Identity, &z, &t).unwrap();
        assert_eq!((loss, d_z.as_slice()), (largest, &[0.5, -0.5][..]));
        let cross_entropy = Loss::CrossEntropy { label_smoothing: 0.0 };
        let (loss, d_z) = reference::loss(cross_entropy, Activation::Identity, &z, &t).unwrap();
        assert_eq!((loss, d_z.as_slice()), (2.0 * largest, &[1.0, -1.0][..]));
    }
}

/// The weight 1 after a step by the gradient 0.5 and one by -0.25, at the rate 0.1: the formulas written out.
#[test]
fn optimizers_take_these_steps() {
    let (beta1, beta2, epsilon) = (0.8, 0.9, 1e-3);
    let adam = |decay: f64| {
        let first = 1.0 - decay - 0.1 * (0.2 * 0.5 / 0.2) / ((0.1f64 * 0.25 / 0.1).sqrt() + 1e-3);
        let (m, v) = (0.8 * 0.2 * 0.5 + 0.2 * -0.25, 0.9f64 * 0.1 * 0.25 + 0.1 * 0.0625);
        let second = (1.0 - decay) * first - 0.1 * (m / (1.0 - 0.64)) / ((v / (1.0 - 0.81)).sqrt() + 1e-3);
        [first, second]
    };
    for (optimizer, weight_decay, expected) in [
        (Optimizer::Sgd, 0.0, [0.95, 0.975]),
        (Optimizer::Sgd, 0.2, [0.93, 0.9364]),
        // The moments 0.5 and 0.2.
        (Optimizer::momentum(0.9), 0.0, [0.95, 0.93]),
        (Optimizer::nesterov(0.9), 0.0, [1.0 - 0.1 * (0.5 + 0.9 * 0.5), 0.905 - 0.1 * (-0.25 + 0.9 * 0.2)]),
        (Optimizer::Adam { beta1, beta2, epsilon }, 0.0, adam(0.0)),
        (Optimizer::AdamW { beta1, beta2, epsilon }, 0.2, adam(0.1 * 0.2)),
    ] {
        let mut descent = Descent::new(optimizer, 0.1);
        descent.weight_decay = weight_decay;
        let first = descent.step(&[1.0], &[0.5]).unwrap()[0];
        let second = descent.step(&[first], &[-0.25]).unwrap()[0];
        let differences = [first - expected[0], second - expected[1]].map(f64::abs);
        assert!(
            differences.iter().all(|&difference| difference < 1e-12),
            "{optimizer}: {first}, {second}, {expected:?}"
        );
    }
}

#[test]
fn the_text_of_an_entry_names_it() {
    let parameters = [0.1, 0.01, 30.0, 1e-8, 1e30, 2.5, f32::MIN_POSITIVE, f32::MAX, 1.0 / 3.0];
    let more =
        parameters.iter().flat_map(|&parameter| [Activation::LeakyRelu(parameter), Activation::Sine(-parameter)]);
    for activation in activations().into_iter().chain(more) {
        assert_eq!(activation.to_string().parse(), Ok(activation));
    }
    let more = parameters
        .iter()
        .flat_map(|&parameter| [Loss::Huber { delta: parameter }, Loss::CrossEntropy { label_smoothing: parameter }]);
    for loss in losses().into_iter().chain(more) {
        assert_eq!(loss.to_string().parse(), Ok(loss));
    }
    // Without parentheses, the usual parameter; and the names as they are in files.
    for activation in Activation::ALL {
        assert_eq!(activation.name().parse(), Ok(*activation));
    }
    for loss in Loss::ALL {
        assert_eq!(loss.name().parse(), Ok(*loss));
    }
    let texts = ["leaky_relu(0.01)", "sine(30)", "tanh"].map(|text| text.parse::<Activation>().unwrap().to_string());
    assert_eq!(texts, ["leaky_relu(0.01)", "sine(30)", "tanh"]);
    let texts = ["huber(1)", "cross_entropy", "cross_entropy(0)"].map(|text| text.parse::<Loss>().unwrap().to_string());
    assert_eq!(texts, ["huber(1)", "cross_entropy", "cross_entropy"]);
}

#[test]
fn what_names_no_entry_is_an_error_that_lists_them() {
    for text in [
        "tanhh",
        "",
        "Tanh",
        "tanh ",
        "sine()",
        "sine(30",
        "sine30)",
        "sine(x)",
        "sine(1, 2)",
        "sine(1))",
        "relu(1)",
        "softmax(1)",
        "identity()",
        "huber",
    ] {
        let error = text.parse::<Activation>().unwrap_err();
        assert!(matches!(error, Error::Name { operation: "Activation::from_str", .. }), "{text:?}: {error:?}");
        let words = error.to_string();
        assert!(words.contains(text), "{words}");
        assert!(Activation::ALL.iter().all(|activation| words.contains(&activation.to_string())), "{words}");
    }
    for text in
        ["l2", "", "huber(x)", "huber()", "huber(1", "huber(1,2)", "l1(1)", "squared_error(2)", "Cross_entropy", "tanh"]
    {
        let error = text.parse::<Loss>().unwrap_err();
        assert!(matches!(error, Error::Name { operation: "Loss::from_str", .. }), "{text:?}: {error:?}");
        let words = error.to_string();
        assert!(words.contains(text), "{words}");
        assert!(Loss::ALL.iter().all(|loss| words.contains(&loss.to_string())), "{words}");
    }
}
