// sine_of_remainder   sin(x - half_turns · π), and for an odd k its opposite: abs 1.2e-7 for |x| up to 1e4
//
// No kernel of its own: included before the formulas that call it. `half_turns` is the multiple of π nearest to x, or the nearest
// half one; k is that number or the one below. π is subtracted in three parts, of which the first two are short enough for
// exact products. Past the largest exact k, the remainder is noise, and clamped to stay one of an angle.

fn sine_of_remainder(x: f32, k: f32, half_turns: f32) -> f32 {
    var r = x - half_turns * 3.140625;
    r -= half_turns * 9.67502594e-4;
    r -= half_turns * 1.50995799e-7;
    r = clamp(r, f32(-1.6), f32(1.6));
    let s = r * r;
    let sine = r + r * s * (-0.16666657 + s * (0.0083330162 + s * (-0.00019806546 + s * 2.5999032e-6)));
    return select(sine, -sine, k - 2.0 * floor(0.5 * k) == f32(1.0));
}
