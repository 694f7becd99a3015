// end_step   the end of a training step, as a function     reference: Training, Order
//
// No kernel of its own: stands before the text of every kernel that ends a step, which binds partial_losses [partials], whose
// sum is the batch's loss, the state, and sample_count [1], how many samples there are: an app may add some.

fn end_step(batch_loss: f32, batch_size: u32) {
    let batch = state.batch;
    state.losses = add_loss(state.losses, batch, sample_count[0], batch_loss);
    state.batch = next_batch(batch, sample_count[0], batch_size);
}

const PARTIALS_OF_A_BLOCK = 64u;

// One workgroup, each invocation of it: adds up a share of the partial losses, in blocks, since thousands of f32 added in a
// row lose digits.
fn end_step_of_partials(invocation: u32, partials: u32, batch_size: u32) {
    var sum = 0.0;
    for (var block = invocation; block < partials; block += PARTIALS_OF_A_BLOCK * WORKGROUP) {
        let end = min(block + PARTIALS_OF_A_BLOCK * WORKGROUP, partials);
        var block_sum = 0.0;
        for (var i = block; i < end; i += WORKGROUP) {
            block_sum += partial_losses[i];
        }
        sum += block_sum;
    }
    addends[invocation] = sum;
    tree_sum(invocation);
    if invocation == 0u {
        end_step(addends[0], batch_size);
    }
}
