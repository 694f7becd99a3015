// One invocation updates every stride-th parameter: what is the same for all is computed once for several.

@compute @workgroup_size(WORKGROUP)
fn weight_update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let invocation = id.y * grid.x * WORKGROUP + id.x;
    if invocation >= p.stride || is_skipped() {
        return;
    }
    let descent = descent_of(learning_rates[0], learning_rates[1], batch.step);
    for (var i = invocation; i < p.parameters; i += p.stride) {
        update(p.first + i, gradient_of_batch(d_weights[p.first + i]), descent);
    }
}
