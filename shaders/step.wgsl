// step              ends a training step: adds the batch's loss, advances to the next batch     reference: Training, Order
// step_of_partials  the same, from partial losses
//
//   loss            [1], the batch's loss, from squared_error_sum
//   partial_losses  [partials]; their sum is the batch's loss
//   state           the training state
//   sample_count    [1], the number of samples, which the app may increase
//
// One workgroup; step uses one invocation.

struct Step {
    batch_size: u32,
}

@group(0) @binding(0) var<uniform> p: Step;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: State;
@group(0) @binding(3) var<storage, read> sample_count: array<u32>;

@compute @workgroup_size(1)
fn step() {
    end_step(loss[0], p.batch_size);
}

struct StepOfPartials {
    batch_size: u32,
    partials: u32,
}

@group(0) @binding(0) var<uniform> q: StepOfPartials;
@group(0) @binding(1) var<storage, read> partial_losses: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn step_of_partials(@builtin(local_invocation_index) invocation: u32) {
    end_step_of_partials(invocation, q.partials, q.batch_size);
}
