// matmul             y = x · w                    reference: matmul
// matmul_transposed  d_input = d_output · wᵀ      reference: matmul_transposed
//
//   x, d_input   [rows, inputs]
//   w            [inputs, outputs]; with a bias one more row, the last, which `matmul` adds to every row of y
//   y, d_output  [rows, outputs]
//
// One invocation computes one element of the result: it adds the terms first..last of the sum. A later dispatch, with
// `first` above 0, adds to the result of the one before.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Matmul {
    x_view: vec2<u32>,
    w_view: vec2<u32>,
    y_view: vec2<u32>,
    rows: u32,
    inputs: u32,
    outputs: u32,
    bias: u32, // 1 if w has a bias row
    first: u32,
    last: u32,
}

@group(0) @binding(0) var<uniform> p: Matmul;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn matmul(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * p.outputs {
        return;
    }
    let row = i / p.outputs;
    let output = i % p.outputs;

    var sum = 0.0;
    if p.first > 0u {
        sum = y[at(p.y_view, row, output)];
    } else if p.bias == 1u {
        sum = w[at(p.w_view, p.inputs, output)];
    }
    for (var input = p.first; input < p.last; input++) {
        sum += x[at(p.x_view, row, input)] * w[at(p.w_view, input, output)];
    }
    y[at(p.y_view, row, output)] = sum;
}

struct MatmulTransposed {
    d_output_view: vec2<u32>,
    w_view: vec2<u32>,
    d_input_view: vec2<u32>,
    rows: u32,
    inputs: u32,
    first: u32,
    last: u32,
}

@group(0) @binding(0) var<uniform> q: MatmulTransposed;
@group(0) @binding(1) var<storage, read> d_output: array<f32>;
// binding 2 is w, as above
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn matmul_transposed(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= q.rows * q.inputs {
        return;
    }
    let row = i / q.inputs;
    let input = i % q.inputs;

    var sum = 0.0;
    if q.first > 0u {
        sum = d_input[at(q.d_input_view, row, input)];
    }
    for (var output = q.first; output < q.last; output++) {
        sum += d_output[at(q.d_output_view, row, output)] * w[at(q.w_view, input, output)];
    }
    d_input[at(q.d_input_view, row, input)] = sum;
}
