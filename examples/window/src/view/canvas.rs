//! What the network has learned, in textures of the view's size: drawn anew only when the network or the view has changed, and
//! no more of it per frame than the device can.
//!
//! A fast GPU asks the network at every pixel of every frame. A slow one draws fewer and larger pixels, and when nothing
//! changes any more the fine ones follow, row by row.

use wgrad::{Network, Result, wgpu};

use super::readback::Dropped;
use super::stopwatch::Stopwatch;
use super::{Drawing, pipeline, view_group};

/// What a frame is to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The view's width and height, in pixels of the window.
    pub size: [u32; 2],
    /// The part of the whole that is seen: its left and top, its width and height.
    pub visible: [f32; 4],
    /// The training steps of the network.
    pub steps: u64,
}

/// The textures, and the shader that calls the network.
pub struct Canvas {
    device: wgpu::Device,
    pipeline: wgpu::RenderPipeline,
    parameters: wgpu::BindGroup,
    view: wgpu::BindGroup,
    fine: wgpu::Texture,
    coarse: wgpu::Texture,
    stopwatch: Stopwatch,
    /// What the textures show.
    drawn: Option<Wanted>,
    /// The rows of `fine` that are drawn.
    rows: u32,
    /// Whether something was drawn in a frame that egui dropped.
    dropped: Dropped,
}

impl Canvas {
    /// For a network: while a trainer changes its parameters, the picture follows. `view` is the uniform of the same name.
    ///
    /// # Errors
    /// Those of [`Network::wgsl`].
    pub fn new(network: &Network, drawing: Drawing, view: &wgpu::Buffer) -> Result<Self> {
        let (device, queue) = (network.gpu().device(), network.gpu().queue());
        let source = network.wgsl("mlp_forward", 0, 0)? + include_str!("view.wgsl") + drawing.learned;
        let pipeline = pipeline(device, source, "learned", drawing.format);
        let parameters = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("learned"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: network.parameters().as_entire_binding() }],
        });
        Ok(Canvas {
            device: device.clone(),
            parameters,
            view: view_group(device, &pipeline, view),
            pipeline,
            fine: texture(device, [1, 1], drawing.format),
            coarse: texture(device, [1, 1], drawing.format),
            stopwatch: Stopwatch::new(device, queue),
            drawn: None,
            rows: 0,
            dropped: Dropped::default(),
        })
    }

    /// The fine texture, and the coarse one.
    pub fn textures(&self) -> [&wgpu::Texture; 2] {
        [&self.fine, &self.coarse]
    }

    /// The part of the fine texture that is drawn, from the top.
    pub fn fine_part(&self) -> f32 {
        self.rows as f32 / self.fine.height() as f32
    }

    /// Whether the textures show this, and finely.
    pub fn shows(&self, wanted: Wanted) -> bool {
        self.drawn == Some(wanted) && self.rows == wanted.size[1] && !self.dropped.is_set()
    }

    /// Draws anew what it shows already.
    pub fn forget(&mut self) {
        self.drawn = None;
    }

    /// Records what is still to be drawn, as much as a frame allows. Returns whether there are other textures than before.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, wanted: Wanted) -> bool {
        self.stopwatch.read();
        let pixels = self.stopwatch.pixels_per_frame();
        let mut are_new = false;
        if self.dropped.take() || self.drawn != Some(wanted) {
            self.drawn = Some(wanted);
            self.rows = 0;
            are_new |= resize(&self.device, &mut self.fine, wanted.size);
            let coarse = coarse(wanted.size, pixels);
            if coarse != wanted.size {
                are_new |= resize(&self.device, &mut self.coarse, coarse);
                self.draw(encoder, &self.coarse.clone(), [0, coarse[1]]);
                return are_new;
            }
        }
        let [width, height] = wanted.size;
        let rows = (pixels / width).clamp(1, height).min(height - self.rows);
        if rows > 0 {
            self.draw(encoder, &self.fine.clone(), [self.rows, rows]);
            self.rows += rows;
        }
        are_new
    }

    /// Asks the network for some rows of a texture.
    fn draw(&mut self, encoder: &mut wgpu::CommandEncoder, texture: &wgpu::Texture, [first, rows]: [u32; 2]) {
        self.dropped.watch(encoder);
        let (pipeline, parameters, view) = (&self.pipeline, &self.parameters, &self.view);
        self.stopwatch.time(encoder, texture.width() * rows, |encoder, timestamp_writes| {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("learned"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &texture.create_view(&Default::default()),
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
                })],
                timestamp_writes,
                ..Default::default()
            });
            pass.set_scissor_rect(0, first, texture.width(), rows);
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, parameters, &[]);
            pass.set_bind_group(1, view, &[]);
            pass.draw(0..3, 0..1);
        });
    }
}

/// The size with sides divided by the least power of two with which it has no more than `most` pixels.
fn coarse(size: [u32; 2], most: u32) -> [u32; 2] {
    let mut coarse = size;
    let mut block = 1;
    while u64::from(coarse[0]) * u64::from(coarse[1]) > u64::from(most.max(1)) {
        block *= 2;
        coarse = size.map(|side| side.div_ceil(block));
    }
    coarse
}

/// Replaces a texture of another size. Returns whether it was of another size.
fn resize(device: &wgpu::Device, old: &mut wgpu::Texture, size: [u32; 2]) -> bool {
    let is_other = [old.width(), old.height()] != size;
    if is_other {
        *old = texture(device, size, old.format());
    }
    is_other
}

fn texture(device: &wgpu::Device, [width, height]: [u32; 2], format: wgpu::TextureFormat) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("learned"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    })
}

#[cfg(test)]
mod tests {
    use wgrad::{Gpu, Mlp};

    use super::*;

    #[test]
    fn what_a_dropped_frame_drew_is_drawn_again() {
        let gpu = Gpu::headless().unwrap();
        let network = Network::new(&gpu, &Mlp::inputs(2).linear(3), 1).unwrap();
        let drawing = crate::picture::DRAWING;
        let view = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 32,
            usage: wgpu::BufferUsages::UNIFORM,
            mapped_at_creation: false,
        });
        let mut canvas = Canvas::new(&network, drawing, &view).unwrap();
        let wanted = Wanted { size: [40, 30], visible: [0.0, 0.0, 1.0, 1.0], steps: 0 };
        let record = |canvas: &mut Canvas| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            canvas.record(&mut encoder, wanted);
            encoder
        };
        let encoder = record(&mut canvas);
        assert!(canvas.shows(wanted));
        drop(encoder);
        assert!(!canvas.shows(wanted));
        gpu.queue().submit([record(&mut canvas).finish()]);
        assert!(canvas.shows(wanted) && !canvas.shows(Wanted { steps: 1, ..wanted }));
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        assert!(canvas.shows(wanted));
    }

    #[test]
    fn coarse_pixels_are_as_many_as_a_frame_allows() {
        assert_eq!(coarse([600, 400], 240_000), [600, 400]);
        assert_eq!(coarse([601, 400], 240_000), [301, 200]);
        assert_eq!(coarse([600, 400], 4_096), [75, 50]);
        assert_eq!(coarse([1, 1], 0), [1, 1]);
        assert_eq!(coarse([5000, 1], 1), [1, 1]);
    }
}
