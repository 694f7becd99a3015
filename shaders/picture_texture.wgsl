// picture_texture   a picture in a texture
//
// No kernel of its own: included before the source of sample_picture.

@group(0) @binding(2) var pixels: texture_2d<f32>;

fn pixel_at(pixel: vec2<u32>, channel: u32) -> f32 {
    return textureLoad(pixels, pixel, 0)[channel];
}
