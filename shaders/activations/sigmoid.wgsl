// sigmoid   y = 1 / (1 + e^-z); its derivative y · (1 - y), from y     reference: sigmoid, sigmoid_backward
//
// No kernel of its own: included before the source of every kernel that calls it, for vectors with f32 replaced by their
// type. It never raises e to a positive power, which could overflow.

fn sigmoid_value(z: f32) -> f32 {
    let e = exp(-abs(z));
    return select(f32(1.0), e, z < f32(0.0)) / (1.0 + e);
}

fn sigmoid_derivative(y: f32) -> f32 {
    return y * (1.0 - y);
}
