// cosine   floor + (1 - floor) (1 + cos(π step / steps)) / 2, from `steps` on the floor     reference: Schedule
//
// No kernel of its own, like warm_up.wgsl. cos(π x) = sin(2π r) with r = ¼ - x/2, an odd polynomial: abs 1.7e-7.

fn cosine(step: u32, steps: u32, lowest: f32) -> f32 {
    let r = 0.25 - 0.5 * (f32(min(step, steps)) / f32(steps));
    let s = r * r;
    let sine = r * (6.2831855 + s * (-41.341679 + s * (81.602196 + s * (-76.573921 + s * 39.701447))));
    return lowest + (1.0 - lowest) * 0.5 * (1.0 + sine);
}
