// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, batch size 2
//
// One workgroup has one network in its memory. Matrices are rows of vec4, padded with zeros to whole ones:
// w0 and b0 are layer 0's weights and bias, x the batch's inputs, y0 layer 0's outputs, d0 the gradient with
// respect to layer 0's pre-activations, divided by the batch's rows. An invocation computes one
// tile after the other: some rows by four values of activations, or four by four weights.
// The gradients d are times the learning rate: that is a product less for each weight.

// Here stands shaders/state.wgsl.

// Here stands shaders/permutation.wgsl.

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

fn sigmoid_value4(z: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(z));
    return select(vec4<f32>(1.0), e, z < vec4<f32>(0.0)) / (1.0 + e);
}

fn sigmoid_derivative4(y: vec4<f32>) -> vec4<f32> {
    return y * (1.0 - y);
}

fn squared_error_value4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    let d = y - t;
    return d * d;
}

fn squared_error_derivative4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return y - t;
}

const LOSS_FACTOR = f32(0.5); // of a sum of loss_terms

fn loss_output4(z: vec4<f32>) -> vec4<f32> {
    return sigmoid_value4(z);
}

fn loss_terms4(y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return squared_error_value4(y, t);
}

fn loss_gradient4(rate: f32, z: vec4<f32>, y: vec4<f32>, t: vec4<f32>) -> vec4<f32> {
    return rate * squared_error_derivative4(y, t) * sigmoid_derivative4(y);
}

// Four of the `width` values from `offset` on; 0 for those past the end.
fn read_parameters(offset: u32, column: u32, width: u32) -> vec4<f32> {
    let columns = 4u * column + vec4(0u, 1u, 2u, 3u);
    let indices = offset + min(columns, vec4(width - 1u));
    let values = vec4(parameters[indices.x], parameters[indices.y], parameters[indices.z], parameters[indices.w]);
    return select(vec4<f32>(), values, columns < vec4(width));
}

// Four of the `width` values from `offset` on; 0 for those past the end.
fn read_inputs(offset: u32, column: u32, width: u32) -> vec4<f32> {
    let columns = 4u * column + vec4(0u, 1u, 2u, 3u);
    let indices = offset + min(columns, vec4(width - 1u));
    let values = vec4(inputs[indices.x], inputs[indices.y], inputs[indices.z], inputs[indices.w]);
    return select(vec4<f32>(), values, columns < vec4(width));
}

// Four of the `width` values from `offset` on; 0 for those past the end.
fn read_targets(offset: u32, column: u32, width: u32) -> vec4<f32> {
    let columns = 4u * column + vec4(0u, 1u, 2u, 3u);
    let indices = offset + min(columns, vec4(width - 1u));
    let values = vec4(targets[indices.x], targets[indices.y], targets[indices.z], targets[indices.w]);
    return select(vec4<f32>(), values, columns < vec4(width));
}

fn write_parameters(offset: u32, column: u32, width: u32, w: vec4<f32>) {
    for (var i = 0u; i < min(4u, width - 4u * column); i++) {
        parameters[offset + 4u * column + i] = w[i];
    }
}

var<workgroup> first_batch: Batch;
var<workgroup> x: array<vec4<f32>, 2>;
var<workgroup> w0: array<vec4<f32>, 8>;
var<workgroup> b0: array<vec4<f32>, 2>;
var<workgroup> y0: array<vec4<f32>, 4>;
var<workgroup> d0: array<vec4<f32>, 4>;
var<workgroup> w1: array<vec4<f32>, 8>;
var<workgroup> d1: array<vec4<f32>, 2>;
var<workgroup> partial_losses: array<f32, 1>;
var<workgroup> order: array<u32, 2>;

@compute @workgroup_size(WORKGROUP)
fn persistent(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let network = id.y * grid.x + id.x;
    if network >= p.networks {
        return;
    }

    let first = network * 24u; // its first parameter
    for (var i = invocation; i < 8u; i += WORKGROUP) {
        let input = i / 2u;
        w0[i] = select(vec4<f32>(), read_parameters(first + input * 6u, i % 2u, 6u), input < 2u);
    }
    for (var i = invocation; i < 2u; i += WORKGROUP) {
        b0[i] = read_parameters(first + 12u, i, 6u);
    }
    for (var i = invocation; i < 8u; i += WORKGROUP) {
        let input = i;
        w1[i] = select(vec4<f32>(), read_parameters(first + 18u + input, 0u, 1u), input < 6u);
    }
    let learning_rate = learning_rates[network];
    var losses: Losses; // the first invocation's
    if invocation == 0u {
        first_batch = states[network].batch;
        losses = states[network].losses;
    }
    var batch = workgroupUniformLoad(&first_batch);
    let inputs_view = p.inputs_view;
    let targets_view = p.targets_view;
    let samples = sample_count[0];
    let batch_size = p.batch_size;
    let seed = p.seed;
    let steps = p.steps;

    for (var step = 0u; step < steps; step++) {
        // the batch: rows past its end are zeros
        for (var row = invocation; row < 2u; row += WORKGROUP) {
            if row < batch.rows {
                order[row] = permutation(batch.position + row, samples, seed, batch.epoch);
            }
        }
        workgroupBarrier();
        for (var i = invocation; i < 2u; i += WORKGROUP) {
            let row = i;
            let column = 0u;
            var values = vec4<f32>();
            if row < batch.rows {
                let offset = inputs_view.x + order[row] * inputs_view.y;
                values = read_inputs(offset, column, 2u);
            }
            x[i] = values;
        }
        workgroupBarrier();
        let rate = learning_rate / f32(batch.rows);

        // layer 0
        for (var tile = invocation; tile < 2u; tile += WORKGROUP) {
            let row = tile / 2u * 2u;
            let column = tile % 2u;
            var sum_0 = vec4<f32>();
            var sum_1 = vec4<f32>();
            for (var i = 0u; i < 1u; i++) {
                let w_x = w0[4u * i * 2u + column];
                let w_y = w0[(4u * i + 1u) * 2u + column];
                let w_z = w0[(4u * i + 2u) * 2u + column];
                let w_w = w0[(4u * i + 3u) * 2u + column];
                let x_0 = x[row];
                sum_0 += x_0.x * w_x + x_0.y * w_y + x_0.z * w_z + x_0.w * w_w;
                let x_1 = x[row + 1u];
                sum_1 += x_1.x * w_x + x_1.y * w_y + x_1.z * w_z + x_1.w * w_w;
            }
            let z_0 = sum_0 + b0[column];
            var y_0 = sigmoid_value4(z_0);
            y_0 = select(vec4<f32>(), y_0, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(6u));
            y0[row * 2u + column] = y_0;
            let z_1 = sum_1 + b0[column];
            var y_1 = sigmoid_value4(z_1);
            y_1 = select(vec4<f32>(), y_1, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(6u));
            y0[(row + 1u) * 2u + column] = y_1;
        }
        workgroupBarrier();

        // layer 1
        for (var tile = invocation; tile < 1u; tile += WORKGROUP) {
            let row = tile * 2u;
            let column = 0u;
            var sum_0 = vec4<f32>();
            var sum_1 = vec4<f32>();
            for (var i = 0u; i < 2u; i++) {
                let w_x = w1[4u * i];
                let w_y = w1[4u * i + 1u];
                let w_z = w1[4u * i + 2u];
                let w_w = w1[4u * i + 3u];
                let x_0 = y0[row * 2u + i];
                sum_0 += x_0.x * w_x + x_0.y * w_y + x_0.z * w_z + x_0.w * w_w;
                let x_1 = y0[(row + 1u) * 2u + i];
                sum_1 += x_1.x * w_x + x_1.y * w_y + x_1.z * w_z + x_1.w * w_w;
            }
            var loss = 0.0;
            let z_0 = sum_0;
            var d_0 = vec4<f32>();
            if row < batch.rows {
                let offset = targets_view.x + order[row] * targets_view.y;
                let t = read_targets(offset, column, 1u);
                let y = loss_output4(z_0);
                loss += dot(select(vec4<f32>(), loss_terms4(y, t), 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u)), vec4<f32>(1.0));
                d_0 = select(vec4<f32>(), loss_gradient4(rate, z_0, y, t), 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u));
            }
            d1[row] = d_0;
            let z_1 = sum_1;
            var d_1 = vec4<f32>();
            if row + 1u < batch.rows {
                let offset = targets_view.x + order[row + 1u] * targets_view.y;
                let t = read_targets(offset, column, 1u);
                let y = loss_output4(z_1);
                loss += dot(select(vec4<f32>(), loss_terms4(y, t), 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u)), vec4<f32>(1.0));
                d_1 = select(vec4<f32>(), loss_gradient4(rate, z_1, y, t), 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u));
            }
            d1[row + 1u] = d_1;
            partial_losses[tile] = LOSS_FACTOR * loss;
        }
        workgroupBarrier();

        // the loss, summed by one invocation while the others go on
        if invocation == 0u {
            var loss = 0.0;
            for (var i = 0u; i < 1u; i++) {
                loss += partial_losses[i];
            }
            losses = add_loss(losses, batch, samples, loss);
        }

        // backward through layer 1, by the weights as they are before the update
        for (var tile = invocation; tile < 2u; tile += WORKGROUP) {
            let row = tile / 2u * 2u;
            let column = tile % 2u;
            var sum_0 = vec4<f32>();
            var sum_1 = vec4<f32>();
            for (var i = 0u; i < 1u; i++) {
                let w_x = w1[4u * column];
                let w_y = w1[4u * column + 1u];
                let w_z = w1[4u * column + 2u];
                let w_w = w1[4u * column + 3u];
                let d_0 = d1[row];
                sum_0 += vec4(dot(w_x, d_0), dot(w_y, d_0), dot(w_z, d_0), dot(w_w, d_0));
                let d_1 = d1[row + 1u];
                sum_1 += vec4(dot(w_x, d_1), dot(w_y, d_1), dot(w_z, d_1), dot(w_w, d_1));
            }
            d0[row * 2u + column] = sum_0 * sigmoid_derivative4(y0[row * 2u + column]);
            d0[(row + 1u) * 2u + column] = sum_1 * sigmoid_derivative4(y0[(row + 1u) * 2u + column]);
        }
        workgroupBarrier();

        // the update of layer 1
        for (var tile = invocation; tile < 2u; tile += WORKGROUP) {
            let input = tile;
            let column = 0u;
            var g_x = vec4<f32>();
            var g_y = vec4<f32>();
            var g_z = vec4<f32>();
            var g_w = vec4<f32>();
            for (var row = 0u; row < 2u; row += 1u) {
                let x_row = y0[row * 2u + input];
                let d_row = d1[row];
                g_x += x_row.x * d_row;
                g_y += x_row.y * d_row;
                g_z += x_row.z * d_row;
                g_w += x_row.w * d_row;
            }
            w1[4u * input] -= g_x;
            w1[4u * input + 1u] -= g_y;
            w1[4u * input + 2u] -= g_z;
            w1[4u * input + 3u] -= g_w;
        }

        // the update of layer 0
        for (var tile = invocation; tile < 2u; tile += WORKGROUP) {
            let input = tile / 2u;
            let column = tile % 2u;
            var g_x = vec4<f32>();
            var g_y = vec4<f32>();
            var g_z = vec4<f32>();
            var g_w = vec4<f32>();
            for (var row = 0u; row < 2u; row += 1u) {
                let x_row = x[row];
                let d_row = d0[row * 2u + column];
                g_x += x_row.x * d_row;
                g_y += x_row.y * d_row;
                g_z += x_row.z * d_row;
                g_w += x_row.w * d_row;
            }
            w0[4u * input * 2u + column] -= g_x;
            w0[(4u * input + 1u) * 2u + column] -= g_y;
            w0[(4u * input + 2u) * 2u + column] -= g_z;
            w0[(4u * input + 3u) * 2u + column] -= g_w;
        }
        for (var column = invocation; column < 2u; column += WORKGROUP) {
            var g = vec4<f32>();
            for (var row = 0u; row < 2u; row += 1u) {
                g += d0[row * 2u + column];
            }
            b0[column] -= g;
        }

        batch = next_batch(batch, samples, batch_size);
        workgroupBarrier();
    }

    for (var i = invocation; i < 4u; i += WORKGROUP) {
        write_parameters(first + i / 2u * 6u, i % 2u, 6u, w0[i]);
    }
    for (var i = invocation; i < 2u; i += WORKGROUP) {
        write_parameters(first + 12u, i, 6u, b0[i]);
    }
    for (var i = invocation; i < 6u; i += WORKGROUP) {
        write_parameters(first + 18u + i, 0u, 1u, w1[i]);
    }
    if invocation == 0u {
        states[network] = State(batch, losses);
    }
}
