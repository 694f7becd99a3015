// outer_product   d_weights = xᵀ · d_output     reference: outer_product
//
//   x          [rows, inputs]; one row per sample
//   d_output   [rows, outputs]
//   d_weights  [inputs, outputs]; with a bias one more row, the last: as if x had a last column of ones
//
// One invocation computes one element of d_weights: it sums over the samples first..last of the batch. A later dispatch,
// with `first` above 0, adds to the result of the one before.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct OuterProduct {
    x_view: vec2<u32>,
    d_output_view: vec2<u32>,
    d_weights_view: vec2<u32>,
    inputs: u32,
    outputs: u32,
    bias: u32, // 1 if d_weights has a bias row
    first: u32,
    last: u32,
    block: u32, // rows per block, and blocks per block of blocks
}

@group(0) @binding(0) var<uniform> p: OuterProduct;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_weights: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn outer_product(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= (p.inputs + p.bias) * p.outputs {
        return;
    }
    let input = i / p.outputs;
    let output = i % p.outputs;

    var sum = 0.0;
    if p.first > 0u {
        sum = d_weights[at(p.d_weights_view, input, output)];
    }
    // Summed in blocks, and blocks of blocks: a batch may be a whole data set, and a long running f32 sum loses digits.
    for (var row = p.first; row < p.last;) {
        let blocks_end = min(row + p.block * p.block, p.last);
        var blocks_sum = 0.0;
        while row < blocks_end {
            let block_end = min(row + p.block, p.last);
            var block_sum = 0.0;
            for (; row < block_end; row++) {
                var factor = 1.0;
                if input < p.inputs {
                    factor = x[at(p.x_view, row, input)];
                }
                block_sum += factor * d_output[at(p.d_output_view, row, output)];
            }
            blocks_sum += block_sum;
        }
        sum += blocks_sum;
    }
    d_weights[at(p.d_weights_view, input, output)] = sum;
}
