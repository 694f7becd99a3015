// fit   where the samples have become fewer, the next batch takes what is left of the epoch, or begins the next
//
//   states        [networks], their training states
//   sample_count  [1], the number of samples
//
// One invocation fits one network's state. An epoch that is over has the mean loss of the samples that were taken.

override WORKGROUP: u32;

struct Fit {
    batch_size: u32,
    networks: u32,
}

@group(0) @binding(0) var<uniform> p: Fit;
@group(0) @binding(1) var<storage, read_write> states: array<State>;
@group(0) @binding(2) var<storage, read> sample_count: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn fit(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>) {
    let network = id.y * workgroups.x * WORKGROUP + id.x;
    let samples = sample_count[0];
    if network >= p.networks || samples == 0u {
        return;
    }
    var batch = states[network].batch;
    if batch.position >= samples {
        let sums = states[network].losses.partial;
        states[network].losses.epoch = (sums[0] + sums[1] + sums[2]) / f32(batch.position);
        states[network].losses.partial = array<f32, 3>();
        batch.epoch = increment(batch.epoch);
        batch.number = 0u;
        batch.position = 0u;
        batch.rows = p.batch_size;
    }
    batch.rows = min(batch.rows, samples - batch.position);
    states[network].batch = batch;
}
