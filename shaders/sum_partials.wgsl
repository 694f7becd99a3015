// sum_partials   the sum of partial sums     reference: loss
//
//   partials  [partials], one per workgroup of loss, row_loss or sum_of_squares
//   total     [1]
//
// One workgroup: each invocation sums every WORKGROUP-th of them, then tree_sum.

struct SumPartials {
    partials: u32,
}

@group(0) @binding(0) var<uniform> p: SumPartials;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sum_partials(@builtin(local_invocation_index) invocation: u32) {
    var sum = 0.0;
    for (var i = invocation; i < p.partials; i += WORKGROUP) {
        sum += partials[i];
    }
    addends[invocation] = sum;
    tree_sum(invocation);
    if invocation == 0u {
        total[0] = addends[0];
    }
}
