// The network's answer at every place of the view. The sources of `mlp_forward` and of the view come before it.
//
//   mlp_forward(place) = [red, green, blue]    infinite or NaN: grey

const GREY = vec3<f32>(0.5, 0.5, 0.5);

@fragment fn learned(corner: Corner) -> @location(0) vec4<f32> {
    let at = view.origin + corner.place * view.size;
    // A margin of a pixel is answered too, since larger pixels are interpolated.
    let margin = fwidth(at);
    if any(at < -margin) || any(at > 1.0 + margin) {
        return vec4<f32>();
    }
    let inside = clamp(at, vec2<f32>(0.0), vec2<f32>(1.0));
    let y = mlp_forward(array<f32, 2>(inside.x, inside.y));
    let color = vec3<f32>(y[0], y[1], y[2]);
    return vec4<f32>(select(GREY, clamp(color, vec3<f32>(0.0), vec3<f32>(1.0)), abs(color) < vec3<f32>(1e38)), 1.0);
}
