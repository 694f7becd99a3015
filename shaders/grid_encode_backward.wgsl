// grid_encode_backward   d_x[row, i] = Σ levels, features, corners: d_e · table · ∂weight/∂x_i     reference: encode_grid_backward
//
//   x, d_x  [rows, inputs]; d_x is 0 where x is outside of the grid
//   levels  [levels]
//   table   [entries, features], the first of the network's parameters
//   d_e     [rows, levels · features]
//
// One invocation computes one row of d_x.

override WORKGROUP: u32;

struct GridEncodeBackward {
    x_view: vec2<u32>,
    d_e_view: vec2<u32>,
    d_x_view: vec2<u32>,
    rows: u32,
}

@group(0) @binding(0) var<uniform> p: GridEncodeBackward;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> levels: array<Level>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read> d_e: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn grid_encode_backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row >= p.rows {
        return;
    }
    let first_x = at(p.x_view, row, 0u);
    let point = point_at(first_x);
    var sum = Point();
    for (var l = 0u; l < LEVELS; l++) {
        let level = levels[l];
        let place = place_of(level, point);
        let upper = upper_weights(place.f);
        var sum_of_level = Point();
        for (var corner = 0u; corner < CORNERS; corner++) {
            let first = feature_of(level, place, corner);
            var d_weight = 0.0;
            for (var f = 0u; f < FEATURES; f++) {
                d_weight += d_e[at(p.d_e_view, row, l * FEATURES + f)] * table[first + f];
            }
            let signs = 2.0 * Point(sides_of(corner)) - 1.0;
            sum_of_level += d_weight * signs * others(factors_of(upper, corner));
        }
        sum += level.scale * upper_derivatives(place.f) * sum_of_level;
    }
    for (var i = 0u; i < DIMENSIONS; i++) {
        let is_inside = x[first_x + i] >= 0.0 && x[first_x + i] <= 1.0;
        d_x[at(p.d_x_view, row, i)] = select(0.0, sum[i], is_inside);
    }
}
