// mlp_forward   9 → linear 130 → sigmoid → linear 18 with bias → sigmoid → linear 3, for one sample     reference: NeuralNetwork::forward
//
// Each layer is y = x · w, with a bias y = x · w + b, then its activation. Four outputs are a vector.
// A call goes through 73 loop iterations; all loops of an invocation should stay below 32768.
//
//   mlp_forward_parameters  [3582]  layer after layer, a row an input, a bias the last row

@group(0) @binding(1) var<storage, read> mlp_forward_parameters: array<vec4<f32>, 896>;

fn mlp_forward_sigmoid_value2(z: vec2<f32>) -> vec2<f32> {
    let e = exp(-abs(z));
    return select(vec2<f32>(1.0), e, z < vec2<f32>(0.0)) / (1.0 + e);
}

fn mlp_forward_sigmoid_value4(z: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(z));
    return select(vec4<f32>(1.0), e, z < vec4<f32>(0.0)) / (1.0 + e);
}

fn mlp_forward(input: array<f32, 9>) -> array<f32, 3> {
    var even: array<vec4<f32>, 33>;
    var odd: array<vec4<f32>, 33>;
    let x_0 = vec4<f32>(input[0], input[1], input[2], input[3]);
    let x_1 = vec4<f32>(input[4], input[5], input[6], input[7]);
    let x_2 = input[8];

    // layer 0: 9 → 130
    for (var o = 0u; o < 32u; o += 4u) {
        var y_0 = x_0.x * mlp_forward_parameters[o]
            + x_0.y * vec4<f32>(mlp_forward_parameters[o + 32u].zw, mlp_forward_parameters[o + 33u].xy)
            + x_0.z * mlp_forward_parameters[o + 65u]
            + x_0.w * vec4<f32>(mlp_forward_parameters[o + 97u].zw, mlp_forward_parameters[o + 98u].xy);
        y_0 += x_1.x * mlp_forward_parameters[o + 130u]
            + x_1.y * vec4<f32>(mlp_forward_parameters[o + 162u].zw, mlp_forward_parameters[o + 163u].xy)
            + x_1.z * mlp_forward_parameters[o + 195u]
            + x_1.w * vec4<f32>(mlp_forward_parameters[o + 227u].zw, mlp_forward_parameters[o + 228u].xy);
        y_0 += x_2 * mlp_forward_parameters[o + 260u];
        y_0 = mlp_forward_sigmoid_value4(y_0);
        var y_1 = x_0.x * mlp_forward_parameters[o + 1u]
            + x_0.y * vec4<f32>(mlp_forward_parameters[o + 33u].zw, mlp_forward_parameters[o + 34u].xy)
            + x_0.z * mlp_forward_parameters[o + 66u]
            + x_0.w * vec4<f32>(mlp_forward_parameters[o + 98u].zw, mlp_forward_parameters[o + 99u].xy);
        y_1 += x_1.x * mlp_forward_parameters[o + 131u]
            + x_1.y * vec4<f32>(mlp_forward_parameters[o + 163u].zw, mlp_forward_parameters[o + 164u].xy)
            + x_1.z * mlp_forward_parameters[o + 196u]
            + x_1.w * vec4<f32>(mlp_forward_parameters[o + 228u].zw, mlp_forward_parameters[o + 229u].xy);
        y_1 += x_2 * mlp_forward_parameters[o + 261u];
        y_1 = mlp_forward_sigmoid_value4(y_1);
        var y_2 = x_0.x * mlp_forward_parameters[o + 2u]
            + x_0.y * vec4<f32>(mlp_forward_parameters[o + 34u].zw, mlp_forward_parameters[o + 35u].xy)
            + x_0.z * mlp_forward_parameters[o + 67u]
            + x_0.w * vec4<f32>(mlp_forward_parameters[o + 99u].zw, mlp_forward_parameters[o + 100u].xy);
        y_2 += x_1.x * mlp_forward_parameters[o + 132u]
            + x_1.y * vec4<f32>(mlp_forward_parameters[o + 164u].zw, mlp_forward_parameters[o + 165u].xy)
            + x_1.z * mlp_forward_parameters[o + 197u]
            + x_1.w * vec4<f32>(mlp_forward_parameters[o + 229u].zw, mlp_forward_parameters[o + 230u].xy);
        y_2 += x_2 * mlp_forward_parameters[o + 262u];
        y_2 = mlp_forward_sigmoid_value4(y_2);
        var y_3 = x_0.x * mlp_forward_parameters[o + 3u]
            + x_0.y * vec4<f32>(mlp_forward_parameters[o + 35u].zw, mlp_forward_parameters[o + 36u].xy)
            + x_0.z * mlp_forward_parameters[o + 68u]
            + x_0.w * vec4<f32>(mlp_forward_parameters[o + 100u].zw, mlp_forward_parameters[o + 101u].xy);
        y_3 += x_1.x * mlp_forward_parameters[o + 133u]
            + x_1.y * vec4<f32>(mlp_forward_parameters[o + 165u].zw, mlp_forward_parameters[o + 166u].xy)
            + x_1.z * mlp_forward_parameters[o + 198u]
            + x_1.w * vec4<f32>(mlp_forward_parameters[o + 230u].zw, mlp_forward_parameters[o + 231u].xy);
        y_3 += x_2 * mlp_forward_parameters[o + 263u];
        y_3 = mlp_forward_sigmoid_value4(y_3);
        even[o] = y_0;
        even[o + 1u] = y_1;
        even[o + 2u] = y_2;
        even[o + 3u] = y_3;
    }
    var y0_32 = x_0.x * mlp_forward_parameters[32].xy
        + x_0.y * mlp_forward_parameters[64].zw
        + x_0.z * mlp_forward_parameters[97].xy
        + x_0.w * mlp_forward_parameters[129].zw;
    y0_32 += x_1.x * mlp_forward_parameters[162].xy
        + x_1.y * mlp_forward_parameters[194].zw
        + x_1.z * mlp_forward_parameters[227].xy
        + x_1.w * mlp_forward_parameters[259].zw;
    y0_32 += x_2 * mlp_forward_parameters[292].xy;
    y0_32 = mlp_forward_sigmoid_value2(y0_32);
    even[32] = vec4<f32>(y0_32, 0.0, 0.0);

    // layer 1: 130 → 18 with bias
    for (var o = 0u; o < 4u; o += 4u) {
        var y_0 = vec4<f32>(mlp_forward_parameters[o + 877u].zw, mlp_forward_parameters[o + 878u].xy);
        var y_1 = vec4<f32>(mlp_forward_parameters[o + 878u].zw, mlp_forward_parameters[o + 879u].xy);
        var y_2 = vec4<f32>(mlp_forward_parameters[o + 879u].zw, mlp_forward_parameters[o + 880u].xy);
        var y_3 = vec4<f32>(mlp_forward_parameters[o + 880u].zw, mlp_forward_parameters[o + 881u].xy);
        for (var i = 0u; i < 32u; i++) {
            let x = even[i];
            let index = i * 18u + o;
            y_0 += x.x * vec4<f32>(mlp_forward_parameters[index + 292u].zw, mlp_forward_parameters[index + 293u].xy)
                + x.y * mlp_forward_parameters[index + 297u]
                + x.z * vec4<f32>(mlp_forward_parameters[index + 301u].zw, mlp_forward_parameters[index + 302u].xy)
                + x.w * mlp_forward_parameters[index + 306u];
            y_1 += x.x * vec4<f32>(mlp_forward_parameters[index + 293u].zw, mlp_forward_parameters[index + 294u].xy)
                + x.y * mlp_forward_parameters[index + 298u]
                + x.z * vec4<f32>(mlp_forward_parameters[index + 302u].zw, mlp_forward_parameters[index + 303u].xy)
                + x.w * mlp_forward_parameters[index + 307u];
            y_2 += x.x * vec4<f32>(mlp_forward_parameters[index + 294u].zw, mlp_forward_parameters[index + 295u].xy)
                + x.y * mlp_forward_parameters[index + 299u]
                + x.z * vec4<f32>(mlp_forward_parameters[index + 303u].zw, mlp_forward_parameters[index + 304u].xy)
                + x.w * mlp_forward_parameters[index + 308u];
            y_3 += x.x * vec4<f32>(mlp_forward_parameters[index + 295u].zw, mlp_forward_parameters[index + 296u].xy)
                + x.y * mlp_forward_parameters[index + 300u]
                + x.z * vec4<f32>(mlp_forward_parameters[index + 304u].zw, mlp_forward_parameters[index + 305u].xy)
                + x.w * mlp_forward_parameters[index + 309u];
        }
        y_0 += even[32].x * vec4<f32>(mlp_forward_parameters[o + 868u].zw, mlp_forward_parameters[o + 869u].xy);
        y_0 += even[32].y * mlp_forward_parameters[o + 873u];
        y_0 = mlp_forward_sigmoid_value4(y_0);
        y_1 += even[32].x * vec4<f32>(mlp_forward_parameters[o + 869u].zw, mlp_forward_parameters[o + 870u].xy);
        y_1 += even[32].y * mlp_forward_parameters[o + 874u];
        y_1 = mlp_forward_sigmoid_value4(y_1);
        y_2 += even[32].x * vec4<f32>(mlp_forward_parameters[o + 870u].zw, mlp_forward_parameters[o + 871u].xy);
        y_2 += even[32].y * mlp_forward_parameters[o + 875u];
        y_2 = mlp_forward_sigmoid_value4(y_2);
        y_3 += even[32].x * vec4<f32>(mlp_forward_parameters[o + 871u].zw, mlp_forward_parameters[o + 872u].xy);
        y_3 += even[32].y * mlp_forward_parameters[o + 876u];
        y_3 = mlp_forward_sigmoid_value4(y_3);
        odd[o] = y_0;
        odd[o + 1u] = y_1;
        odd[o + 2u] = y_2;
        odd[o + 3u] = y_3;
    }
    var y1_4 = mlp_forward_parameters[881].zw;
    for (var i = 0u; i < 32u; i++) {
        let x = even[i];
        let index = i * 18u;
        y1_4 += x.x * mlp_forward_parameters[index + 296u].zw
            + x.y * mlp_forward_parameters[index + 301u].xy
            + x.z * mlp_forward_parameters[index + 305u].zw
            + x.w * mlp_forward_parameters[index + 310u].xy;
    }
    y1_4 += even[32].x * mlp_forward_parameters[872].zw;
    y1_4 += even[32].y * mlp_forward_parameters[877].xy;
    y1_4 = mlp_forward_sigmoid_value2(y1_4);
    odd[4] = vec4<f32>(y1_4, 0.0, 0.0);

    // layer 2: 18 → 3
    var y2_0 = odd[0].x * mlp_forward_parameters[882].xyz
        + odd[0].y * vec3<f32>(mlp_forward_parameters[882].w, mlp_forward_parameters[883].xy)
        + odd[0].z * vec3<f32>(mlp_forward_parameters[883].zw, mlp_forward_parameters[884].x)
        + odd[0].w * mlp_forward_parameters[884].yzw;
    y2_0 += odd[1].x * mlp_forward_parameters[885].xyz
        + odd[1].y * vec3<f32>(mlp_forward_parameters[885].w, mlp_forward_parameters[886].xy)
        + odd[1].z * vec3<f32>(mlp_forward_parameters[886].zw, mlp_forward_parameters[887].x)
        + odd[1].w * mlp_forward_parameters[887].yzw;
    y2_0 += odd[2].x * mlp_forward_parameters[888].xyz
        + odd[2].y * vec3<f32>(mlp_forward_parameters[888].w, mlp_forward_parameters[889].xy)
        + odd[2].z * vec3<f32>(mlp_forward_parameters[889].zw, mlp_forward_parameters[890].x)
        + odd[2].w * mlp_forward_parameters[890].yzw;
    y2_0 += odd[3].x * mlp_forward_parameters[891].xyz
        + odd[3].y * vec3<f32>(mlp_forward_parameters[891].w, mlp_forward_parameters[892].xy)
        + odd[3].z * vec3<f32>(mlp_forward_parameters[892].zw, mlp_forward_parameters[893].x)
        + odd[3].w * mlp_forward_parameters[893].yzw;
    y2_0 += odd[4].x * mlp_forward_parameters[894].xyz
        + odd[4].y * vec3<f32>(mlp_forward_parameters[894].w, mlp_forward_parameters[895].xy);

    return array<f32, 3>(y2_0.x, y2_0.y, y2_0.z);
}
