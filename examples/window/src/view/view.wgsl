// A view of a whole, such as a picture: what both passes have.

struct View {
    // The part of the whole that is seen; 0 to 1 is the whole, from left to right and from the top down.
    origin: vec2<f32>,
    size: vec2<f32>,
    // An original is shown up to this part of the view, from the left.
    original: f32,
    // So much of the fine texture is drawn, from the top.
    drawn: f32,
    // Whether the original is interpolated between its pixels: 1, or not: 0.
    is_smooth: f32,
    unused: f32,
}

@group(1) @binding(0) var<uniform> view: View;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>, // 0 to 1, from left to right and from the top down
}

// One triangle, twice as wide and high as the view.
@vertex fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let place = 2.0 * vec2<f32>(f32(index & 1u), f32(index >> 1u));
    return Corner(vec4<f32>(2.0 * place.x - 1.0, 1.0 - 2.0 * place.y, 0.0, 1.0), place);
}
