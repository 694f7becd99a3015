//! Training by a loss of the app's own does the steps of a training by the same loss of the crate's.

mod common;

use common::case::*;
use common::*;
use wgrad::{
    Dataset, Error, GradientTrainer, Loss, Mlp, Network, Optimizer, Plan, Rows, TrainConfig, Trainer, wgpu,
    wgpu::util::DeviceExt,
};

const ROWS: usize = 7;

/// The app's loss: the squared error's gradient, y - t.
const LOSS: &str = "
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> t: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_output: array<f32>;
@compute @workgroup_size(64)
fn app_loss(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < arrayLength(&y) { d_output[id.x] = y[id.x] - t[id.x]; }
}";

struct AppLoss {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
}

impl AppLoss {
    fn new(buffers: [&wgpu::Buffer; 3]) -> Self {
        let device = gpu().device();
        let source = wgpu::ShaderSource::Wgsl(LOSS.into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("app_loss"),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries = [0, 1, 2]
            .map(|binding| wgpu::BindGroupEntry { binding, resource: buffers[binding as usize].as_entire_binding() });
        let layout = &pipeline.get_bind_group_layout(0);
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
        AppLoss { bind_group: device.create_bind_group(&descriptor), pipeline }
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
}

fn rows(values: &[f32], width: usize) -> Rows {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let contents = bytemuck::cast_slice(values);
    let buffer = gpu().device().create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage });
    Rows::new(&buffer, width)
}

/// The parameters and averages after 60 steps: by the app's loss, and by the crate's.
fn train_both(mlp: &Mlp, config: &TrainConfig) -> [[Vec<f32>; 2]; 2] {
    let (inputs, targets) = (normal(1, ROWS * mlp.input_width()), uniform(2, ROWS * mlp.output_width()));
    let network = Network::new(gpu(), mlp, 4).unwrap();
    let (x, t) = (rows(&inputs, mlp.input_width()), rows(&targets, mlp.output_width()));
    let poison = vec![f32::NAN; targets.len()];
    let [y, d_output] = [(), ()].map(|()| rows(&poison, mlp.output_width()));
    let forward = network.forward(&x, &y).unwrap();
    let mut trainer = GradientTrainer::new(&forward, &d_output, config.clone()).unwrap();
    let loss = AppLoss::new([y.buffer(), t.buffer(), d_output.buffer()]);
    for _ in 0..4 {
        submit(gpu(), |encoder| {
            for _ in 0..15 {
                forward.record(encoder);
                loss.record(encoder);
                trainer.record_update(encoder);
            }
        });
    }
    assert_eq!(trainer.read_steps().unwrap(), 60);
    let by_app = [&network, &trainer.averaged().unwrap()].map(|network| network.read_parameters().unwrap());

    let network = Network::new(gpu(), mlp, 4).unwrap();
    let data = Dataset::from_slices(gpu(), ROWS, &inputs, &targets).unwrap();
    let config = TrainConfig { loss: Loss::SquaredError, batch_size: ROWS, plan: Plan::Plain, ..config.clone() };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    record(&mut trainer, 60);
    let by_crate = [&network, &trainer.averaged().unwrap()].map(|network| network.read_parameters().unwrap());
    [by_app, by_crate]
}

#[test]
fn the_apps_own_loss_trains_as_the_crates_does() {
    let mlp = Mlp::inputs(3).linear(9).bias().silu().linear(5).tanh().linear(2).bias().sigmoid();
    for (optimizer, clip_norm, frozen) in [
        (Optimizer::Sgd, None, vec![]),
        (Optimizer::adam(), Some(0.01), vec![]),
        (Optimizer::adamw(), None, vec![1]),
        (Optimizer::nesterov(0.9), Some(0.1), vec![0]),
    ] {
        let config = TrainConfig {
            optimizer,
            clip_norm,
            frozen,
            learning_rate: 0.01,
            weight_decay: 0.02,
            average: Some(0.8),
            ..Default::default()
        };
        let [by_app, by_crate] = train_both(&mlp, &config);
        for (what, (found, expected)) in ["weights", "averages"].iter().zip(by_app.iter().zip(&by_crate)) {
            let expected = expected.iter().map(|&value| value.into()).collect::<Vec<_>>();
            assert_l2(&format!("{optimizer}: {what}"), found, &expected, 2e-6);
        }
        let initial = mlp.initial_parameters(4).unwrap();
        for (layer, range) in mlp.parameter_ranges().into_iter().enumerate() {
            let stays = by_app[0][range.clone()] == initial[range];
            assert_eq!(stays, config.frozen.contains(&layer), "{optimizer}: layer {layer}");
        }
    }
}

#[test]
fn refuses_gradients_of_another_shape_and_averages_that_were_not_asked_for() {
    let network = Network::new(gpu(), &Mlp::inputs(2).linear(3).relu().linear(2).softmax(), 1).unwrap();
    let [x, y] = [rows(&[0.0; 8], 2), rows(&[0.0; 8], 2)];
    let forward = network.forward(&x, &y).unwrap();
    let refused = GradientTrainer::new(&forward, &rows(&[0.0; 6], 2), TrainConfig::adam()).unwrap_err();
    assert!(matches!(refused, Error::Shapes { .. }), "{refused}");
    // A softmax needs no loss of the crate's here.
    let trainer = GradientTrainer::new(&forward, &rows(&[0.0; 8], 2), TrainConfig::adam()).unwrap();
    assert!(matches!(
        trainer.averaged().unwrap_err(),
        Error::OutOfRange { operation: "GradientTrainer::averaged", .. }
    ));
    let frozen = TrainConfig { frozen: vec![2], ..TrainConfig::adam() };
    let refused = GradientTrainer::new(&forward, &rows(&[0.0; 8], 2), frozen).unwrap_err();
    assert!(matches!(refused, Error::Count { found: 2, least: 0, most: 1, .. }), "{refused}");
}
