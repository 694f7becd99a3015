//! An optimizer of the app's own: its shader writes the network's parameters. Lion (Chen et al. 2023), which is not in the library.

use wgrad::{Gpu, Mlp, Network, Rows, wgpu};

/// The gradient of ½ (y - t)² with respect to the outputs, and the descent by the gradient g of the parameters w.
const SHADERS: &str = "
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_output: array<f32>;
@compute @workgroup_size(64) fn loss(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < arrayLength(&y) {
        d_output[id.x] = y[id.x] - t[id.x];
    }
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<f32>;
@compute @workgroup_size(64) fn lion(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < arrayLength(&m) {
        w[id.x] -= 0.01 * sign(0.9 * m[id.x] + 0.1 * g[id.x]);
        m[id.x] = 0.99 * m[id.x] + 0.01 * g[id.x];
    }
}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gpu = Gpu::headless()?; // or Gpu::from_wgpu: your own device
    let mlp = Mlp::inputs(2).linear(30).bias().tanh().linear(1).bias().sigmoid();
    let (device, network) = (gpu.device().clone(), Network::new(&gpu, &mlp, 1)?);
    let x = Rows::from_slice(&gpu, 2, &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
    let column = |values: &[f32]| Rows::from_slice(&gpu, 1, values);
    let (t, y, d_output) = (column(&[0.0, 1.0, 1.0, 0.0])?, column(&[0.0; 4])?, column(&[0.0; 4])?);
    let momentum = column(&vec![0.0; mlp.parameter_count()])?;
    let forward = network.forward(&x, &y)?;
    let backward = forward.backward(&d_output, None)?;

    let source = wgpu::ShaderSource::Wgsl(SHADERS.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let kernel = |entry_point, buffers: [&wgpu::Buffer; 3]| {
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: None,
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: Default::default(),
            cache: None,
        });
        let resources = buffers
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
        let (layout, entries) = (&pipeline.get_bind_group_layout(0), &resources.collect::<Vec<_>>());
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries });
        (pipeline, bindings)
    };
    let loss = kernel("loss", [y.buffer(), t.buffer(), d_output.buffer()]);
    let lion = kernel("lion", [backward.d_parameters(), momentum.buffer(), network.parameters()]);
    let run = |encoder: &mut wgpu::CommandEncoder, (pipeline, bindings): &(wgpu::ComputePipeline, wgpu::BindGroup)| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(mlp.parameter_count().div_ceil(64) as u32, 1, 1);
    };
    for _ in 0..10 {
        let mut encoder = device.create_command_encoder(&Default::default());
        for _step in 0..50 {
            forward.record(&mut encoder);
            run(&mut encoder, &loss);
            backward.record(&mut encoder);
            run(&mut encoder, &lion); // after the backward pass, before the next forward pass: nothing else reads them
        }
        gpu.queue().submit([encoder.finish()]);
    }
    println!("0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1: {:.3?}", network.predict(&x.read(&gpu)?)?);
    Ok(())
}
