// mean_squared_error   of one output, (y - t)²; its derivative 2 (y - t)     reference: loss
//
// No kernel of its own, like squared_error.wgsl. A sample's loss is the mean over its outputs.

fn mean_squared_error_value(y: f32, t: f32) -> f32 {
    let d = y - t;
    return d * d;
}

fn mean_squared_error_derivative(y: f32, t: f32) -> f32 {
    return 2.0 * (y - t);
}
