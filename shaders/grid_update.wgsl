// grid_update   of each entry that the batch has touched, the features by their gradient     reference: Descent
//
//   entry_steps  [entries], how often each was changed: Adam corrects its moments by that
//
// One invocation takes every stride-th entry. p.first and p.parameters are the first feature and their number. An entry whose
// gradient is 0 stays as it is, its moments too.

@compute @workgroup_size(WORKGROUP)
fn grid_update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let invocation = id.y * grid.x * WORKGROUP + id.x;
    if invocation >= p.stride || is_skipped() {
        return;
    }
    let descent = descent_of_grid();
    for (var entry = invocation; entry < p.parameters / FEATURES; entry += p.stride) {
        let first = p.first + entry * FEATURES;
        var is_touched = false;
        for (var f = 0u; f < FEATURES; f++) {
            is_touched = is_touched || d_weights[first + f] != 0.0;
        }
        if is_touched {
            let steps = entry_steps[entry] + 1u;
            entry_steps[entry] = steps;
            let of_entry = descent_of_entry(descent, f32(steps));
            for (var f = 0u; f < FEATURES; f++) {
                update(first + f, gradient_of_batch(d_weights[first + f]), of_entry);
            }
        } else {
            for (var f = 0u; f < FEATURES; f++) {
                keep(first + f, descent);
            }
        }
    }
}
