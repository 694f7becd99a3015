//! What wgrad costs an app: the CPU time of recording steps, whether a frame's time budget is kept, what a gradient's way to the host
//! takes, and the network called in a shader compared with `Network::forward`.
//!
//! cargo bench --bench overhead -- --help

mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use wgrad::{Dataset, Gpu, HashGrid, Mlp, Network, Plan, Rows, TrainConfig, Trainer, wgpu};

use crate::common::{Outcome, device, join, median, submit};

/// Measures what wgrad costs an app on this machine's adapter, and prints tables as Markdown.
#[derive(Parser)]
struct Options {
    /// The training time per frame, in milliseconds
    #[arg(long, default_value_t = 4.0)]
    milliseconds: f64,
    /// The number of frames measured, after 30 that are not
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// How often everything else is timed; the median is reported
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// The picture's side, in pixels.
const SIDE: u32 = 512;

/// A full-screen triangle; each pixel calls the network.
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
        "| frames that ask for {} ms of training | median, ms | below 3 times that | steps per frame |",
        options.milliseconds
    );
    println!("| --- | ---: | ---: | ---: |");
    let has_clock = with_clock.device().features().contains(wgpu::Features::TIMESTAMP_QUERY);
    for (clock, gpu) in [("with timestamps", has_clock.then_some(&with_clock)), ("without", Some(&without))] {
        match gpu {
            Some(gpu) => frames(clock, gpu, options)?,
            None => println!("| {clock} | the adapter has none | | |"),
        }
    }
    println!();
    summed(&without, options)?;
    println!();
    surface(&without, options)
}

/// Steps whose gradient goes to the host and back, as with several trainers, compared with the usual ones.
fn summed(gpu: &Gpu, options: &Options) -> Outcome {
    println!("| µs per step | `Trainer::train_summed`, alone | `Trainer::train`'s steps | times as long |");
    println!("| --- | ---: | ---: | ---: |");
    for (widths, batch_size, steps) in [
        (&[2, 30, 2][..], 64, 200),
        (&[784, 200, 10][..], 64, 20),
        (&[784, 200, 10][..], 1_024, 5),
        (&[64, 64, 64, 64, 16][..], 16_384, 2),
    ] {
        let mut trainers =
            [trainer(gpu, widths, batch_size, Plan::Auto)?, trainer(gpu, widths, batch_size, Plan::Auto)?];
        let mut times = [Vec::new(), Vec::new()];
        // The first round compiles.
        for round in 0..=options.rounds {
            let [alone, usual] = &mut trainers;
            let start = Instant::now();
            alone.train_summed(steps, |_| Ok::<_, wgrad::Error>(()))?;
            let summed = Instant::now();
            let mut encoder = encoder(gpu);
            usual.record_steps(&mut encoder, steps);
            let seconds = submit(gpu, encoder.finish())?;
            usual.latest_loss()?;
            if round > 0 {
                times[0].push((summed - start).as_secs_f64() * 1e6 / steps as f64);
                times[1].push(seconds * 1e6 / steps as f64);
            }
        }
        let [summed, usual] = times.map(|mut times| median(&mut times));
        println!("| {}, batches of {batch_size} | {summed:.1} | {usual:.1} | {:.1} |", join(widths), summed / usual);
    }
    Ok(())
}

/// A device as an app requests it.
fn app_gpu(wanted: wgpu::Features) -> Outcome<Gpu> {
    let (device, queue) = device::open(wanted)?;
    Ok(Gpu::from_wgpu(&device, &queue)?)
}

/// A trainer of a network with these widths, a sigmoid after each layer.
fn trainer(gpu: &Gpu, widths: &[usize], batch_size: usize, plan: Plan) -> Outcome<Trainer> {
    let mlp = Mlp::widths(widths);
    let network = Network::new(gpu, &mlp, 1)?;
    let samples = batch_size.max(64);
    let values = |width: usize| (0..samples * width).map(|i| (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
    let data = Dataset::from_slices(gpu, samples, &values(mlp.input_width()), &values(mlp.output_width()))?;
    Ok(Trainer::new(&network, &data, TrainConfig { batch_size, plan, ..Default::default() })?)
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("app frame") })
}

fn recording(gpu: &Gpu, options: &Options) -> Outcome {
    println!(
        "| recorded in one call | dispatches | CPU time in µs, median | per dispatch | the encoder's `finish`, µs |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    // The persistent plan records one dispatch per set bit of the number of steps; the layered plan five per step for
    // two layers, four for small batches.
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

/// Frames that train for the budget and do nothing else, each waited for: a frame takes as long as its training.
fn frames(clock: &str, gpu: &Gpu, options: &Options) -> Outcome {
    let budget = Duration::try_from_secs_f64(options.milliseconds * 1e-3)?;
    for (widths, batch_size) in [(&[2, 30, 2][..], 1), (&[8, 32, 32, 4][..], 8), (&[784, 200, 10][..], 8)] {
        let mut trainer = trainer(gpu, widths, batch_size, Plan::Auto)?;
        let (mut times, mut steps_per_frame) = (Vec::new(), Vec::new());
        for frame in 0..30 + options.frames {
            let steps = trainer.steps_within(budget)?;
            let mut encoder = encoder(gpu);
            trainer.record_steps(&mut encoder, steps);
            let seconds = submit(gpu, encoder.finish())?;
            if frame >= 30 {
                times.push(seconds * 1e3);
                steps_per_frame.push(steps as f64);
            }
        }
        let below = times.iter().filter(|&&time| time < 3.0 * options.milliseconds).count();
        let name = join(widths);
        println!(
            "| {clock}, {name}, batches of {batch_size} | {:.2} | {:.1} % | {:.0} |",
            median(&mut times),
            100.0 * below as f64 / f64::from(options.frames),
            median(&mut steps_per_frame)
        );
    }
    Ok(())
}

fn surface(gpu: &Gpu, options: &Options) -> Outcome {
    println!(
        "| {SIDE} × {SIDE} points | `mlp_forward` in a fragment shader, ms | `Network::forward`, ms | as fast | \
         to compile the shader and draw once, s |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    let widths = [&[30][..], &[16, 16], &[64], &[32, 32], &[48, 48]];
    let of_widths = |hidden: &[usize]| {
        hidden.iter().fold(Mlp::inputs(2), |mlp, &width| mlp.linear(width).bias().sigmoid()).linear(2).sigmoid()
    };
    let mut networks = widths.map(of_widths).to_vec();
    // That of the example `picture`.
    let grid = HashGrid { table_log2: 15, per_level_scale: 1.5, ..Default::default() };
    networks.push(Mlp::inputs(2).hash_grid(grid).linear(64).relu().linear(64).relu().linear(3));
    for mlp in networks {
        let network = Network::new(gpu, &mlp, 1)?;
        let outputs = mlp.output_width();

        let point = |i: u32| [(i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5].map(|pixel| pixel / SIDE as f32);
        let points = (0..SIDE * SIDE).flat_map(point).collect::<Vec<_>>();
        let results = vec![0.0; outputs * points.len() / 2];
        let [input, output] = [Rows::from_slice(gpu, 2, &points)?, Rows::from_slice(gpu, outputs, &results)?];
        let forward = network.forward(&input, &output)?;
        let begun = Instant::now();
        let draw = Surface::new(gpu, &network)?;
        let mut frame = encoder(gpu);
        draw.record(&mut frame);
        submit(gpu, frame.finish())?;
        let first = begun.elapsed().as_secs_f64();

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
        let ratio = dispatched / drawn;
        println!("| {} | {drawn:.1} | {dispatched:.1} | {ratio:.1} times | {first:.2} |", network.mlp());
    }
    Ok(())
}

/// The app's own render pass.
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
