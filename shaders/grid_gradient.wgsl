// grid_gradient        low = (high · 2^32 + low) / 2^(29-e), an f32; high = 0     reference: encode_grid_backward
// grid_gradient_clear  low, high, largest = 0
//
//   low, high  [values], the two words of a sum
//   largest    [1], the bits of the largest gradient of the batch, of the exponent e; if it is not finite, nothing was added
//
// One invocation takes one sum.

override WORKGROUP: u32;

struct GridGradient {
    values: u32,
}

@group(0) @binding(0) var<uniform> p: GridGradient;
@group(0) @binding(1) var<storage, read_write> low: array<i32>;
@group(0) @binding(2) var<storage, read_write> high: array<i32>;
@group(0) @binding(3) var<storage, read_write> largest: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn grid_gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i >= p.values {
        return;
    }
    let unit = bitcast<f32>((max(largest[0] >> 23u, 30u) - 29u) << 23u);
    let sum = (f32(high[i]) * 4294967296.0 + f32(low[i])) * unit;
    low[i] = bitcast<i32>(sum);
    high[i] = 0;
}

@compute @workgroup_size(WORKGROUP)
fn grid_gradient_clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let i = id.y * grid.x * WORKGROUP + id.x;
    if i < p.values {
        low[i] = 0;
        high[i] = 0;
    }
    if i == 0u {
        largest[0] = 0u;
    }
}
