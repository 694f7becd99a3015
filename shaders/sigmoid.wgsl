// sigmoid           y = 1 / (1 + e^-x)                   reference: sigmoid
// sigmoid_backward  d_input = d_output · y · (1 - y)     reference: sigmoid_backward
//
//   x, y, d_output, d_input  [rows, width]
//
// One invocation computes one element of the result, with the functions of activations/sigmoid.wgsl.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Sigmoid {
    x_view: vec2<u32>,
    y_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> p: Sigmoid;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sigmoid(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * p.width {
        return;
    }
    let row = i / p.width;
    let column = i % p.width;

    y[at(p.y_view, row, column)] = sigmoid_value(x[at(p.x_view, row, column)]);
}

struct SigmoidBackward {
    d_output_view: vec2<u32>,
    y_view: vec2<u32>,
    d_input_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> q: SigmoidBackward;
@group(0) @binding(1) var<storage, read> d_output: array<f32>;
@group(0) @binding(2) var<storage, read> activation: array<f32>; // y
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sigmoid_backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= q.rows * q.width {
        return;
    }
    let row = i / q.width;
    let column = i % q.width;

    let y = activation[at(q.y_view, row, column)];
    d_input[at(q.d_input_view, row, column)] = d_output[at(q.d_output_view, row, column)] * sigmoid_derivative(y);
}
