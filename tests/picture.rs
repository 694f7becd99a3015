//! Points of a picture: those of the reference, other ones each step, the same for the same seed and step.

mod common;

use common::case::*;
use common::*;
use wgrad::reference::{self, Matrix};
use wgrad::{Dataset, Error, GradientTrainer, Mlp, Network, Picture, Plan, Rows, TrainConfig, Trainer, wgpu};

const CHANNELS: usize = 3;

/// A network that learns nothing, but whose loss tells which targets there were: its output is 0.
fn zero() -> (Mlp, Vec<f32>) {
    let mlp = Mlp::inputs(2).linear(CHANNELS);
    let parameters = vec![0.0; mlp.parameter_count()];
    (mlp, parameters)
}

fn picture(width: usize, height: usize) -> (Picture, Matrix) {
    let values = uniform(1, width * height * CHANNELS);
    let pixels = Matrix::from_f32(width * height, CHANNELS, &values).unwrap();
    (Picture::from_slice(gpu(), width, CHANNELS, &values).unwrap(), pixels)
}

/// The loss of each step is that of the reference's points: half the sum of the squares of the targets.
fn assert_points(picture: &Picture, pixels: &Matrix, plan: Plan, (samples, seed): (usize, u64), tolerance: f64) {
    let (mlp, parameters) = zero();
    let [width, height] = picture.size();
    let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
    let data = Dataset::from_picture(picture, samples, seed).unwrap();
    let config = TrainConfig { batch_size: samples, learning_rate: 0.0, plan, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    let mut losses = Vec::new();
    for step in 0..5 {
        record(&mut trainer, 1);
        let [_, t] = reference::sample_picture(pixels, width, samples, seed, step).unwrap();
        let squares = t.as_slice().iter().map(|t| 0.5 * t * t).sum::<f64>();
        let found = trainer.read_loss().unwrap().unwrap().loss;
        let expected = squares / samples as f64;
        assert_close(&format!("{width} × {height}, {samples} points"), &[found], &[expected], |_| tolerance);
        losses.push(found);
    }
    assert!(width * height == 1 || losses.windows(2).all(|pair| pair[0] != pair[1]), "{losses:?}");
}

const DRAWS: [(usize, u64); 3] = [(1, 0), (67, 1 << 40 | 3), (300, 9)];

#[test]
fn points_are_those_of_the_reference() {
    for (width, height) in [(1, 1), (7, 5), (64, 3), (33, 65)] {
        let (picture, pixels) = picture(width, height);
        assert_eq!((picture.size(), picture.channels()), ([width, height], CHANNELS));
        for plan in [Plan::Plain, Plan::Layered] {
            DRAWS.into_iter().for_each(|draw| assert_points(&picture, &pixels, plan, draw, 4e-6));
        }
    }
}

fn texture(size: [u32; 2], format: wgpu::TextureFormat, usage: wgpu::TextureUsages) -> wgpu::Texture {
    gpu().device().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// A texture of bytes, as they are stored, and as light: by its format or by the kernel; and rows of values as light.
#[test]
fn a_texture_and_rows_of_the_same_values_give_the_same_points() {
    use wgpu::TextureFormat::{Rgba8Unorm, Rgba8UnormSrgb};
    let (width, height) = (13, 9);
    let bytes = (0..width * height * 4).map(|i| (i * 89 % 256) as u8).collect::<Vec<_>>();
    let of = |light: bool| {
        let colours = bytes.chunks(4).flat_map(|pixel| &pixel[..CHANNELS]).map(|&byte| f64::from(byte) / 255.0);
        let values = colours.map(|value| if light { reference::light_of_srgb(value) } else { value } as f32);
        Matrix::from_f32((width * height) as usize, CHANNELS, &values.collect::<Vec<_>>()).unwrap()
    };
    let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
    let pictures = [Rgba8Unorm, Rgba8UnormSrgb].map(|format| {
        let texture = texture([width, height], format, usage);
        let layout = wgpu::TexelCopyBufferLayout { bytes_per_row: Some(4 * width), ..Default::default() };
        gpu().queue().write_texture(texture.as_image_copy(), &bytes, layout, texture.size());
        Picture::from_texture(gpu(), &texture, CHANNELS).unwrap()
    });
    let [stored, srgb] = pictures;
    assert_eq!((stored.size(), stored.channels()), ([width as usize, height as usize], CHANNELS));
    let values = of(false).as_slice().iter().map(|&value| value as f32).collect::<Vec<_>>();
    let rows = Picture::from_slice(gpu(), width as usize, CHANNELS, &values).unwrap();
    for draw in DRAWS {
        for plan in [Plan::Plain, Plan::Layered] {
            assert_points(&stored, &of(false), plan, draw, 4e-6);
            assert_points(&stored.clone().in_linear_light(), &of(true), plan, draw, 4e-6);
            assert_points(&rows.clone().in_linear_light(), &of(true), plan, draw, 4e-6);
            // A device may be a little off where its format decodes; half a level is seen.
            assert_points(&srgb, &of(true), plan, draw, 1e-3);
        }
    }
}

/// Alpha is no light.
#[test]
fn a_fourth_channel_stays_as_it_is() {
    let (mlp, values) = (Mlp::inputs(2).linear(4), [0.5_f32, 0.25, 0.75, 0.5]);
    let picture = Picture::from_slice(gpu(), 1, 4, &values).unwrap().in_linear_light();
    let network = Network::from_parameters(gpu(), &mlp, &[0.0; 8]).unwrap();
    let data = Dataset::from_picture(&picture, 1, 0).unwrap();
    let config = TrainConfig { batch_size: 1, learning_rate: 0.0, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    record(&mut trainer, 1);
    let light = values[..3].iter().map(|&value| reference::light_of_srgb(value.into()));
    let expected = light.chain([0.5]).map(|value| 0.5 * value * value).sum::<f64>();
    assert_close("the loss", &[trainer.read_loss().unwrap().unwrap().loss], &[expected], |_| 1e-6);
}

/// Inputs and targets belong together: a linear map of the place is learned exactly.
#[test]
fn a_slope_is_learned() {
    let side = 32;
    let value = |i: usize| [(i % side) as f32, (i / side) as f32].map(|place| (place + 0.5) / side as f32);
    let values = (0..side * side).flat_map(|i| [2.0 * value(i)[0] - value(i)[1]]).collect::<Vec<_>>();
    let picture = Picture::from_slice(gpu(), side, 1, &values).unwrap();
    let data = Dataset::from_picture(&picture, 256, 4).unwrap();
    let network = Network::new(gpu(), &Mlp::inputs(2).linear(1).bias(), 1).unwrap();
    let config = TrainConfig { batch_size: 256, learning_rate: 0.5, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    trainer.train(600, |_| ()).unwrap();
    let found = network.read_parameters().unwrap();
    // At the outermost half pixels the picture is flat.
    assert_close("a slope", &found, &[2.0, -1.0, 0.0], |_| 0.02);
}

/// Random words are spread evenly over the plane, and steps, seeds and samples differ.
#[test]
fn points_are_spread_evenly() {
    let pixels = Matrix::from_f32(1, 1, &[0.5]).unwrap();
    let points = |seed, step| reference::sample_picture(&pixels, 1, 4_096, seed, step).unwrap()[0].clone();
    let first = points(1, 0);
    let mut counts = [0u32; 64];
    for sample in 0..4_096 {
        let [x, y] = [0, 1].map(|i| (first.row(sample).unwrap()[i] * 8.0) as usize);
        counts[8 * y + x] += 1;
    }
    let squares = counts.iter().map(|&count| (f64::from(count) - 64.0).powi(2) / 64.0).sum::<f64>();
    assert!((30.0..110.0).contains(&squares), "{squares}");
    for other in [points(2, 0), points(1, 1), points(1 << 32 | 1, 0), points(1, 1 << 32)] {
        let same = first.as_slice().iter().zip(other.as_slice()).filter(|(a, b)| a == b).count();
        assert!(same < 8, "{same}");
    }
    assert_eq!(reference::random([1, 2, 3, 4]), reference::random([1, 2, 3, 4]));
}

#[test]
fn what_cannot_be_is_refused() {
    let buffer = buffer_of(gpu(), &[0; 24]);
    let refused = |rows: &Rows, width| Picture::new(gpu(), rows, width).unwrap_err();
    assert!(matches!(refused(&Rows::new(&buffer, 3).rows(8), 0), Error::Count { .. }));
    assert!(matches!(refused(&Rows::new(&buffer, 3).rows(8), 3), Error::Count { .. }));
    assert!(matches!(refused(&Rows::new(&buffer, 3).rows(9), 3), Error::Buffer { .. }));
    assert!(matches!(Picture::from_slice(gpu(), 1, 1, &[f32::NAN]), Err(Error::NotFinite { .. })));
    let usage = wgpu::TextureUsages::TEXTURE_BINDING;
    let of = |format, usage, channels| Picture::from_texture(gpu(), &texture([2, 2], format, usage), channels);
    let format = wgpu::TextureFormat::Rgba8Unorm;
    assert!(of(format, usage, 4).is_ok() && of(wgpu::TextureFormat::R32Float, usage, 1).is_ok());
    assert!(matches!(of(format, usage, 0), Err(Error::Count { .. })));
    assert!(matches!(of(format, usage, 5), Err(Error::Count { .. })));
    let other = of(wgpu::TextureFormat::Rgba8Uint, usage, 3).unwrap_err();
    assert!(matches!(other, Error::Texture { .. }) && other.to_string().contains("Rgba8Uint"), "{other}");
    let lacking = of(format, wgpu::TextureUsages::COPY_DST, 3).unwrap_err();
    assert!(matches!(lacking, Error::Texture { .. }) && lacking.to_string().contains("TEXTURE_BINDING"), "{lacking}");
    let destroyed = texture([2, 2], format, usage);
    destroyed.destroy();
    assert!(matches!(Picture::from_texture(gpu(), &destroyed, 3), Err(Error::Texture { .. })));
    let (picture, _) = picture(4, 4);
    assert!(matches!(Dataset::from_picture(&picture, 0, 0), Err(Error::Count { .. })));
    let data = Dataset::from_picture(&picture, 8, 0).unwrap();
    let network = Network::new(gpu(), &Mlp::inputs(2).linear(CHANNELS), 0).unwrap();
    for plan in PERSISTENT {
        let config = TrainConfig { plan, ..Default::default() };
        let error = Trainer::new(&network, &data, config).unwrap_err();
        assert!(matches!(error, Error::PlanUnavailable { .. }) && error.to_string().contains("drawn"), "{error}");
    }
    let wrong = Network::new(gpu(), &Mlp::inputs(2).linear(1), 0).unwrap();
    assert!(matches!(Trainer::new(&wrong, &data, TrainConfig::default()), Err(Error::Shapes { .. })));
}

/// An app's own loss at a grid's values goes back to its features too.
#[test]
fn an_apps_own_loss_trains_a_grid() {
    let grid = wgrad::HashGrid { levels: 2, table_log2: 6, base_resolution: 4, ..Default::default() };
    let mlp = Mlp::inputs(2).hash_grid(grid).linear(1);
    let network = Network::new(gpu(), &mlp, 1).unwrap();
    let points = uniform(3, 2 * 50);
    let input = Rows::from_slice(gpu(), 2, &points).unwrap();
    let [output, d_output] = [0.0, 1.0].map(|value| Rows::from_slice(gpu(), 1, &[value; 50]).unwrap());
    let forward = network.forward(&input, &output).unwrap();
    let config = TrainConfig { learning_rate: 0.01, ..TrainConfig::adam() };
    let mut trainer = GradientTrainer::new(&forward, &d_output, config).unwrap();
    let before = network.read_parameters().unwrap();
    let mut encoder = gpu().device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    forward.record(&mut encoder);
    trainer.record_update(&mut encoder);
    gpu().queue().submit([encoder.finish()]);
    let after = network.read_parameters().unwrap();
    let changed = mlp.grid_range().filter(|&i| before[i] != after[i]).count();
    assert!(changed > 20 && changed < mlp.grid_range().len(), "{changed}");
    assert!(trainer.memory().moments > 0);
}
