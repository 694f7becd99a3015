// softmax   y_j = s_j / Σ_k s_k, with the shares s_j = e^(z_j - maximum) of a row     reference: activation
//
// No kernel of its own, like sigmoid.wgsl: kernels find the row's maximum, and sum its shares. Without the maximum, e^z could
// overflow.

fn softmax_share(z: f32, maximum: f32) -> f32 {
    return exp(z - maximum);
}
