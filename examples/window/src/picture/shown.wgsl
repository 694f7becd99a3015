// What is seen: the original on the left of a line, and what was learned on its right, fine as far as that is drawn. The
// source of the view comes before it.

@group(0) @binding(0) var fine: texture_2d<f32>;
@group(0) @binding(1) var coarse: texture_2d<f32>;
@group(0) @binding(2) var original: texture_2d<f32>;
@group(0) @binding(3) var nearest: sampler;
@group(0) @binding(4) var linear: sampler;

@fragment fn shown(corner: Corner) -> @location(0) vec4<f32> {
    let at = view.origin + corner.place * view.size;
    if any(at < vec2<f32>(0.0)) || any(at > vec2<f32>(1.0)) {
        discard;
    }
    if corner.place.x < view.original {
        let color = textureSampleLevel(original, linear, at, 0.0);
        return select(textureSampleLevel(original, nearest, at, 0.0), color, view.is_smooth > 0.5);
    }
    if corner.place.y < view.drawn {
        return textureSampleLevel(fine, nearest, corner.place, 0.0);
    }
    return textureSampleLevel(coarse, linear, corner.place, 0.0);
}
