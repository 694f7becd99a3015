// exponential_decay   factor^step     reference: Schedule
//
// No kernel of its own, like warm_up.wgsl. `high` and `low` are the factor's logarithm.

fn exponential_decay(step: u32, high: f32, low: f32) -> f32 {
    return power(f32(step), high, low);
}
