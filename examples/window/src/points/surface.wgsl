// The network's answer at every pixel of a square. The source of `mlp_forward` comes before it.
//
//   mlp_forward(place) = [y]    y near 0: blue, y near 1: orange, between them white; infinite or NaN: grey

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>, // -1 to 1, from left to right and from the bottom up
}

const BLUE = vec3<f32>(0.22, 0.47, 0.75);
const WHITE = vec3<f32>(0.97, 0.96, 0.94);
const ORANGE = vec3<f32>(0.91, 0.52, 0.18);
const INK = vec3<f32>(0.10, 0.10, 0.13);
const GREY = vec3<f32>(0.5, 0.5, 0.5);

// One triangle that fills half of a viewport of twice the square's size; the square is its top left quarter.
@vertex fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let along = vec2<f32>(f32(index & 1u), -f32(index >> 1u));
    let top_left = vec2<f32>(-1.0, 1.0);
    return Corner(vec4<f32>(top_left + 2.0 * along, 0.0, 1.0), top_left + 4.0 * along);
}

// How much of a pixel is covered by a line at this distance, in pixels.
fn covered(distance: f32, half_width: f32) -> f32 {
    return clamp(half_width + 0.5 - distance, 0.0, 1.0);
}

@fragment fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    let y = mlp_forward(array<f32, 2>(corner.place.x, corner.place.y))[0];
    let slope = max(fwidth(y), 1e-9); // per pixel

    let side = clamp(2.0 * y - 1.0, -1.0, 1.0);
    var color = mix(WHITE, select(BLUE, ORANGE, side > 0.0), pow(abs(side), 0.8));

    // A contour per tenth, fading where contours are only a few pixels apart; and the line where the class changes.
    let tenth = abs(fract(10.0 * y) - 0.5); // 0.5 on a contour
    let contour = covered((0.5 - tenth) / (10.0 * slope), 0.4) * clamp(0.4 - 2.0 * slope * 10.0, 0.0, 0.22);
    color = mix(color, INK, contour);
    color = mix(color, INK, 0.85 * covered(abs(y - 0.5) / slope, 0.9));
    return vec4<f32>(select(GREY, color, abs(y) < 1e38), 1.0);
}
