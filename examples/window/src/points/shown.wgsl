// The network's answers as colours: y near 0 is blue, near 1 orange, between them white; infinite or NaN is grey. The source of
// the view comes before it.

@group(0) @binding(0) var fine: texture_2d<f32>;
@group(0) @binding(1) var coarse: texture_2d<f32>;

const BLUE = vec3<f32>(0.22, 0.47, 0.75);
const WHITE = vec3<f32>(0.97, 0.96, 0.94);
const ORANGE = vec3<f32>(0.91, 0.52, 0.18);
const INK = vec3<f32>(0.10, 0.10, 0.13);
const GREY = vec3<f32>(0.5, 0.5, 0.5);

// The answer at a place of the view: at a pixel, or between four coarse ones. No sampler interpolates numbers of 32 bits.
fn answer(place: vec2<f32>) -> f32 {
    if place.y < view.drawn {
        let size = textureDimensions(fine);
        return textureLoad(fine, clamp(vec2<i32>(place * vec2<f32>(size)), vec2<i32>(0), vec2<i32>(size) - 1), 0).x;
    }
    let size = textureDimensions(coarse);
    // Outside of the outer pixels' centres, as between the last two.
    let at = place * vec2<f32>(size) - 0.5;
    let low = clamp(vec2<i32>(floor(at)), vec2<i32>(0), max(vec2<i32>(size) - 2, vec2<i32>(0)));
    let high = min(low + 1, vec2<i32>(size) - 1);
    let part = at - vec2<f32>(low);
    let left = mix(textureLoad(coarse, low, 0).x, textureLoad(coarse, vec2<i32>(low.x, high.y), 0).x, part.y);
    let right = mix(textureLoad(coarse, vec2<i32>(high.x, low.y), 0).x, textureLoad(coarse, high, 0).x, part.y);
    return mix(left, right, part.x);
}

// How much of a pixel is covered by a line at this distance, in pixels.
fn covered(distance: f32, half_width: f32) -> f32 {
    return clamp(half_width + 0.5 - distance, 0.0, 1.0);
}

@fragment fn shown(corner: Corner) -> @location(0) vec4<f32> {
    let place = corner.place;
    let y = answer(place);
    // To the pixels beside it; at the edges, to those inside.
    let pixel = select(vec2<f32>(1.0), vec2<f32>(-1.0), place > vec2<f32>(0.5)) / vec2<f32>(textureDimensions(fine));
    let beside = abs(answer(place + vec2<f32>(pixel.x, 0.0)) - y) + abs(answer(place + vec2<f32>(0.0, pixel.y)) - y);
    let slope = max(beside, 1e-9); // per pixel

    let side = clamp(2.0 * y - 1.0, -1.0, 1.0);
    var color = mix(WHITE, select(BLUE, ORANGE, side > 0.0), pow(abs(side), 0.8));

    // A contour per tenth, fading where contours are only a few pixels apart; and the line where the class changes.
    let tenth = abs(fract(10.0 * y) - 0.5); // 0.5 on a contour
    let contour = covered((0.5 - tenth) / (10.0 * slope), 0.4) * clamp(0.4 - 2.0 * slope * 10.0, 0.0, 0.22);
    color = mix(color, INK, contour);
    color = mix(color, INK, 0.85 * covered(abs(y - 0.5) / slope, 0.9));
    return vec4<f32>(select(GREY, color, abs(y) < 1e38), 1.0);
}
