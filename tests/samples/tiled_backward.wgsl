// tiled_backward   d_input = (d_output · wᵀ) · f'(z), f = sigmoid     reference: matmul_transposed, activation_backward
//   then   w -= learning_rate · yᵀ · d_output / batch size     reference: outer_product, weight_update
//
//   d_output [rows, outputs], w [inputs, outputs]; d_input, y = f(z) and kept = f'(z) [rows, inputs]
//
// A tile is 4 rows by 4 columns; 2 of a workgroup's 8 invocations accumulate it in registers, a slice of the sums each.

override WORKGROUP: u32;

struct Tiles {
    d_output_view: vec2<u32>,
    w_view: vec2<u32>,
    d_input_view: vec2<u32>,
    y_view: vec2<u32>,
    rows: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> p: Tiles;
@group(0) @binding(1) var<storage, read> d_output: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> learning_rate: array<f32>;

fn d_output_at(index: u32) -> vec4<f32> {
    return d_output[index];
}

fn w_at(index: vec4<u32>) -> vec4<f32> {
    return vec4(w[index.x], w[index.y], w[index.z], w[index.w]);
}

fn write_d_input(row: u32, chunk: u32, columns: u32, values: vec4<f32>) {
    d_input[row + chunk] = values;
}

fn write_w(row: u32, chunk: u32, columns: u32, values: vec4<f32>) {
    let first = row + 4u * chunk;
    w[first] -= values.x;
    if 4u * chunk + 1u < columns {
        w[first + 1u] -= values.y;
    }
    if 4u * chunk + 2u < columns {
        w[first + 2u] -= values.z;
    }
    if 4u * chunk + 3u < columns {
        w[first + 3u] -= values.w;
    }
}

fn sigmoid_derivative4(y: vec4<f32>) -> vec4<f32> {
    return y * (1.0 - y);
}

var<workgroup> sums: array<vec4<f32>, 32>;

@compute @workgroup_size(WORKGROUP)
fn tiled_backward(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let slice = invocation % 2u;
    let tile = invocation / 2u;
    let first_chunk = (id.x * 4u + tile % 4u) * 1u;
    let first_row = id.y * 4u;

    let inputs = p.inputs;
    let outputs = p.outputs;
    let rows = p.rows;
    let d_output_first = p.d_output_view.x / 4u;
    let d_output_stride = p.d_output_view.y / 4u;
    let w_first = p.w_view.x;
    let w_stride = p.w_view.y;
    let d_input_first = p.d_input_view.x / 4u;
    let d_input_stride = p.d_input_view.y / 4u;
    let y_first = p.y_view.x / 4u;
    let y_stride = p.y_view.y / 4u;
    let d0_first = d_output_first + min(first_row + 0u, rows - 1u) * d_output_stride;
    let d1_first = d_output_first + min(first_row + 1u, rows - 1u) * d_output_stride;
    let d2_first = d_output_first + min(first_row + 2u, rows - 1u) * d_output_stride;
    let d3_first = d_output_first + min(first_row + 3u, rows - 1u) * d_output_stride;
    let w0_first = w_first + min(4u * first_chunk + 0u, inputs - 1u) * w_stride;
    let w1_first = w_first + min(4u * first_chunk + 1u, inputs - 1u) * w_stride;
    let w2_first = w_first + min(4u * first_chunk + 2u, inputs - 1u) * w_stride;
    let w3_first = w_first + min(4u * first_chunk + 3u, inputs - 1u) * w_stride;
    var sum0_0 = vec4<f32>();
    var sum1_0 = vec4<f32>();
    var sum2_0 = vec4<f32>();
    var sum3_0 = vec4<f32>();

    let chunks = select(0u, outputs / 4u, 4u * first_chunk < inputs);
    for (var k = slice; k < chunks; k += 2u) {
        let w0 = mat4x4(
            w_at(w0_first + 4u * k + vec4(0u, 1u, 2u, 3u)),
            w_at(w1_first + 4u * k + vec4(0u, 1u, 2u, 3u)),
            w_at(w2_first + 4u * k + vec4(0u, 1u, 2u, 3u)),
            w_at(w3_first + 4u * k + vec4(0u, 1u, 2u, 3u)),
        );
        let d0 = d_output_at(d0_first + k);
        sum0_0 += d0 * w0;
        let d1 = d_output_at(d1_first + k);
        sum1_0 += d1 * w0;
        let d2 = d_output_at(d2_first + k);
        sum2_0 += d2 * w0;
        let d3 = d_output_at(d3_first + k);
        sum3_0 += d3 * w0;
    }

    // The last terms: the values past them are 0.
    let inside = vec4(0u, 1u, 2u, 3u) < vec4(outputs % 4u);
    if slice == 0u && 4u * first_chunk < inputs {
        let k = outputs / 4u;
        let w0 = mat4x4(
            w_at(w0_first + min(4u * (k) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u))),
            w_at(w1_first + min(4u * (k) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u))),
            w_at(w2_first + min(4u * (k) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u))),
            w_at(w3_first + min(4u * (k) + vec4(0u, 1u, 2u, 3u), vec4(outputs - 1u))),
        );
        let d0 = select(vec4(0.0), d_output_at(d0_first + min(k, (outputs - 1u) / 4u)), inside);
        sum0_0 += d0 * w0;
        let d1 = select(vec4(0.0), d_output_at(d1_first + min(k, (outputs - 1u) / 4u)), inside);
        sum1_0 += d1 * w0;
        let d2 = select(vec4(0.0), d_output_at(d2_first + min(k, (outputs - 1u) / 4u)), inside);
        sum2_0 += d2 * w0;
        let d3 = select(vec4(0.0), d_output_at(d3_first + min(k, (outputs - 1u) / 4u)), inside);
        sum3_0 += d3 * w0;
    }

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
        if row < rows && 4u * chunk < inputs {
            var sum = sums[owner * 8u + part];
            for (var slice = 1u; slice < 2u; slice++) {
                sum += sums[(owner * 2u + slice) * 4u + part];
            }
            write_d_input(d_input_first + row * d_input_stride, chunk, inputs, sum * sigmoid_derivative4(y[y_first + row * y_stride + chunk]));
        }
    }

    // The weights of these inputs: no invocation reads them any more.
    workgroupBarrier();
    let batch_rows = order[0];
    let rate = learning_rate[0] / f32(batch_rows);
    let output_chunks = (outputs + 3u) / 4u;
    for (var i = invocation; i < 16u * output_chunks; i += 8u) {
        let input = id.x * 16u + i / output_chunks;
        let chunk = i % output_chunks;
        if input < inputs + 1u {
            let index = min(chunk, (outputs - 1u) / 4u);
            var d_weights = vec4<f32>();
            for (var row = 0u; row < batch_rows; row++) {
                let x = select(y[y_first + row * y_stride + min(input, inputs - 1u) / 4u][min(input, inputs - 1u) % 4u], 1.0, input == inputs);
                d_weights += x * d_output_at(d_output_first + row * d_output_stride + index);
            }
            write_w(w_first + input * w_stride, chunk, outputs, rate * d_weights);
        }
    }
}
