// relative_squared_error   of one output, (y - t)² / (y² + 0.01)     reference: loss
//
// No kernel of its own, like squared_error.wgsl. The derivative 2 (y - t) / (y² + 0.01) takes the denominator for a constant.
// A sample's loss is the mean over its outputs.

fn relative_squared_error_value(y: f32, t: f32) -> f32 {
    let d = y - t;
    return d * (d / (y * y + 0.01));
}

fn relative_squared_error_derivative(y: f32, t: f32) -> f32 {
    return 2.0 * (y - t) / (y * y + 0.01);
}
