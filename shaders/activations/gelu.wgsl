// gelu   y = z/2 · (1 + tanh(u)), u = √(2/π) · (z + 0.044715 z³); its derivative, from z     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. (1 + tanh(u)) / 2 is the sigmoid s of 2u, which loses no digits for a negative u.
// The derivative is s + z · s · (1 - s) · 2 du/dz. Past |z| = 10, s is 0 or 1.

fn gelu_value(z: f32) -> f32 {
    let x = clamp(z, f32(-10.0), f32(10.0));
    return z * sigmoid_value(1.5957691 * (x + 0.044715 * x * x * x));
}

fn gelu_derivative(z: f32) -> f32 {
    let x = clamp(z, f32(-10.0), f32(10.0));
    let s = sigmoid_value(1.5957691 * (x + 0.044715 * x * x * x));
    return s + x * s * (1.0 - s) * (1.5957691 + 0.21406444 * x * x);
}
