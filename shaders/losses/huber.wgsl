// huber   of one output, d²/2 where |d| <= delta, otherwise delta (|d| - delta/2), with d = y - t     reference: loss
//
// No kernel of its own, like squared_error.wgsl. Its derivative is d, clamped to ±delta. With c = min(|d|, delta), both cases
// are c (|d| - c/2). A sample's loss is the mean over its outputs.

fn huber_value(y: f32, t: f32, delta: f32) -> f32 {
    let d = abs(y - t);
    let c = min(d, delta);
    return c * (d - 0.5 * c);
}

fn huber_derivative(y: f32, t: f32, delta: f32) -> f32 {
    return clamp(y - t, -delta, delta);
}
