// exponential   y = e^z, up to e^88; its derivative y     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. An f32 ends at e^88.7: infinity, which shaders may assume absent, is never reached.

fn exponential_value(z: f32) -> f32 {
    return exp(min(z, f32(88.0)));
}

fn exponential_derivative(y: f32) -> f32 {
    return y;
}
