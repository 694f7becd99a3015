// One invocation updates one parameter.

@compute @workgroup_size(WORKGROUP)
fn weight_update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.parameters {
        return;
    }
    let index = p.first + i;
    let descent = descent_of(learning_rates[0], learning_rates[1], batch.step);
    update(index, gradient_of_batch(d_weights[index]), descent);
}
