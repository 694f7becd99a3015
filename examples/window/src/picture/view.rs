//! A paint callback of egui's: the frame's training, what the network has learned then, and the original beside it.

use std::sync::{Arc, Mutex};

use eframe::egui::{PaintCallback, PaintCallbackInfo, Rect};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use wgrad::{Network, Result, wgpu};

use super::canvas::{Canvas, FORMAT, Wanted};
use super::training::Learning;
use crate::lock::lock;
use crate::pixels::Pixels;

/// How the original is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Original {
    /// The part of the view that it takes, from the left.
    pub part: f32,
    /// Whether its pixels are interpolated.
    pub is_smooth: bool,
}

/// A picture, and what a network has learned of it.
pub struct View {
    device: wgpu::Device,
    canvas: Canvas,
    pipeline: wgpu::RenderPipeline,
    original: wgpu::Texture,
    samplers: [wgpu::Sampler; 2],
    uniform: wgpu::Buffer,
    view: wgpu::BindGroup,
    textures: Option<wgpu::BindGroup>,
}

impl View {
    /// Of a picture, and of a network that learns it.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`].
    pub fn new(render_state: &RenderState, network: &Network, pixels: &Pixels) -> Result<Self> {
        let device = &render_state.device;
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("view"),
            size: 32,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let source = include_str!("view.wgsl").to_owned() + include_str!("shown.wgsl");
        let pipeline = pipeline(device, source, "shown", render_state.target_format);
        let sampler = |filter| {
            device.create_sampler(&wgpu::SamplerDescriptor {
                mag_filter: filter,
                min_filter: filter,
                ..Default::default()
            })
        };
        Ok(View {
            device: device.clone(),
            canvas: Canvas::new(network, &uniform)?,
            original: upload(device, &render_state.queue, pixels),
            samplers: [wgpu::FilterMode::Nearest, wgpu::FilterMode::Linear].map(sampler),
            view: view_group(device, &pipeline, &uniform),
            pipeline,
            uniform,
            textures: None,
        })
    }

    /// Shows another network.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`].
    pub fn replace_network(&mut self, network: &Network) -> Result<()> {
        self.canvas = Canvas::new(network, &self.uniform)?;
        self.textures = None;
        Ok(())
    }

    /// Draws the network anew: it is the same one, trained by another trainer.
    pub fn forget(&mut self) {
        self.canvas.forget();
    }

    /// Whether it shows this, and finely.
    pub fn shows(&self, wanted: Wanted) -> bool {
        self.canvas.shows(wanted)
    }

    /// Before egui's pass: draws what is still to be drawn of the network's picture.
    fn prepare(&mut self, queue: &wgpu::Queue, encoder: &mut wgpu::CommandEncoder, wanted: Wanted, shown: Original) {
        if self.canvas.record(encoder, wanted) {
            self.textures = None;
        }
        let [left, top, width, height] = wanted.visible;
        let is_smooth = if shown.is_smooth { 1.0 } else { 0.0 };
        let view = [left, top, width, height, shown.part, self.canvas.fine_part(), is_smooth, 0.0];
        queue.write_buffer(&self.uniform, 0, view.map(f32::to_ne_bytes).as_flattened());
        if self.textures.is_none() {
            self.textures = Some(self.bind_textures());
        }
    }

    fn bind_textures(&self) -> wgpu::BindGroup {
        let [fine, coarse] = self.canvas.textures();
        let [fine, coarse, original] = [fine, coarse, &self.original].map(|of| of.create_view(&Default::default()));
        let resources = [
            wgpu::BindingResource::TextureView(&fine),
            wgpu::BindingResource::TextureView(&coarse),
            wgpu::BindingResource::TextureView(&original),
            wgpu::BindingResource::Sampler(&self.samplers[0]),
            wgpu::BindingResource::Sampler(&self.samplers[1]),
        ];
        let entries = (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource });
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("shown"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &entries.collect::<Vec<_>>(),
        })
    }

    /// In egui's pass, whose viewport is the view.
    fn paint(&self, pass: &mut wgpu::RenderPass<'static>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.textures, &[]);
        pass.set_bind_group(1, &self.view, &[]);
        pass.draw(0..3, 0..1);
    }
}

/// A pipeline that draws one triangle.
pub fn pipeline(
    device: &wgpu::Device,
    source: String,
    fragment: &str,
    format: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(fragment), source });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(fragment),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some(fragment),
            compilation_options: Default::default(),
            targets: &[Some(format.into())],
        }),
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        multiview_mask: None,
        cache: None,
    })
}

/// The view's uniform, bound for a pipeline.
pub fn view_group(device: &wgpu::Device, pipeline: &wgpu::RenderPipeline, uniform: &wgpu::Buffer) -> wgpu::BindGroup {
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("view"),
        layout: &pipeline.get_bind_group_layout(1),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
    })
}

/// The original as a texture.
fn upload(device: &wgpu::Device, queue: &wgpu::Queue, pixels: &Pixels) -> wgpu::Texture {
    let (width, height) = (pixels.width as u32, pixels.height as u32);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("original"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::COPY_DST | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    let byte = |value: f32| (255.0 * value).round() as u8;
    let bytes = pixels.rgb.chunks_exact(3).flat_map(|rgb| [byte(rgb[0]), byte(rgb[1]), byte(rgb[2]), 255]);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &bytes.collect::<Vec<_>>(), layout, size);
    texture
}

/// A frame in `rect`: this many training steps, then the picture.
pub fn frame(
    rect: Rect,
    (view, learning): (Arc<Mutex<View>>, Arc<Mutex<Learning>>),
    steps: u64,
    wanted: Wanted,
    shown: Original,
) -> PaintCallback {
    Callback::new_paint_callback(rect, Frame { view, learning, steps, wanted, shown })
}

/// One frame.
struct Frame {
    view: Arc<Mutex<View>>,
    learning: Arc<Mutex<Learning>>,
    steps: u64,
    wanted: Wanted,
    shown: Original,
}

impl CallbackTrait for Frame {
    fn prepare(
        &self,
        _: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        _: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        lock(&self.learning).record(encoder, self.steps);
        lock(&self.view).prepare(queue, encoder, self.wanted, self.shown);
        Vec::new()
    }

    fn paint(&self, _: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, _: &CallbackResources) {
        lock(&self.view).paint(pass);
    }
}
