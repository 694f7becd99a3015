// mlp_forward   2 → linear 6 with bias → sigmoid → linear 1 → sigmoid, for one sample     reference: NeuralNetwork::forward
//
// Each layer is y = x · w, with a bias y = x · w + b, then its activation. Four outputs are a vector.
// A call goes through 0 loop iterations; all loops of an invocation should stay below 32768.
//
//   mlp_forward_parameters  [24]  layer after layer, a row an input, a bias the last row

@group(0) @binding(1) var<storage, read> mlp_forward_parameters: array<vec4<f32>, 6>;

fn mlp_forward_sigmoid_value1(z: f32) -> f32 {
    let e = exp(-abs(z));
    return select(f32(1.0), e, z < f32(0.0)) / (1.0 + e);
}

fn mlp_forward_sigmoid_value2(z: vec2<f32>) -> vec2<f32> {
    let e = exp(-abs(z));
    return select(vec2<f32>(1.0), e, z < vec2<f32>(0.0)) / (1.0 + e);
}

fn mlp_forward_sigmoid_value4(z: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(z));
    return select(vec4<f32>(1.0), e, z < vec4<f32>(0.0)) / (1.0 + e);
}

fn mlp_forward(input: array<f32, 2>) -> array<f32, 1> {
    let x_0 = vec2<f32>(input[0], input[1]);

    // layer 0: 2 → 6 with bias
    var y0_0 = x_0.x * mlp_forward_parameters[0]
        + x_0.y * vec4<f32>(mlp_forward_parameters[1].zw, mlp_forward_parameters[2].xy)
        + mlp_forward_parameters[3];
    y0_0 = mlp_forward_sigmoid_value4(y0_0);
    var y0_1 = x_0.x * mlp_forward_parameters[1].xy
        + x_0.y * mlp_forward_parameters[2].zw
        + mlp_forward_parameters[4].xy;
    y0_1 = mlp_forward_sigmoid_value2(y0_1);

    // layer 1: 6 → 1
    var y1_0 = y0_0.x * mlp_forward_parameters[4].z
        + y0_0.y * mlp_forward_parameters[4].w
        + y0_0.z * mlp_forward_parameters[5].x
        + y0_0.w * mlp_forward_parameters[5].y;
    y1_0 += y0_1.x * mlp_forward_parameters[5].z
        + y0_1.y * mlp_forward_parameters[5].w;
    y1_0 = mlp_forward_sigmoid_value1(y1_0);

    return array<f32, 1>(y1_0);
}
