//! Each kernel agrees with the reference, at any size and in any layout.

mod common;

use common::*;
use wgrad::kernels::{self, GatherConfig, TrainingState};
use wgrad::reference::{self, Matrix, Order};
use wgrad::{Activation, Loss};

/// Sizes around a workgroup's 64 invocations, and primes.
const SIZES: [usize; 9] = [1, 2, 7, 31, 63, 64, 65, 127, 257];

/// One more value than 65,535 workgroups compute, the most along one dimension of a dispatch.
const PAST_65_535_WORKGROUPS: usize = 65_535 * 64 + 1;

/// More terms than two dispatches may sum.
const LONG_SUM: usize = 70_000;

fn matrix(rows: usize, columns: usize, values: &[f32]) -> Matrix {
    Matrix::from_f32(rows, columns, values).unwrap()
}

/// The error bound of sums of products of values from N(0, 1); `sums` has the sums of the products' absolute values.
fn product_bound(terms: usize, sums: &Matrix) -> impl Fn(usize) -> f64 {
    let factor = 4f64.max((terms as f64).sqrt() / 16.0) * EPSILON;
    move |i| factor * sums.as_slice()[i]
}

fn check_matmul(layout: Layout, rows: usize, inputs: usize, outputs: usize, bias: bool) {
    let gpu = gpu();
    let height = inputs + usize::from(bias);
    let (x, w) = (normal(1, rows * inputs), normal(2, height * outputs));
    let [placed_x, placed_w] = [(rows, inputs, &x), (height, outputs, &w)]
        .map(|(rows, width, values)| Placed::new(gpu, layout, rows, width, Some(values)));
    let y = Placed::new(gpu, layout, rows, outputs, None);
    run(gpu, &kernels::matmul(gpu, &placed_x.rows, &placed_w.rows, &y.rows).unwrap());

    let (x, w) = (matrix(rows, inputs, &x), matrix(height, outputs, &w));
    let expected = reference::matmul(&x, &w).unwrap();
    let sums = reference::matmul(&x.map(f64::abs), &w.map(f64::abs)).unwrap();
    let what = format!("matmul of [{rows}, {inputs}] and [{height}, {outputs}], {layout:?}");
    assert_close(&what, &y.read(gpu), expected.as_slice(), product_bound(inputs, &sums));
}

fn check_matmul_transposed(layout: Layout, rows: usize, inputs: usize, outputs: usize, bias: bool) {
    let gpu = gpu();
    let height = inputs + usize::from(bias);
    let (d_output, w) = (normal(3, rows * outputs), normal(4, height * outputs));
    let placed_d_output = Placed::new(gpu, layout, rows, outputs, Some(&d_output));
    let placed_w = Placed::new(gpu, layout, height, outputs, Some(&w));
    let d_input = Placed::new(gpu, layout, rows, inputs, None);
    run(gpu, &kernels::matmul_transposed(gpu, &placed_d_output.rows, &placed_w.rows, &d_input.rows).unwrap());

    let (d_output, w) = (matrix(rows, outputs, &d_output), matrix(height, outputs, &w));
    let expected = reference::matmul_transposed(&d_output, &w, inputs).unwrap();
    let sums = reference::matmul_transposed(&d_output.map(f64::abs), &w.map(f64::abs), inputs).unwrap();
    let what = format!("matmul_transposed of [{rows}, {outputs}] and [{height}, {outputs}], {layout:?}");
    assert_close(&what, &d_input.read(gpu), expected.as_slice(), product_bound(outputs, &sums));
}

fn check_outer_product(layout: Layout, rows: usize, inputs: usize, outputs: usize, bias: bool) {
    let gpu = gpu();
    let (x, d_output) = (normal(5, rows * inputs), normal(6, rows * outputs));
    let placed_x = Placed::new(gpu, layout, rows, inputs, Some(&x));
    let placed_d_output = Placed::new(gpu, layout, rows, outputs, Some(&d_output));
    let d_weights = Placed::new(gpu, layout, inputs + usize::from(bias), outputs, None);
    run(gpu, &kernels::outer_product(gpu, &placed_x.rows, &placed_d_output.rows, &d_weights.rows).unwrap());

    let (x, d_output) = (matrix(rows, inputs, &x), matrix(rows, outputs, &d_output));
    let expected = reference::outer_product(&x, &d_output, bias).unwrap();
    let sums = reference::outer_product(&x.map(f64::abs), &d_output.map(f64::abs), bias).unwrap();
    let what = format!("outer_product of [{rows}, {inputs}] and [{rows}, {outputs}], {layout:?}");
    assert_close(&what, &d_weights.read(gpu), expected.as_slice(), product_bound(rows, &sums));
}

type ProductCheck = fn(Layout, usize, usize, usize, bool);
const PRODUCT_CHECKS: [ProductCheck; 3] = [check_matmul, check_matmul_transposed, check_outer_product];

#[test]
fn products_agree_with_the_reference_at_awkward_sizes() {
    for check in PRODUCT_CHECKS {
        for (i, &size) in SIZES.iter().enumerate() {
            let layout = LAYOUTS[i % 2];
            let bias = i % 3 == 0;
            check(layout, size, 3, 5, bias);
            check(layout, 3, size, 5, bias);
            check(layout, 5, 3, size, !bias);
            check(LAYOUTS[(i + 1) % 2], size, SIZES[(i + 4) % SIZES.len()], SIZES[(i + 7) % SIZES.len()], bias);
        }
    }
}

#[test]
fn products_agree_with_the_reference_past_65_535_workgroups() {
    // 2,049 · 2,048 values in the result, then 4,194,241.
    check_matmul(Layout::Dense, 2_049, 2, 2_048, true);
    check_matmul(Layout::Scattered, PAST_65_535_WORKGROUPS, 1, 1, false);
    check_matmul_transposed(Layout::Dense, PAST_65_535_WORKGROUPS, 1, 2, false);
    check_outer_product(Layout::Dense, 2, 2_048, 2_048, true);
}

#[test]
fn sums_of_more_terms_than_one_dispatch_may_add_are_complete() {
    for terms in [1, 32_768, 32_769, LONG_SUM] {
        let [row, column, scalar] = [(1, terms), (terms, 1), (1, 1)]
            .map(|(rows, width)| Placed::new(gpu(), Layout::Dense, rows, width, None).rows);
        let count = |dispatches: wgrad::Result<Vec<kernels::Dispatch>>| dispatches.unwrap().len();
        assert_eq!(count(kernels::matmul(gpu(), &row, &column, &scalar)), terms.div_ceil(32_768));
        assert_eq!(count(kernels::matmul_transposed(gpu(), &row, &row, &scalar)), terms.div_ceil(32_768));
        // A dispatch sums 31,744 rows in 992 blocks of 32 rows, and these in 31 blocks of 32.
        assert_eq!(count(kernels::outer_product(gpu(), &column, &column, &scalar)), terms.div_ceil(31_744));
    }
    for layout in LAYOUTS {
        check_matmul(layout, 2, LONG_SUM, 3, true);
        check_matmul_transposed(layout, 2, 3, LONG_SUM, false);
        check_outer_product(layout, LONG_SUM, 2, 3, true);
        // Exactly as many terms as one dispatch may add, and one more.
        check_matmul(layout, 1, 32_768, 1, true);
        check_matmul_transposed(layout, 1, 1, 32_769, false);
        check_outer_product(layout, 31_744, 1, 1, false);
        check_outer_product(layout, 31_745, 1, 1, false);
    }
}

#[test]
fn sums_of_equal_terms_stay_within_the_bound_for_any_operands() {
    // Equal terms are the worst case: all rounding errors of a running sum have the same sign.
    let gpu = gpu();
    for terms in [784, 30_000] {
        let x = Placed::new(gpu, Layout::Dense, 1, terms, Some(&vec![0.1; terms]));
        let w = Placed::new(gpu, Layout::Dense, terms, 1, Some(&vec![0.7; terms]));
        let y = Placed::new(gpu, Layout::Dense, 1, 1, None);
        run(gpu, &kernels::matmul(gpu, &x.rows, &w.rows, &y.rows).unwrap());
        let sum = terms as f64 * f64::from(0.1f32) * f64::from(0.7f32);
        assert_close("matmul", &y.read(gpu), &[sum], |_| terms as f64 * EPSILON / 2.0 * sum);

        let x = Placed::new(gpu, Layout::Dense, terms, 1, Some(&vec![0.1; terms]));
        let d_weights = Placed::new(gpu, Layout::Dense, 1, 1, None);
        run(gpu, &kernels::outer_product(gpu, &x.rows, &w.rows, &d_weights.rows).unwrap());
        // Block sums of a batch stay far within that bound: as close as a network's gradient must be.
        assert_close("outer_product", &d_weights.read(gpu), &[sum], |_| 2e-6 * sum);
    }
}

#[test]
fn sigmoid_agrees_with_the_reference_and_stays_within_0_and_1() {
    let gpu = gpu();
    let check = |layout, rows: usize, width: usize, x: &[f32]| {
        let placed_x = Placed::new(gpu, layout, rows, width, Some(x));
        let y = Placed::new(gpu, layout, rows, width, None);
        run(gpu, &[kernels::activation(gpu, Activation::Sigmoid, &placed_x.rows, &y.rows).unwrap()]);
        let expected = reference::activation(Activation::Sigmoid, &matrix(rows, width, x));
        let y = y.read(gpu);
        assert_close("sigmoid", &y, expected.as_slice(), |_| 5e-7);
        assert!(y.iter().all(|y| (0.0..=1.0).contains(y)), "a sigmoid outside of [0, 1]");
    };
    for (i, &size) in SIZES.iter().enumerate() {
        let wide = normal(7, size * 13).iter().map(|x| x * 10.0).collect::<Vec<_>>();
        check(LAYOUTS[i % 2], size, 13, &wide);
        check(LAYOUTS[(i + 1) % 2], 13, size, &wide);
    }
    let extreme = [0.0, -0.0, 1e-30, -1e-30, 17.0, -17.0, 90.0, -90.0, 104.0, -104.0, 1e30, -1e30, f32::MAX, f32::MIN];
    check(Layout::Scattered, 2, extreme.len() / 2, &extreme);
    let many = (0..PAST_65_535_WORKGROUPS).map(|i| i as f32 * 1e-5 - 20.0).collect::<Vec<_>>();
    check(Layout::Dense, PAST_65_535_WORKGROUPS, 1, &many);
}

#[test]
fn sigmoid_backward_agrees_with_the_reference() {
    let gpu = gpu();
    let check = |layout, rows: usize, width: usize| {
        let (d_output, y) = (normal(8, rows * width), uniform(9, rows * width));
        let placed_d_output = Placed::new(gpu, layout, rows, width, Some(&d_output));
        let placed_y = Placed::new(gpu, layout, rows, width, Some(&y));
        let d_input = Placed::new(gpu, layout, rows, width, None);
        let operands = [&placed_d_output, &placed_y, &d_input].map(|placed| &placed.rows);
        let [d_output_rows, y_rows, d_input_rows] = operands;
        let sigmoid = Activation::Sigmoid;
        run(gpu, &[kernels::activation_backward(gpu, sigmoid, d_output_rows, y_rows, d_input_rows).unwrap()]);
        let [d_output, y] = [&d_output, &y].map(|values| matrix(rows, width, values));
        let expected = reference::activation_backward(sigmoid, &d_output, &y, &y).unwrap();
        // Three roundings.
        assert_close("sigmoid_backward", &d_input.read(gpu), expected.as_slice(), |i| {
            2.0 * EPSILON * expected.as_slice()[i].abs() + f64::from(f32::MIN_POSITIVE)
        });
    };
    for (i, &size) in SIZES.iter().enumerate() {
        check(LAYOUTS[i % 2], size, 11);
        check(LAYOUTS[(i + 1) % 2], 3, size);
    }
    check(Layout::Dense, 1, PAST_65_535_WORKGROUPS);
}

/// A state whose current batch has `rows` of its `batch_size` samples.
fn state_with_rows(rows: usize, batch_size: usize, learning_rate: f32) -> TrainingState {
    let state = TrainingState::new(gpu(), batch_size as u32, batch_size as u32, learning_rate).unwrap();
    gpu().queue().write_buffer(state.buffer(), 0, &(rows as u32).to_le_bytes());
    state
}

#[test]
fn squared_error_agrees_with_the_reference_and_counts_only_samples() {
    let gpu = gpu();
    let check = |layout, rows: usize, samples: usize, outputs: usize| {
        let (y, t) = (uniform(10, rows * outputs), uniform(11, rows * outputs));
        let placed_y = Placed::new(gpu, layout, rows, outputs, Some(&y));
        let placed_t = Placed::new(gpu, layout, rows, outputs, Some(&t));
        let d_output = Placed::new(gpu, layout, rows, outputs, None);
        let state = state_with_rows(samples, rows, 0.1);
        gpu.queue().write_buffer(state.loss(), 0, &POISON.to_le_bytes());
        let operands = [&placed_y.rows, &placed_t.rows];
        let (loss, last) = (Loss::SquaredError, Activation::Identity);
        run(gpu, &kernels::loss(gpu, &state, loss, last, operands, &d_output.rows).unwrap());

        let count = samples * outputs;
        let [y, t] = [&y, &t].map(|values| matrix(samples, outputs, &values[..count]));
        let (sum, expected) = reference::loss(loss, last, &y, &t).unwrap();
        let found = d_output.read(gpu);
        // A difference is rounded once.
        assert_close("d_output", &found[..count], expected.as_slice(), |i| {
            EPSILON / 2.0 * expected.as_slice()[i].abs()
        });
        assert!(found[count..].iter().all(|&d_output| d_output == 0.0), "d_output past the batch's end is not 0");
        let loss = sum / samples as f64;
        let found = f32::from_bits(words_of(gpu, state.loss())[0]) / samples as f32;
        assert_close("loss", &[found], &[loss], |_| 1e-6 + 1e-6 * loss);
    };
    for (i, &size) in SIZES.iter().enumerate() {
        check(LAYOUTS[i % 2], size, size, 3);
        check(LAYOUTS[(i + 1) % 2], size, size.div_ceil(2), 10);
        check(Layout::Scattered, 2, 1, size);
    }
    check(Layout::Dense, 60_000, 60_000, 10);
    check(Layout::Dense, PAST_65_535_WORKGROUPS, PAST_65_535_WORKGROUPS - 1, 1);
}

#[test]
fn weight_update_agrees_with_the_reference() {
    let gpu = gpu();
    for (i, parameters) in SIZES.into_iter().chain([PAST_65_535_WORKGROUPS]).enumerate() {
        let (batch_size, learning_rate) = (1 + 3 * i, 0.3f32);
        let (w, d_weights) = (normal(12, parameters), normal(13, parameters));
        let placed_w = Placed::new(gpu, Layout::Dense, 1, parameters, Some(&w));
        let placed_d_weights = Placed::new(gpu, Layout::Dense, 1, parameters, Some(&d_weights));
        let state = state_with_rows(batch_size, batch_size, learning_rate);
        run(gpu, &[kernels::weight_update(gpu, &state, &placed_d_weights.rows, &placed_w.rows).unwrap()]);

        let [old, d_weights] = [&w, &d_weights].map(|values| matrix(1, parameters, values));
        let expected = reference::weight_update(&old, &d_weights, f64::from(learning_rate), batch_size).unwrap();
        let ulp = |value: f64| f64::from((value.abs() as f32).next_up() - value.abs() as f32);
        assert_close("weight_update", &placed_w.read(gpu), expected.as_slice(), |i| {
            let new = expected.as_slice()[i];
            ulp(new) + 16.0 * ulp(new - old.as_slice()[i])
        });
    }
}

/// Sets the state of the training: the batch's number of samples, its position, the epoch.
fn set_position(state: &TrainingState, rows: u32, position: u32, epoch: u64) {
    let words = [rows, position, epoch as u32, (epoch >> 32) as u32];
    gpu().queue().write_buffer(state.buffer(), 0, bytemuck::cast_slice(&words));
}

#[test]
fn gather_copies_the_samples_in_the_references_order() {
    let gpu = gpu();
    for (layout, samples, batch_size, inputs, targets, shuffle) in [
        (Layout::Dense, 1, 1, 1, 1, None),
        (Layout::Scattered, 13, 5, 3, 2, None),
        (Layout::Scattered, 13, 5, 3, 2, Some(7)),
        (Layout::Dense, 64, 64, 1, 1, Some(u64::MAX)),
        (Layout::Scattered, 65, 64, 2, 65, Some(1 << 40)),
        (Layout::Dense, 1_009, 127, 17, 3, Some(3)),
        (Layout::Dense, 70_001, 70_000, 59, 1, Some(5)), // 4,200,000 values
    ] {
        let (all_inputs, all_targets) = (normal(14, samples * inputs), normal(15, samples * targets));
        let placed_inputs = Placed::new(gpu, layout, samples, inputs, Some(&all_inputs));
        let placed_targets = Placed::new(gpu, layout, samples, targets, Some(&all_targets));
        let state = TrainingState::new(gpu, samples as u32, batch_size as u32, 0.1).unwrap();
        let order = Order { samples: samples as u32, batch_size: batch_size as u32, shuffle };
        // The first batch, the last batch of a later epoch, and a batch of an epoch past 32 bits.
        let steps = order.steps_per_epoch();
        for step in [0, steps * 3 - 1, steps * ((1 << 32) + 5) + steps / 2] {
            let x = Placed::new(gpu, layout, batch_size, inputs, None);
            let t = Placed::new(gpu, layout, batch_size, targets, None);
            let config = GatherConfig {
                inputs: &placed_inputs.rows,
                targets: &placed_targets.rows,
                x: &x.rows,
                t: &t.rows,
                shuffle,
            };
            let dispatch = kernels::gather(gpu, &state, config).unwrap();
            let positions = order.positions(step);
            set_position(&state, positions.len() as u32, positions.start, step / steps);
            run(gpu, &[dispatch]);

            let batch = order.batch(step);
            for (what, found, all, width) in
                [("x", x.read(gpu), &all_inputs, inputs), ("t", t.read(gpu), &all_targets, targets)]
            {
                let mut expected =
                    batch.iter().flat_map(|&sample| &all[sample * width..][..width]).copied().collect::<Vec<_>>();
                expected.resize(batch_size * width, 0.0);
                assert_eq!(found, expected, "{what} of step {step}, {samples} samples by {batch_size}, {layout:?}");
            }
        }
    }
}

#[test]
fn step_advances_batches_and_epochs_and_sums_losses_without_losing_digits() {
    let gpu = gpu();
    let loss = 0.1f32;
    // The last batch of each epoch may be smaller; 70,000 batches reach every level of the sum.
    for (samples, batch_size, steps) in
        [(5u32, 2u32, 7u64), (1, 1, 3), (70_000, 1, 70_000), (70_000, 1, 69_999), (300, 1, 257)]
    {
        let state = TrainingState::new(gpu, samples, batch_size, 0.1).unwrap();
        gpu.queue().write_buffer(state.loss(), 0, &loss.to_le_bytes());
        let dispatch = kernels::step(gpu, &state).unwrap();
        for chunk in (0..steps).collect::<Vec<_>>().chunks(10_000) {
            run(gpu, &vec![dispatch.clone(); chunk.len()]);
        }
        let words = words_of(gpu, state.buffer());
        let order = Order { samples, batch_size, shuffle: None };
        let positions = order.positions(steps);
        let epoch = steps / order.steps_per_epoch();
        let counters = [positions.len() as u32, positions.start, epoch as u32, 0, steps as u32, 0];
        assert_eq!(words[..6], counters, "{steps} steps over {samples} samples by {batch_size}");

        let float = |word: usize| f32::from_bits(words[word]);
        let (found, batches) = match epoch {
            0 => (float(9) + float(10) + float(11), steps),
            _ => (float(8) * samples as f32, order.steps_per_epoch()),
        };
        let sum = batches as f64 * f64::from(loss);
        assert_close("the loss of an epoch", &[found], &[sum], |_| 1e-5 * sum);
        let sum_since = if epoch == 0 { sum } else { (steps % order.steps_per_epoch()) as f64 * f64::from(loss) };
        assert_close("the loss since then", &[float(9) + float(10) + float(11)], &[sum_since], |_| 1e-5 * sum);
    }
}

#[test]
fn steps_and_epochs_are_counted_past_32_bits() {
    let gpu = gpu();
    let state = TrainingState::new(gpu, 1, 1, 0.1).unwrap();
    let words = [1, 0, u32::MAX, 4, u32::MAX, 7];
    gpu.queue().write_buffer(state.buffer(), 0, bytemuck::cast_slice(&words));
    run(gpu, &[kernels::step(gpu, &state).unwrap()]);
    assert_eq!(words_of(gpu, state.buffer())[..6], [1, 0, 0, 5, 0, 8]);
}
