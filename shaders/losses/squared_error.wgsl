// squared_error   of one output, d² with d = y - t; half its derivative, d     reference: loss
//
// No kernel of its own: included before the source of every kernel that calls it, for vectors with f32 replaced by their
// type. A sample's loss is half the sum over its outputs; as mean_squared_error, the mean.

fn squared_error_value(y: f32, t: f32) -> f32 {
    let d = y - t;
    return d * d;
}

fn squared_error_derivative(y: f32, t: f32) -> f32 {
    return y - t;
}
