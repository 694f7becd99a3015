// sine   y = sin(ω z); its derivative ω · cos(ω z), from z     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. The built-in sin and cos may be wrong by 5e-4, and only hold from -π to π.

fn sine_value(z: f32, omega: f32) -> f32 {
    let x = omega * z;
    let k = round(0.31830989 * x);
    return sine_of_remainder(x, k, k);
}

fn sine_derivative(z: f32, omega: f32) -> f32 {
    // cos(x) = -sin(x - (k + ½) π) for an even k, and its opposite for an odd one.
    let x = omega * z;
    let k = round(0.31830989 * x - 0.5);
    return -omega * sine_of_remainder(x, k, k + 0.5);
}
