//! A panel of the picture: points in the app's buffers, a network that is trained on these buffers, and the pipelines
//! that draw both.

use std::error::Error;

use wgrad::wgpu::util::DeviceExt;
use wgrad::{Dataset, Gpu, Mlp, Network, Rows, TrainConfig, Trainer, wgpu};

use crate::canvas::FORMAT;
use crate::points::Points;

/// What a panel shows.
pub struct Problem {
    pub name: &'static str,
    pub points: Points,
    /// Points of the same kind that are not trained on, for a test.
    pub unseen: Points,
    pub mlp: Mlp,
    pub config: TrainConfig,
    /// The square of inputs that is drawn: its centre, the same for both axes, and half its side.
    pub middle: f32,
    pub half_side: f32,
    /// The radius of a point's disc, in half sides of the panel.
    pub disc: f32,
}

/// A problem on the GPU.
pub struct Panel {
    pub problem: Problem,
    pub network: Network,
    pub trainer: Trainer,
    points: wgpu::Buffer,
    classes: wgpu::Buffer,
    surface: wgpu::RenderPipeline,
    samples: wgpu::RenderPipeline,
    parameters: wgpu::BindGroup,
    /// Its first pixel from the left, and its side in pixels.
    left: u32,
    side: u32,
}

impl Panel {
    /// Creates everything that the frames need.
    pub fn new(gpu: &Gpu, problem: Problem, seed: u64, [left, side]: [u32; 2]) -> Result<Self, Box<dyn Error>> {
        let device = gpu.device();
        // The app's own buffers: STORAGE for training, VERTEX for drawing.
        let buffer = |label, values: &[f32]| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(label),
                contents: bytemuck::cast_slice(values),
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::VERTEX,
            })
        };
        let points = buffer("points", problem.points.points.as_flattened());
        let classes = buffer("classes", &problem.points.targets);

        let network = Network::new(gpu, &problem.mlp, seed)?;
        let data = Dataset::from_buffers(gpu, Rows::new(&points, 2), Rows::new(&classes, 1))?;
        let trainer = Trainer::new(&network, &data, problem.config.clone())?;

        // The network as a function, before the app's own shader that calls it.
        let shader = network.wgsl("mlp_forward", 0, 0)? + include_str!("surface.wgsl");
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(problem.name),
            source: wgpu::ShaderSource::Wgsl(shader.into()),
        });
        let constants = [
            ("middle", problem.middle.into()),
            ("half_side", problem.half_side.into()),
            ("disc", problem.disc.into()),
            ("pixel", 2.0 / f64::from(side)),
        ];
        let surface = pipeline(device, &shader, &constants, &SURFACE);
        let samples = pipeline(device, &shader, &constants, &SAMPLES);
        let parameters = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("parameters"),
            layout: &surface.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: network.parameters().as_entire_binding() }],
        });
        Ok(Panel { problem, network, trainer, points, classes, surface, samples, parameters, left, side })
    }

    /// Draws the network after the steps recorded before, and the points on top.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>) {
        let [left, side] = [self.left, self.side].map(|pixels| pixels as f32);
        // Twice as large as the panel: the shader says why.
        pass.set_viewport(left, 0.0, 2.0 * side, 2.0 * side, 0.0, 1.0);
        pass.set_scissor_rect(self.left, 0, self.side, self.side);
        pass.set_pipeline(&self.surface);
        pass.set_bind_group(0, &self.parameters, &[]);
        pass.draw(0..3, 0..1);

        pass.set_pipeline(&self.samples);
        pass.set_vertex_buffer(0, self.points.slice(..));
        pass.set_vertex_buffer(1, self.classes.slice(..));
        pass.draw(0..4, 0..self.problem.points.points.len() as u32);
    }
}

/// The shader's entry points of a pipeline, and its vertices.
struct Drawing<'a> {
    vertex: &'a str,
    fragment: &'a str,
    topology: wgpu::PrimitiveTopology,
    buffers: &'a [Option<wgpu::VertexBufferLayout<'a>>],
}

const SURFACE: Drawing = Drawing {
    vertex: "panel_corner",
    fragment: "surface",
    topology: wgpu::PrimitiveTopology::TriangleList,
    buffers: &[],
};

/// One instance per sample: a point and its class.
const SAMPLES: Drawing = Drawing {
    vertex: "sample_corner",
    fragment: "sample",
    topology: wgpu::PrimitiveTopology::TriangleStrip,
    buffers: &[
        Some(wgpu::VertexBufferLayout {
            array_stride: 8,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &wgpu::vertex_attr_array![0 => Float32x2],
        }),
        Some(wgpu::VertexBufferLayout {
            array_stride: 4,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &wgpu::vertex_attr_array![1 => Float32],
        }),
    ],
};

fn pipeline(
    device: &wgpu::Device,
    shader: &wgpu::ShaderModule,
    constants: &[(&str, f64)],
    drawing: &Drawing,
) -> wgpu::RenderPipeline {
    let compilation_options = || wgpu::PipelineCompilationOptions { constants, ..Default::default() };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(drawing.fragment),
        layout: None,
        vertex: wgpu::VertexState {
            module: shader,
            entry_point: Some(drawing.vertex),
            compilation_options: compilation_options(),
            buffers: drawing.buffers,
        },
        primitive: wgpu::PrimitiveState { topology: drawing.topology, ..Default::default() },
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: shader,
            entry_point: Some(drawing.fragment),
            compilation_options: compilation_options(),
            targets: &[Some(wgpu::ColorTargetState {
                format: FORMAT,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
