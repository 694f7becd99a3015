// weight_update   w -= learning_rate · d_weights / batch.rows     reference: weight_update
//
//   w, d_weights   [parameters], the weights and biases of all layers
//   learning_rate  [1]
//
// One invocation updates one parameter.

override WORKGROUP: u32;

struct WeightUpdate {
    parameters: u32,
}

@group(0) @binding(0) var<uniform> p: WeightUpdate;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> learning_rate: array<f32>;
@group(0) @binding(3) var<storage, read> d_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn weight_update(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.parameters {
        return;
    }
    w[i] -= learning_rate[0] * d_weights[i] / f32(batch.rows);
}
