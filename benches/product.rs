//! The matrix product of a layer's forward pass, compared with textbook tiling.
//!
//! cargo bench --bench product -- --rows 64 --inputs 784 --outputs 200

mod common;

use std::process::ExitCode;

use clap::Parser;
use wgrad::{Gpu, Mlp, Network, Rows, wgpu};

use crate::common::{Outcome, median, submit};

/// Times y = x · w: by `Network::forward` and by the textbook's 16 × 16 tiles in workgroup memory, alternately.
#[derive(Parser)]
struct Options {
    /// The rows of x and y
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..100_000))]
    rows: u32,
    /// The columns of x
    #[arg(long, default_value_t = 784, value_parser = clap::value_parser!(u32).range(1..100_000))]
    inputs: u32,
    /// The columns of w and y
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..100_000))]
    outputs: u32,
    /// How often each is timed; the median is reported
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// How many products one measurement of wgrad records.
const PRODUCTS: u32 = 20;

fn main() -> ExitCode {
    common::main(run)
}

fn run(options: &Options) -> Outcome {
    let gpu = Gpu::headless()?;
    let &Options { rows, inputs, outputs, .. } = options;
    let network = Network::new(&gpu, &Mlp::inputs(inputs as usize).linear(outputs as usize), 1)?;
    let matrix = |width: u32| {
        let count = rows as usize * width as usize;
        let values = (0..count).map(|i| (i % 101) as f32 / 101.0).collect::<Vec<_>>();
        Rows::from_slice(&gpu, width as usize, &values)
    };
    let (x, y, textbook_y) = (matrix(inputs)?, matrix(outputs)?, matrix(outputs)?);
    let forward = network.forward(&x, &y)?;
    let buffers = [x.buffer(), network.parameters(), textbook_y.buffer()];
    let textbook = Textbook::new(&gpu, buffers, [rows, inputs, outputs]);

    let ours = |encoder: &mut wgpu::CommandEncoder| (0..PRODUCTS).for_each(|_| forward.record(encoder));
    let theirs = |encoder: &mut wgpu::CommandEncoder| textbook.record(encoder);
    // The first runs compile the shaders.
    time(&gpu, ours)?;
    time(&gpu, theirs)?;
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        seconds[0].push(time(&gpu, ours)? / f64::from(PRODUCTS));
        seconds[1].push(time(&gpu, theirs)?);
    }
    println!("### {}\n", gpu.description());
    println!("| product {rows}×{inputs}×{outputs} | µs, median | GFLOP/s |\n| --- | ---: | ---: |");
    let medians = seconds.map(|mut seconds| median(&mut seconds));
    for (name, median) in ["wgrad, Network::forward", "textbook, 16 × 16 in workgroup memory"].iter().zip(medians) {
        let operations = 2.0 * f64::from(rows) * f64::from(inputs) * f64::from(outputs);
        println!("| {name} | {:.0} | {:.2} |", median * 1e6, operations / median / 1e9);
    }
    println!("\n{:.1} times as fast", medians[1] / medians[0]);
    Ok(())
}

/// Records, submits and waits; returns the seconds since the submission.
fn time(gpu: &Gpu, record: impl Fn(&mut wgpu::CommandEncoder)) -> Outcome<f64> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder);
    submit(gpu, encoder.finish())
}

/// The yardstick.
struct Textbook {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    grid: [u32; 2],
}

impl Textbook {
    fn new(gpu: &Gpu, [x, w, y]: [&wgpu::Buffer; 3], sizes: [u32; 3]) -> Self {
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(include_str!("peers/textbook_matmul.wgsl").into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("textbook_matmul"),
            compilation_options: Default::default(),
            cache: None,
        });
        let [rows, inputs, outputs] = sizes;
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 16,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue().write_buffer(&uniform, 0, bytemuck::cast_slice(&[rows, inputs, outputs, 0]));
        let entries = [&uniform, x, w, y];
        let entries = (0..)
            .zip(entries)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries.collect::<Vec<_>>(),
        });
        Textbook { pipeline, bind_group, grid: [outputs.div_ceil(16), rows.div_ceil(16)] }
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
    }
}
