// light_of_srgb   the light that an sRGB value from 0 on stands for: relative error 2e-6
//
// No kernel of its own: included before the formulas that call it. ((x + 0.055) / 1.055)^2.4, near 0 x / 12.92 (IEC 61966-2-1).
// The logarithm is of a number from 1 on, as long as x is at most 1.

fn light_of_srgb(x: f32) -> f32 {
    let curve = exp(-2.4 * logarithm(1.055 / (max(x, f32(0.04045)) + 0.055)));
    return select(curve, x / 12.92, x <= f32(0.04045));
}
