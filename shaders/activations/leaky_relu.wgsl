// leaky_relu   y = z where z > 0, otherwise slope · z; its derivative 1 or slope, from y     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. The slope is not negative, so that y has the sign of z.

fn leaky_relu_value(z: f32, slope: f32) -> f32 {
    return select(slope * z, z, z > f32(0.0));
}

fn leaky_relu_derivative(y: f32, slope: f32) -> f32 {
    return select(slope, f32(1.0), y > f32(0.0));
}
