// log1p   ln(1 + e), for e from 0 to 1: relative error 2.3e-7
//
// No kernel of its own: included before the formulas that call it. The built-in log may be wrong by 5e-7 near 1, and 1 + e
// loses the digits of a small e. With w = e / (2 + e), ln(1 + e) = 2 artanh(w), here an odd polynomial.

fn log1p(e: f32) -> f32 {
    let w = e / (2.0 + e);
    let s = w * w;
    return w * (2.0 + s * (0.66666317 + s * (0.40024915 + s * (0.27960509 + s * 0.28178775))));
}
