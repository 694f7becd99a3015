// encode           e[row, j] = value j of x[row]                                 reference: encode
// encode_backward  d_x[row, i] = Σ_j d_e[row, j] · (∂ value j / ∂ x_i of x[row])     reference: encode_backward
//
//   x, d_x  [rows, inputs]
//   e, d_e  [rows, width]
//   order   [1 + rows], where the rows of x are a data set's: after their number, the sample of each row
//
// One invocation computes one element of the result. Before this file stand sample_of, which is a row of x, the functions of one
// encoding, by the names encoded_value and encoded_derivative, and the constants VALUES, how many values are made of an input, and IS_OF_EACH_INPUT: if
// not, they are made of all inputs together.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Encode {
    x_view: vec2<u32>,
    e_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> p: Encode;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> e: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn encode(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * p.width {
        return;
    }
    let row = i / p.width;
    let column = i % p.width;

    e[at(p.e_view, row, column)] = encoded_value(at(p.x_view, sample_of(row), 0u), column);
}

struct EncodeBackward {
    x_view: vec2<u32>,
    d_e_view: vec2<u32>,
    d_x_view: vec2<u32>,
    rows: u32,
    inputs: u32,
}

@group(0) @binding(0) var<uniform> q: EncodeBackward;
@group(0) @binding(2) var<storage, read> d_e: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn encode_backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= q.rows * q.inputs {
        return;
    }
    let row = i / q.inputs;
    let input = i % q.inputs;

    let first = select(0u, input * VALUES, IS_OF_EACH_INPUT);
    var sum = 0.0;
    for (var j = first; j < first + VALUES; j++) {
        sum += d_e[at(q.d_e_view, row, j)] * encoded_derivative(at(q.x_view, row, 0u), j, input);
    }
    d_x[at(q.d_x_view, row, input)] = sum;
}
