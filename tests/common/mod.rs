//! What the tests share: a device, operands poisoned with NaN, and comparisons that NaN fails.
#![allow(dead_code)] // each test file is its own crate and uses only some items

pub mod case;

use std::cell::Cell;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use wgrad::reference::{Descent, GridDescent, Matrix, NeuralNetwork, Order, Training};
use wgrad::{Gpu, Mlp, Rows, TrainConfig, wgpu};

/// The distance from 1 to the next f32.
pub const EPSILON: f64 = f32::EPSILON as f64;

/// The poison in buffers: a NaN that no arithmetic produces.
pub const POISON: u32 = 0x7fc0_dead;

/// The device of a test file. Panics with instructions if there is no adapter.
///
/// By OpenGL the tests of a file run one after another: they use the device as apps do, whose threads may not wait for it
/// for more than 6 s, and a kernel may take longer to compile.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    thread_local! {
        /// Until the test ends, and with it its thread.
        static TAKEN: Cell<Option<MutexGuard<'static, ()>>> = const { Cell::new(None) };
    }
    let gpu = GPU.get_or_init(|| {
        let gpu = Gpu::headless().unwrap_or_else(|error| panic!("the tests need an adapter: {error}"));
        say(&format!("running on {}", gpu.description()));
        gpu
    });
    if gpu.adapter_info().backend == wgpu::Backend::Gl {
        TAKEN.with(|taken| {
            taken.set(taken.take().or_else(|| Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))));
        });
    }
    gpu
}

/// Whether the device has subgroups of one known size. If so, every plan must be possible.
pub fn has_subgroups() -> bool {
    let info = gpu().adapter_info();
    let has_one_size = info.subgroup_min_size == info.subgroup_max_size && info.subgroup_max_size > 1;
    has_one_size && gpu().device().features().contains(wgpu::Features::SUBGROUP)
}

/// Prints a line that the test harness does not capture.
pub fn say(line: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{line}").unwrap();
}

/// Values from N(0, 1).
pub fn normal(seed: u64, count: usize) -> Vec<f32> {
    let generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    generator.sample_iter(StandardNormal).map(|value: f64| value as f32).take(count).collect()
}

/// Values from 0 to 1.
pub fn uniform(seed: u64, count: usize) -> Vec<f32> {
    Xoshiro256PlusPlus::seed_from_u64(seed).random_iter::<f32>().take(count).collect()
}

pub fn buffer_of(gpu: &Gpu, words: &[u32]) -> wgpu::Buffer {
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("test buffer"),
        size: words.len() as u64 * 4,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

pub fn words_of(gpu: &Gpu, buffer: &wgpu::Buffer) -> Vec<u32> {
    let staging = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("test readback"),
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    submit(gpu, |encoder| encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size()));
    staging.map_async(wgpu::MapMode::Read, .., |result| result.expect("mapping a test buffer"));
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("waiting for a test buffer");
    bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..).expect("a mapped test buffer"))
}

pub fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder);
    gpu.queue().submit([encoder.finish()]);
}

/// Records the dispatches into one pass and submits it.
pub fn run(gpu: &Gpu, dispatches: &[wgrad::kernels::Dispatch]) {
    submit(gpu, |encoder| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        dispatches.iter().for_each(|dispatch| dispatch.record(&mut pass));
    });
}

/// How an operand lies in its buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Contiguous rows from offset 0.
    Dense,
    /// An odd offset, with gaps between the rows and after the last.
    Scattered,
    /// An offset and gaps that are multiples of four values.
    Spaced,
}

pub const LAYOUTS: [Layout; 2] = [Layout::Dense, Layout::Scattered];

/// A matrix in a buffer whose other values are poison.
pub struct Placed {
    pub rows: Rows,
    height: usize,
    width: usize,
    offset: usize,
    stride: usize,
}

impl Placed {
    /// A matrix with these values, or all poison.
    pub fn new(gpu: &Gpu, layout: Layout, height: usize, width: usize, values: Option<&[f32]>) -> Self {
        let (offset, stride, after) = match layout {
            Layout::Dense => (0, width, 0),
            Layout::Scattered => (77, width + 3, 5),
            Layout::Spaced => (84, width + 4, 4),
        };
        let mut words = vec![POISON; offset + (height - 1) * stride + width + after];
        if let Some(values) = values {
            assert_eq!(values.len(), height * width);
            for (row, values) in values.chunks_exact(width).enumerate() {
                let start = offset + row * stride;
                words[start..start + width].copy_from_slice(bytemuck::cast_slice(values));
            }
        }
        let rows =
            Rows::new(&buffer_of(gpu, &words), width).offset(offset as u64 * 4).stride(stride as u64 * 4).rows(height);
        Placed { rows, height, width, offset, stride }
    }

    /// The matrix's current values. Panics if anything outside the matrix was written.
    pub fn read(&self, gpu: &Gpu) -> Vec<f32> {
        let mut words = words_of(gpu, self.rows.buffer());
        let mut values = Vec::with_capacity(self.height * self.width);
        for row in 0..self.height {
            let start = self.offset + row * self.stride;
            values.extend(words[start..start + self.width].iter().map(|&word| f32::from_bits(word)));
            words[start..start + self.width].fill(POISON);
        }
        assert!(words.iter().all(|&word| word == POISON), "something outside the matrix was written");
        values
    }
}

/// Compares values with the reference: `bound(i)` is the largest difference allowed at index `i`.
#[track_caller]
pub fn assert_close(what: &str, found: &[f32], expected: &[f64], bound: impl Fn(usize) -> f64) {
    assert_eq!(found.len(), expected.len(), "{what}: another number of results");
    assert!(!found.is_empty(), "{what}: nothing was compared");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        // Written so that NaN fails.
        assert!(
            difference <= bound(i),
            "{what}[{i}]: found {found:e}, expected {expected:e}: they differ by {difference:e}, and {:e} is allowed",
            bound(i)
        );
    }
}

/// The L2 norm of the difference, relative to that of the expected values.
#[track_caller]
pub fn relative_l2(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len(), "another number of results");
    assert!(!found.is_empty(), "nothing was compared");
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = square(&mut found.iter().zip(expected).map(|(&found, &expected)| f64::from(found) - expected));
    (difference / square(&mut expected.iter().copied())).sqrt()
}

/// Fails unless the relative L2 norm of the difference is within `bound`, for NaN too.
#[track_caller]
pub fn assert_l2(what: &str, found: &[f32], expected: &[f64], bound: f64) {
    let difference = relative_l2(found, expected);
    assert!(difference <= bound, "{what}: relative L2 difference {difference:e}, and {bound:e} is allowed");
}

include!("networks.rs");

/// The data of XOR, in the notebook's order, and its targets 0.01 and 0.99: the second output is that of class 1.
pub const XOR_INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
pub const XOR_TARGETS: [[f32; 2]; 4] = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];

/// The notebook's network.
pub fn xor_mlp() -> Mlp {
    Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid()
}

/// The reference's training from a seed's initial parameters.
pub fn reference_training(
    mlp: &Mlp,
    seed: u64,
    (inputs, targets): (&[f32], &[f32]),
    order: Order,
    learning_rate: f32,
) -> Training {
    let network = NeuralNetwork::from_parameters(mlp, &mlp.initial_parameters(seed).unwrap()).unwrap();
    let samples = order.samples as usize;
    let inputs = Matrix::from_f32(samples, mlp.input_width(), inputs).unwrap();
    let targets = Matrix::from_f32(samples, mlp.output_width(), targets).unwrap();
    Training::new(network, inputs, targets, order, f64::from(learning_rate)).unwrap()
}

/// How the reference changes parameters by a configuration.
pub fn descent_of(mlp: &Mlp, config: &TrainConfig) -> Descent {
    let mut descent = Descent::new(config.optimizer, config.learning_rate.into());
    descent.schedule = config.schedule;
    descent.weight_decay = config.weight_decay.into();
    descent.clip_norm = config.clip_norm.map(f64::from);
    descent.average = config.average;
    if let Some(wgrad::Encoding::HashGrid(grid)) = mlp.input_encoding() {
        descent.grid = Some(GridDescent {
            features: mlp.grid_range(),
            per_entry: grid.features as usize,
            learning_rate: config.grid_learning_rate.into(),
            weight_decay: config.grid_weight_decay.into(),
        });
    }
    descent.frozen = config.frozen.iter().map(|&layer| mlp.parameter_ranges()[layer].clone()).collect();
    descent
}
