//! The WGSL of the tables agrees with the tables' f64, on the device that there is, as closely as WGSL lets it.
//!
//! Bounds are of the formulas in exact arithmetic, plus what WGSL lets its operations err: `+ - *` half an ULP, `/` 2.5 ULP, and
//! `e^x` (3 + 2|x|) ULP, which is times [`exp`] below. Each is multiplied by how far it moves the result.

mod run;

use run::{Computed, POINTS, compute, function};

use crate::activation::Activation;
use crate::codegen::functions::{self, Call};
use crate::gpu::Gpu;
use crate::loss::Loss;
use crate::reference;

/// The distance from 1 to the next f32: an ULP is at most this part of a value, and at least half of it.
const EPSILON: f64 = f32::EPSILON as f64;

/// Devices may take an f32 below 1.2e-38 for 0, also where it is then multiplied by 100.
const FLUSHED: f64 = 200.0 * f32::MIN_POSITIVE as f64;

/// Where gelu is less than this, the table's digits cancel.
const OF_TABLE: f64 = 1e-14;

/// The relative error of e^x that WGSL allows.
fn exp(x: f64) -> f64 {
    (3.0 + 2.0 * x.abs()) * EPSILON
}

fn sigmoid(z: f64) -> f64 {
    Activation::Sigmoid.value(z)
}

/// Fails unless all that is found is finite and within its bound. Where no f32 is as large as what is expected, as the square of
/// 1e30, anything is allowed. Prints how much of the bounds is needed.
fn check(what: &str, found: &[f32], at: impl Fn(usize) -> String, expected: impl Fn(usize) -> [f64; 2]) {
    let mut most = 0f64;
    for (i, &found) in found.iter().enumerate() {
        let [expected, bound] = expected(i);
        if expected.abs() > f64::from(f32::MAX) {
            continue;
        }
        let difference = (f64::from(found) - expected).abs();
        assert!(
            found.is_finite() && difference <= bound + FLUSHED,
            "{what} of {}: found {found:e}, expected {expected:e}: they differ by {difference:e}, and {bound:e} is allowed",
            at(i)
        );
        most = most.max(difference / (bound + FLUSHED));
    }
    assert_eq!(found.len(), POINTS);
    println!("{what}: {most:.2} of what is allowed");
}

/// The extremes, and magnitudes from `least` to `most` with an equal ratio, with both signs. Neighbours are far from each other, so
/// that the lanes of a vector go different ways.
fn points(least: f64, most: f64, extremes: [f32; 6]) -> Vec<f32> {
    let half = (POINTS - extremes.len()) / 2;
    let magnitude = |i: usize| (least * (most / least).powf(i as f64 / (half - 1) as f64)) as f32;
    let mut all = (0..half).flat_map(|i| [magnitude(i), -magnitude(i)]).chain(extremes).collect::<Vec<_>>();
    all.sort_by(f32::total_cmp);
    (0..POINTS).map(|i| all[i * 355 % POINTS]).collect()
}

/// From ±1e-8 to ±100, 0, ±1e30 and ±`largest`.
fn usual_points(largest: f32) -> Vec<f32> {
    points(1e-8, 100.0, [0.0, -0.0, 1e30, -1e30, largest, -largest])
}

/// A point of an activation.
#[derive(Clone, Copy)]
struct At {
    z: f64,
    y: f64,
    derivative: f64,
    parameter: f64,
}

type Bound = fn(At) -> f64;

/// Of each activation, the largest errors of the value and of the derivative; this is of the y that was computed, where it is of
/// an output, and so has the error of that.
const ACTIVATIONS: [(Activation, Bound, Bound); 14] = [
    // With e = e^-|z|, dy / dln(e) = y (1 - y). One sum and one quotient.
    (
        Activation::Sigmoid,
        |at| at.derivative * exp(at.z) + 1.5 * EPSILON * at.y,
        |at| at.derivative * exp(at.z) + 1.5 * EPSILON * at.y,
    ),
    // Of the derivative, twice the value's, and its own rounding.
    (Activation::Tanh, tanh, |at| 2.0 * at.y.abs() * tanh(at) + EPSILON / 2.0),
    // Exact.
    (Activation::Relu, |_| 0.0, |_| 0.0),
    // One product; the slope itself.
    (Activation::LeakyRelu(0.01), |at| EPSILON / 2.0 * at.y.abs(), |_| 0.0),
    (Activation::LeakyRelu(0.2), |at| EPSILON / 2.0 * at.y.abs(), |_| 0.0),
    (Activation::LeakyRelu(0.0), |_| 0.0, |_| 0.0),
    // Of the derivative, the value's and the rounding of a sum.
    (Activation::Elu, elu, |at| if at.z > 0.0 { 0.0 } else { elu(at) + EPSILON / 2.0 }),
    // That of e^z, which the derivative is too.
    (Activation::Exponential, |at| at.y * exp(at.z.min(88.0)), |at| at.y * exp(at.z.min(88.0))),
    (Activation::Softplus, softplus, softplus_derivative),
    (Activation::Silu, silu, silu_derivative),
    (Activation::Gelu, gelu, gelu_derivative),
    (Activation::Sine(1.0), sine, |at| sine(at) * at.parameter),
    (Activation::Sine(30.0), sine, |at| sine(at) * at.parameter),
    (Activation::Sine(-0.3), sine, |at| sine(at) * at.parameter.abs()),
];

/// The errors of an activation whose formula is no more than a few sums, products and quotients without cancellation: it needs
/// none of its own here.
const OF_Y: Bound = |at| 8.0 * EPSILON * at.y.abs();
const OF_DERIVATIVE: Bound = |at| 8.0 * EPSILON * at.derivative.abs();

/// Near 0 the polynomial's 2.3e-7. Otherwise, with e = e^-2|z|, dy / dln(e) = (1 - y²) / 2; two sums and one quotient.
fn tanh(at: At) -> f64 {
    match at.z.abs() < 0.35 {
        true => 2.3e-7 * at.y.abs(),
        false => (1.0 - at.y * at.y) / 2.0 * exp(2.0 * at.z) + 1.5 * EPSILON * at.y.abs(),
    }
}

/// That of e^z, past tanh's polynomial; otherwise of that, one sum and one quotient.
fn elu(at: At) -> f64 {
    match at.z {
        0.0.. => 0.0,
        -0.7..0.0 => 3.0 * EPSILON * at.y.abs(),
        _ => (at.y + 1.0) * exp(at.z) + 3.0 * EPSILON * at.y.abs(),
    }
}

/// With e = e^-|z|, dy / dln(e) = e / (1 + e). The 2.3e-7 of log1p, and a sum.
fn softplus(at: At) -> f64 {
    sigmoid(-at.z.abs()) * exp(at.z) + 2.5 * EPSILON * at.y
}

/// That of y times e^-y, which has an error of its own; past tanh's polynomial, that of e^y.
fn softplus_derivative(at: At) -> f64 {
    let power = if at.y < 0.7 { 0.0 } else { exp(at.y) };
    (1.0 - at.derivative) * (softplus(at) + power) + 3.0 * EPSILON * at.derivative
}

/// That of a sigmoid, times z, and a product.
fn silu(at: At) -> f64 {
    at.z.abs() * sigmoid(at.z) * sigmoid(-at.z) * exp(at.z) + 2.0 * EPSILON * at.y.abs()
}

/// With s = sigmoid(z) and r = s (1 - s), ds / dln(e) = r, and dr / dln(e) = r (1 - 2 s).
fn silu_derivative(at: At) -> f64 {
    let s = sigmoid(at.z);
    let r = s * sigmoid(-at.z);
    r * (1.0 + at.z.abs() * (1.0 - 2.0 * s).abs()) * exp(at.z) + 2.0 * EPSILON * (s + at.z.abs() * r)
}

/// As silu, with the sigmoid of u, whose error of 2 ULP is as one of e^u. The table's 1 + tanh has an error of its own.
fn gelu(at: At) -> f64 {
    let (u, _) = gelu_argument(at.z);
    at.z.abs() * sigmoid(u) * sigmoid(-u) * 2.0 * exp(u) + 2.0 * EPSILON * at.y.abs() + OF_TABLE
}

fn gelu_derivative(at: At) -> f64 {
    let (u, slope) = gelu_argument(at.z);
    let s = sigmoid(u);
    let r = s * sigmoid(-u);
    r * (1.0 + at.z.abs() * slope * (1.0 - 2.0 * s).abs()) * 2.0 * exp(u)
        + 2.0 * EPSILON * (s + at.z.abs() * r * slope)
        + OF_TABLE
}

/// u and du/dz; past ±10, all is 0 or 1.
fn gelu_argument(z: f64) -> (f64, f64) {
    let z = z.clamp(-10.0, 10.0);
    let factor = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    (factor * (z + 0.044715 * z.powi(3)), factor * (1.0 + 3.0 * 0.044715 * z * z))
}

/// The polynomial's 1.2e-7, and ω z's rounding. Past 1e4 any number.
fn sine(at: At) -> f64 {
    let x = (at.parameter * at.z).abs();
    let rounding = if at.parameter == 1.0 { 0.0 } else { EPSILON / 2.0 * x };
    if x > 1e4 { f64::INFINITY } else { 1.2e-7 + rounding }
}

#[test]
fn activations_agree_with_the_table() {
    let gpu = Gpu::headless().unwrap();
    let unbounded = Activation::ALL.iter().filter(|activation| {
        activation.formula().is_some() && ACTIVATIONS.iter().all(|(bounded, ..)| bounded != *activation)
    });
    let usual = unbounded.map(|&activation| (activation, OF_Y, OF_DERIVATIVE));
    for (activation, value, derivative) in ACTIVATIONS.into_iter().chain(usual) {
        let parameter = activation.parameter().map_or(0.0, f64::from);
        // No product of the parameter and a point is past the largest f32.
        let z = usual_points(f32::MAX / activation.parameter().unwrap_or(1.0).abs().max(1.0));
        let found = compute(&gpu, &activation.to_string(), &[&z], |width| Computed {
            calls: functions::calls(true, &[(activation, width)]),
            expressions: vec![
                functions::value(activation, "", width, "a"),
                functions::derivative(activation, width, "a", "r0").unwrap(),
            ],
        });
        let at = |i: usize| {
            let z = f64::from(z[i]);
            let y = activation.value(z);
            At { z, y, derivative: activation.derivative(z, y), parameter }
        };
        let name = |i: usize| format!("{:e}", z[i]);
        check(&format!("{activation}"), &found[0], name, |i| [at(i).y, value(at(i))]);
        check(&format!("{activation}, the derivative"), &found[1], name, |i| [at(i).derivative, derivative(at(i))]);
    }
}

/// A point of a loss.
#[derive(Clone, Copy)]
struct LossAt {
    y: f64,
    t: f64,
    value: f64,
    derivative: f64,
}

type LossBound = fn(LossAt) -> f64;

/// Of each loss of one output, the largest errors of the value and of the derivative. A difference of two f32 is rounded once.
const LOSSES: [(Loss, LossBound, LossBound); 7] = [
    // The difference, twice, and a product.
    (Loss::SquaredError, |at| 1.5 * EPSILON * at.value, |at| EPSILON / 2.0 * at.derivative.abs()),
    (Loss::MeanSquaredError, |at| 1.5 * EPSILON * at.value, |at| EPSILON / 2.0 * at.derivative.abs()),
    // The difference; its sign is exact.
    (Loss::L1, |at| EPSILON / 2.0 * at.value, |_| 0.0),
    // The difference, twice, and a product; or the difference, from which at most half is taken.
    (Loss::Huber { delta: 1.0 }, |at| 2.0 * EPSILON * at.value, |at| EPSILON / 2.0 * at.derivative.abs()),
    (Loss::Huber { delta: 0.3 }, |at| 2.0 * EPSILON * at.value, |at| EPSILON / 2.0 * at.derivative.abs()),
    // The difference, the denominator's three roundings, a quotient, and for the value difference and product.
    (Loss::RelativeSquaredError, |at| 3.5 * EPSILON * at.value, |at| 2.5 * EPSILON * at.derivative.abs()),
    // The two sums and a product, of the terms' sizes, with softplus; a sigmoid and a difference.
    (
        Loss::BinaryCrossEntropy,
        |at| EPSILON * (at.y.max(0.0) + (at.y * at.t).abs()) + softplus_of(-at.y.abs()),
        |at| {
            sigmoid(at.y) * sigmoid(-at.y) * exp(at.y)
                + 1.5 * EPSILON * sigmoid(at.y)
                + EPSILON / 2.0 * at.derivative.abs()
        },
    ),
];

fn softplus_of(z: f64) -> f64 {
    let y = Activation::Softplus.value(z);
    softplus(At { z, y, derivative: Activation::Softplus.derivative(z, y), parameter: 0.0 })
}

#[test]
fn losses_agree_with_the_table() {
    let gpu = Gpu::headless().unwrap();
    for loss in Loss::ALL.iter().filter(|loss| !loss.is_of_rows()) {
        assert!(LOSSES.iter().any(|(bounded, ..)| bounded == loss), "{loss} has no bounds");
    }
    for (loss, value, derivative) in LOSSES {
        let (formula, reference) = (loss.formula(), loss.reference());
        let parameter = loss.parameter().map_or(0.0, f64::from);
        let y = usual_points(f32::MAX);
        let t = y.iter().enumerate().map(|(i, &y)| [0.0, 1.0, 0.3, -2.5, 40.0, y][i % 6]);
        let is_of_probabilities = loss.probabilities().is_some();
        let t = t.map(|t: f32| if is_of_probabilities { t.clamp(0.0, 1.0) } else { t }).collect::<Vec<_>>();
        let found = compute(&gpu, &loss.to_string(), &[&y, &t], |width| {
            let names = ["value", "derivative"].map(|suffix| format!("{}_{suffix}", formula.name));
            let last = functions::last_argument(loss.parameter(), width);
            Computed {
                expressions: names.iter().map(|name| format!("{name}{width}(a, b{last})")).collect(),
                calls: names.map(|name| Call { name, width }).to_vec(),
            }
        });
        let at = |i: usize| {
            let [y, t] = [y[i], t[i]].map(f64::from);
            let [value, derivative] = [reference.value, reference.derivative].map(|f| f(y, t, parameter));
            LossAt { y, t, value, derivative }
        };
        let name = |i: usize| format!("y {:e}, t {:e}", y[i], t[i]);
        check(&format!("{loss}"), &found[0], name, |i| [at(i).value, value(at(i))]);
        check(&format!("{loss}, the derivative"), &found[1], name, |i| [at(i).derivative, derivative(at(i))]);
    }
}

#[test]
fn sines_hold_to_10_000_and_are_never_past_1() {
    let gpu = Gpu::headless().unwrap();
    let sine = Activation::Sine(1.0);
    // The large ones are not as few as the small ones.
    let evenly = (0..POINTS).map(|i| (1e4 - 2e4 * i as f64 / (POINTS - 1) as f64) as f32).collect();
    for z in [points(1e-8, 1e4, [0.0, -0.0, 1e30, -1e30, f32::MAX, f32::MIN]), evenly] {
        let found = compute(&gpu, "sine", &[&z], |width| Computed {
            calls: functions::calls(true, &[(sine, width)]),
            expressions: vec![
                functions::value(sine, "", width, "a"),
                functions::derivative(sine, width, "a", "").unwrap(),
            ],
        });
        // Where it is 1, it may be one ULP more.
        assert!(found.iter().flatten().all(|sine| sine.abs() <= 1.0 + f32::EPSILON));
        let name = |i: usize| format!("{:e}", z[i]);
        let bound = |i: usize| if z[i].abs() <= 1e4 { 1.2e-7 } else { f64::INFINITY };
        check("sin", &found[0], name, |i| [f64::from(z[i]).sin(), bound(i)]);
        check("cos", &found[1], name, |i| [f64::from(z[i]).cos(), bound(i)]);
    }
}

#[test]
fn logarithms_agree_with_f64() {
    let gpu = Gpu::headless().unwrap();
    let e = points(1e-8, 1.0, [0.0, 1e-30, 1e-20, 0.5, 1.0, 1.0 - f32::EPSILON / 2.0]);
    let e = e.iter().map(|e| e.abs()).collect::<Vec<_>>();
    let found = function(&gpu, "log1p", &[&e]);
    check(
        "log1p",
        &found,
        |i| format!("{:e}", e[i]),
        |i| {
            let expected = f64::from(e[i]).ln_1p();
            [expected, 2.3e-7 * expected]
        },
    );
    let x = points(1.0, 1e30, [1.0, 1.0 + f32::EPSILON, 2.0 - f32::EPSILON, 2.0, 4.0, f32::MAX]);
    let x = x.iter().map(|x| x.abs()).collect::<Vec<_>>();
    let found = function(&gpu, "logarithm", &[&x]);
    check(
        "logarithm",
        &found,
        |i| format!("{:e}", x[i]),
        |i| {
            let expected = f64::from(x[i]).ln();
            [expected, 3e-7 * expected]
        },
    );
}

#[test]
fn light_agrees_with_f64() {
    let gpu = Gpu::headless().unwrap();
    let x = points(0.0, 1.0, [0.0, 1.0, 0.04045, 0.040450003, 0.5, f32::MIN_POSITIVE]);
    let x = x.iter().map(|x| if x.is_nan() { 0.25 } else { x.abs() }).collect::<Vec<_>>();
    let found = function(&gpu, "light_of_srgb", &[&x]);
    let name = |i: usize| format!("{:e}", x[i]);
    check("light_of_srgb", &found, name, |i| {
        let expected = reference::light_of_srgb(f64::from(x[i]));
        [expected, 2e-6 * expected]
    });
}

/// Of β up to 0.99999, whose logarithm is a sum of two f32, and t up to 1e7.
#[test]
fn powers_agree_with_f64() {
    let gpu = Gpu::headless().unwrap();
    let base = |i: usize| [0.9, 0.99, 0.999, 0.99999][i % 4];
    let high = (0..POINTS).map(|i| f64::ln(base(i)) as f32).collect::<Vec<_>>();
    let low = (0..POINTS).map(|i| (f64::ln(base(i)) - f64::from(high[i])) as f32).collect::<Vec<_>>();
    let t = points(1.0, 1e7, [1.0, 2.0, 3.0, 35.0, 350.0, 3_500.0]);
    let t = t.iter().map(|t| t.abs().round()).collect::<Vec<_>>();
    let x = |i: usize| f64::from(t[i]) * f64::ln(base(i));
    let name = |i: usize| format!("{} to the power of {}", base(i), t[i]);
    // That of e^x, of an x that is rounded.
    let error = |i: usize| x(i).exp() * (exp(x(i)) + EPSILON * x(i).abs());
    let found = function(&gpu, "power", &[&t, &high, &low]);
    check("power", &found, name, |i| [x(i).exp(), error(i)]);
    let found = function(&gpu, "one_minus_power", &[&t, &high, &low]);
    check("one_minus_power", &found, name, |i| {
        let expected = -x(i).exp_m1();
        [expected, 3e-7 * expected + if x(i) > -0.35 { 0.0 } else { error(i) }]
    });
}

/// The functions of a softmax and of its loss, at logits below the row's maximum by up to 100, by 1e30 and by `f32::MAX`.
#[test]
fn functions_of_rows_agree_with_f64() {
    let gpu = Gpu::headless().unwrap();
    let column = |values: &[f32]| (0..POINTS).map(|i| values[i % values.len()]).collect::<Vec<_>>();
    let maximum = column(&[2.5, -150.0, 0.0, 150.0, 1e4]);
    let z = usual_points(f32::MAX).iter().zip(&maximum).map(|(z, maximum)| maximum - z.abs()).collect::<Vec<_>>();
    let t = column(&[0.0, 1.0, 0.3, 2.0]);
    let sum = points(1.0, 1e4, [1.0, 1.0 + f32::EPSILON, 1.0001, 1.001, 1.01, 1.1])
        .iter()
        .map(|sum| sum.abs())
        .collect::<Vec<_>>();
    let total = column(&[1.0, 0.5, 3.0]);
    let below = |i: usize| f64::from(z[i]) - f64::from(maximum[i]);
    // That of e^x, of an x that is rounded.
    let share = |i: usize| [below(i).exp(), below(i).exp() * (exp(below(i)) + EPSILON / 2.0 * below(i).abs())];
    let name = |i: usize| format!("{:e} below {:e}, sum {:e}, t {} of {}", z[i], maximum[i], sum[i], t[i], total[i]);

    let found = function(&gpu, "softmax_share", &[&z, &maximum]);
    check("softmax_share", &found, name, share);
    let arguments = [&z, &t, &maximum, &sum, &total].map(Vec::as_slice);
    let found = function(&gpu, "cross_entropy_value", &arguments[..4]);
    check("cross_entropy", &found, name, |i| {
        // Both terms are positive. The logarithm's 3e-7, a difference, a sum and a product.
        let [t, logarithm] = [f64::from(t[i]), f64::from(sum[i]).ln()];
        let expected = t * (logarithm - below(i));
        [expected, 3e-7 * t * logarithm + 1.5 * EPSILON * expected]
    });
    let found = function(&gpu, "cross_entropy_derivative", &arguments);
    check("cross_entropy, the derivative", &found, name, |i| {
        // A quotient, a product and a difference.
        let [e, error] = share(i);
        let [factor, t] = [f64::from(total[i]) / f64::from(sum[i]), f64::from(t[i])];
        [factor * e - t, factor * (error + 2.0 * EPSILON * e) + EPSILON / 2.0 * t]
    });
}

#[test]
fn padding_stays_padding_where_the_formulas_keep_zero() {
    for activation in Activation::ALL {
        assert_eq!(activation.keeps_zero(), activation.value(0.0) == 0.0, "{activation}");
    }
    for loss in Loss::ALL {
        let (reference, parameter) = (loss.reference(), loss.parameter().map_or(0.0, f64::from));
        let [value, derivative] = [reference.value, reference.derivative].map(|function| function(0.0, 0.0, parameter));
        assert_eq!(loss.keeps_zero(), value == 0.0 && derivative == 0.0, "{loss}");
    }
}
