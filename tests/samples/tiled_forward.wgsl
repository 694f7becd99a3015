// tiled_forward   y = the gradient of squared_error with respect to z = x · w     reference: matmul, loss
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
@group(0) @binding(5) var<storage, read_write> partial_losses: array<f32>;
@group(0) @binding(6) var<storage, read> order: array<u32>;

fn x_at(index: u32) -> vec4<f32> {
    return x[index];
}

fn w_at(index: vec4<u32>) -> vec4<f32> {
    return vec4(w[index.x], w[index.y], w[index.z], w[index.w]);
}

fn write_y(row: u32, chunk: u32, columns: u32, values: vec4<f32>) {
    y[row + chunk] = values;
}

fn sigmoid_value4(z: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(z));
    return select(vec4<f32>(1.0), e, z < vec4<f32>(0.0)) / (1.0 + e);
}

fn sigmoid_derivative4(y: vec4<f32>) -> vec4<f32> {
    return y * (1.0 - y);
}

fn squared_error_value4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    let d = y - t;
    return d * d;
}

fn squared_error_derivative4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return y - t;
}

const LOSS_FACTOR = f32(0.5); // of a sum of loss_terms

fn loss_output4(z: vec4<f32>) -> vec4<f32> {
    return sigmoid_value4(z);
}

fn loss_terms4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return squared_error_value4(y, t);
}

fn loss_gradient4(rate: f32, z: vec4<f32>, y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return rate * squared_error_derivative4(y, t) * sigmoid_derivative4(y);
}

// The samples of the tiles' rows.
var<workgroup> samples: array<u32, 4>;

var<workgroup> sums: array<vec4<f32>, 32>;

@compute @workgroup_size(WORKGROUP)
fn tiled_forward(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let slice = invocation % 2u;
    let tile = invocation / 2u;
    let first_chunk = (id.x * 4u + tile % 4u) * 1u;
    let first_row = id.y * 4u;
    let top = id.y * 4u; // the workgroup's first row

    let batch_rows = order[0];
    for (var i = invocation; i < 4u; i += 8u) {
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
    let w0_first = w_first + min(4u * (first_chunk + 0u) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u));
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

    let chunks = select(0u, inputs / 4u, 4u * first_chunk < outputs);
    for (var k = slice; k < chunks; k += 2u) {
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

    // The last terms: the values past them are 0.
    let inside = vec4(0u, 1u, 2u, 3u) < vec4(inputs % 4u);
    if slice == 0u && 4u * first_chunk < outputs {
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

    var loss = 0.0;

    sums[invocation * 4u + 0u] = sum0_0;
    sums[invocation * 4u + 1u] = sum1_0;
    sums[invocation * 4u + 2u] = sum2_0;
    sums[invocation * 4u + 3u] = sum3_0;
    workgroupBarrier();
    for (var i = invocation; i < 16u; i += 8u) {
        let owner = i / 4u;
        let part = i % 4u;
        let row = id.y * 4u + part / 1u;
        let chunk = (id.x * 4u + owner % 4u) * 1u + part % 1u;
        if row < rows && 4u * chunk < outputs {
            var sum = sums[owner * 8u + part];
            for (var slice = 1u; slice < 2u; slice++) {
                sum += sums[(owner * 2u + slice) * 4u + part];
            }
            let sample = samples[row - top];
            let columns = 4u * chunk + vec4(0u, 1u, 2u, 3u);
            let t_first = t_view.x + sample * t_view.y;
            let t_index = t_first + min(columns, vec4(outputs - 1u));
            let target_values = vec4(t[t_index.x], t[t_index.y], t[t_index.z], t[t_index.w]);
            let counts = columns < vec4(select(0u, outputs, row < batch_rows));
            let output = loss_output4(sum);
            let terms = select(vec4(0.0), loss_terms4(output, target_values), counts);
            loss += dot(terms, vec4(1.0));
            let gradient = select(vec4(0.0), loss_gradient4(1.0, sum, output, target_values), counts);
            write_y(y_first + row * y_stride, chunk, outputs, gradient);
        }
    }
    workgroupBarrier();
    sums[invocation] = vec4(loss);
    workgroupBarrier();
    if invocation == 0u {
        for (var i = 1u; i < 8u; i++) {
            loss += sums[i].x;
        }
        partial_losses[id.y * p.workgroups + id.x] = LOSS_FACTOR * loss;
    }
}
