// tiled_update   w -= learning_rate · xᵀ · d_output / batch size     reference: outer_product, weight_update
//
//   x [rows, inputs], d_output [rows, outputs], w [inputs, outputs] and with a bias one row more
//
// A tile is 4 rows by 4 columns; an invocation accumulates it in registers, 8 are a workgroup.

override WORKGROUP: u32;

struct Tiles {
    x_view: vec2<u32>,
    x_scale: vec2<f32>,
    d_output_view: vec2<u32>,
    w_view: vec2<u32>,
    first: u32,
    last: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> p: Tiles;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> d_output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(5) var<storage, read> learning_rate: array<f32>;

fn x_at(index: u32, scale: vec2<f32>) -> vec4<f32> {
    return vec4<f32>(unpack4xU8(x[index])) * scale.x + scale.y;
}

fn d_output_at(index: u32) -> vec4<f32> {
    return d_output[index];
}

fn write_w(row: u32, chunk: u32, columns: u32, values: vec4<f32>) {
    w[row + chunk] -= values;
}

@compute @workgroup_size(WORKGROUP)
fn tiled_update(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let slice = 0u;
    let tile = invocation;
    let first_chunk = (id.x * 8u + tile % 8u) * 1u;

    let inputs = p.inputs;
    let outputs = p.outputs;
    let last = min(order[0], p.last);
    let x_first = p.x_view.x;
    let x_stride = p.x_view.y;
    let x_scale = p.x_scale;
    let d_output_first = p.d_output_view.x / 4u;
    let d_output_stride = p.d_output_view.y / 4u;
    let w_first = p.w_view.x / 4u;
    let w_stride = p.w_view.y / 4u;
    let d0_index = min(first_chunk + 0u, (outputs - 1u) / 4u);
    let height = inputs + 1u;
    let rate = learning_rate[0] / f32(order[0]);
    let first_row = id.y * 4u;
    let x0_index = min(first_row / 4u + 0u, (inputs - 1u) / 4u);
    let x0_is_bias = first_row + 0u + vec4(0u, 1u, 2u, 3u) == vec4(inputs);
    var sum0_0 = vec4<f32>();
    var sum1_0 = vec4<f32>();
    var sum2_0 = vec4<f32>();
    var sum3_0 = vec4<f32>();

    for (var block = p.first + slice; block < last; block += 32u) {
        let block_end = min(block + 32u, last);
        var block_sum0_0 = vec4<f32>();
        var block_sum1_0 = vec4<f32>();
        var block_sum2_0 = vec4<f32>();
        var block_sum3_0 = vec4<f32>();
        for (var row = block; row < block_end; row += 1u) {
            let x_row = x_first + order[1u + row] * x_stride;
            let d_row = d_output_first + row * d_output_stride;
            let d0 = d_output_at(d_row + d0_index);
            let x0 = select(x_at(x_row + x0_index, x_scale), vec4(1.0), x0_is_bias);
            block_sum0_0 += x0.x * d0;
            block_sum1_0 += x0.y * d0;
            block_sum2_0 += x0.z * d0;
            block_sum3_0 += x0.w * d0;
        }
        sum0_0 += block_sum0_0;
        sum1_0 += block_sum1_0;
        sum2_0 += block_sum2_0;
        sum3_0 += block_sum3_0;
    }

    if first_row + 0u < height && 4u * (first_chunk + 0u) < outputs {
        write_w(w_first + (first_row + 0u) * w_stride, first_chunk + 0u, outputs, rate * sum0_0);
    }
    if first_row + 1u < height && 4u * (first_chunk + 0u) < outputs {
        write_w(w_first + (first_row + 1u) * w_stride, first_chunk + 0u, outputs, rate * sum1_0);
    }
    if first_row + 2u < height && 4u * (first_chunk + 0u) < outputs {
        write_w(w_first + (first_row + 2u) * w_stride, first_chunk + 0u, outputs, rate * sum2_0);
    }
    if first_row + 3u < height && 4u * (first_chunk + 0u) < outputs {
        write_w(w_first + (first_row + 3u) * w_stride, first_chunk + 0u, outputs, rate * sum3_0);
    }
}
