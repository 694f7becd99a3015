// softplus   y = ln(1 + e^z); its derivative 1 - e^-y, from y     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. With t = tanh(y / 2), 1 - e^-y = 2t / (1 + t), which loses no digits near 0.

fn softplus_value(z: f32) -> f32 {
    return max(z, f32(0.0)) + log1p(exp(-abs(z)));
}

fn softplus_derivative(y: f32) -> f32 {
    let t = tanh_value(0.5 * y);
    return 2.0 * t / (1.0 + t);
}
