// The rows of the batch: one invocation computes one row of d_z, one workgroup the loss of its rows, by tree_sum. Sums are in
// blocks: a long running f32 sum loses digits.

const BLOCK = 128u;
const LOWEST = -3.4e38; // below every pre-activation

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

fn statistics_of(row: u32) -> Statistics {
    var statistics = Statistics(LOWEST, 0.0, 0.0);
    for (var i = 0u; i < p.outputs; i++) {
        statistics.maximum = max(statistics.maximum, z[at(p.z_view, row, i)]);
    }
    for (var block = 0u; block < p.outputs; block += BLOCK) {
        var sum = 0.0;
        var total = 0.0;
        for (var i = block; i < min(block + BLOCK, p.outputs); i++) {
            sum += softmax_share1(z[at(p.z_view, row, i)], statistics.maximum);
            total += target_of(row, i);
        }
        statistics.sum += sum;
        statistics.total += total;
    }
    return statistics;
}

@compute @workgroup_size(WORKGROUP)
fn row_loss(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let workgroup = id.y * grid.x + id.x;
    let row = workgroup * WORKGROUP + invocation;

    var loss = 0.0;
    if row < samples_of_batch() {
        let statistics = statistics_of(row);
        for (var i = 0u; i < p.outputs; i++) {
            let pre_activation = z[at(p.z_view, row, i)];
            let target_value = target_of(row, i);
            loss += loss_terms1(pre_activation, target_value, statistics);
            d_z[at(p.d_z_view, row, i)] = loss_gradient1(1.0, pre_activation, pre_activation, target_value, statistics);
        }
    } else if row < p.rows {
        for (var i = 0u; i < p.outputs; i++) {
            d_z[at(p.d_z_view, row, i)] = 0.0;
        }
    }
    addends[invocation] = loss;
    tree_sum(invocation);
    if invocation == 0u && workgroup < p.partials {
        partial_losses[workgroup] = LOSS_FACTOR * addends[0];
    }
}
