// relu   y = max(z, 0); its derivative 1 where y > 0, otherwise 0     reference: activation
//
// No kernel of its own, like sigmoid.wgsl.

fn relu_value(z: f32) -> f32 {
    return max(z, f32(0.0));
}

fn relu_derivative(y: f32) -> f32 {
    return select(f32(0.0), f32(1.0), y > f32(0.0));
}
