// loss_sum   the batch's loss, from partial sums     reference: loss
//
//   partial_losses  [partials], one per workgroup of loss or row_loss
//   batch_loss      [1]
//
// One workgroup: each invocation sums every WORKGROUP-th partial loss, then tree_sum.

struct LossSum {
    partials: u32,
}

@group(0) @binding(0) var<uniform> p: LossSum;
@group(0) @binding(1) var<storage, read> partial_losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> batch_loss: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn loss_sum(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < p.partials; i += WORKGROUP) {
        sum += partial_losses[i];
    }
    addends[invocation] = sum;
    tree_sum(invocation);
    if invocation == 0u {
        batch_loss[0] = addends[0];
    }
}
