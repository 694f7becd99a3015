// sigmoid   y = 1 / (1 + e^-z), and its derivative y · (1 - y), of the output     reference: sigmoid, sigmoid_backward
//
// No kernel of its own: stands before the source of every kernel that computes it, for vectors with the type exchanged.
// e is never raised to a positive power, which could overflow.

fn sigmoid_value(z: f32) -> f32 {
    let e = exp(-abs(z));
    return select(f32(1.0), e, z < f32(0.0)) / (1.0 + e);
}

fn sigmoid_derivative(y: f32) -> f32 {
    return y * (1.0 - y);
}
