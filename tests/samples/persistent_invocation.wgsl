// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, one sample per step
//
// One invocation has one network in its registers. Values are in chunks of at most four:
// w0_1_2 is layer 0's weights of input 1 to outputs 8 to 11, chunk 2. With b the names are of biases, with z
// of a layer's pre-activations, with y of its outputs, with d of the gradient with respect to a layer's
// pre-activations, with g of the gradients with respect to the weights, summed over a batch.
// The gradients d are times the learning rate: that is a product less for each weight.

// Here stands shaders/state.wgsl.

// One load of a row.
alias Inputs = vec2<f32>;
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

fn sigmoid_value4(z: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(z));
    return select(vec4<f32>(1.0), e, z < vec4<f32>(0.0)) / (1.0 + e);
}

fn sigmoid_derivative4(y: vec4<f32>) -> vec4<f32> {
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

fn read4(index: u32) -> vec4<f32> {
    return vec4<f32>(parameters[index], parameters[index + 1u], parameters[index + 2u], parameters[index + 3u]);
}

fn write4(index: u32, w: vec4<f32>) {
    parameters[index] = w.x;
    parameters[index + 1u] = w.y;
    parameters[index + 2u] = w.z;
    parameters[index + 3u] = w.w;
}

@compute @workgroup_size(WORKGROUP)
fn persistent(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let network = id.y * grid.x * WORKGROUP + id.x;
    if network >= p.networks {
        return;
    }

    let first = network * 24u; // its first parameter
    var w0_0_0 = read4(first);
    var w0_0_1 = read2(first + 4u);
    var w0_1_0 = read4(first + 6u);
    var w0_1_1 = read2(first + 10u);
    var b0_0 = read4(first + 12u);
    var b0_1 = read2(first + 16u);
    var w1_0_0 = parameters[first + 18u];
    var w1_1_0 = parameters[first + 19u];
    var w1_2_0 = parameters[first + 20u];
    var w1_3_0 = parameters[first + 21u];
    var w1_4_0 = parameters[first + 22u];
    var w1_5_0 = parameters[first + 23u];
    let learning_rate = learning_rates[network];
    var batch = states[network].batch;
    var losses = states[network].losses;
    let inputs_view = p.inputs_view / 2u;
    let targets_view = p.targets_view;
    let samples = sample_count[0];
    let batch_size = p.batch_size;
    let steps = p.steps;

    for (var step = 0u; step < steps; step++) {
        let sample = batch.position;
        let x_at = inputs_view.x + sample * inputs_view.y;
        let x_0 = inputs[x_at];
        let t_at = targets_view.x + sample * targets_view.y;
        let t_0 = targets[t_at];

        // layer 0
        let z0_0 = x_0.x * w0_0_0 + x_0.y * w0_1_0 + b0_0;
        let y0_0 = sigmoid_value4(z0_0);
        let z0_1 = x_0.x * w0_0_1 + x_0.y * w0_1_1 + b0_1;
        let y0_1 = sigmoid_value2(z0_1);

        // layer 1
        let z1_0 = y0_0.x * w1_0_0 + y0_0.y * w1_1_0 + y0_0.z * w1_2_0 + y0_0.w * w1_3_0
            + y0_1.x * w1_4_0 + y0_1.y * w1_5_0;

        // the loss
        let y1_0 = loss_output1(z1_0);
        let e_0 = loss_terms1(y1_0, t_0);
        let loss = LOSS_FACTOR * (e_0);

        // backward, by the weights as they are before the update
        let d1_0 = loss_gradient1(learning_rate, z1_0, y1_0, t_0);

        let d0_0 = vec4<f32>(w1_0_0 * d1_0, w1_1_0 * d1_0, w1_2_0 * d1_0, w1_3_0 * d1_0) * sigmoid_derivative4(y0_0);
        w1_0_0 -= y0_0.x * d1_0;
        w1_1_0 -= y0_0.y * d1_0;
        w1_2_0 -= y0_0.z * d1_0;
        w1_3_0 -= y0_0.w * d1_0;
        w0_0_0 -= x_0.x * d0_0;
        w0_1_0 -= x_0.y * d0_0;
        b0_0 -= d0_0;

        let d0_1 = vec2<f32>(w1_4_0 * d1_0, w1_5_0 * d1_0) * sigmoid_derivative2(y0_1);
        w1_4_0 -= y0_1.x * d1_0;
        w1_5_0 -= y0_1.y * d1_0;
        w0_0_1 -= x_0.x * d0_1;
        w0_1_1 -= x_0.y * d0_1;
        b0_1 -= d0_1;
        losses = add_loss(losses, batch, samples, loss);
        batch = next_batch(batch, samples, batch_size);
    }

    write4(first, w0_0_0);
    write2(first + 4u, w0_0_1);
    write4(first + 6u, w0_1_0);
    write2(first + 10u, w0_1_1);
    write4(first + 12u, b0_0);
    write2(first + 16u, b0_1);
    parameters[first + 18u] = w1_0_0;
    parameters[first + 19u] = w1_1_0;
    parameters[first + 20u] = w1_2_0;
    parameters[first + 21u] = w1_3_0;
    parameters[first + 22u] = w1_4_0;
    parameters[first + 23u] = w1_5_0;
    states[network] = State(batch, losses);
}
