// picture_rows   a picture in rows of values, [height · width, channels], row after row from the top
//
// No kernel of its own: included before the source of sample_picture.

@group(0) @binding(2) var<storage, read> pixels: array<f32>;

fn pixel_at(pixel: vec2<u32>, channel: u32) -> f32 {
    return pixels[at(p.pixels_view, pixel.y * p.size.x + pixel.x, channel)];
}
