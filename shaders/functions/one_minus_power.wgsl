// one_minus_power   1 - β^t, from ln(β) as a sum of two f32: relative error 3e-7 for β to 0.99999 and t to 1e7
//
// No kernel of its own: included before the formulas that call it. A running product of t factors would lose digits, and so
// would 1 - e^x near 0: there it is a polynomial.

fn one_minus_power(t: f32, high: f32, low: f32) -> f32 {
    let x = t * high + t * low;
    let s = max(x, f32(-0.35));
    let polynomial =
        -s * (1.0 + s * (0.5 + s * (0.16666667 + s * (0.041666668 + s * (0.008333334 + s * (0.0013888889 + s * 0.0001984127))))));
    return select(1.0 - exp(x), polynomial, x > f32(-0.35));
}
