// silu   y = z · s, with the sigmoid s of z; its derivative s + z · s · (1 - s), from z     reference: activation
//
// No kernel of its own, like sigmoid.wgsl.

fn silu_value(z: f32) -> f32 {
    return z * sigmoid_value(z);
}

fn silu_derivative(z: f32) -> f32 {
    let s = sigmoid_value(z);
    return s + z * s * (1.0 - s);
}
