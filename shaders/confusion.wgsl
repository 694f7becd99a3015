// confusion   counts[class(t), class(y)] += 1 for each sample of the batch     reference: confusion
//
//   y, t    [rows, outputs]; the first batch.rows rows are samples
//   counts  [classes, classes]
//
// The class of a row is the index of its largest value, the first if several are equal; with one output, 1 from the threshold
// on, of t from 0.5 on, else 0. One invocation counts one sample.

override WORKGROUP: u32;

struct Confusion {
    y_view: vec2<u32>, // the index of the matrix's first element, and the stride between rows
    t_view: vec2<u32>,
    rows: u32,
    outputs: u32,
    classes: u32,
    threshold: f32, // of a single output
}

@group(0) @binding(0) var<uniform> p: Confusion;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;

@compute @workgroup_size(WORKGROUP)
fn confusion(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row >= min(p.rows, batch.rows) {
        return;
    }
    let y_row = p.y_view.x + row * p.y_view.y;
    let t_row = p.t_view.x + row * p.t_view.y;
    var predicted = select(0u, 1u, p.outputs == 1u && y[y_row] >= p.threshold);
    var actual = select(0u, 1u, p.outputs == 1u && t[t_row] >= 0.5);
    var largest = vec2(y[y_row], t[t_row]);
    for (var output = 1u; output < p.outputs; output++) {
        let values = vec2(y[y_row + output], t[t_row + output]);
        if values.x > largest.x {
            largest.x = values.x;
            predicted = output;
        }
        if values.y > largest.y {
            largest.y = values.y;
            actual = output;
        }
    }
    atomicAdd(&counts[actual * p.classes + predicted], 1u);
}
