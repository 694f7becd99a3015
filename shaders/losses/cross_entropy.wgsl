// cross_entropy   of one output, -t ln(p), where p is its share in the softmax of the row's logits z     reference: loss
//
// No kernel of its own, like squared_error.wgsl. p = e^(z - maximum) / sum, where `sum` is the row's Σ e^(z - maximum); with
// the row's total Σ t, the derivative with respect to z is total · p - t. A sample's loss is the sum over its outputs.

fn cross_entropy_value(z: f32, t: f32, maximum: f32, sum: f32) -> f32 {
    return t * (logarithm(sum) - (z - maximum));
}

fn cross_entropy_derivative(z: f32, t: f32, maximum: f32, sum: f32, total: f32) -> f32 {
    return total / sum * softmax_share(z, maximum) - t;
}
