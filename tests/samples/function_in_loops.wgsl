// mlp_forward   2 → linear 130 → sigmoid → linear 18 with bias → sigmoid → linear 3, for one sample     reference: NeuralNetwork::forward
//
// Each layer is y = x · w, with a bias y = x · w + b, a sigmoid 1 / (1 + e^-y). Four outputs are a vector.
// A call goes through 196 loop iterations.
//
//   mlp_forward_parameters  [2672]  layer after layer, a row an input, a bias the last row

@group(0) @binding(1) var<storage, read> mlp_forward_parameters: array<vec4<f32>, 668>;

fn mlp_forward_sigmoid2(x: vec2<f32>) -> vec2<f32> {
    let z = exp(-abs(x));
    return select(vec2<f32>(1.0), z, x < vec2<f32>(0.0)) / (1.0 + z);
}

fn mlp_forward_sigmoid4(x: vec4<f32>) -> vec4<f32> {
    let z = exp(-abs(x));
    return select(vec4<f32>(1.0), z, x < vec4<f32>(0.0)) / (1.0 + z);
}

fn mlp_forward(input: array<f32, 2>) -> array<f32, 3> {
    let x_0 = vec2<f32>(input[0], input[1]);

    // layer 0: 2 → 130
    var y0: array<vec4<f32>, 33>;
    for (var o = 0u; o < 32u; o++) {
        var y = x_0.x * mlp_forward_parameters[o]
            + x_0.y * vec4<f32>(mlp_forward_parameters[o + 32u].zw, mlp_forward_parameters[o + 33u].xy);
        y = mlp_forward_sigmoid4(y);
        y0[o] = y;
    }
    var y0_32 = x_0.x * mlp_forward_parameters[32].xy
        + x_0.y * mlp_forward_parameters[64].zw;
    y0_32 = mlp_forward_sigmoid2(y0_32);
    y0[32] = vec4<f32>(y0_32, 0.0, 0.0);

    // layer 1: 130 → 18 with bias
    var y1: array<vec4<f32>, 5>;
    for (var o = 0u; o < 4u; o++) {
        var y = mlp_forward_parameters[o + 650u];
        for (var i = 0u; i < 32u; i++) {
            let x = y0[i];
            let at = i * 18u + o;
            y += x.x * mlp_forward_parameters[at + 65u]
                + x.y * vec4<f32>(mlp_forward_parameters[at + 69u].zw, mlp_forward_parameters[at + 70u].xy)
                + x.z * mlp_forward_parameters[at + 74u]
                + x.w * vec4<f32>(mlp_forward_parameters[at + 78u].zw, mlp_forward_parameters[at + 79u].xy);
        }
        y += y0[32].x * mlp_forward_parameters[o + 641u];
        y += y0[32].y * vec4<f32>(mlp_forward_parameters[o + 645u].zw, mlp_forward_parameters[o + 646u].xy);
        y = mlp_forward_sigmoid4(y);
        y1[o] = y;
    }
    var y1_4 = mlp_forward_parameters[654].xy;
    for (var i = 0u; i < 32u; i++) {
        let x = y0[i];
        let at = i * 18u;
        y1_4 += x.x * mlp_forward_parameters[at + 69u].xy
            + x.y * mlp_forward_parameters[at + 73u].zw
            + x.z * mlp_forward_parameters[at + 78u].xy
            + x.w * mlp_forward_parameters[at + 82u].zw;
    }
    y1_4 += y0[32].x * mlp_forward_parameters[645].xy;
    y1_4 += y0[32].y * mlp_forward_parameters[649].zw;
    y1_4 = mlp_forward_sigmoid2(y1_4);
    y1[4] = vec4<f32>(y1_4, 0.0, 0.0);

    // layer 2: 18 → 3
    var y2_0 = y1[0].x * vec3<f32>(mlp_forward_parameters[654].zw, mlp_forward_parameters[655].x)
        + y1[0].y * mlp_forward_parameters[655].yzw
        + y1[0].z * mlp_forward_parameters[656].xyz
        + y1[0].w * vec3<f32>(mlp_forward_parameters[656].w, mlp_forward_parameters[657].xy);
    y2_0 += y1[1].x * vec3<f32>(mlp_forward_parameters[657].zw, mlp_forward_parameters[658].x)
        + y1[1].y * mlp_forward_parameters[658].yzw
        + y1[1].z * mlp_forward_parameters[659].xyz
        + y1[1].w * vec3<f32>(mlp_forward_parameters[659].w, mlp_forward_parameters[660].xy);
    y2_0 += y1[2].x * vec3<f32>(mlp_forward_parameters[660].zw, mlp_forward_parameters[661].x)
        + y1[2].y * mlp_forward_parameters[661].yzw
        + y1[2].z * mlp_forward_parameters[662].xyz
        + y1[2].w * vec3<f32>(mlp_forward_parameters[662].w, mlp_forward_parameters[663].xy);
    y2_0 += y1[3].x * vec3<f32>(mlp_forward_parameters[663].zw, mlp_forward_parameters[664].x)
        + y1[3].y * mlp_forward_parameters[664].yzw
        + y1[3].z * mlp_forward_parameters[665].xyz
        + y1[3].w * vec3<f32>(mlp_forward_parameters[665].w, mlp_forward_parameters[666].xy);
    y2_0 += y1[4].x * vec3<f32>(mlp_forward_parameters[666].zw, mlp_forward_parameters[667].x)
        + y1[4].y * mlp_forward_parameters[667].yzw;

    return array<f32, 3>(y2_0.x, y2_0.y, y2_0.z);
}
