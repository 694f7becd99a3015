// loss       the gradient of the loss with respect to the last pre-activations, and partial sums     reference: loss
//
//   z, t, d_z       [rows, outputs]; the first batch.rows rows are samples, the other rows of d_z become 0
//   partial_losses  [partials], one per workgroup
//
// One invocation computes one element of d_z, one workgroup the loss of its elements, by tree_sum. Before this file stand the
// functions of one head, loss_output1, loss_terms1 and loss_gradient1, and the LOSS_FACTOR.

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Loss {
    z_view: vec2<u32>,
    t_view: vec2<u32>,
    d_z_view: vec2<u32>,
    rows: u32,
    outputs: u32,
    partials: u32,
}

@group(0) @binding(0) var<uniform> p: Loss;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_z: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial_losses: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn loss(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let workgroup = id.y * grid.x + id.x;
    let i = workgroup * WORKGROUP + invocation;

    addends[invocation] = 0.0;
    if i < p.rows * p.outputs {
        let row = i / p.outputs;
        let output = i % p.outputs;
        var gradient = 0.0;
        if row < batch.rows {
            let pre_activation = z[at(p.z_view, row, output)];
            let target_value = t[at(p.t_view, row, output)];
            let output_value = loss_output1(pre_activation);
            addends[invocation] = loss_terms1(output_value, target_value);
            gradient = loss_gradient1(1.0, pre_activation, output_value, target_value);
        }
        d_z[at(p.d_z_view, row, output)] = gradient;
    }
    tree_sum(invocation);
    if invocation == 0u && workgroup < p.partials {
        partial_losses[workgroup] = LOSS_FACTOR * addends[0];
    }
}
