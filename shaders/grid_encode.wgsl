// grid_encode   e[row, l · features + f] = Σ corners: weight · table[entry of the corner in level l, f]     reference: encode_grid
//
//   x       [rows, inputs]
//   order   [1 + rows], where the rows of x are a data set's: after their number, the sample of each row
//   levels  [levels]
//   table   [entries, features], the first of the network's parameters
//   e       [rows, levels · features]
//
// One invocation computes a row's features of one level; neighbours have the same level.

override WORKGROUP: u32;

struct GridEncode {
    x_view: vec2<u32>,
    e_view: vec2<u32>,
    rows: u32,
}

@group(0) @binding(0) var<uniform> p: GridEncode;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> levels: array<Level>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> e: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn grid_encode(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.rows * LEVELS {
        return;
    }
    let row = i % p.rows;
    let l = i / p.rows;

    let level = levels[l];
    let place = place_of(level, point_at(at(p.x_view, sample_of(row), 0u)));
    let upper = upper_weights(place.f);
    var sums: array<f32, FEATURES>;
    for (var corner = 0u; corner < CORNERS; corner++) {
        let weight = product(factors_of(upper, corner));
        let first = feature_of(level, place, corner);
        for (var f = 0u; f < FEATURES; f++) {
            sums[f] += weight * table[first + f];
        }
    }
    for (var f = 0u; f < FEATURES; f++) {
        e[at(p.e_view, row, l * FEATURES + f)] = sums[f];
    }
}
