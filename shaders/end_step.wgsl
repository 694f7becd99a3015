// end_step   the end of a training step, as a function     reference: Training, Order
//
// No kernel of its own: stands before the text of every kernel that ends a step, which binds partial_errors [partials], whose
// sum is the batch's error, the state, and sample_count [1], how many samples there are: an app may add some.

fn end_step(batch_error: f32, batch_size: u32) {
    let batch = state.batch;
    state.errors = add_error(state.errors, batch, sample_count[0], batch_error);
    state.batch = next_batch(batch, sample_count[0], batch_size);
}

// One workgroup, each invocation of it.
fn end_step_of_partials(lane: u32, partials: u32, batch_size: u32) {
    var sum = 0.0;
    for (var i = lane; i < partials; i += WORKGROUP) {
        sum += partial_errors[i];
    }
    addends[lane] = sum;
    tree_sum(lane);
    if lane == 0u {
        end_step(addends[0], batch_size);
    }
}
