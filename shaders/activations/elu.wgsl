// elu   y = z where z > 0, otherwise e^z - 1; its derivative 1 or y + 1, from y     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. With t = tanh(z / 2), e^z - 1 = 2t / (1 - t), which loses no digits near 0.

fn elu_value(z: f32) -> f32 {
    let t = tanh_value(0.5 * min(z, f32(0.0)));
    return select(2.0 * t / (1.0 - t), z, z > f32(0.0));
}

fn elu_derivative(y: f32) -> f32 {
    return select(y + 1.0, f32(1.0), y > f32(0.0));
}
