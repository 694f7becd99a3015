// The app's own shader. The network's function, as `Network::wgsl` writes it, comes before it:
//     fn mlp_forward(input: array<f32, 2>) -> array<f32, 1>
// It reads the weights from the buffer in which they are trained.

// The square of inputs that a panel shows: its centre, the same for both axes, and half its side.
override middle: f32;
override half_side: f32;
// The radius of a sample's disc and the width of a pixel, in half sides of the panel.
override disc: f32;
override pixel: f32;

// Shades from one class to the other: an even number, so that two of them meet at one half. A line is drawn there, this
// wide to each side in pixels.
const SHADES = 12.0;
const LINE = 0.9;

// The inner radius of a disc's rim, relative to the disc's, and how much darker than the surface the disc is.
const CORE = 0.72;
const DARKER = 0.75;

const CLASS_0 = vec3<f32>(0.10, 0.34, 0.62);
const CLASS_1 = vec3<f32>(0.85, 0.42, 0.05);
const NEITHER = vec3<f32>(0.97, 0.96, 0.94);
const INK = vec3<f32>(0.13, 0.15, 0.20);

/// How much of a pixel is covered by a shape whose edge is this many pixels past the pixel's centre. Thirds are smooth
/// enough, and keep the colours few and the file small.
fn covered(pixels: f32) -> f32 {
    return round(3.0 * clamp(pixels + 0.5, 0.0, 1.0)) / 3.0;
}

/// From one class (0) through neither to the other (1).
fn ramp(y: f32) -> vec3<f32> {
    let certainty = abs(2.0 * y - 1.0);
    return mix(NEITHER, select(CLASS_0, CLASS_1, y > 0.5), certainty);
}

/// The clip position of a place on the panel (-1 to 1). The panel is the upper left quarter of the viewport, so that
/// one triangle inside the viewport covers the panel. A triangle that reached past the viewport would be clipped into
/// two, and some drivers' derivatives are wrong along the cut.
fn on_canvas(place: vec2<f32>) -> vec4<f32> {
    return vec4<f32>(0.5 * (place + vec2<f32>(-1.0, 1.0)), 0.0, 1.0);
}

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>,
}

/// The triangle's corners: (-1, 1), (3, 1) and (-1, -3).
@vertex
fn panel_corner(@builtin(vertex_index) index: u32) -> Corner {
    let place = vec2<f32>(f32(index & 1u), -f32(index >> 1u)) * 4.0 + vec2<f32>(-1.0, 1.0);
    return Corner(on_canvas(place), place);
}

/// The network's answer for this pixel, with its current weights.
@fragment
fn surface(corner: Corner) -> @location(0) vec4<f32> {
    let input = middle + half_side * corner.place;
    let y = mlp_forward(array<f32, 2>(input.x, input.y))[0];

    let shade = ramp(min(floor(y * SHADES), SHADES - 1.0) / (SHADES - 1.0));
    // The pixels over which y changes by 1.
    let pixels = 1.0 / max(fwidth(y), 1e-6);
    return vec4<f32>(mix(shade, INK, covered(LINE - abs(y - 0.5) * pixels)), 1.0);
}

struct Sample {
    @builtin(position) position: vec4<f32>,
    /// From the disc's centre, in radii.
    @location(0) place: vec2<f32>,
    @location(1) label: f32,
}

/// A square around a sample; its point and class come from the buffers that the network is trained on.
@vertex
fn sample_corner(
    @builtin(vertex_index) index: u32,
    @location(0) point: vec2<f32>,
    @location(1) label: f32,
) -> Sample {
    let place = vec2<f32>(vec2<u32>(index & 1u, index >> 1u)) * 2.0 - 1.0;
    return Sample(on_canvas((point - middle) / half_side + disc * place), place, label);
}

/// A disc with a light rim.
@fragment
fn sample(sample: Sample) -> @location(0) vec4<f32> {
    let from_centre = length(sample.place);
    let core = covered((CORE - from_centre) * disc / pixel);
    let colour = mix(vec3<f32>(1.0), DARKER * ramp(sample.label), core);
    return vec4<f32>(colour, 1.0) * covered((1.0 - from_centre) * disc / pixel - 0.5);
}
