// A yardstick: y = x · w with textbook tiling. A workgroup of 16 × 16 copies tiles of x and w to workgroup memory and
// waits; then each invocation accumulates one value of y.

struct Matmul {
    rows: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> p: Matmul;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> x_tile: array<f32, 256>;
var<workgroup> w_tile: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn textbook_matmul(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let index = local.y * 16u + local.x;
    var sum = 0.0;
    for (var first = 0u; first < p.inputs; first += 16u) {
        let x_input = first + local.x;
        let w_input = first + local.y;
        x_tile[index] = select(0.0, x[id.y * p.inputs + x_input], id.y < p.rows && x_input < p.inputs);
        w_tile[index] = select(0.0, w[w_input * p.outputs + id.x], id.x < p.outputs && w_input < p.inputs);
        workgroupBarrier();
        for (var i = 0u; i < 16u; i++) {
            sum += x_tile[local.y * 16u + i] * w_tile[i * 16u + local.x];
        }
        workgroupBarrier();
    }
    if id.y < p.rows && id.x < p.outputs {
        y[id.y * p.outputs + id.x] = sum;
    }
}
