// silu   y = z · s, with the sigmoid s of z; its derivative s + z · s · (1 - s), from z     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. 1 - s, which would lose digits for a large z, is the sigmoid of -z.

fn silu_value(z: f32) -> f32 {
    return z * sigmoid_value(z);
}

fn silu_derivative(z: f32) -> f32 {
    let s = sigmoid_value(z);
    return s + z * s * sigmoid_value(-z);
}
