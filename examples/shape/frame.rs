//! The picture: drawn by `trace.wgsl` on a texture in place of a window, side by side by what a network learned and by the formula.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use wgrad::{Gpu, Network, Rows, wgpu};

use crate::form::{Form, HALF_SIDES, RADII, RADIUS};

/// Rows of a network's values read it back.
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba32Float;

/// How long a frame may take on a software driver.
const TIMEOUT: Duration = Duration::from_secs(300);

const TRACE: &str = include_str!("trace.wgsl");
const FORMS: &str = include_str!("forms.wgsl");

/// The network as the distance that `trace.wgsl` asks for.
const LEARNED: &str = "
fn distance_at(point: vec3<f32>) -> f32 {
    return network(array<f32, 3>(point.x, point.y, point.z))[0];
}
";

/// A square view of a surface.
struct View {
    pipeline: wgpu::RenderPipeline,
    /// The network's parameters; a formula has none.
    parameters: Option<wgpu::BindGroup>,
}

pub struct Frame {
    gpu: Gpu,
    side: u32,
    texture: wgpu::Texture,
    views: Vec<View>,
}

impl Frame {
    /// A frame of what the network learned and, if it is a form, of its true surface to the right.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`].
    pub fn new(network: &Network, form: Option<Form>, floor: f64, side: u32) -> wgrad::Result<Self> {
        let gpu = network.gpu().clone().with_wait_timeout(TIMEOUT);
        let device = gpu.device();
        let constants = [("pixel", 2.0 / f64::from(side)), ("floor_height", floor)];
        let learned = pipeline(device, "learned", network.wgsl("network", 0, 0)? + LEARNED + TRACE, &constants);
        let parameters = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("parameters"),
            layout: &learned.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: network.parameters().as_entire_binding() }],
        });
        let mut views = vec![View { pipeline: learned, parameters: Some(parameters) }];
        if let Some(form) = form {
            let constants = [&constants[..], &constants_of(form)].concat();
            let pipeline = pipeline(device, "true", FORMS.to_owned() + TRACE, &constants);
            views.push(View { pipeline, parameters: None });
        }
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("frame"),
            size: wgpu::Extent3d { width: side * views.len() as u32, height: side, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        Ok(Frame { gpu, side, texture, views })
    }

    /// Draws the frame with the network's parameters as they are now. Returns it, and how long it took without the driver's
    /// compiling.
    ///
    /// # Errors
    /// Those of the GPU.
    pub fn draw(&self) -> wgrad::Result<(RgbImage, Duration)> {
        // Some drivers compile a shader only when it first runs: a single pixel.
        self.record_and_read(1)?;
        let start = Instant::now();
        let values = self.record_and_read(self.side)?;
        let took = start.elapsed();
        let width = self.texture.width();
        let picture = RgbImage::from_fn(width, self.side, |x, y| {
            let first = 4 * (y as usize * width as usize + x as usize);
            Rgb([0, 1, 2].map(|channel| (values[first + channel] * 255.0).round() as u8))
        });
        Ok((picture, took))
    }

    /// Draws the first `side` rows and columns of each view, and reads the texture: four values a pixel.
    fn record_and_read(&self, side: u32) -> wgrad::Result<Vec<f32>> {
        let device = self.gpu.device();
        let stride = (16 * self.texture.width()).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("frame"),
            size: u64::from(stride) * u64::from(self.side),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        self.record(&mut encoder, side);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        let target = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(self.texture.as_image_copy(), target, self.texture.size());
        self.gpu.queue().submit([encoder.finish()]);
        let rows = Rows::new(&buffer, 4 * self.texture.width() as usize).stride(stride.into());
        rows.rows(self.side as usize).read(&self.gpu)
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder, side: u32) {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("frame"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.texture.create_view(&Default::default()),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        for (view, index) in self.views.iter().zip(0..) {
            let left = self.side * index;
            pass.set_viewport(left as f32, 0.0, self.side as f32, self.side as f32, 0.0, 1.0);
            pass.set_scissor_rect(left, 0, side, side);
            pass.set_pipeline(&view.pipeline);
            if let Some(parameters) = &view.parameters {
                pass.set_bind_group(0, parameters, &[]);
            }
            pass.draw(0..3, 0..1);
        }
    }
}

/// What `forms.wgsl` needs to know.
fn constants_of(form: Form) -> [(&'static str, f64); 7] {
    [
        ("form", f64::from(form as u32)),
        ("radius", RADIUS),
        ("half_x", HALF_SIDES.x),
        ("half_y", HALF_SIDES.y),
        ("half_z", HALF_SIDES.z),
        ("large", RADII[0]),
        ("small", RADII[1]),
    ]
}

fn pipeline(device: &wgpu::Device, label: &str, source: String, constants: &[(&str, f64)]) -> wgpu::RenderPipeline {
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source });
    let compilation_options = || wgpu::PipelineCompilationOptions { constants, ..Default::default() };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: compilation_options(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fragment"),
            compilation_options: compilation_options(),
            targets: &[Some(FORMAT.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// # Errors
/// If the file cannot be written.
pub fn write(picture: &RgbImage, path: &Path) -> Result<(), Box<dyn Error>> {
    picture.save_with_format(path, ImageFormat::Png).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
