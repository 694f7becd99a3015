// gelu   y = z/2 · (1 + tanh(u)), u = √(2/π) · (z + 0.044715 z³); its derivative, from z     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. (1 + tanh(u)) / 2 is the sigmoid s of 2u, which loses no digits for a negative u.
// The derivative is s + z · s · (1 - s) · 2 du/dz, where 1 - s is the sigmoid of -2u for the same reason. Past |z| = 10, s is
// 1e-38 or 1.

fn gelu_value(z: f32) -> f32 {
    let x = clamp(z, f32(-10.0), f32(10.0));
    return max(z, f32(-10.0)) * sigmoid_value(1.5957691 * (x + 0.044715 * x * x * x));
}

fn gelu_derivative(z: f32) -> f32 {
    let x = clamp(z, f32(-10.0), f32(10.0));
    let twice_u = 1.5957691 * (x + 0.044715 * x * x * x);
    let s = sigmoid_value(twice_u);
    return s + x * s * sigmoid_value(-twice_u) * (1.5957691 + 0.21406444 * x * x);
}
