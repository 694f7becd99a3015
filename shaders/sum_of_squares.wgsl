// sum_of_squares   partial sums of g², for the norm of a gradient     reference: Descent
//
//   d_weights  [parameters]
//   partials   [partials], one per workgroup
//
// One invocation squares one value, one workgroup sums its values by tree_sum.

struct SumOfSquares {
    parameters: u32,
    partials: u32,
}

@group(0) @binding(0) var<uniform> p: SumOfSquares;
@group(0) @binding(1) var<storage, read> d_weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sum_of_squares(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let workgroup = id.y * grid.x + id.x;
    let i = workgroup * WORKGROUP + invocation;

    addends[invocation] = 0.0;
    if i < p.parameters {
        addends[invocation] = d_weights[i] * d_weights[i];
    }
    tree_sum(invocation);
    if invocation == 0u && workgroup < p.partials {
        partials[workgroup] = addends[0];
    }
}
