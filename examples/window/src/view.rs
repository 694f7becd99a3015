//! A paint callback of egui's: the frame's training, then what the network answers at every place of a view.

pub mod canvas;
pub mod readback;
pub mod stopwatch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eframe::egui::{PaintCallbackInfo, Rect, Ui};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use wgrad::{Network, Result, wgpu};

use crate::learning::Learning;
use crate::lock::lock;
use canvas::{Canvas, Wanted};

/// How a network is drawn, in two passes.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// The fragment shader `learned`, which asks the network at a place.
    pub learned: &'static str,
    /// The format of its answers.
    pub format: wgpu::TextureFormat,
    /// The fragment shader `shown`, which turns answers into colours.
    pub shown: &'static str,
}

/// What `shown` reads besides answers.
#[derive(Clone, Debug)]
pub enum Binding {
    /// A texture.
    Texture(wgpu::TextureView),
    /// A sampler.
    Sampler(wgpu::Sampler),
}

impl Binding {
    fn resource(&self) -> wgpu::BindingResource<'_> {
        match self {
            Binding::Texture(texture) => wgpu::BindingResource::TextureView(texture),
            Binding::Sampler(sampler) => wgpu::BindingResource::Sampler(sampler),
        }
    }
}

/// How an original is shown beside the network's answers; by default, not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Original {
    /// The part of the view that it takes, from the left.
    pub part: f32,
    /// Whether its pixels are interpolated.
    pub is_smooth: bool,
}

/// What a network answers, drawn.
pub struct View {
    device: wgpu::Device,
    drawing: Drawing,
    canvas: Canvas,
    pipeline: wgpu::RenderPipeline,
    besides: Vec<Binding>,
    uniform: wgpu::Buffer,
    view: wgpu::BindGroup,
    textures: Option<wgpu::BindGroup>,
}

impl View {
    /// Of a network. `shown` finds the fine and the coarse answers at bindings 0 and 1, and `besides` from 2 on.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`].
    pub fn new(render_state: &RenderState, network: &Network, drawing: Drawing, besides: Vec<Binding>) -> Result<Self> {
        let device = &render_state.device;
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("view"),
            size: 32,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let source = include_str!("view/view.wgsl").to_owned() + drawing.shown;
        let pipeline = pipeline(device, source, "shown", render_state.target_format);
        Ok(View {
            device: device.clone(),
            drawing,
            canvas: Canvas::new(network, drawing, &uniform)?,
            besides,
            view: view_group(device, &pipeline, &uniform),
            pipeline,
            uniform,
            textures: None,
        })
    }

    /// Shows another network.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`]: it then shows the one that it has.
    pub fn replace_network(&mut self, network: &Network) -> Result<()> {
        self.canvas = Canvas::new(network, self.drawing, &self.uniform)?;
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

    /// Before egui's pass: asks the network for what is still to be drawn.
    fn prepare(&mut self, queue: &wgpu::Queue, encoder: &mut wgpu::CommandEncoder, wanted: Wanted, original: Original) {
        if self.canvas.record(encoder, wanted) {
            self.textures = None;
        }
        let [left, top, width, height] = wanted.visible;
        let is_smooth = if original.is_smooth { 1.0 } else { 0.0 };
        let view = [left, top, width, height, original.part, self.canvas.fine_part(), is_smooth, 0.0];
        queue.write_buffer(&self.uniform, 0, view.map(f32::to_ne_bytes).as_flattened());
        if self.textures.is_none() {
            self.textures = Some(self.bind_textures());
        }
    }

    fn bind_textures(&self) -> wgpu::BindGroup {
        let answers = self.canvas.textures().map(|texture| Binding::Texture(texture.create_view(&Default::default())));
        let resources = answers.iter().chain(&self.besides).map(Binding::resource);
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
fn pipeline(
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
fn view_group(device: &wgpu::Device, pipeline: &wgpu::RenderPipeline, uniform: &wgpu::Buffer) -> wgpu::BindGroup {
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("view"),
        layout: &pipeline.get_bind_group_layout(1),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
    })
}

/// What a tab wants a frame to do.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The training steps to record before it is drawn.
    pub steps: u64,
    /// The part of the whole that is seen; 0 to 1 is the whole.
    pub visible: Rect,
    /// The original beside it.
    pub original: Original,
    /// Whether the next frame trains too.
    pub is_running: bool,
}

/// Adds a frame in `rect`, and asks for the next one while there is something left to do.
pub fn add_frame(ui: &Ui, rect: Rect, view: &Arc<Mutex<View>>, learning: &Arc<Mutex<Learning>>, wish: Wish) {
    let Wish { steps, visible, original, is_running } = wish;
    let size = rect.size() * ui.pixels_per_point();
    let wanted = Wanted {
        size: [size.x, size.y].map(|side| (side.round() as u32).max(1)),
        visible: [visible.min.x, visible.min.y, visible.width(), visible.height()],
        steps: lock(learning).steps + steps,
    };
    // While training, at the display's rate; otherwise until all is drawn, and now and then until it is measured.
    if is_running || !lock(view).shows(wanted) {
        ui.request_repaint();
    } else if !lock(learning).is_settled() {
        ui.request_repaint_after(Duration::from_millis(100));
    }
    let frame = Frame { view: Arc::clone(view), learning: Arc::clone(learning), steps, wanted, original };
    ui.painter_at(rect).add(Callback::new_paint_callback(rect, frame));
}

/// One frame.
struct Frame {
    view: Arc<Mutex<View>>,
    learning: Arc<Mutex<Learning>>,
    steps: u64,
    wanted: Wanted,
    original: Original,
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
        lock(&self.view).prepare(queue, encoder, self.wanted, self.original);
        Vec::new()
    }

    fn paint(&self, _: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, _: &CallbackResources) {
        lock(&self.view).paint(pass);
    }
}
