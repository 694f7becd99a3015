use clap::ValueEnum;
use glam::DVec3;
use wgrad::{Init, Mlp};

use super::*;
use crate::points::{Points, Spread};
use crate::shape::Shape;

/// Asks `forms.wgsl` for the distance of each point.
const ASK: &str = "
@group(0) @binding(0) var<storage, read> places: array<f32>;
@group(0) @binding(1) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(64)
fn ask(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = 3u * id.x;
    distances[id.x] = distance_at(vec3<f32>(places[first], places[first + 1u], places[first + 2u]));
}
";

fn distances_by_shader(gpu: &Gpu, form: Form, places: &[f32]) -> Vec<f32> {
    let device = gpu.device();
    let source = wgpu::ShaderSource::Wgsl((FORMS.to_owned() + ASK).into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let constants = &constants_of(form)[..];
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("ask"),
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    });
    let count = places.len() / 3;
    let places = Rows::from_slice(gpu, 3, places).unwrap();
    let distances = Rows::from_slice(gpu, 1, &vec![f32::MAX; count]).unwrap();
    let entry = |binding, rows: &Rows| (binding, rows.buffer().clone());
    let buffers = [entry(0, &places), entry(1, &distances)];
    let entries = buffers
        .each_ref()
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() });
    let layout = &pipeline.get_bind_group_layout(0);
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(count as u32 / 64, 1, 1);
    drop(pass);
    gpu.queue().submit([encoder.finish()]);
    distances.read(gpu).unwrap()
}

#[test]
fn the_shader_has_the_distances_of_the_forms() {
    let gpu = Gpu::headless().unwrap();
    for &form in Form::value_variants() {
        let points = Points::draw(&Shape::Form(form), 1_024, Spread::Even, 1);
        let found = distances_by_shader(&gpu, form, &points.places);
        for (found, expected) in found.iter().zip(&points.distances) {
            assert!((found - expected).abs() < 1e-5, "{form:?}: {found}, not {expected}");
        }
    }
}

/// The eye of `trace.wgsl`, and half a view's side over its distance.
const EYE: DVec3 = DVec3::new(1.55, 1.42, 2.25);
const OPENING: f64 = 0.25;

#[test]
fn a_view_has_clay_where_a_ray_meets_the_surface() {
    let gpu = Gpu::headless().unwrap();
    // A network whose distance is 1 everywhere sees no surface.
    let mlp = Mlp::inputs(3).linear(1).bias();
    let network = Network::from_parameters(&gpu, &mlp, &[0.0, 0.0, 0.0, 1.0]).unwrap();
    let side = 64;
    let frame = Frame::new(&network, Some(Form::Sphere), Form::Sphere.floor(), side).unwrap();
    let (picture, _) = frame.draw().unwrap();
    assert_eq!((picture.width(), picture.height()), (2 * side, side));
    // Of the colours only the clay's has more red than blue by much.
    let is_clay = |x: u32, y: u32| picture.get_pixel(x, y)[0] > picture.get_pixel(x, y)[2].saturating_add(30);
    let clay = |left: u32| (0..side * side).filter(|i| is_clay(left + i % side, i / side)).count();
    assert_eq!(clay(0), 0);
    // The rays that meet a sphere are a cone, whose angle is known.
    let sine = RADIUS / EYE.distance(DVec3::splat(0.5));
    let radius = sine / (1.0 - sine * sine).sqrt() / OPENING * f64::from(side) / 2.0;
    let expected = radius * radius * std::f64::consts::PI;
    assert!((clay(side) as f64 / expected - 1.0).abs() < 0.1, "{} pixels, not {expected}", clay(side));
}

#[test]
fn a_frame_is_of_the_network_as_it_is_now() {
    let gpu = Gpu::headless().unwrap();
    let mlp = Mlp::inputs(3).linear(1).bias();
    let network = Network::new_by(&gpu, &mlp, Init::HeUniform, 1).unwrap();
    let frame = Frame::new(&network, None, 0.1, 16).unwrap();
    // Everything below half the cube's height is inside, then nothing.
    network.write_parameters(&[0.0, 1.0, 0.0, -0.5]).unwrap();
    let (inside, _) = frame.draw().unwrap();
    network.write_parameters(&[0.0, 0.0, 0.0, 1.0]).unwrap();
    let (outside, _) = frame.draw().unwrap();
    let red = |picture: &RgbImage| picture.get_pixel(8, 9)[0] > picture.get_pixel(8, 9)[2].saturating_add(30);
    assert!(red(&inside) && !red(&outside));
}
