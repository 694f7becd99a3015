//! The picture itself, to be drawn beside what was learned.

use eframe::egui_wgpu::RenderState;
use wgrad::wgpu;

use crate::pixels::Pixels;
use crate::view::Binding;

/// A picture as a texture, and how to read it: by its pixels, and interpolated.
pub fn bindings(render_state: &RenderState, pixels: &Pixels) -> Vec<Binding> {
    let (device, queue) = (&render_state.device, &render_state.queue);
    let sampler = |filter| {
        Binding::Sampler(device.create_sampler(&wgpu::SamplerDescriptor {
            mag_filter: filter,
            min_filter: filter,
            ..Default::default()
        }))
    };
    let texture = upload(device, queue, pixels).create_view(&Default::default());
    let [nearest, linear] = [wgpu::FilterMode::Nearest, wgpu::FilterMode::Linear].map(sampler);
    vec![Binding::Texture(texture), nearest, linear]
}

fn upload(device: &wgpu::Device, queue: &wgpu::Queue, pixels: &Pixels) -> wgpu::Texture {
    let (width, height) = (pixels.width as u32, pixels.height as u32);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("original"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::COPY_DST | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    let byte = |value: f32| (255.0 * value).round() as u8;
    let bytes = pixels.rgb.chunks_exact(3).flat_map(|rgb| [byte(rgb[0]), byte(rgb[1]), byte(rgb[2]), 255]);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &bytes.collect::<Vec<_>>(), layout, size);
    texture
}
