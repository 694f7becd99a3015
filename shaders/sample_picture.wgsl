// sample_picture   x = random points, t = the picture there, between its pixels     reference: sample_picture
//
//   pixels  the picture: rows of values, or a texture
//   x       [samples, 2], from 0 to 1: from left to right, from top to bottom
//   t       [samples, channels]
//
// One invocation draws one sample. A point depends on the seed, the training step and the sample's number alone. Pixels are at
// their centres; past the outermost centres the picture goes on as it is there. Where values are light encoded as sRGB says, light
// is interpolated.

override WORKGROUP: u32;

struct SamplePicture {
    pixels_view: vec2<u32>,
    x_view: vec2<u32>,
    t_view: vec2<u32>,
    seed: vec2<u32>, // low and high word
    size: vec2<u32>, // width and height
    samples: u32,
    channels: u32,
    is_srgb: u32, // 1: all channels but a fourth
}

@group(0) @binding(0) var<uniform> p: SamplePicture;
@group(0) @binding(1) var<storage, read> batch: Batch;
// binding 2 is the picture, with its function pixel_at
@group(0) @binding(3) var<storage, read_write> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> t: array<f32>;

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

// Four random words for four words: pcg4d of Jarzynski and Olano (2020).
fn random(counter: vec4<u32>) -> vec4<u32> {
    var r = counter * 1664525u + 1013904223u;
    r.x += r.y * r.w;
    r.y += r.z * r.x;
    r.z += r.x * r.y;
    r.w += r.y * r.z;
    r ^= r >> vec4(16u);
    r.x += r.y * r.w;
    r.y += r.z * r.x;
    r.z += r.x * r.y;
    r.w += r.y * r.z;
    return r;
}

// What is learned of a pixel.
fn target_at(pixel: vec2<u32>, channel: u32) -> f32 {
    let value = pixel_at(pixel, channel);
    if p.is_srgb == 1u && channel < 3u {
        return light_of_srgb1(value);
    }
    return value;
}

@compute @workgroup_size(WORKGROUP)
fn sample_picture(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
    let sample = id.y * grid.x * WORKGROUP + id.x;
    if sample >= p.samples {
        return;
    }
    let words = random(vec4(sample, batch.step.x, batch.step.y ^ p.seed.y, p.seed.x));
    let point = vec2<f32>(words.xy >> vec2(8u)) * 5.9604645e-8; // of 24 bits
    x[at(p.x_view, sample, 0u)] = point.x;
    x[at(p.x_view, sample, 1u)] = point.y;

    let position = point * vec2<f32>(p.size) - 0.5;
    let f = position - floor(position);
    let low = vec2<u32>(max(floor(position), vec2(0.0)));
    let high = min(vec2<u32>(floor(position) + 1.0), p.size - 1u);
    for (var channel = 0u; channel < p.channels; channel++) {
        let top_left = target_at(low, channel);
        let top_right = target_at(vec2(high.x, low.y), channel);
        let bottom_left = target_at(vec2(low.x, high.y), channel);
        let bottom_right = target_at(high, channel);
        t[at(p.t_view, sample, channel)] = mix(mix(top_left, top_right, f.x), mix(bottom_left, bottom_right, f.x), f.y);
    }
}
