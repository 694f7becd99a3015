// warm_up   (step + 1) / steps, up to 1     reference: Schedule
//
// No kernel of its own: included before the source of every kernel that updates weights. `step` is how many steps were done.

fn warm_up(step: u32, steps: u32) -> f32 {
    return select(1.0, f32(step + 1u) / f32(steps), step < steps);
}
