// tiled_forward   y = (o - t) · o · (1 - o), o = sigmoid(x · w)     reference: matmul, sigmoid, squared_error, sigmoid_backward
// 
//   x [rows, inputs], w [inputs, outputs] and with a bias one row more, y and t [rows, outputs]
//
// A tile is 4 rows by 4 columns; 2 of a workgroup's 8 invocations accumulate it in registers, a slice of the sums each.

override WORKGROUP: u32;

struct Tiles {
    x_view: vec2<u32>,
    x_scale: vec2<f32>,
    w_view: vec2<u32>,
    y_view: vec2<u32>,
    t_view: vec2<u32>,
    t_scale: vec2<f32>,
    seed: vec2<u32>,
    rows: u32,
    inputs: u32,
    outputs: u32,
    workgroups: u32,
}

@group(0) @binding(0) var<uniform> p: Tiles;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> t: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial_errors: array<f32>;
@group(0) @binding(6) var<storage, read> order: array<u32>;

fn x_at(place: u32) -> vec4<f32> {
    return x[place];
}

fn w_at(place: vec4<u32>) -> vec4<f32> {
    return vec4(w[place.x], w[place.y], w[place.z], w[place.w]);
}

fn write_y(row: u32, quad: u32, columns: u32, numbers: vec4<f32>) {
    y[row + quad] = numbers;
}

// e is never raised to a positive power, which could overflow.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let z = exp(-abs(x));
    return select(vec4(1.0), z, x < vec4(0.0)) / (1.0 + z);
}

// The samples of the tiles' rows.
var<workgroup> samples: array<u32, 4>;

var<workgroup> sums: array<vec4<f32>, 32>;

@compute @workgroup_size(WORKGROUP)
fn tiled_forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let slice = lane % 2u;
    let tile = lane / 2u;
    let first_quad = (id.x * 4u + tile % 4u) * 1u;
    let first_row = id.y * 4u;
    let top = id.y * 4u; // the workgroup's first row

    let batch_rows = order[0];
    for (var i = lane; i < 4u; i += 8u) {
        samples[i] = order[1u + min(top + i, p.rows - 1u)];
    }
    workgroupBarrier();

    let inputs = p.inputs;
    let outputs = p.outputs;
    let rows = p.rows;
    let x_first = p.x_view.x / 4u;
    let x_stride = p.x_view.y / 4u;
    let w_first = p.w_view.x;
    let w_stride = p.w_view.y;
    let y_first = p.y_view.x / 4u;
    let y_stride = p.y_view.y / 4u;
    let t_view = p.t_view;
    let x0_first = x_first + min(first_row + 0u, rows - 1u) * x_stride;
    let x1_first = x_first + min(first_row + 1u, rows - 1u) * x_stride;
    let x2_first = x_first + min(first_row + 2u, rows - 1u) * x_stride;
    let x3_first = x_first + min(first_row + 3u, rows - 1u) * x_stride;
    let w0_first = w_first + min(4u * (first_quad + 0u) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u));
    var sum0_0 = vec4<f32>();
    var sum1_0 = vec4<f32>();
    var sum2_0 = vec4<f32>();
    var sum3_0 = vec4<f32>();
    if slice == 0u {
        let bias0 = w_at(w0_first + inputs * w_stride);
        sum0_0 = bias0;
        sum1_0 = bias0;
        sum2_0 = bias0;
        sum3_0 = bias0;
    }

    let quads = select(0u, inputs / 4u, 4u * first_quad < outputs);
    for (var k = slice; k < quads; k += 2u) {
        let w0 = mat4x4(
            w_at(w0_first + (4u * k + 0u) * w_stride),
            w_at(w0_first + (4u * k + 1u) * w_stride),
            w_at(w0_first + (4u * k + 2u) * w_stride),
            w_at(w0_first + (4u * k + 3u) * w_stride),
        );
        let x0 = x_at(x0_first + k);
        sum0_0 += w0 * x0;
        let x1 = x_at(x1_first + k);
        sum1_0 += w0 * x1;
        let x2 = x_at(x2_first + k);
        sum2_0 += w0 * x2;
        let x3 = x_at(x3_first + k);
        sum3_0 += w0 * x3;
    }

    // The terms that are left count, the others of the four are 0.
    let inside = vec4(0u, 1u, 2u, 3u) < vec4(inputs % 4u);
    if slice == 0u && 4u * first_quad < outputs {
        let k = inputs / 4u;
        let w0 = mat4x4(
            w_at(w0_first + min(4u * k + 0u, inputs - 1u) * w_stride),
            w_at(w0_first + min(4u * k + 1u, inputs - 1u) * w_stride),
            w_at(w0_first + min(4u * k + 2u, inputs - 1u) * w_stride),
            w_at(w0_first + min(4u * k + 3u, inputs - 1u) * w_stride),
        );
        let x0 = select(vec4(0.0), x_at(x0_first + min(k, (inputs - 1u) / 4u)), inside);
        sum0_0 += w0 * x0;
        let x1 = select(vec4(0.0), x_at(x1_first + min(k, (inputs - 1u) / 4u)), inside);
        sum1_0 += w0 * x1;
        let x2 = select(vec4(0.0), x_at(x2_first + min(k, (inputs - 1u) / 4u)), inside);
        sum2_0 += w0 * x2;
        let x3 = select(vec4(0.0), x_at(x3_first + min(k, (inputs - 1u) / 4u)), inside);
        sum3_0 += w0 * x3;
    }

    var error = 0.0;

    sums[lane * 4u + 0u] = sum0_0;
    sums[lane * 4u + 1u] = sum1_0;
    sums[lane * 4u + 2u] = sum2_0;
    sums[lane * 4u + 3u] = sum3_0;
    workgroupBarrier();
    for (var i = lane; i < 16u; i += 8u) {
        let owner = i / 4u;
        let part = i % 4u;
        let row = id.y * 4u + part / 1u;
        let quad = (id.x * 4u + owner % 4u) * 1u + part % 1u;
        if row < rows && 4u * quad < outputs {
            var sum = sums[owner * 8u + part];
            for (var slice = 1u; slice < 2u; slice++) {
                sum += sums[(owner * 2u + slice) * 4u + part];
            }
            let output = sigmoid(sum);
            let sample = samples[row - top];
            let columns = 4u * quad + vec4(0u, 1u, 2u, 3u);
            let t_first = t_view.x + sample * t_view.y;
            let t_at = t_first + min(columns, vec4(outputs - 1u));
            let wanted = vec4(t[t_at.x], t[t_at.y], t[t_at.z], t[t_at.w]);
            let counts = columns < vec4(select(0u, outputs, row < batch_rows));
            let difference = select(vec4(0.0), output - wanted, counts);
            error += 0.5 * dot(difference, difference);
            write_y(y_first + row * y_stride, quad, outputs, difference * output * (1.0 - output)); // the derivative by the sums
        }
    }
    workgroupBarrier();
    sums[lane] = vec4(error);
    workgroupBarrier();
    if lane == 0u {
        for (var i = 1u; i < 8u; i++) {
            error += sums[i].x;
        }
        partial_errors[id.y * p.workgroups + id.x] = error;
    }
}
