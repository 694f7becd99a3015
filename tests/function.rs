//! The network called in an app's own fragment and compute shaders gives the outputs of `Network::forward`.

mod common;

use common::*;
use wgrad::{Dataset, HashGrid, Mlp, Network, Rows, TrainConfig, Trainer, wgpu};

/// The texture's pixels per row, and the number of points: a prime, so that the last row is not full.
const WIDTH: u32 = 16;
const POINTS: usize = 157;

/// An app's shaders. The fragment shader writes the bits of four outputs, from `first` on, to the point's pixel: OpenGL draws
/// to no f32. The compute shader writes all outputs to a buffer.
const SHADERS: &str = "
@group(1) @binding(0) var<storage, read> points: array<f32>;
@group(1) @binding(1) var<storage, read_write> answers: array<f32>;
override first: u32;

fn answer(point: u32) -> array<f32, OUTPUTS> {
    var input: array<f32, INPUTS>;
    for (var i = 0u; i < INPUTSu; i++) {
        input[i] = points[point * INPUTSu + i];
    }
    return mlp_forward(input);
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) pixel: vec4<f32>) -> @location(0) vec4<u32> {
    let point = u32(pixel.y) * WIDTHu + u32(pixel.x);
    if point >= POINTSu {
        discard;
    }
    var y = answer(point);
    var color = vec4<f32>();
    for (var i = first; i < min(first + 4u, OUTPUTSu); i++) {
        color[i - first] = y[i];
    }
    return bitcast<vec4<u32>>(color);
}

@compute @workgroup_size(32)
fn compute(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= POINTSu {
        return;
    }
    var y = answer(id.x);
    for (var i = 0u; i < OUTPUTSu; i++) {
        answers[id.x * OUTPUTSu + i] = y[i];
    }
}
";

/// An app's shaders with the network in them.
struct App {
    module: wgpu::ShaderModule,
    parameters: wgpu::Buffer,
    points: wgpu::Buffer,
    outputs: usize,
}

impl App {
    fn new(network: &Network, points: &wgpu::Buffer) -> Self {
        let (inputs, outputs) = (network.mlp().input_width(), network.mlp().output_width());
        let shaders = [("INPUTS", inputs), ("OUTPUTS", outputs), ("WIDTH", WIDTH as usize), ("POINTS", POINTS)]
            .iter()
            .fold(SHADERS.to_owned(), |source, (name, value)| source.replace(name, &value.to_string()));
        // In another group than the app's own bindings.
        let source = network.wgsl("mlp_forward", 2, 7).unwrap() + &shaders;
        let source = wgpu::ShaderSource::Wgsl(source.into());
        let module = gpu().device().create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        App { module, parameters: network.parameters().clone(), points: points.clone(), outputs }
    }

    /// The bind groups of a pipeline: the points and, if it writes them, the answers; then the network's parameters.
    fn bind(&self, layouts: [wgpu::BindGroupLayout; 2], answers: Option<&wgpu::Buffer>) -> [wgpu::BindGroup; 2] {
        let entry = |binding, buffer: &wgpu::Buffer| (binding, buffer.clone());
        let own = std::iter::once(entry(0, &self.points)).chain(answers.map(|answers| entry(1, answers)));
        let entries = [own.collect::<Vec<_>>(), vec![entry(7, &self.parameters)]];
        [0, 1].map(|group: usize| {
            let entries = entries[group].iter().map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: *binding,
                resource: buffer.as_entire_binding(),
            });
            gpu().device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &layouts[group],
                entries: &entries.collect::<Vec<_>>(),
            })
        })
    }

    /// The outputs that the compute shader writes.
    fn computed(&self) -> Vec<f32> {
        let pipeline = gpu().device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &self.module,
            entry_point: Some("compute"),
            compilation_options: Default::default(),
            cache: None,
        });
        let answers = buffer_of(gpu(), &vec![POISON; POINTS * self.outputs]);
        let groups = self.bind([1, 2].map(|group| pipeline.get_bind_group_layout(group)), Some(&answers));
        submit(gpu(), |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            (1..).zip(&groups).for_each(|(index, group)| pass.set_bind_group(index, group, &[]));
            pass.dispatch_workgroups(POINTS.div_ceil(32) as u32, 1, 1);
        });
        words_of(gpu(), &answers).into_iter().map(f32::from_bits).collect()
    }

    /// What the fragment shader draws: four outputs per pixel, from `first` on.
    fn drawn(&self, first: usize) -> Vec<f32> {
        let format = wgpu::TextureFormat::Rgba32Uint;
        let size =
            wgpu::Extent3d { width: WIDTH, height: POINTS.div_ceil(WIDTH as usize) as u32, depth_or_array_layers: 1 };
        let texture = gpu().device().create_texture(&wgpu::TextureDescriptor {
            label: None,
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let pipeline = self.render_pipeline(format, first);
        let groups = self.bind([1, 2].map(|group| pipeline.get_bind_group_layout(group)), None);
        let view = texture.create_view(&Default::default());
        let poison = f64::from(POISON);
        let poison = wgpu::Color { r: poison, g: poison, b: poison, a: poison };
        let picture = buffer_of(gpu(), &vec![POISON; (size.width * size.height * 4) as usize]);
        submit(gpu(), |encoder| {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    // A pixel that is not drawn stays NaN, and the comparison finds it.
                    ops: wgpu::Operations { load: wgpu::LoadOp::Clear(poison), store: wgpu::StoreOp::Store },
                })],
                ..Default::default()
            });
            pass.set_pipeline(&pipeline);
            (1..).zip(&groups).for_each(|(index, group)| pass.set_bind_group(index, group, &[]));
            pass.draw(0..3, 0..1);
            drop(pass);
            let layout =
                wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(16 * WIDTH), rows_per_image: None };
            encoder.copy_texture_to_buffer(
                texture.as_image_copy(),
                wgpu::TexelCopyBufferInfo { buffer: &picture, layout },
                size,
            );
        });
        words_of(gpu(), &picture).into_iter().map(f32::from_bits).collect()
    }

    fn render_pipeline(&self, format: wgpu::TextureFormat, first: usize) -> wgpu::RenderPipeline {
        let constants = [("first", first as f64)];
        gpu().device().create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: None,
            layout: None,
            vertex: wgpu::VertexState {
                module: &self.module,
                entry_point: Some("vertex"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.module,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

/// Compares the outputs of both shader stages with those of `Network::forward`.
fn assert_same_outputs(network: &Network, points: &wgpu::Buffer, app: &App) {
    let (mlp, outputs) = (network.mlp(), network.mlp().output_width());
    let y = buffer_of(gpu(), &vec![POISON; POINTS * outputs]);
    let forward = network.forward(&Rows::new(points, mlp.input_width()), &Rows::new(&y, outputs)).unwrap();
    submit(gpu(), |encoder| forward.record(encoder));
    let y = words_of(gpu(), &y).into_iter().map(|word| f64::from(f32::from_bits(word))).collect::<Vec<_>>();
    // Large outputs, which only networks without a last sigmoid have, are not exact to a millionth.
    let bound = 1e-6 * y.iter().fold(1.0, |largest: f64, y| largest.max(y.abs()));
    assert_close(&format!("{mlp}, compute"), &app.computed(), &y, |_| bound);
    // Of many outputs only the last are drawn: a picture holds four.
    let first = (outputs - 1) / 4 * 4;
    let count = outputs - first;
    let drawn = app.drawn(first);
    let drawn = drawn.chunks_exact(4).take(POINTS).flat_map(|pixel| &pixel[..count]).copied().collect::<Vec<_>>();
    let y = y.chunks_exact(outputs).flat_map(|y| &y[first..]).copied().collect::<Vec<_>>();
    assert_close(&format!("{mlp}, fragment"), &drawn, &y, |_| bound);
}

fn points_of(mlp: &Mlp) -> wgpu::Buffer {
    let values = if mlp.input_encoding().is_some() { uniform } else { normal };
    buffer_of(gpu(), bytemuck::cast_slice(&values(8, POINTS * mlp.input_width())))
}

#[test]
fn agrees_with_the_forward_pass() {
    let mut mlps = networks();
    mlps.push(Mlp::inputs(18).linear(30).sigmoid().linear(4).linear(1).sigmoid());
    mlps.push(Mlp::inputs(2).frequency(8).linear(20).bias().relu().linear(3));
    mlps.push(Mlp::inputs(3).spherical_harmonics(4).linear(5).linear(2));
    mlps.push(Mlp::inputs(2).one_blob(8).linear(7).bias().tanh().linear(1));
    for (inputs, features, smoothstep) in [(2, 1, false), (2, 2, true), (3, 2, false), (3, 4, true), (2, 8, false)] {
        let grid =
            HashGrid { levels: 5, features, table_log2: 6, base_resolution: 3, per_level_scale: 1.5, smoothstep };
        mlps.push(Mlp::inputs(inputs).hash_grid(grid).linear(9).bias().relu().linear(3));
    }
    assert_all(mlps);
}

/// Loops over inputs, outputs or both, and their remainders.
#[test]
fn agrees_with_the_forward_pass_in_loops() {
    let mut mlps = vec![Mlp::inputs(2).linear(70).bias().sigmoid().linear(50).sigmoid().linear(3)];
    for (width, next) in [(5, 3), (16, 16), (31, 33), (33, 35), (64, 64), (130, 9), (255, 5), (256, 256)] {
        mlps.push(Mlp::inputs(2).linear(width).bias().sigmoid().linear(next).sigmoid().linear(5).bias().sigmoid());
    }
    // Few of these: software drivers take long to compile wide inputs and outputs.
    for (inputs, outputs) in [(17, 16), (64, 17), (9, 130), (2, 256), (70, 15)] {
        mlps.push(Mlp::inputs(inputs).linear(outputs).bias().sigmoid());
    }
    mlps.push(Mlp::inputs(2).frequency(12).linear(64).relu().linear(3));
    assert_all(mlps);
}

fn assert_all(mlps: Vec<Mlp>) {
    assert!(mlps.len() >= 14, "{}", mlps.len());
    for (seed, mlp) in (1..).zip(mlps) {
        let network = Network::new(gpu(), &mlp, 0).unwrap();
        // Initial biases are all 0: random ones are tested too.
        let parameters = normal(seed, mlp.parameter_count()).iter().map(|value| 0.3 * value).collect::<Vec<_>>();
        network.write_parameters(&parameters).unwrap();
        let points = points_of(&mlp);
        if mlp.parameter_count() > 0 {
            assert_same_outputs(&network, &points, &App::new(&network, &points));
        } else {
            let source = network.wgsl("mlp_forward", 0, 0).unwrap();
            assert!(!source.contains("var<storage"), "{source}");
        }
    }
}

#[test]
fn computes_with_what_the_trainer_has_learned_since() {
    let network = Network::new(gpu(), &xor_mlp(), 1).unwrap();
    let points = points_of(network.mlp());
    let app = App::new(&network, &points);
    assert_same_outputs(&network, &points, &app);
    let before = app.computed();
    let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    submit(gpu(), |encoder| trainer.record_steps(encoder, 1_000));
    assert_same_outputs(&network, &points, &app);
    assert_ne!(app.computed(), before);
}

#[test]
fn two_networks_are_in_one_shader() {
    let [first, second] = [1, 2].map(|seed| Network::new(gpu(), &xor_mlp(), seed).unwrap());
    let source = first.wgsl("first", 0, 0).unwrap()
        + &second.wgsl("second", 0, 1).unwrap()
        + "@group(0) @binding(2) var<storage, read_write> answers: array<f32>;
           @compute @workgroup_size(1)
           fn compute() {
               let point = array<f32, 2>(0.0, 1.0);
               answers[0] = first(point)[0];
               answers[1] = second(point)[0];
           }";
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let device = gpu().device();
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("compute"),
        compilation_options: Default::default(),
        cache: None,
    });
    let answers = buffer_of(gpu(), &[POISON; 2]);
    let buffers = [first.parameters(), second.parameters(), &answers];
    let entries = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries.collect::<Vec<_>>(),
    });
    submit(gpu(), |encoder| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    });
    let expected = [&first, &second].map(|network| f64::from(network.predict(&[0.0, 1.0]).unwrap()[0]));
    let found = words_of(gpu(), &answers).into_iter().map(f32::from_bits).collect::<Vec<_>>();
    assert_close("both", &found, &expected, |_| 1e-6);
    assert!((expected[0] - expected[1]).abs() > 1e-3);
}
