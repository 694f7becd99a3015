// activation           y = f(z)                          reference: activation
// activation_backward  d_input = d_output · f'(z)        reference: activation_backward
//
//   z, y, d_output, d_input  [rows, width]
//   kept                     [rows, width], what the derivative is computed from: y, or for some activations z
//
// One invocation computes one element of the result. Before this file stand the functions of one activation, by the names
// activation_value and activation_derivative.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Activation {
    z_view: vec2<u32>,
    y_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> p: Activation;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn activation(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * p.width {
        return;
    }
    let row = i / p.width;
    let column = i % p.width;

    y[at(p.y_view, row, column)] = activation_value(z[at(p.z_view, row, column)]);
}

struct ActivationBackward {
    d_output_view: vec2<u32>,
    kept_view: vec2<u32>,
    d_input_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> q: ActivationBackward;
@group(0) @binding(1) var<storage, read> d_output: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn activation_backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= q.rows * q.width {
        return;
    }
    let row = i / q.width;
    let column = i % q.width;

    let derivative = activation_derivative(kept[at(q.kept_view, row, column)]);
    d_input[at(q.d_input_view, row, column)] = d_output[at(q.d_output_view, row, column)] * derivative;
}
