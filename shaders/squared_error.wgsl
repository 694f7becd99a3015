// squared_error      d_output = y - t, and partial sums of the loss                 reference: squared_error
// squared_error_sum  the batch's loss, Σ_samples ½ Σ_outputs (y - t)²               reference: squared_error
//
//   y, t, d_output  [rows, outputs]; the first batch.rows rows are samples, the other rows of d_output become 0
//   partial_losses  [partials], one per workgroup
//   loss            [1]
//
// squared_error: one invocation computes one element of d_output, one workgroup the loss of its elements.
// squared_error_sum: one workgroup sums the partial losses, each invocation every WORKGROUP-th of them.
// Both use tree_sum.

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct SquaredError {
    y_view: vec2<u32>,
    t_view: vec2<u32>,
    d_output_view: vec2<u32>,
    rows: u32,
    outputs: u32,
    partials: u32,
}

@group(0) @binding(0) var<uniform> p: SquaredError;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_output: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial_losses: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn squared_error(
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
        var difference = 0.0;
        if row < batch.rows {
            difference = y[at(p.y_view, row, output)] - t[at(p.t_view, row, output)];
        }
        d_output[at(p.d_output_view, row, output)] = difference;
        addends[invocation] = 0.5 * difference * difference;
    }
    tree_sum(invocation);
    if invocation == 0u && workgroup < p.partials {
        partial_losses[workgroup] = addends[0];
    }
}

struct SquaredErrorSum {
    partials: u32,
}

@group(0) @binding(0) var<uniform> q: SquaredErrorSum;
@group(0) @binding(1) var<storage, read> partials: array<f32>; // partial_losses
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn squared_error_sum(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < q.partials; i += WORKGROUP) {
        sum += partials[i];
    }
    addends[invocation] = sum;
    tree_sum(invocation);
    if invocation == 0u {
        loss[0] = addends[0];
    }
}
