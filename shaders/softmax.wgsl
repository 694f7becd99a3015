// softmax           y_j = e^z_j / Σ_k e^z_k                             reference: activation
// softmax_backward  d_input_j = y_j (d_output_j - Σ_k d_output_k y_k)   reference: activation_backward
//
//   z, y, d_output, d_input  [rows, width]
//
// One invocation computes one row, with the function of activations/softmax.wgsl. Sums are in blocks: a long running f32 sum
// loses digits.

override WORKGROUP: u32;

const BLOCK = 128u;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Softmax {
    z_view: vec2<u32>,
    y_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> p: Softmax;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn softmax(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row >= p.rows {
        return;
    }
    var maximum = z[at(p.z_view, row, 0u)];
    for (var i = 1u; i < p.width; i++) {
        maximum = max(maximum, z[at(p.z_view, row, i)]);
    }
    var sum = 0.0;
    for (var block = 0u; block < p.width; block += BLOCK) {
        var block_sum = 0.0;
        for (var i = block; i < min(block + BLOCK, p.width); i++) {
            block_sum += softmax_share(z[at(p.z_view, row, i)], maximum);
        }
        sum += block_sum;
    }
    for (var i = 0u; i < p.width; i++) {
        y[at(p.y_view, row, i)] = softmax_share(z[at(p.z_view, row, i)], maximum) / sum;
    }
}

struct SoftmaxBackward {
    d_output_view: vec2<u32>,
    kept_view: vec2<u32>,
    d_input_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> q: SoftmaxBackward;
@group(0) @binding(1) var<storage, read> d_output: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<f32>; // y
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn softmax_backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row >= q.rows {
        return;
    }
    var mean = 0.0; // of d_output, by the probabilities
    for (var block = 0u; block < q.width; block += BLOCK) {
        var block_sum = 0.0;
        for (var i = block; i < min(block + BLOCK, q.width); i++) {
            block_sum += d_output[at(q.d_output_view, row, i)] * kept[at(q.kept_view, row, i)];
        }
        mean += block_sum;
    }
    for (var i = 0u; i < q.width; i++) {
        let difference = d_output[at(q.d_output_view, row, i)] - mean;
        d_input[at(q.d_input_view, row, i)] = kept[at(q.kept_view, row, i)] * difference;
    }
}
