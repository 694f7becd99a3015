// confusion   counts[class(t), class(y)] += 1 for each sample of the batch     reference: confusion
//
//   y, t    [rows, outputs], of which the first batch.rows are samples
//   counts  [classes, classes]
//
// The class of a row is the place of its largest number, of equal ones the first; of a row of one number, whether it is 0.5
// or more. One invocation counts one sample.

override WORKGROUP: u32;

struct Confusion {
    y_view: vec2<u32>, // the matrix's first place in its buffer, and its stride from row to row
    t_view: vec2<u32>,
    rows: u32,
    outputs: u32,
    classes: u32,
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
    var predicted = select(0u, 1u, p.outputs == 1u && y[y_row] >= 0.5);
    var actual = select(0u, 1u, p.outputs == 1u && t[t_row] >= 0.5);
    var most = vec2(y[y_row], t[t_row]);
    for (var output = 1u; output < p.outputs; output++) {
        let numbers = vec2(y[y_row + output], t[t_row + output]);
        if numbers.x > most.x {
            most.x = numbers.x;
            predicted = output;
        }
        if numbers.y > most.y {
            most.y = numbers.y;
            actual = output;
        }
    }
    atomicAdd(&counts[actual * p.classes + predicted], 1u);
}
