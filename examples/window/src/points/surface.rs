//! A paint callback of egui's: the frame's training, then the picture of the network.

use std::sync::{Arc, Mutex};

use eframe::egui::{PaintCallback, PaintCallbackInfo, Rect};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use wgrad::{Network, Result, Trainer, wgpu};

use crate::lock::lock;

/// Draws a network's answers. Cheap to clone, as wgpu's handles are.
#[derive(Clone)]
pub struct Surface {
    pipeline: wgpu::RenderPipeline,
    parameters: wgpu::BindGroup,
}

impl Surface {
    /// Creates the shader that calls the network, bound to the network's parameters: while a trainer changes them, the
    /// picture follows.
    pub fn new(render_state: &RenderState, network: &Network) -> Result<Self> {
        let device = &render_state.device;
        let function = network.wgsl("mlp_forward", 0, 0)?;
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("surface"),
            source: wgpu::ShaderSource::Wgsl((function + include_str!("surface.wgsl")).into()),
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("surface"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("vertex"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fragment"),
                compilation_options: Default::default(),
                targets: &[Some(render_state.target_format.into())],
            }),
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            multiview_mask: None,
            cache: None,
        });
        let parameters = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("surface"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: network.parameters().as_entire_binding() }],
        });
        Ok(Surface { pipeline, parameters })
    }

    /// A frame in `rect`: this many training steps, then the picture.
    pub fn frame(&self, rect: Rect, trainer: Arc<Mutex<Trainer>>, steps: u64) -> PaintCallback {
        Callback::new_paint_callback(rect, Frame { surface: self.clone(), trainer, steps })
    }
}

/// One frame.
struct Frame {
    surface: Surface,
    trainer: Arc<Mutex<Trainer>>,
    steps: u64,
}

impl CallbackTrait for Frame {
    /// Before egui's pass: records the steps into egui's own encoder.
    fn prepare(
        &self,
        _: &wgpu::Device,
        _: &wgpu::Queue,
        _: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        _: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        lock(&self.trainer).record_steps(encoder, self.steps);
        Vec::new()
    }

    /// In egui's pass, which draws nothing outside the square. A triangle that covers the square would not fit in a
    /// viewport of its size; some drivers would clip it into two, with wrong derivatives along the seam.
    fn paint(&self, info: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, _: &CallbackResources) {
        let square = info.viewport_in_pixels();
        let [left, top] = [square.left_px, square.top_px].map(|pixels| pixels as f32);
        let [width, height] = [square.width_px, square.height_px].map(|pixels| pixels as f32);
        pass.set_viewport(left, top, 2.0 * width, 2.0 * height, 0.0, 1.0);
        pass.set_pipeline(&self.surface.pipeline);
        pass.set_bind_group(0, &self.surface.parameters, &[]);
        pass.draw(0..3, 0..1);
    }
}
