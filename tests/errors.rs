//! Whatever a caller passes gets a distinct error that names the operation, the numbers and the way out; nothing panics
//! and nothing is written. On wgpu's noop device, which validates everything and computes nothing.

mod common;

use common::{XOR_INPUTS, XOR_TARGETS, xor_mlp};
use wgrad::kernels::{self, TrainingState};
use wgrad::{Activation, Dataset, Error, Gpu, Loss, Mlp, Network, Plan, Result, Rows, TrainConfig, Trainer, wgpu};

/// A device that belongs to an app whose error handler must never be called.
fn noop_with(limits: wgpu::Limits) -> Result<Gpu> {
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() });
    device.on_uncaptured_error(std::sync::Arc::new(|error| panic!("the app's handler was given {error}")));
    Gpu::from_wgpu(&device, &queue)
}

fn noop() -> Gpu {
    noop_with(wgpu::Limits::default()).unwrap()
}

/// A storage buffer for this many numbers.
fn buffer(gpu: &Gpu, numbers: u64) -> wgpu::Buffer {
    buffer_for(gpu, numbers, wgpu::BufferUsages::STORAGE)
}

fn buffer_for(gpu: &Gpu, numbers: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("the app's buffer"),
        size: numbers * 4,
        usage,
        mapped_at_creation: false,
    })
}

/// Rows of a buffer of their own.
fn rows(gpu: &Gpu, rows: u64, width: u64) -> Rows {
    Rows::new(&buffer(gpu, rows * width), width as usize)
}

/// Holds an error to its kind and to words that its message must contain.
macro_rules! assert_refused {
    ($result:expr, $kind:pat $(if $guard:expr)?, $($words:literal),+) => {
        let error = $result.map(drop).unwrap_err();
        assert!(matches!(error, $kind $(if $guard)?), "another kind of error: {error:?}");
        let message = error.to_string();
        $(assert!(message.contains($words), "{:?} is missing in: {message}", $words);)+
    };
}

/// The error about a number that is not from `least` to `most`.
macro_rules! count {
    ($found:pat, $least:pat, $most:pat) => {
        wgrad::Error::Count { found: $found, least: $least, most: $most, .. }
    };
}

/// The error about a buffer of which this is the problem.
macro_rules! buffer {
    ($problem:pat) => {
        wgrad::Error::Buffer { problem: $problem, .. }
    };
}

#[path = "errors/buffers.rs"]
mod buffers;
#[path = "errors/data.rs"]
mod data;
#[path = "errors/formulas.rs"]
mod formulas;
#[path = "errors/function.rs"]
mod function;
#[path = "errors/operands.rs"]
mod operands;
#[path = "errors/plans.rs"]
mod plans;
#[path = "errors/training.rs"]
mod training;

#[test]
fn refuses_what_is_no_network() {
    let gpu = noop();
    let new = |mlp: Mlp| Network::new(&gpu, &mlp, 0);
    assert_refused!(new(Mlp::inputs(2)), count!(0, 1, u64::MAX), "Network::new", ".linear(30)");
    assert_refused!(
        new(Mlp::inputs(0).linear(2)),
        count!(0, 1, u64::MAX),
        "Network::new",
        "width of the input is 0",
        "at least 1"
    );
    assert_refused!(
        new(Mlp::inputs(2).linear(0).sigmoid()),
        count!(0, 1, u64::MAX),
        "Network::new",
        "width of a layer"
    );
    // A layer is a linear map, perhaps a bias, and one activation, in this order.
    for (mlp, part, after, words) in [
        (Mlp::inputs(2).linear(2).sigmoid().bias(), ".bias()", 1, "layer 1 (0 is the input), which takes no bias"),
        (Mlp::inputs(2).bias().linear(2), ".bias()", 0, "layer 0 (0 is the input), which takes no bias"),
        (Mlp::inputs(2).linear(2).sigmoid().sigmoid(), ".sigmoid()", 1, "a layer is a linear map with one"),
        (Mlp::inputs(2).sigmoid().linear(2).sigmoid(), ".sigmoid()", 0, "layer 0 (0 is the input), which takes no act"),
        (Mlp::inputs(2).sigmoid(), ".sigmoid()", 0, "write .linear(outputs) before it"),
        (Mlp::inputs(2).linear(3).sigmoid().linear(2).sigmoid().sigmoid().bias(), ".sigmoid()", 2, ".linear("),
    ] {
        let error = new(mlp).unwrap_err();
        let Error::Misplaced { operation: "Network::new", what, after: found, .. } = &error else { panic!("{error}") };
        assert_eq!((what.as_str(), *found), (part, after));
        let said = error.to_string();
        assert!(said.contains("Network::new") && said.contains(part) && said.contains(words), "{said}");
    }
    let Err(error) = new(Mlp::widths(&[])) else { panic!("a network of no widths") };
    assert!(error.to_string().contains("width of the input is 0"), "{error}");
    assert_refused!(new(Mlp::widths(&[2])), count!(0, 1, u64::MAX), "number of layers");
    assert_refused!(Mlp::inputs(2).initial_parameters(0), count!(0, 1, u64::MAX), "Mlp::initial_parameters");
}

#[test]
fn refuses_sizes_past_32_bits_and_past_the_devices_limits() {
    let gpu = noop();
    let new = |mlp: Mlp| Network::new(&gpu, &mlp, 0);
    let past_32_bits = Mlp::inputs(1 << 20).linear(1 << 20);
    assert_refused!(new(past_32_bits), Error::TooLarge { .. }, "4398046511104 bytes", "4294967295", "narrower");
    let past_usize = Mlp::inputs(usize::MAX).linear(usize::MAX).bias();
    assert_refused!(new(past_usize), Error::TooLarge { .. }, "parameters", "narrower");
    // 144 MB of parameters, and a binding holds 134.
    let past_a_binding = Mlp::inputs(6_000).linear(6_000);
    assert_refused!(
        new(past_a_binding.clone()),
        Error::TooLarge { .. },
        "144000000 bytes",
        "max_storage_buffer_binding_size",
        "134217728"
    );
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 256 << 20, ..Default::default() };
    assert!(Network::new(&noop_with(limits).unwrap(), &past_a_binding, 0).is_ok());

    // 60,000 images of 784 numbers are 188 MB.
    let images = vec![0.5; 60_000 * 784];
    let data = Dataset::from_slices(&gpu, 60_000, &images, &vec![0.0; 60_000]);
    assert_refused!(data, Error::TooLarge { .. }, "Dataset::from_slices", "188160000 bytes");
    let network = Network::new(&gpu, &Mlp::inputs(784).linear(10), 0).unwrap();
    assert_refused!(network.predict(&images), Error::TooLarge { .. }, "Network::predict", "fewer rows at a time");
    // A hidden layer that is wider than the data.
    let network = Network::new(&gpu, &Mlp::inputs(1).linear(4_000).linear(1), 0).unwrap();
    assert_refused!(network.predict(&vec![0.5; 10_000]), Error::TooLarge { .. }, "activations", "160000000 bytes");
    let limits = wgpu::Limits { max_compute_workgroups_per_dimension: 8, ..Default::default() };
    let small = noop_with(limits).unwrap();
    let sigmoid = kernels::activation(&small, Activation::Sigmoid, &rows(&small, 1, 4_097), &rows(&small, 1, 4_097));
    assert_refused!(sigmoid, Error::TooLarge { .. }, "max_compute_workgroups_per_dimension", "fewer rows");
    assert!(kernels::activation(&small, Activation::Sigmoid, &rows(&small, 1, 4_096), &rows(&small, 1, 4_096)).is_ok());
}

#[test]
fn refuses_a_device_below_the_limits_that_the_kernels_need() {
    let limits = wgpu::Limits { max_compute_invocations_per_workgroup: 128, ..Default::default() };
    assert_refused!(
        noop_with(limits),
        Error::LimitTooLow { needed: 256, available: 128, .. },
        "max_compute_invocations_per_workgroup",
        "wgpu::Limits::default()"
    );
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..Default::default() };
    assert_refused!(noop_with(limits), Error::LimitTooLow { .. }, "max_storage_buffers_per_shader_stage", "4", "8");
    // What is asked for is what the kernels use.
    let storage = kernels::shaders().iter().map(|shader| shader.storage.len()).max();
    let workgroup = kernels::shaders().iter().filter_map(|shader| shader.workgroup).max();
    assert_eq!((storage, workgroup), (Some(7), Some(256)));
}

#[test]
fn refuses_data_that_is_no_data_set() {
    let gpu = noop();
    let none: [[f32; 2]; 0] = [];
    assert_refused!(Dataset::new(&gpu, &none, &none), count!(0, 1, u64::MAX), "Dataset::new", "number of samples");
    let no_width = Dataset::new(&gpu, &[[0.0; 0]; 3], &[[0.0]; 3]);
    assert_refused!(no_width, count!(0, 1, u64::MAX), "Dataset::new", "width");
    let unlike = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS[..3]);
    assert_refused!(unlike, Error::Shapes { .. }, "Dataset::new", "[4, 2]", "[3, 2]", "one row per sample");
    let ragged = Dataset::from_slices(&gpu, 3, &[0.0; 6], &[0.0; 4]);
    assert_refused!(ragged, count!(4, 6, 6), "Dataset::from_slices", "targets");
    let nan = Dataset::from_slices(&gpu, 2, &[0.0, 1.0, f32::NAN, 3.0], &[0.0; 2]);
    assert_refused!(nan, Error::NotFinite { index: Some(2), .. }, "inputs[2] is NaN", "finite");
    let infinite = Dataset::new(&gpu, &[[0.0], [1.0]], &[[0.0], [f32::NEG_INFINITY]]);
    assert_refused!(infinite, Error::NotFinite { index: Some(1), .. }, "targets[1] is -inf");
}

#[test]
fn refuses_parameters_and_inputs_that_do_not_fit() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    assert_refused!(network.write_parameters(&[0.0; 119]), count!(119, 120, 120), "parameters");
    assert_refused!(network.write_parameters(&[f32::NAN; 120]), Error::NotFinite { .. }, "parameters[0] is NaN");
    let from = Network::from_parameters(&gpu, &xor_mlp(), &[0.0; 121]);
    assert_refused!(from, count!(121, 120, 120), "120", "121", "exactly 120");
    assert_refused!(
        network.predict(&[0.0; 3]),
        count!(3, 4, 4),
        "Network::predict",
        "exactly 4",
        "another multiple of 2"
    );
    assert_refused!(network.predict(&[0.0, f32::INFINITY]), Error::NotFinite { index: Some(1), .. }, "x[1] is inf");
}

#[test]
fn refuses_training_that_cannot_be() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let with = |config: TrainConfig| Trainer::new(&network, &data, config);
    let batch = |batch_size| with(TrainConfig { batch_size, ..Default::default() });
    assert_refused!(batch(0), count!(0, 1, 4), "batch_size is 0", "1 to 4");
    assert_refused!(batch(5), count!(5, 1, 4), "batch_size is 5", "4 samples");
    assert!(batch(4).is_ok());
    for (learning_rate, words) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let error = with(TrainConfig { learning_rate, ..Default::default() }).map(drop).unwrap_err();
        assert!(matches!(error, Error::NotFinite { index: None, .. }) && error.to_string().contains(words), "{error}");
        let expected =
            format!("Trainer::new: the learning rate is {words}; it must be a finite number, for example 0.1");
        assert_eq!(error.to_string(), expected);
    }
    let narrow = Dataset::new(&gpu, &[[0.0]], &[[0.0; 2]]).unwrap();
    let trainer = |data| Trainer::new(&network, data, TrainConfig::default());
    assert_refused!(trainer(&narrow), Error::Shapes { .. }, "Trainer::new", "inputs", "[1, 1]", "[1, 2]");
    let unlike = Dataset::new(&gpu, &XOR_INPUTS, &[[0.0; 3]; 4]).unwrap();
    assert_refused!(trainer(&unlike), Error::Shapes { .. }, "Trainer::new", "targets", "[4, 3]", "[4, 2]");
    let elsewhere = Dataset::new(&noop(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
    assert_refused!(trainer(&elsewhere), Error::OtherGpu { .. }, "Trainer::new", "the data set", "one Gpu");
    let state = TrainingState::new(&gpu, 4, 5, 0.1);
    assert_refused!(state, count!(5, 1, 4), "batch_size is 5");
}

#[test]
fn refuses_populations_where_they_cannot_be() {
    let gpu = noop();
    let population = |count| Network::population(&gpu, &xor_mlp(), count, 0);
    assert_refused!(population(0), count!(0, 1, u64::MAX), "Network::population", "number of networks");
    assert_refused!(
        population(279_621),
        Error::TooLarge { needed: 134_218_080, allowed: 134_217_728, .. },
        "Network::population",
        "max_storage_buffer_binding_size"
    );
    assert_refused!(population(usize::MAX), Error::TooLarge { needed: u64::MAX, .. }, "Network::population");

    // Each network has a training state too, which may be larger than its parameters.
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 1_000, ..Default::default() };
    let small = noop_with(limits).unwrap();
    let many = Network::population(&small, &Mlp::inputs(1).linear(1), 21, 0).unwrap();
    let one = Dataset::new(&small, &[[0.0]], &[[0.0]]).unwrap();
    assert_refused!(
        Trainer::new(&many, &one, TrainConfig::default()),
        Error::TooLarge { needed: 1_008, allowed: 1_000, .. },
        "Trainer::new",
        "training states",
        "fewer networks"
    );
    assert_refused!(
        many.evaluate(&one, Loss::SquaredError),
        Error::TooLarge { needed: 1_008, .. },
        "Network::evaluate",
        "fewer networks"
    );

    let three = population(3).unwrap();
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    for plan in [Plan::Plain, Plan::Layered] {
        let trainer = Trainer::new(&three, &data, TrainConfig { plan, ..Default::default() });
        assert_refused!(trainer, Error::PlanUnavailable { plan: "plain" | "layered", .. }, "population", "auto");
    }
    let wide = Network::population(&gpu, &Mlp::inputs(2).linear(3_000).linear(2), 2, 0).unwrap();
    assert_refused!(
        Trainer::new(&wide, &data, TrainConfig::default()),
        Error::PlanUnavailable { plan: "persistent", .. },
        "needs 120080 bytes",
        "max_compute_workgroup_storage_size allows 16384",
        "one by one"
    );
    assert_refused!(three.extract(3), count!(3, 0, 2), "index is 3", "0 to 2", "3 networks, numbered from 0");
    assert_refused!(three.predict(&[0.0; 2]), count!(3, 1, 1), "Network::predict", "extract");
    let forward = three.forward(&rows(&gpu, 4, 2), &rows(&gpu, 4, 2));
    assert_refused!(forward, count!(3, 1, 1), "Network::forward", "the number of networks is 3");
    let parameters = three.write_parameters(&[0.0; 120]);
    assert_refused!(parameters, count!(120, 360, 360), "Network::write_parameters");
    let mut trainer = Trainer::new(&three, &data, TrainConfig::default()).unwrap();
    let rates = trainer.write_learning_rates(&[0.1; 2]);
    assert_refused!(rates, count!(2, 3, 3), "Trainer::write_learning_rates", "one per network");
    let rates = trainer.write_learning_rates(&[0.1, f32::INFINITY, 0.1]);
    assert_refused!(rates, Error::NotFinite { index: Some(1), .. }, "learning_rates[1] is inf", "for example 0.1");
}

#[test]
fn reports_work_that_the_gpu_drops_without_a_word() {
    // The noop device copies, but says of dispatches that they are done, and does nothing.
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    let mut trainer = Trainer::new(&network, &data, TrainConfig::default()).unwrap();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 7);
    gpu.queue().submit([encoder.finish()]);
    assert_refused!(
        trainer.latest_loss(),
        Error::WorkDropped { what: "training steps", expected: 7, found: 0, .. },
        "7 training steps and did 0",
        "record fewer steps"
    );
    // Once: the steps stay lost, and what comes later is judged by itself.
    assert_eq!(trainer.latest_loss(), Ok(None));
    assert_eq!(trainer.read_loss(), Ok(None));
    assert_refused!(trainer.train(1, |_| ()), Error::WorkDropped { found: 0, .. }, "did 0");
    // Also where every slot of the readback is taken by encoders that are not submitted.
    let encoders = [(); 4].map(|()| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        trainer.record_steps(&mut encoder, 1);
        encoder
    });
    assert_refused!(trainer.train(1, |_| ()), Error::WorkDropped { expected: 4, found: 0, .. }, "did 0");
    drop(encoders);
}

/// Runs one test of this file in a process of its own, by a shell command that ends in the test's, and gives what it
/// printed.
fn in_a_child(test: &str, shell: &str, environment: [&str; 2]) -> String {
    let child = std::process::Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env("WGRAD_TEST_CHILD", "1")
        .env(environment[0], environment[1])
        .output()
        .unwrap();
    String::from_utf8_lossy(&child.stdout).into_owned()
}

fn is_child() -> bool {
    std::env::var_os("WGRAD_TEST_CHILD").is_some()
}

#[cfg(unix)]
#[test]
fn names_what_was_tried_where_there_is_no_adapter() {
    if is_child() {
        println!("{}", Gpu::headless().map(drop).unwrap_err());
        return;
    }
    let headless = |name, value| in_a_child("names_what_was_tried_where_there_is_no_adapter", "", [name, value]);
    // No machine has both.
    let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    let words = headless("WGPU_BACKEND", backend);
    assert!(words.contains("no GPU adapter") && words.contains(backend), "{words}");
    assert!(words.contains("mesa-vulkan-drivers"), "{words}");
    let words = headless("WGPU_BACKEND", "vulcan");
    assert!(words.contains("WGPU_BACKEND=vulcan names no backend; choose among vulkan, metal, dx12 and gl"), "{words}");
    let words = headless("WGPU_ADAPTER_NAME", "no such adapter");
    assert!(words.contains("WGPU_ADAPTER_NAME=no such adapter matches none"), "{words}");
}

#[test]
fn one_of_several_equal_adapters() {
    let first = Gpu::headless_at(0).unwrap();
    let chosen = Gpu::headless().unwrap();
    assert_eq!(first.adapter_info().device_type, chosen.adapter_info().device_type);
    let error = Gpu::headless_at(1_000).map(drop).unwrap_err();
    assert!(matches!(error, Error::Count { .. }), "{error}");
    assert!(error.to_string().contains(&first.adapter_info().name), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn no_memory_left_is_an_error_and_what_existed_still_works() {
    if is_child() {
        // The noop device has its buffers in the process's memory, and these activations are 1.44 GB.
        let limits = wgpu::Limits {
            max_buffer_size: 2_000_000_000,
            max_storage_buffer_binding_size: 2_000_000_000,
            ..Default::default()
        };
        let gpu = noop_with(limits).unwrap();
        let network = Network::new(&gpu, &Mlp::inputs(1).linear(4_000).linear(1), 0).unwrap();
        let forward = |samples| network.forward(&rows(&gpu, samples, 1), &rows(&gpu, samples, 1));
        println!("{}", forward(90_000).map(drop).unwrap_err());
        println!("parameters: {}", network.read_parameters().unwrap().len());
        println!("a smaller pass: {}", forward(90).is_ok());
        return;
    }
    let limit = "ulimit -v 1000000;"; // KiB of address space
    let words = in_a_child("no_memory_left_is_an_error_and_what_existed_still_works", limit, ["RUST_BACKTRACE", "0"]);
    assert!(words.contains("the GPU has no memory left for wgrad activations: use a smaller batch"), "{words}");
    assert!(words.contains("parameters: 8000") && words.contains("a smaller pass: true"), "{words}");
}
