// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, one sample a step
//
// One invocation has one network in its registers. Its numbers stand in parts of at most four:
// w0_1_2 is layer 0's weights of input 1 to outputs 8 to 11, part 2. The same names with b are biases,
// with y a layer's outputs, with d the derivatives of the error by a layer's sums, times the learning rate,
// with g the derivatives by the weights, summed over a batch.

// Here stands shaders/state.wgsl.

// How many numbers of a row are read at once.
alias Inputs = vec2<f32>;
alias Targets = f32;

// Here stands shaders/persistent.wgsl.

override WORKGROUP: u32;

fn sigmoid1(x: f32) -> f32 {
    let z = exp(-abs(x));
    return select(f32(1.0), z, x < f32(0.0)) / (1.0 + z);
}

fn sigmoid2(x: vec2<f32>) -> vec2<f32> {
    let z = exp(-abs(x));
    return select(vec2<f32>(1.0), z, x < vec2<f32>(0.0)) / (1.0 + z);
}

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
    let z = exp(-abs(x));
    return select(vec4<f32>(1.0), z, x < vec4<f32>(0.0)) / (1.0 + z);
}

fn read2(at: u32) -> vec2<f32> {
    return vec2<f32>(parameters[at], parameters[at + 1u]);
}

fn write2(at: u32, w: vec2<f32>) {
    parameters[at] = w.x;
    parameters[at + 1u] = w.y;
}

fn read4(at: u32) -> vec4<f32> {
    return vec4<f32>(parameters[at], parameters[at + 1u], parameters[at + 2u], parameters[at + 3u]);
}

fn write4(at: u32, w: vec4<f32>) {
    parameters[at] = w.x;
    parameters[at + 1u] = w.y;
    parameters[at + 2u] = w.z;
    parameters[at + 3u] = w.w;
}

@compute @workgroup_size(WORKGROUP)
fn persistent(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let network = id.y * grid.x * WORKGROUP + id.x;
    if network >= p.networks {
        return;
    }

    let first = network * 24u; // its place among the parameters
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
    var errors = states[network].errors;
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
        let s0_0 = x_0.x * w0_0_0 + x_0.y * w0_1_0 + b0_0;
        let y0_0 = sigmoid4(s0_0);
        let s0_1 = x_0.x * w0_0_1 + x_0.y * w0_1_1 + b0_1;
        let y0_1 = sigmoid2(s0_1);

        // layer 1
        let s1_0 = y0_0.x * w1_0_0 + y0_0.y * w1_1_0 + y0_0.z * w1_2_0 + y0_0.w * w1_3_0
            + y0_1.x * w1_4_0 + y0_1.y * w1_5_0;
        let y1_0 = sigmoid1(s1_0);

        // the error
        let e_0 = y1_0 - t_0;
        let error = 0.5 * (e_0 * e_0);

        // backward, by the weights as they are before the update
        let d1_0 = learning_rate * e_0 * (y1_0 * (1.0 - y1_0));

        let d0_0 = vec4<f32>(w1_0_0 * d1_0, w1_1_0 * d1_0, w1_2_0 * d1_0, w1_3_0 * d1_0) * (y0_0 * (1.0 - y0_0));
        w1_0_0 -= y0_0.x * d1_0;
        w1_1_0 -= y0_0.y * d1_0;
        w1_2_0 -= y0_0.z * d1_0;
        w1_3_0 -= y0_0.w * d1_0;
        w0_0_0 -= x_0.x * d0_0;
        w0_1_0 -= x_0.y * d0_0;
        b0_0 -= d0_0;

        let d0_1 = vec2<f32>(w1_4_0 * d1_0, w1_5_0 * d1_0) * (y0_1 * (1.0 - y0_1));
        w1_4_0 -= y0_1.x * d1_0;
        w1_5_0 -= y0_1.y * d1_0;
        w0_0_1 -= x_0.x * d0_1;
        w0_1_1 -= x_0.y * d0_1;
        b0_1 -= d0_1;
        errors = add_error(errors, batch, samples, error);
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
    states[network] = State(batch, errors);
}
