// step   the end of a training step: adds the batch's error up, and moves on to the next batch     reference: Training, Order
//
//   error  [1], the batch's, as squared_error_sum left it
//   state  the GPU's own record of where training stands
//
// One invocation.

struct Step {
    samples: u32,
    batch_size: u32,
}

@group(0) @binding(0) var<uniform> p: Step;
@group(0) @binding(1) var<storage, read> error: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: State;

@compute @workgroup_size(1)
fn step() {
    let batch = state.batch;
    state.errors = add_error(state.errors, batch, p.samples, error[0]);
    state.batch = next_batch(batch, p.samples, p.batch_size);
}
