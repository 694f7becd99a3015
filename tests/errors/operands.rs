//! Operands that a kernel cannot take.

use wgrad::BufferProblem::Aliased;
use wgrad::kernels::{self, GatherConfig, TrainingState};
use wgrad::{Activation, Error, Loss, Rows};

use super::{noop, rows};

#[test]
fn refuses_kernels_whose_operands_do_not_fit() {
    let gpu = noop();
    let m = |height, width| rows(&gpu, height, width);
    let matmul = kernels::matmul(&gpu, &m(2, 3), &m(5, 4), &m(2, 4));
    assert_refused!(matmul, Error::Shapes { .. }, "matmul", "w is [5, 4]", "x is [2, 3]", "one more for a bias");
    let matmul = kernels::matmul(&gpu, &m(2, 3), &m(3, 4), &m(2, 5));
    assert_refused!(matmul, Error::Shapes { .. }, "matmul", "[3, 4]", "[2, 5]");
    let x = m(3, 3);
    assert_refused!(kernels::matmul(&gpu, &x, &m(3, 3), &x), buffer!(Aliased { .. }), "matmul", "x", "y");
    let transposed = kernels::matmul_transposed(&gpu, &m(2, 4), &m(3, 5), &m(2, 3));
    assert_refused!(transposed, Error::Shapes { .. }, "matmul_transposed", "[2, 4]", "[3, 5]");
    let outer = kernels::outer_product(&gpu, &m(2, 3), &m(4, 5), &m(3, 5));
    assert_refused!(outer, Error::Shapes { .. }, "outer_product", "[2, 3]", "[4, 5]");
    let sigmoid = kernels::activation(&gpu, Activation::Sigmoid, &m(2, 3), &m(3, 2));
    assert_refused!(sigmoid, Error::Shapes { .. }, "activation", "[2, 3]", "[3, 2]");
    let backward = kernels::activation_backward(&gpu, Activation::Sigmoid, &m(2, 3), &m(2, 3), &m(3, 2));
    assert_refused!(backward, Error::Shapes { .. }, "activation_backward", "[2, 3]", "[3, 2]");
    let state = TrainingState::new(&gpu, 4, 2, 0.1).unwrap();
    let loss = |z: &Rows, t: &Rows, d_z: &Rows| {
        kernels::loss(&gpu, &state, Loss::SquaredError, Activation::Identity, [z, t], d_z)
    };
    let error = loss(&m(2, 3), &m(2, 2), &m(2, 3));
    assert_refused!(error, Error::Shapes { .. }, "loss", "[2, 3]", "[2, 2]");
    let update = kernels::weight_update(&gpu, &state, &m(1, 3), &m(1, 4));
    assert_refused!(update, Error::Shapes { .. }, "weight_update", "[1, 3]", "[1, 4]");
    let gather = |inputs: &Rows, targets: &Rows, x: &Rows, t: &Rows| {
        kernels::gather(&gpu, &state, GatherConfig { inputs, targets, x, t, shuffle: None })
    };
    assert!(gather(&m(4, 2), &m(4, 1), &m(2, 2), &m(2, 1)).is_ok());
    assert_refused!(gather(&m(4, 2), &m(4, 1), &m(2, 2), &m(2, 2)), Error::Shapes { .. }, "gather", "[4, 1]", "[2, 2]");
    // The training state is of 4 samples, 2 a batch.
    let other_samples = gather(&m(5, 2), &m(5, 1), &m(2, 2), &m(2, 1));
    assert_refused!(other_samples, Error::Shapes { .. }, "inputs is [5, 2]", "the training state's data set", "[4, 2]");
    let other_batch = gather(&m(4, 2), &m(4, 1), &m(3, 2), &m(3, 1));
    assert_refused!(other_batch, Error::Shapes { .. }, "x is [3, 2]", "the training state's batch", "[2, 2]");
    let error = loss(&m(3, 2), &m(3, 2), &m(3, 2));
    assert_refused!(error, Error::Shapes { .. }, "z is [3, 2]", "the training state's batch", "[2, 2]");
}

#[test]
fn refuses_kernels_that_would_write_what_they_read() {
    let gpu = noop();
    let m = |height, width| rows(&gpu, height, width);
    let state = TrainingState::new(&gpu, 2, 2, 0.1).unwrap();
    let shared = &m(2, 2);
    assert_refused!(kernels::matmul(&gpu, shared, &m(2, 2), shared), buffer!(Aliased { .. }), "x and y");
    assert_refused!(kernels::matmul(&gpu, &m(2, 2), shared, shared), buffer!(Aliased { .. }), "w and y");
    let transposed = |d_output: &Rows, w: &Rows, d_input: &Rows| kernels::matmul_transposed(&gpu, d_output, w, d_input);
    assert_refused!(transposed(shared, &m(2, 2), shared), buffer!(Aliased { .. }), "d_output and d_input");
    assert_refused!(transposed(&m(2, 2), shared, shared), buffer!(Aliased { .. }), "w and d_input");
    let outer = |x: &Rows, d_output: &Rows, d_weights: &Rows| kernels::outer_product(&gpu, x, d_output, d_weights);
    assert_refused!(outer(shared, &m(2, 2), shared), buffer!(Aliased { .. }), "x and d_weights");
    assert_refused!(outer(&m(2, 2), shared, shared), buffer!(Aliased { .. }), "d_output and d_weights");
    assert_refused!(kernels::activation(&gpu, Activation::Sigmoid, shared, shared), buffer!(Aliased { .. }), "z and y");
    let backward = |d_output: &Rows, y: &Rows, d_input: &Rows| {
        kernels::activation_backward(&gpu, Activation::Sigmoid, d_output, y, d_input)
    };
    assert_refused!(backward(shared, &m(2, 2), shared), buffer!(Aliased { .. }), "d_output and d_input");
    assert_refused!(backward(&m(2, 2), shared, shared), buffer!(Aliased { .. }), "kept and d_input");
    let error = |z: &Rows, t: &Rows, d_z: &Rows| {
        kernels::loss(&gpu, &state, Loss::SquaredError, Activation::Identity, [z, t], d_z)
    };
    assert_refused!(error(shared, &m(2, 2), shared), buffer!(Aliased { .. }), "z and d_z");
    assert_refused!(error(&m(2, 2), shared, shared), buffer!(Aliased { .. }), "t and d_z");
    let gather = |inputs: &Rows, targets: &Rows, x: &Rows, t: &Rows| {
        kernels::gather(&gpu, &state, GatherConfig { inputs, targets, x, t, shuffle: None })
    };
    assert_refused!(gather(shared, &m(2, 2), shared, &m(2, 2)), buffer!(Aliased { .. }), "inputs and x");
    assert_refused!(gather(&m(2, 2), shared, &m(2, 2), shared), buffer!(Aliased { .. }), "targets and t");
    assert_refused!(gather(&m(2, 2), &m(2, 2), shared, shared), buffer!(Aliased { .. }), "t and x");
    let shared = &m(1, 3);
    let update = |d_weights: &Rows, w: &Rows| kernels::weight_update(&gpu, &state, d_weights, w);
    assert_refused!(update(shared, shared), buffer!(Aliased { .. }), "d_weights and w");
    for own in [state.buffer(), state.loss(), state.learning_rate()] {
        let own = Rows::new(own, 1).rows(1);
        assert_refused!(update(&m(1, 1), &own), buffer!(Aliased { .. }), "the training state and w");
    }
}
