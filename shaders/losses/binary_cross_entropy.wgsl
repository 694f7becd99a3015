// binary_cross_entropy   of one output, -t ln(p) - (1 - t) ln(1 - p), where p is the sigmoid of the logit z     reference: loss
//
// No kernel of its own, like squared_error.wgsl. Written with z, no logarithm is of 0; the derivative with respect to z is
// p - t. A sample's loss is the mean over its outputs.

fn binary_cross_entropy_value(z: f32, t: f32) -> f32 {
    return max(z, f32(0.0)) - z * t + log1p(exp(-abs(z)));
}

fn binary_cross_entropy_derivative(z: f32, t: f32) -> f32 {
    return sigmoid_value(z) - t;
}
