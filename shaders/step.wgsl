// step   the end of a training step: adds the batch's error up, and moves on to the next batch     reference: Training, Order
//
//   error  [1], the batch's, as squared_error_sum left it
//   state  the GPU's own record of where training stands
//
// One invocation. Steps and epochs are counted in two words, low and high: one would overflow within minutes. The errors of
// an epoch's batches are added up on three levels of 256 each, since tens of thousands of f32 added in a row lose digits.

// The samples of the current training step; other kernels read this part of the state.
struct Batch {
    rows: u32, // how many
    position: u32, // the first one's place in the epoch's order
    epoch: vec2<u32>, // the epochs completed, low and high word
}

struct State {
    batch: Batch,
    step: vec2<u32>, // the steps done, low and high word
    epoch_error: f32, // the error of the last complete epoch
    partial_errors: array<f32, 3>, // the error of the current one
}

struct Step {
    samples: u32,
    batch_size: u32,
}

@group(0) @binding(0) var<uniform> p: Step;
@group(0) @binding(1) var<storage, read> error: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: State;

fn increment(counter: vec2<u32>) -> vec2<u32> {
    let low = counter.x + 1u;
    return vec2(low, counter.y + select(0u, 1u, low == 0u));
}

@compute @workgroup_size(1)
fn step() {
    state.step = increment(state.step);

    state.partial_errors[0] += error[0];
    let batches = state.batch.position / p.batch_size + 1u;
    if batches % 256u == 0u {
        state.partial_errors[1] += state.partial_errors[0];
        state.partial_errors[0] = 0.0;
    }
    if batches % 65536u == 0u {
        state.partial_errors[2] += state.partial_errors[1];
        state.partial_errors[1] = 0.0;
    }

    var position = state.batch.position + state.batch.rows;
    if position == p.samples {
        position = 0u;
        state.batch.epoch = increment(state.batch.epoch);
        state.epoch_error = state.partial_errors[0] + state.partial_errors[1] + state.partial_errors[2];
        state.partial_errors = array<f32, 3>();
    }
    state.batch.position = position;
    state.batch.rows = min(p.batch_size, p.samples - position);
}
