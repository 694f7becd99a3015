// relative_squared_error   of one output, (y - t)² / (y² + 0.01)     reference: loss
//
// No kernel of its own, like squared_error.wgsl. The derivative 2 (y - t) / (y² + 0.01) takes the denominator for a constant.
// For a y whose square may be past the largest f32, y and y - t are multiplied by 2^-66 first, and 0.01 is nothing. A sample's
// loss is the mean over its outputs.

fn relative_squared_error_value(y: f32, t: f32) -> f32 {
    let is_large = abs(y) > f32(1.0e18);
    let x = select(y, 1.3552527e-20 * y, is_large);
    let d = select(y - t, 1.3552527e-20 * (y - t), is_large);
    return d * (d / (x * x + select(f32(0.01), f32(0.0), is_large)));
}

fn relative_squared_error_derivative(y: f32, t: f32) -> f32 {
    let is_large = abs(y) > f32(1.0e18);
    let x = select(y, 1.3552527e-20 * y, is_large);
    let d = select(y - t, 1.3552527e-20 * (y - t), is_large);
    let derivative = 2.0 * d / (x * x + select(f32(0.01), f32(0.0), is_large));
    return select(derivative, 1.3552527e-20 * derivative, is_large);
}
