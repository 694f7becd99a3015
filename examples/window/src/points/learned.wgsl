// The network's answer at every place of the square. The sources of `mlp_forward` and of the view come before it.
//
//   mlp_forward(position) = [y]    position: -1 to 1, from left to right and from the bottom up

@fragment fn learned(corner: Corner) -> @location(0) vec4<f32> {
    let at = view.origin + corner.place * view.size;
    let y = mlp_forward(array<f32, 2>(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y))[0];
    return vec4<f32>(y, 0.0, 0.0, 1.0);
}
