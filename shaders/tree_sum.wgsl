// tree_sum   the sum of one value per invocation of a workgroup
//
// No kernel of its own: included before the source of every kernel that sums losses. The tree's shape depends only on the
// workgroup size, so the same batch gives the same bits.

override WORKGROUP: u32; // a power of two

var<workgroup> addends: array<f32, WORKGROUP>;

// Sums `addends` into addends[0], halving their number each iteration.
fn tree_sum(invocation: u32) {
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half {
            addends[invocation] += addends[invocation + half];
        }
    }
}
