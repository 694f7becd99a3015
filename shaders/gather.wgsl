// gather   x[row] = inputs[sample(row)], t[row] = targets[sample(row)]     reference: gather, permutation
//
//   inputs   [samples, input_width]     x  [batch_size, input_width]
//   targets  [samples, target_width]    t  [batch_size, target_width]
//
// One invocation copies one number of x or of t. Rows past the batch's end, which the last batch of an epoch may have,
// become 0.

override WORKGROUP: u32;

// The place in its buffer of one number of a matrix; `view` is the matrix's first place, and its stride from row to row.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Gather {
    inputs_view: vec2<u32>,
    targets_view: vec2<u32>,
    x_view: vec2<u32>,
    t_view: vec2<u32>,
    seed: vec2<u32>, // low and high word
    shuffle: u32, // 1 for a new order each epoch, 0 for the data set's own
    samples: u32,
    batch_size: u32,
    input_width: u32,
    target_width: u32,
}

@group(0) @binding(0) var<uniform> p: Gather;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> t: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    let width = p.input_width + p.target_width;
    if i >= p.batch_size * width {
        return;
    }
    let row = i / width;
    let column = i % width;
    let inside = row < batch.rows;
    var sample = 0u;
    if inside {
        sample = batch.position + row;
        if p.shuffle == 1u {
            sample = permutation(sample, p.samples, p.seed, batch.epoch);
        }
    }

    if column < p.input_width {
        x[at(p.x_view, row, column)] = select(0.0, inputs[at(p.inputs_view, sample, column)], inside);
    } else {
        let target_column = column - p.input_width;
        t[at(p.t_view, row, target_column)] = select(0.0, targets[at(p.targets_view, sample, target_column)], inside);
    }
}
