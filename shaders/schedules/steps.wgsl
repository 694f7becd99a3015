// steps   factor^n, where n counts the steps first, first + every, first + 2 every, … that were reached     reference: Schedule
//
// No kernel of its own, like warm_up.wgsl. `high` and `low` are the factor's logarithm.

fn steps(step: u32, first: u32, every: u32, high: f32, low: f32) -> f32 {
    return select(1.0, power(f32((max(step, first) - first) / every + 1u), high, low), step >= first);
}
