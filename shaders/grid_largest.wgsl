// grid_largest   the bits of the largest |d_e|, by which gradients are scaled; NaN is above infinity     reference: encode_grid_backward
//
//   d_e      [rows, width]
//   largest  [1], 0 before
//
// One invocation takes one row, one workgroup the largest of its rows.

override WORKGROUP: u32;

struct GridLargest {
    d_e_view: vec2<u32>,
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> p: GridLargest;
@group(0) @binding(1) var<storage, read> d_e: array<f32>;
@group(0) @binding(2) var<storage, read_write> largest: array<atomic<u32>, 1>;

var<workgroup> largest_of_workgroup: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn grid_largest(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    if invocation == 0u {
        atomicStore(&largest_of_workgroup, 0u);
    }
    workgroupBarrier();
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row < p.rows {
        let first = p.d_e_view.x + row * p.d_e_view.y;
        var bits = 0u;
        for (var i = first; i < first + p.width; i++) {
            bits = max(bits, bitcast<u32>(d_e[i]) & 0x7fffffffu);
        }
        atomicMax(&largest_of_workgroup, bits);
    }
    workgroupBarrier();
    if invocation == 0u {
        atomicMax(&largest[0], atomicLoad(&largest_of_workgroup));
    }
}
