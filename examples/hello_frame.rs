//! A network inside an app, without a window: trained in the app's own encoder, called by the app's own shader.

use wgrad::{Dataset, Gpu, Mlp, Network, Rows, TrainConfig, Trainer, wgpu, wgpu::util::DeviceExt};

/// Calls the network for 8 × 8 points of the unit square.
const ASK: &str = "
@group(0) @binding(1) var<storage, read_write> answers: array<f32, 64>;
@compute @workgroup_size(8, 8) fn ask(@builtin(local_invocation_id) id: vec3<u32>) {
    answers[id.y * 8 + id.x] = mlp_forward(array<f32, 2>(f32(id.x) / 7.0, f32(id.y) / 7.0))[0];
}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The app's device and buffers: the square's corners, a class for each (XOR), and room for the answers.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
    let corners = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let [points, classes, answers] = [&corners[..], &[0.01, 0.99, 0.99, 0.01], &[0.0; 64]].map(|values: &[f32]| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let contents = bytemuck::cast_slice(values);
        device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
    });

    // Once: a network that learns from these buffers, and a pipeline of the app's whose shader calls it.
    let gpu = Gpu::from_wgpu(&device, &queue)?;
    let network = Network::new(&gpu, &Mlp::inputs(2).linear(30).sigmoid().linear(1).sigmoid(), 1)?;
    let data = Dataset::from_buffers(&gpu, Rows::new(&points, 2), Rows::new(&classes, 1))?;
    let mut trainer = Trainer::new(&network, &data, TrainConfig { learning_rate: 0.3, ..Default::default() })?;
    let source = wgpu::ShaderSource::Wgsl((network.wgsl("mlp_forward", 0, 0)? + ASK).into());
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source }),
        entry_point: Some("ask"),
        compilation_options: Default::default(),
        cache: None,
    });
    let entries = [(0, network.parameters()), (1, &answers)]
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
    let layout = &pipeline.get_bind_group_layout(0);
    let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });

    for _frame in 0..40 {
        let mut encoder = device.create_command_encoder(&Default::default());
        trainer.record_steps(&mut encoder, 500);
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(1, 1, 1); // calls the network after these 500 steps
        drop(pass);
        queue.submit([encoder.finish()]);
        if let Some(report) = trainer.latest_loss()? {
            println!("loss {:.4} after {} steps", report.loss, report.step); // has arrived already: no waiting
        }
    }
    for row in Rows::new(&answers, 8).read(&gpu)?.chunks(8) {
        println!("{}", row.iter().map(|&y| if y < 0.5 { "··" } else { "██" }).collect::<String>());
    }
    Ok(())
}
