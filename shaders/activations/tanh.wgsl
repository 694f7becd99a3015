// tanh   y = (e^z - e^-z) / (e^z + e^-z); its derivative 1 - y², from y     reference: activation
//
// No kernel of its own, like sigmoid.wgsl. The built-in tanh may be wrong by 1e-5, and NaN for a large z. Near 0 the quotient
// would lose digits: there it is an odd polynomial.

fn tanh_value(z: f32) -> f32 {
    let e = exp(-2.0 * abs(z));
    let quotient = (1.0 - e) / (1.0 + e);
    let x = clamp(z, f32(-0.35), f32(0.35));
    let s = x * x;
    let polynomial = x + x * s * (-0.33332545 + s * (0.13296010 - 0.04888774 * s));
    return select(select(quotient, -quotient, z < f32(0.0)), polynomial, abs(z) < f32(0.35));
}

fn tanh_derivative(y: f32) -> f32 {
    return 1.0 - y * y;
}
