//! What wgrad costs an app: the processor's time to record steps, whether a frame's time budget is met, and the network in a
//! shader beside the network in a dispatch.
//!
//! cargo bench --bench overhead -- --help

mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use wgrad::{Dataset, Gpu, Mlp, Network, Plan, Rows, TrainConfig, Trainer, wgpu};

use crate::common::{Outcome, device, join, median, submit};

/// Measures what wgrad costs an app on the adapter at hand, and prints tables as Markdown.
#[derive(Parser)]
struct Options {
    /// The time of a frame's training, in milliseconds
    #[arg(long, default_value_t = 4.0)]
    milliseconds: f64,
    /// The frames that are measured, after 30 that are not
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// How often everything else is timed; the median counts
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// The side of the picture.
const SIDE: u32 = 512;

/// A full-screen triangle; each pixel asks the network.
const SURFACE: &str = "
@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) pixel: vec4<f32>) -> @location(0) vec4<f32> {
    let y = mlp_forward(array<f32, 2>(pixel.x / 512.0, pixel.y / 512.0));
    return vec4<f32>(y[0], y[1], 0.0, 1.0);
}
";

fn main() -> ExitCode {
    common::main(run)
}

fn run(options: &Options) -> Outcome {
    let (with_clock, without) = (app_gpu(wgpu::Features::TIMESTAMP_QUERY)?, app_gpu(wgpu::Features::empty())?);
    println!("### {}\n", without.description());
    recording(&without, options)?;
    println!();
    println!(
        "| frames that ask for {} ms of training | median, ms | below 3 times that | steps a frame |",
        options.milliseconds
    );
    println!("| --- | ---: | ---: | ---: |");
    let has_clock = with_clock.device().features().contains(wgpu::Features::TIMESTAMP_QUERY);
    for (words, gpu) in [("with timestamps", has_clock.then_some(&with_clock)), ("without", Some(&without))] {
        match gpu {
            Some(gpu) => frames(words, gpu, options)?,
            None => println!("| {words} | the adapter has none | | |"),
        }
    }
    println!();
    surface(&without, options)
}

/// A device of the app's.
fn app_gpu(wanted: wgpu::Features) -> Outcome<Gpu> {
    let (device, queue) = device::open(wanted)?;
    Ok(Gpu::from_wgpu(&device, &queue)?)
}

/// A trainer of a network with these widths, a sigmoid after each layer.
fn trainer(gpu: &Gpu, widths: &[usize], batch_size: usize, plan: Plan) -> Outcome<Trainer> {
    let mlp = Mlp::widths(widths);
    let network = Network::new(gpu, &mlp, 1)?;
    let values = |width: usize| (0..64 * width).map(|i| (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
    let data = Dataset::from_slices(gpu, 64, &values(mlp.input_width()), &values(mlp.output_width()))?;
    Ok(Trainer::new(&network, &data, TrainConfig { batch_size, plan, ..Default::default() })?)
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("app frame") })
}

fn recording(gpu: &Gpu, options: &Options) -> Outcome {
    println!(
        "| recorded at once | dispatches | µs of the processor's time, median | a dispatch | the encoder's `finish` after it, µs |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    // As many dispatches as there are bits in the steps by the persistent plan; by the layered one five a step for two
    // layers, four where the batch is small.
    for (widths, batch_size, plan, steps, dispatches) in [
        (&[2, 30, 2][..], 1, Plan::Persistent, 64, 1),
        (&[2, 30, 2][..], 1, Plan::Persistent, 63, 6),
        (&[784, 200, 10][..], 1, Plan::Layered, 64, 4 * 64),
        (&[784, 200, 10][..], 64, Plan::Layered, 64, 5 * 64),
    ] {
        let mut trainer = trainer(gpu, widths, batch_size, plan)?;
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds * 4 {
            let mut encoder = encoder(gpu);
            let start = Instant::now();
            trainer.record_steps(&mut encoder, steps);
            let recorded = Instant::now();
            let commands = encoder.finish();
            times[0].push((recorded - start).as_secs_f64() * 1e6);
            times[1].push(recorded.elapsed().as_secs_f64() * 1e6);
            submit(gpu, commands)?;
            trainer.latest_loss()?;
        }
        let [microseconds, finish] = times.map(|mut times| median(&mut times));
        let name = join(widths);
        println!(
            "| {steps} steps of {name}, batches of {batch_size}, {plan} | {dispatches} | {microseconds:.1} | {:.2} | {finish:.0} |",
            microseconds / f64::from(dispatches)
        );
    }
    Ok(())
}

/// Frames that train for so long and do nothing else, each waited for: a frame takes as long as its training.
fn frames(words: &str, gpu: &Gpu, options: &Options) -> Outcome {
    let budget = Duration::try_from_secs_f64(options.milliseconds * 1e-3)?;
    for (widths, batch_size) in [(&[2, 30, 2][..], 1), (&[8, 32, 32, 4][..], 8), (&[784, 200, 10][..], 8)] {
        let mut trainer = trainer(gpu, widths, batch_size, Plan::Auto)?;
        let (mut times, mut steps_a_frame) = (Vec::new(), Vec::new());
        for frame in 0..30 + options.frames {
            let steps = trainer.steps_within(budget)?;
            let mut encoder = encoder(gpu);
            trainer.record_steps(&mut encoder, steps);
            let seconds = submit(gpu, encoder.finish())?;
            if frame >= 30 {
                times.push(seconds * 1e3);
                steps_a_frame.push(steps as f64);
            }
        }
        let below = times.iter().filter(|&&time| time < 3.0 * options.milliseconds).count();
        let name = join(widths);
        println!(
            "| {words}, {name}, batches of {batch_size} | {:.2} | {:.1} % | {:.0} |",
            median(&mut times),
            100.0 * below as f64 / f64::from(options.frames),
            median(&mut steps_a_frame)
        );
    }
    Ok(())
}

fn surface(gpu: &Gpu, options: &Options) -> Outcome {
    println!("| {SIDE} × {SIDE} points | `mlp_forward` in a fragment shader, ms | `Network::forward`, ms | as fast |");
    println!("| --- | ---: | ---: | ---: |");
    for hidden in [&[30][..], &[16, 16], &[64], &[32, 32]] {
        let mlp = hidden.iter().fold(Mlp::inputs(2), |mlp, &width| mlp.linear(width).bias().sigmoid());
        let network = Network::new(gpu, &mlp.linear(2).sigmoid(), 1)?;

        let point = |i: u32| [(i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5].map(|pixel| pixel / SIDE as f32);
        let points = (0..SIDE * SIDE).flat_map(point).collect::<Vec<_>>();
        let [input, output] = [Rows::from_slice(gpu, 2, &points)?, Rows::from_slice(gpu, 2, &vec![0.0; points.len()])?];
        let forward = network.forward(&input, &output)?;
        let draw = Surface::new(gpu, &network)?;

        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            let mut frame = encoder(gpu);
            draw.record(&mut frame);
            times[0].push(submit(gpu, frame.finish())? * 1e3);
            let mut frame = encoder(gpu);
            forward.record(&mut frame);
            times[1].push(submit(gpu, frame.finish())? * 1e3);
        }
        let [drawn, dispatched] = times.map(|mut times| median(&mut times));
        println!("| {} | {drawn:.1} | {dispatched:.1} | {:.1} times |", network.mlp(), dispatched / drawn);
    }
    Ok(())
}

/// The app's own pass.
struct Surface {
    view: wgpu::TextureView,
    pipeline: wgpu::RenderPipeline,
    parameters: wgpu::BindGroup,
}

impl Surface {
    fn new(gpu: &Gpu, network: &Network) -> Outcome<Self> {
        let (device, format) = (gpu.device(), wgpu::TextureFormat::Rgba8Unorm);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("surface"),
            size: wgpu::Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let source = wgpu::ShaderSource::Wgsl((network.wgsl("mlp_forward", 0, 0)? + SURFACE).into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("surface"), source });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("surface"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vertex"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("fragment"),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let parameters = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("parameters"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: network.parameters().as_entire_binding() }],
        });
        Ok(Surface { view: texture.create_view(&Default::default()), pipeline, parameters })
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("surface"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations::default(),
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.parameters, &[]);
        pass.draw(0..3, 0..1);
    }
}
