// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, one sample per step
//
// One subgroup has one network in its registers. Layers 0, 2, … are sharded: each lane computes its own
// outputs, from own0, own2, … on. Layers 1, 3, … take these: each lane multiplies its own, and the subgroup
// sums. Values are in chunks of at most four: w0_1_0 is layer 0's weights of input 1 to the lane's own
// outputs, w1_0_2 layer 1's weights of the lane's first own input to outputs 8 to 11. With b the names are of
// biases, with z of a layer's pre-activations, with y of its outputs, with d of the gradient with respect to
// a layer's pre-activations, with g of the gradients with respect to the weights, summed over a batch.
// The gradients d are times the learning rate: that is a product less for each weight.

// Here stands shaders/state.wgsl.

// One load of a row.
alias Inputs = f32;
alias Targets = f32;

// Views are a matrix's offset in its buffer and its stride from row to row, in values; seed is low and high word.
// Inputs and Targets are f32, or vectors where the offsets and strides allow.
//
//   inputs          [samples, inputs]       the data set
//   targets         [samples, outputs]
//   learning_rates  [2, networks]           and weight decays
//   parameters      [networks, parameters]  each network's, layer after layer
//   states          [networks]              each network's training state
//   sample_count    [1]                     how many samples there are: an app may add some

struct Persistent {
    inputs_view: vec2<u32>,
    targets_view: vec2<u32>,
    seed: vec2<u32>,
    batch_size: u32,
    networks: u32,
    steps: u32,
}

@group(0) @binding(0) var<uniform> p: Persistent;
@group(0) @binding(1) var<storage, read> inputs: array<Inputs>;
@group(0) @binding(2) var<storage, read> targets: array<Targets>;
@group(0) @binding(3) var<storage, read> learning_rates: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> states: array<State>;
@group(0) @binding(6) var<storage, read> sample_count: array<u32>;

override WORKGROUP: u32;

fn sigmoid_value2(z: vec2<f32>) -> vec2<f32> {
    let e = exp(-abs(z));
    return select(vec2<f32>(1.0), e, z < vec2<f32>(0.0)) / (1.0 + e);
}

fn sigmoid_derivative2(y: vec2<f32>) -> vec2<f32> {
    return y * (1.0 - y);
}

fn sigmoid_value1(z: f32) -> f32 {
    let e = exp(-abs(z));
    return select(f32(1.0), e, z < f32(0.0)) / (1.0 + e);
}

fn sigmoid_derivative1(y: f32) -> f32 {
    return y * (1.0 - y);
}

fn squared_error_value1(y: f32, t: f32) -> f32 {
    let d = y - t;
    return d * d;
}

fn squared_error_derivative1(y: f32, t: f32) -> f32 {
    return y - t;
}

const LOSS_FACTOR = f32(0.5); // of a sum of loss_terms

fn loss_output1(z: f32) -> f32 {
    return sigmoid_value1(z);
}

fn loss_terms1(y: f32, t: f32) -> f32 {
    return squared_error_value1(y, t);
}

fn loss_gradient1(rate: f32, z: f32, y: f32, t: f32) -> f32 {
    return rate * squared_error_derivative1(y, t) * sigmoid_derivative1(y);
}

fn read2(index: u32) -> vec2<f32> {
    return vec2<f32>(parameters[index], parameters[index + 1u]);
}

fn write2(index: u32, w: vec2<f32>) {
    parameters[index] = w.x;
    parameters[index + 1u] = w.y;
}

fn subgroup_sum1(partial: f32) -> f32 {
    var all = partial;
    all += subgroupShuffleXor(all, 1u);
    all += subgroupShuffleXor(all, 2u);
    // The same bits in every lane, even if a driver fuses a multiplication into an addition.
    return subgroupBroadcast(all, 0u);
}

var<workgroup> first_batch: Batch;

@compute @workgroup_size(WORKGROUP)
fn persistent(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let network = id.y * grid.x + id.x;
    if network >= p.networks {
        return;
    }

    let first = network * 24u; // its first parameter
    let own0 = lane * 2u;
    let inside0_0 = vec2<u32>(own0, own0 + 1u) < vec2<u32>(6u, 6u);
    var w0_0_0 = select(vec2<f32>(), read2(first + own0), inside0_0);
    var w0_1_0 = select(vec2<f32>(), read2(first + 6u + own0), inside0_0);
    var b0_0 = select(vec2<f32>(), read2(first + 12u + own0), inside0_0);
    var w1_0_0 = select(f32(), parameters[first + 18u + own0], inside0_0.x);
    var w1_1_0 = select(f32(), parameters[first + 19u + own0], inside0_0.y);
    let learning_rate = learning_rates[network];
    var losses: Losses; // the first lane's
    if lane == 0u {
        first_batch = states[network].batch;
        losses = states[network].losses;
    }
    var batch = workgroupUniformLoad(&first_batch);
    let inputs_view = p.inputs_view;
    let targets_view = p.targets_view;
    let samples = sample_count[0];
    let batch_size = p.batch_size;
    // Subgroups of another size than the device reports would compute wrong values: then no step is counted.
    let steps = select(0u, p.steps, lanes == 4u);

    for (var step = 0u; step < steps; step++) {
        let sample = batch.position;
        let x_at = inputs_view.x + sample * inputs_view.y;
        let x_own0 = inputs[x_at + min(lane, 1u)];
        let x_0 = vec2<f32>(subgroupBroadcast(x_own0, 0u), subgroupBroadcast(x_own0, 1u));
        let t_at = targets_view.x + sample * targets_view.y;
        let t_own0 = targets[t_at + min(lane, 0u)];
        let t_0 = subgroupBroadcast(t_own0, 0u);

        // layer 0
        let z0_0 = x_0.x * w0_0_0 + x_0.y * w0_1_0 + b0_0;
        let y0_0 = select(vec2<f32>(), sigmoid_value2(z0_0), inside0_0);

        // layer 1
        let partial1_0 = y0_0.x * w1_0_0 + y0_0.y * w1_1_0;
        let z1_0 = subgroup_sum1(partial1_0);

        // the loss
        let y1_0 = loss_output1(z1_0);
        let e_0 = loss_terms1(y1_0, t_0);
        let loss = LOSS_FACTOR * (e_0);

        // backward, by the weights as they are before the update
        let d1_0 = loss_gradient1(learning_rate, z1_0, y1_0, t_0);

        let d0_0 = vec2<f32>(w1_0_0 * d1_0, w1_1_0 * d1_0) * sigmoid_derivative2(y0_0);

        w1_0_0 -= y0_0.x * d1_0;
        w1_1_0 -= y0_0.y * d1_0;

        w0_0_0 -= x_0.x * d0_0;
        w0_1_0 -= x_0.y * d0_0;
        b0_0 -= d0_0;
        losses = add_loss(losses, batch, samples, loss);
        batch = next_batch(batch, samples, batch_size);
    }

    if inside0_0.x {
        parameters[first + own0] = w0_0_0.x;
    }
    if inside0_0.y {
        parameters[first + own0 + 1u] = w0_0_0.y;
    }
    if inside0_0.x {
        parameters[first + 6u + own0] = w0_1_0.x;
    }
    if inside0_0.y {
        parameters[first + 6u + own0 + 1u] = w0_1_0.y;
    }
    if inside0_0.x {
        parameters[first + 12u + own0] = b0_0.x;
    }
    if inside0_0.y {
        parameters[first + 12u + own0 + 1u] = b0_0.y;
    }
    if inside0_0.x {
        parameters[first + 18u + own0] = w1_0_0;
    }
    if inside0_0.y {
        parameters[first + 19u + own0] = w1_1_0;
    }
    if lane == 0u {
        states[network] = State(batch, losses);
    }
}
