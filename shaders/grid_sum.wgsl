// grid_sum         low, high += whole(d_e · weight · 2^(29-e)) for each corner and feature     reference: encode_grid_backward
// grid_sum_coarse  the same of the first levels, summed in workgroup memory first: many rows meet in few entries
//
//   low, high  [entries, features], the two words of a sum
//   largest    [1], the bits of the largest |d_e|, of the exponent e; if it is not finite, nothing is added
//   x          [rows, inputs]
//   levels     [levels]
//   d_e        [rows, levels · features]
//   order      [1 + rows], where the rows of x are a data set's: after their number, the sample of each row
//
// One invocation adds a row's features of one level, in grid_sum_coarse those of some rows; there a workgroup takes ROWS rows of one
// level. Before the source stand ROWS and COARSE_FEATURES, how many features the largest coarse level has. A sum of whole numbers is exact, and the same in any order.

override WORKGROUP: u32;

struct GridSum {
    x_view: vec2<u32>,
    d_e_view: vec2<u32>,
    rows: u32,
    coarse: u32, // levels
}

@group(0) @binding(0) var<uniform> p: GridSum;
@group(0) @binding(1) var<storage, read_write> low: array<atomic<i32>>;
@group(0) @binding(2) var<storage, read_write> high: array<atomic<i32>>;
@group(0) @binding(3) var<storage, read> largest: array<u32>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read> levels: array<Level>;
@group(0) @binding(6) var<storage, read> d_e: array<f32>;

// Adds to a sum, and carries to its high word if the low one overflows.
fn add(index: u32, number: i32) {
    let old = atomicAdd(&low[index], number);
    let sum = old + number;
    if ((old ^ sum) & (number ^ sum)) < 0 {
        atomicAdd(&high[index], select(-1, 1, number > 0));
    }
}

// 2^(29 - e), by its bits. e is at least -97, so that its reciprocal is an f32 too.
fn numbers_per_unit() -> f32 {
    return bitcast<f32>((283u - max(largest[0] >> 23u, 30u)) << 23u);
}

@compute @workgroup_size(WORKGROUP)
fn grid_sum(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * (LEVELS - p.coarse) || largest[0] >= 0x7f800000u {
        return;
    }
    let row = i % p.rows;
    let l = p.coarse + i / p.rows;

    let scale = numbers_per_unit();
    let level = levels[l];
    let place = place_of(level, point_at(at(p.x_view, sample_of(row), 0u)));
    let upper = upper_weights(place.f);
    let d_first = at(p.d_e_view, row, l * FEATURES);
    for (var corner = 0u; corner < CORNERS; corner++) {
        let weight = product(factors_of(upper, corner));
        let first = feature_of(level, place, corner);
        for (var f = 0u; f < FEATURES; f++) {
            let number = i32(round(d_e[d_first + f] * weight * scale));
            if number != 0 {
                add(first + f, number);
            }
        }
    }
}

// The sums of a workgroup.
var<workgroup> low_here: array<atomic<i32>, COARSE_FEATURES>;
var<workgroup> high_here: array<atomic<i32>, COARSE_FEATURES>;

// As add, in workgroup memory.
fn add_here(index: u32, number: i32) {
    let old = atomicAdd(&low_here[index], number);
    let sum = old + number;
    if ((old ^ sum) & (number ^ sum)) < 0 {
        atomicAdd(&high_here[index], select(-1, 1, number > 0));
    }
}

@compute @workgroup_size(WORKGROUP)
fn grid_sum_coarse(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let workgroup = id.y * grid.x + id.x;
    let l = workgroup % p.coarse;
    let first_row = workgroup / p.coarse * ROWS;
    let level = levels[l];
    let features = level.entries * FEATURES;
    let level_first = level.first * FEATURES;
    for (var i = invocation; i < features; i += WORKGROUP) {
        atomicStore(&low_here[i], 0);
        atomicStore(&high_here[i], 0);
    }
    workgroupBarrier();

    let scale = numbers_per_unit();
    let end = select(0u, min(first_row + ROWS, p.rows), largest[0] < 0x7f800000u);
    for (var row = first_row + invocation; row < end; row += WORKGROUP) {
        let place = place_of(level, point_at(at(p.x_view, sample_of(row), 0u)));
        let upper = upper_weights(place.f);
        let d_first = at(p.d_e_view, row, l * FEATURES);
        for (var corner = 0u; corner < CORNERS; corner++) {
            let weight = product(factors_of(upper, corner));
            let first = feature_of(level, place, corner) - level_first;
            for (var f = 0u; f < FEATURES; f++) {
                let number = i32(round(d_e[d_first + f] * weight * scale));
                if number != 0 {
                    add_here(first + f, number);
                }
            }
        }
    }
    workgroupBarrier();

    for (var i = invocation; i < features; i += WORKGROUP) {
        let number = atomicLoad(&low_here[i]);
        if number != 0 {
            add(level_first + i, number);
        }
        let carried = atomicLoad(&high_here[i]);
        if carried != 0 {
            atomicAdd(&high[level_first + i], carried);
        }
    }
}
