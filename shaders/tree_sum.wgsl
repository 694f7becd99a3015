// tree_sum   the sum of a number of each invocation of a workgroup
//
// No kernel of its own: stands before the text of every kernel that adds losses up. A tree whose shape depends on nothing
// but the workgroup, so that the same batch gives the same bits.

override WORKGROUP: u32; // a power of two

var<workgroup> addends: array<f32, WORKGROUP>;

// Adds `addends` up into addends[0], by halves.
fn tree_sum(invocation: u32) {
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if invocation < half {
            addends[invocation] += addends[invocation + half];
        }
    }
}
