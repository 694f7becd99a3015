// end_step   ends a training step     reference: Training, Order
//
// No kernel of its own: included before the source of every kernel that ends a step. That kernel binds:
//
//   partial_losses  [partials]; their sum is the batch's loss
//   state           the training state
//   sample_count    [1], the number of samples, which the app may increase

fn end_step(batch_loss: f32, batch_size: u32) {
    let batch = state.batch;
    state.losses = add_loss(state.losses, batch, sample_count[0], batch_loss);
    state.batch = next_batch(batch, sample_count[0], batch_size);
}

const PARTIALS_PER_BLOCK = 64u;

// For one workgroup. Each invocation sums a part of the partial losses in blocks: a running f32 sum of thousands of terms
// loses digits.
fn end_step_of_partials(invocation: u32, partials: u32, batch_size: u32) {
    var sum = 0.0;
    for (var block = invocation; block < partials; block += PARTIALS_PER_BLOCK * WORKGROUP) {
        let end = min(block + PARTIALS_PER_BLOCK * WORKGROUP, partials);
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
