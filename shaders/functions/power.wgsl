// power   f^t, from ln(f) as a sum of two f32; at most e^88
//
// No kernel of its own: included before the formulas that call it. The built-in pow is exp2(t · log2(f)), whose log2 may be
// wrong by 5e-7 near 1.

fn power(t: f32, high: f32, low: f32) -> f32 {
    return exp(min(t * high + t * low, f32(88.0)));
}
