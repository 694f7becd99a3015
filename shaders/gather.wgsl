// gather   x[row] = inputs[sample(row)], t[row] = targets[sample(row)]     reference: gather, permutation
//
//   inputs   [samples, input_width]     x  [batch_size, input_width]
//   targets  [samples, target_width]    t  [batch_size, target_width]
//   sample_count  [1], the number of samples, which the app may increase
//
// One invocation writes one value of x or t: an f32 copied, a byte scaled, or a class one-hot encoded. Rows past the end of
// the batch, which the last batch of an epoch may have, become 0.

override WORKGROUP: u32;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

struct Gather {
    inputs_view: vec2<u32>,
    targets_view: vec2<u32>,
    x_view: vec2<u32>,
    t_view: vec2<u32>,
    seed: vec2<u32>, // low and high word
    inputs_scale: vec2<f32>, // of bytes: factor and offset; of classes: on and off value
    targets_scale: vec2<f32>,
    inputs_format: u32, // FLOATS, BYTES or CLASS
    targets_format: u32,
    shuffle: u32, // 1: a new order each epoch; 0: the data set's order
    batch_size: u32,
    input_width: u32,
    target_width: u32,
}

@group(0) @binding(0) var<uniform> p: Gather;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> inputs: array<u32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> t: array<f32>;
@group(0) @binding(6) var<storage, read> sample_count: array<u32>;

const FLOATS = 0u; // one f32 per word
const BYTES = 1u; // four bytes per word, the first the lowest
const CLASS = 2u; // one class per row, one word

// The index of the word that holds a value.
fn word_index(format: u32, view: vec2<u32>, row: u32, column: u32) -> u32 {
    if format == CLASS {
        return at(view, row, 0u);
    }
    return at(view, row, select(column, column / 4u, format == BYTES));
}

// The value in a word.
fn decode(format: u32, word: u32, column: u32, scale: vec2<f32>) -> f32 {
    if format == FLOATS {
        return bitcast<f32>(word);
    }
    if format == CLASS {
        return select(scale.y, scale.x, word == column);
    }
    return f32(extractBits(word, 8u * (column % 4u), 8u)) * scale.x + scale.y;
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    let width = p.input_width + p.target_width;
    if i >= p.batch_size * width {
        return;
    }
    let row = i / width;
    let column = i % width;
    let in_batch = row < batch.rows;
    var sample = 0u;
    if in_batch {
        sample = batch.position + row;
        if p.shuffle == 1u {
            sample = permutation(sample, sample_count[0], p.seed, batch.epoch);
        }
    }

    if column < p.input_width {
        let word = inputs[word_index(p.inputs_format, p.inputs_view, sample, column)];
        let value = decode(p.inputs_format, word, column, p.inputs_scale);
        x[at(p.x_view, row, column)] = select(0.0, value, in_batch);
    } else {
        let target_column = column - p.input_width;
        let word = targets[word_index(p.targets_format, p.targets_view, sample, target_column)];
        let value = decode(p.targets_format, word, target_column, p.targets_scale);
        t[at(p.t_view, row, target_column)] = select(0.0, value, in_batch);
    }
}
