// persistent   trains 2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, batch size 2
//
// One workgroup has one network in its memory. Matrices are rows of vec4, padded with zeros to whole ones:
// w0 and b0 are layer 0's weights and bias, x the batch's inputs, y0 layer 0's outputs, d0 the derivatives of
// the error by layer 0's sums, times the learning rate and divided by the batch's rows. An invocation computes
// one tile after another: some rows by four numbers of activations, or four by four weights.

// Here stands shaders/state.wgsl.

// Here stands shaders/permutation.wgsl.

// How many numbers of a row are read at once.
alias Inputs = f32;
alias Targets = f32;

// Here stands shaders/persistent.wgsl.

override WORKGROUP: u32;

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
    let z = exp(-abs(x));
    return select(vec4<f32>(1.0), z, x < vec4<f32>(0.0)) / (1.0 + z);
}

// Four of the `width` numbers from `at` on; 0 for those past the end.
fn read_parameters(at: u32, column: u32, width: u32) -> vec4<f32> {
    let numbers = 4u * column + vec4(0u, 1u, 2u, 3u);
    let places = at + min(numbers, vec4(width - 1u));
    let four = vec4(parameters[places.x], parameters[places.y], parameters[places.z], parameters[places.w]);
    return select(vec4<f32>(), four, numbers < vec4(width));
}

// Four of the `width` numbers from `at` on; 0 for those past the end.
fn read_inputs(at: u32, column: u32, width: u32) -> vec4<f32> {
    let numbers = 4u * column + vec4(0u, 1u, 2u, 3u);
    let places = at + min(numbers, vec4(width - 1u));
    let four = vec4(inputs[places.x], inputs[places.y], inputs[places.z], inputs[places.w]);
    return select(vec4<f32>(), four, numbers < vec4(width));
}

// Four of the `width` numbers from `at` on; 0 for those past the end.
fn read_targets(at: u32, column: u32, width: u32) -> vec4<f32> {
    let numbers = 4u * column + vec4(0u, 1u, 2u, 3u);
    let places = at + min(numbers, vec4(width - 1u));
    let four = vec4(targets[places.x], targets[places.y], targets[places.z], targets[places.w]);
    return select(vec4<f32>(), four, numbers < vec4(width));
}

fn write_parameters(at: u32, column: u32, width: u32, w: vec4<f32>) {
    for (var i = 0u; i < min(4u, width - 4u * column); i++) {
        parameters[at + 4u * column + i] = w[i];
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
var<workgroup> tile_errors: array<f32, 1>;
var<workgroup> order: array<u32, 2>;

@compute @workgroup_size(WORKGROUP)
fn persistent(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let network = id.y * grid.x + id.x;
    if network >= p.networks {
        return;
    }

    let first = network * 24u; // its place among the parameters
    for (var i = lane; i < 8u; i += WORKGROUP) {
        let input = i / 2u;
        w0[i] = select(vec4<f32>(), read_parameters(first + input * 6u, i % 2u, 6u), input < 2u);
    }
    for (var i = lane; i < 2u; i += WORKGROUP) {
        b0[i] = read_parameters(first + 12u, i, 6u);
    }
    for (var i = lane; i < 8u; i += WORKGROUP) {
        let input = i;
        w1[i] = select(vec4<f32>(), read_parameters(first + 18u + input, 0u, 1u), input < 6u);
    }
    let learning_rate = learning_rates[network];
    var errors: Errors; // the first invocation's
    if lane == 0u {
        first_batch = states[network].batch;
        errors = states[network].errors;
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
        for (var row = lane; row < 2u; row += WORKGROUP) {
            if row < batch.rows {
                order[row] = permutation(batch.position + row, samples, seed, batch.epoch);
            }
        }
        workgroupBarrier();
        for (var i = lane; i < 2u; i += WORKGROUP) {
            let row = i;
            let column = 0u;
            var numbers = vec4<f32>();
            if row < batch.rows {
                let at = inputs_view.x + order[row] * inputs_view.y;
                numbers = read_inputs(at, column, 2u);
            }
            x[i] = numbers;
        }
        workgroupBarrier();
        let rate = learning_rate / f32(batch.rows);

        // layer 0
        for (var tile = lane; tile < 2u; tile += WORKGROUP) {
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
            var y_0 = sum_0 + b0[column];
            y_0 = sigmoid4(y_0);
            y_0 = select(vec4<f32>(), y_0, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(6u));
            y0[row * 2u + column] = y_0;
            var y_1 = sum_1 + b0[column];
            y_1 = sigmoid4(y_1);
            y_1 = select(vec4<f32>(), y_1, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(6u));
            y0[(row + 1u) * 2u + column] = y_1;
        }
        workgroupBarrier();

        // layer 1
        for (var tile = lane; tile < 1u; tile += WORKGROUP) {
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
            var tile_error = 0.0;
            var y_0 = sum_0;
            var slopes_0 = vec4<f32>(1.0);
            y_0 = sigmoid4(y_0);
            slopes_0 *= y_0 * (1.0 - y_0);
            y_0 = select(vec4<f32>(), y_0, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u));
            var e_0 = vec4<f32>();
            if row < batch.rows {
                let at = targets_view.x + order[row] * targets_view.y;
                e_0 = y_0 - read_targets(at, column, 1u);
            }
            tile_error += dot(e_0, e_0);
            d1[row] = rate * e_0 * slopes_0;
            var y_1 = sum_1;
            var slopes_1 = vec4<f32>(1.0);
            y_1 = sigmoid4(y_1);
            slopes_1 *= y_1 * (1.0 - y_1);
            y_1 = select(vec4<f32>(), y_1, 4u * column + vec4(0u, 1u, 2u, 3u) < vec4(1u));
            var e_1 = vec4<f32>();
            if row + 1u < batch.rows {
                let at = targets_view.x + order[row + 1u] * targets_view.y;
                e_1 = y_1 - read_targets(at, column, 1u);
            }
            tile_error += dot(e_1, e_1);
            d1[row + 1u] = rate * e_1 * slopes_1;
            tile_errors[tile] = 0.5 * tile_error;
        }
        workgroupBarrier();

        // the error, added up by one invocation while the others go on
        if lane == 0u {
            var error = 0.0;
            for (var tile = 0u; tile < 1u; tile++) {
                error += tile_errors[tile];
            }
            errors = add_error(errors, batch, samples, error);
        }

        // backward through layer 1, by the weights as they are before the update
        for (var tile = lane; tile < 2u; tile += WORKGROUP) {
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
            let y_0 = y0[row * 2u + column];
            d0[row * 2u + column] = sum_0 * y_0 * (1.0 - y_0);
            let y_1 = y0[(row + 1u) * 2u + column];
            d0[(row + 1u) * 2u + column] = sum_1 * y_1 * (1.0 - y_1);
        }
        workgroupBarrier();

        // the update of layer 1
        for (var tile = lane; tile < 2u; tile += WORKGROUP) {
            let input = tile;
            let column = 0u;
            var g_x = vec4<f32>();
            var g_y = vec4<f32>();
            var g_z = vec4<f32>();
            var g_w = vec4<f32>();
            for (var row = 0u; row < 2u; row++) {
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
        for (var tile = lane; tile < 2u; tile += WORKGROUP) {
            let input = tile / 2u;
            let column = tile % 2u;
            var g_x = vec4<f32>();
            var g_y = vec4<f32>();
            var g_z = vec4<f32>();
            var g_w = vec4<f32>();
            for (var row = 0u; row < 2u; row++) {
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
        for (var column = lane; column < 2u; column += WORKGROUP) {
            var g = vec4<f32>();
            for (var row = 0u; row < 2u; row++) {
                g += d0[row * 2u + column];
            }
            b0[column] -= g;
        }

        batch = next_batch(batch, samples, batch_size);
        workgroupBarrier();
    }

    for (var i = lane; i < 4u; i += WORKGROUP) {
        write_parameters(first + i / 2u * 6u, i % 2u, 6u, w0[i]);
    }
    for (var i = lane; i < 2u; i += WORKGROUP) {
        write_parameters(first + 12u, i, 6u, b0[i]);
    }
    for (var i = lane; i < 6u; i += WORKGROUP) {
        write_parameters(first + 18u + i, 0u, 1u, w1[i]);
    }
    if lane == 0u {
        states[network] = State(batch, errors);
    }
}
