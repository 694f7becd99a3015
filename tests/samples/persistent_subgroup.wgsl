// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, one sample a step
//
// One subgroup of 4 lanes has one network in its registers. Layers 0, 2, … are spread: each lane
// computes its own outputs, from own0, own2, … on. Layers 1, 3, … take these: each lane multiplies its own,
// and the subgroup adds up. Numbers stand in parts of at most four: w0_1_0 is layer 0's weights of input 1
// to the lane's own outputs, w1_0_2 layer 1's weights of the lane's first own input to outputs 8 to 11.
// The same names with b are biases, with y a layer's outputs, with d the derivatives of the error by a
// layer's sums, times the learning rate, with g the derivatives by the weights, summed over a batch.

// Here stands shaders/state.wgsl.

// How many numbers of a row are read at once.
alias Inputs = f32;
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

fn read2(at: u32) -> vec2<f32> {
    return vec2<f32>(parameters[at], parameters[at + 1u]);
}

fn write2(at: u32, w: vec2<f32>) {
    parameters[at] = w.x;
    parameters[at + 1u] = w.y;
}

fn subgroup_sum1(share: f32) -> f32 {
    var sum = share;
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    // The same bits in every lane, even if a driver fuses a multiplication into an addition.
    return subgroupBroadcast(sum, 0u);
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

    let first = network * 24u; // its place among the parameters
    let own0 = lane * 2u;
    let inside0_0 = vec2<u32>(own0, own0 + 1u) < vec2<u32>(6u, 6u);
    var w0_0_0 = select(vec2<f32>(), read2(first + own0), inside0_0);
    var w0_1_0 = select(vec2<f32>(), read2(first + 6u + own0), inside0_0);
    var b0_0 = select(vec2<f32>(), read2(first + 12u + own0), inside0_0);
    var w1_0_0 = select(f32(), parameters[first + 18u + own0], inside0_0.x);
    var w1_1_0 = select(f32(), parameters[first + 19u + own0], inside0_0.y);
    let learning_rate = learning_rates[network];
    var errors: Errors; // the first lane's
    if lane == 0u {
        first_batch = states[network].batch;
        errors = states[network].errors;
    }
    var batch = workgroupUniformLoad(&first_batch);
    let inputs_view = p.inputs_view;
    let targets_view = p.targets_view;
    let samples = sample_count[0];
    let batch_size = p.batch_size;
    // Subgroups of another size than the device named would give wrong numbers: then no step is counted.
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
        let s0_0 = x_0.x * w0_0_0 + x_0.y * w0_1_0 + b0_0;
        let y0_0 = select(vec2<f32>(), sigmoid2(s0_0), inside0_0);

        // layer 1
        let share1_0 = y0_0.x * w1_0_0 + y0_0.y * w1_1_0;
        let s1_0 = subgroup_sum1(share1_0);
        let y1_0 = sigmoid1(s1_0);

        // the error
        let e_0 = y1_0 - t_0;
        let error = 0.5 * (e_0 * e_0);

        // backward, by the weights as they are before the update
        let d1_0 = learning_rate * e_0 * (y1_0 * (1.0 - y1_0));

        let d0_0 = vec2<f32>(w1_0_0 * d1_0, w1_1_0 * d1_0) * (y0_0 * (1.0 - y0_0));

        w1_0_0 -= y0_0.x * d1_0;
        w1_1_0 -= y0_0.y * d1_0;

        w0_0_0 -= x_0.x * d0_0;
        w0_1_0 -= x_0.y * d0_0;
        b0_0 -= d0_0;
        errors = add_error(errors, batch, samples, error);
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
        states[network] = State(batch, errors);
    }
}
