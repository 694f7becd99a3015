// order   the current batch: how many samples it has, and which     reference: Order
//
//   order         [1 + batch_size]; rows past the batch's end have its last sample once more
//   sample_count  [1], the number of samples, which the app may increase
//
// One invocation finds the sample of one row.

override WORKGROUP: u32;

struct Order {
    seed: vec2<u32>, // low and high word
    shuffle: u32, // 1: a new order each epoch; 0: the data set's order
    batch_size: u32,
}

@group(0) @binding(0) var<uniform> p: Order;
@group(0) @binding(1) var<storage, read> batch: Batch;
@group(0) @binding(2) var<storage, read_write> samples_of_batch: array<u32>;
@group(0) @binding(3) var<storage, read> sample_count: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn order(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let row = id.y * grid.x * WORKGROUP + id.x;
    if row >= p.batch_size {
        return;
    }
    var sample = batch.position + min(row, max(batch.rows, 1u) - 1u);
    if p.shuffle == 1u {
        sample = permutation(sample, sample_count[0], p.seed, batch.epoch);
    }
    samples_of_batch[1u + row] = sample;
    if row == 0u {
        samples_of_batch[0] = batch.rows;
    }
}
