// squared_error   of one output, (y - t)² / 2; its derivative y - t     reference: loss
//
// No kernel of its own: included before the source of every kernel that calls it, for vectors with f32 replaced by their
// type.

fn squared_error_value(y: f32, t: f32) -> f32 {
    let d = y - t;
    return 0.5 * d * d;
}

fn squared_error_derivative(y: f32, t: f32) -> f32 {
    return y - t;
}
