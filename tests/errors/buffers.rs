//! Buffers of the app's that cannot be bound.

use wgrad::BufferProblem::{self, Aliased, LacksUsage, Misaligned, StrideTooSmall, TooShort};
use wgrad::{Dataset, Error, Gpu, Network, Plan, Rows, TrainConfig, Trainer, wgpu};

use super::{buffer, buffer_for, noop, noop_with, rows, xor_mlp};

#[test]
fn refuses_an_apps_buffers_that_cannot_be_bound() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let good = || rows(&gpu, 4, 2);
    let forward = |input: &Rows, output: &Rows| network.forward(input, output);
    assert!(forward(&good(), &good()).is_ok());

    let uniform = buffer_for(&gpu, 8, wgpu::BufferUsages::UNIFORM);
    assert_refused!(
        forward(&Rows::new(&uniform, 2), &good()),
        buffer!(LacksUsage { .. }),
        "input",
        "STORAGE",
        "create it with that usage"
    );
    assert_refused!(
        forward(&good().rows(5), &good()),
        buffer!(TooShort { needed: 40, found: 32 }),
        "40",
        "32",
        "a larger buffer"
    );
    let offset = good().offset(8).rows(4);
    assert_refused!(forward(&offset, &good()), buffer!(TooShort { needed: 40, found: 32 }), "input");
    assert_refused!(
        forward(&good().offset(33), &good()),
        Error::Buffer { what: "input", problem: Misaligned { field: "offset", bytes: 33 }, .. },
        "input has 33 bytes as its offset",
        "a multiple of 4"
    );
    assert_refused!(
        forward(&good(), &good().stride(10)),
        Error::Buffer { what: "output", problem: Misaligned { field: "stride", bytes: 10 }, .. },
        "output has 10 bytes as its stride"
    );
}

#[test]
fn refuses_an_apps_rows_that_are_none() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let good = || rows(&gpu, 4, 2);
    let forward = |input: &Rows, output: &Rows| network.forward(input, output);
    assert_refused!(
        forward(&good().stride(4), &good()),
        buffer!(StrideTooSmall { stride: 4, width: 2, row: 8 }),
        "input has a stride of 4 bytes",
        "2 f32 takes 8",
        "raise the stride"
    );
    assert_refused!(
        forward(&good().stride(0), &good()),
        buffer!(StrideTooSmall { .. }),
        "input has a stride of 0 bytes"
    );
    assert_refused!(
        forward(&Rows::new(good().buffer(), 0), &good()),
        count!(0, 1, u64::MAX),
        "number of columns is 0",
        "input is [1, 0]",
        "at least one row and one column"
    );
    assert_refused!(
        forward(&good(), &good().rows(0)),
        count!(0, 1, u64::MAX),
        "number of rows is 0",
        "output is [0, 2]"
    );
    assert_refused!(forward(&good().offset(u64::MAX - 3), &good()), buffer!(TooShort { .. }), "input");
    assert_refused!(forward(&good().stride(u64::MAX - 3).rows(3), &good()), buffer!(TooShort { .. }), "input");
    assert_refused!(forward(&good().rows(usize::MAX), &good()), buffer!(TooShort { .. }), "input");
    assert_refused!(forward(&Rows::new(good().buffer(), usize::MAX), &good()), buffer!(TooShort { .. }), "input");
}

#[test]
fn refuses_an_apps_rows_that_do_not_fit_each_other() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let good = || rows(&gpu, 4, 2);
    let forward = |input: &Rows, output: &Rows| network.forward(input, output);
    let shared = buffer(&gpu, 1_024);
    let [front, back] = [Rows::new(&shared, 2).rows(4), Rows::new(&shared, 2).offset(256).rows(4)];
    assert_refused!(forward(&front, &back), buffer!(Aliased { .. }), "input", "output", "a separate buffer");
    let parameters = Rows::new(network.parameters(), 2).rows(4);
    assert_refused!(forward(&good(), &parameters), buffer!(Aliased { .. }), "the parameters", "output");

    assert_refused!(forward(&rows(&gpu, 4, 3), &good()), Error::Shapes { .. }, "Network::forward", "[4, 3]", "[4, 2]");
    assert_refused!(
        forward(&good(), &rows(&gpu, 4, 1)),
        Error::Shapes { .. },
        "the network's output",
        "[4, 1]",
        "[4, 2]"
    );
    assert_refused!(
        forward(&good(), &rows(&gpu, 3, 2)),
        Error::Shapes { .. },
        "[4, 2]",
        "[3, 2]",
        "one row per sample"
    );

    let unlike = Dataset::from_buffers(&gpu, good(), rows(&gpu, 3, 2));
    assert_refused!(unlike, Error::Shapes { .. }, "Dataset::from_buffers", "[4, 2]", "[3, 2]");
    let uniform = buffer_for(&gpu, 8, wgpu::BufferUsages::UNIFORM);
    let unusable = Dataset::from_buffers(&gpu, good(), Rows::new(&uniform, 2));
    assert_refused!(unusable, buffer!(LacksUsage { .. }), "Dataset::from_buffers", "targets");
}

#[test]
fn refuses_a_backward_pass_that_does_not_fit_its_forward_pass() {
    let gpu = noop();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let (input, output) = (rows(&gpu, 4, 2), rows(&gpu, 4, 2));
    let forward = network.forward(&input, &output).unwrap();
    let good = || rows(&gpu, 4, 2);
    assert!(forward.backward(&good(), Some(&good())).is_ok());
    let backward = |d_output: &Rows, d_input: &Rows| forward.backward(d_output, Some(d_input));
    assert_refused!(
        backward(&rows(&gpu, 3, 2), &good()),
        Error::Shapes { .. },
        "Forward::backward",
        "d_output",
        "[3, 2]"
    );
    assert_refused!(backward(&good(), &rows(&gpu, 4, 3)), Error::Shapes { .. }, "d_input", "[4, 3]", "[4, 2]");
    let shared = good();
    assert_refused!(backward(&shared, &shared), buffer!(Aliased { .. }), "d_output", "d_input");
    assert_refused!(backward(&good(), &input), buffer!(Aliased { .. }), "the forward pass's rows", "d_input");
    let parameters = Rows::new(network.parameters(), 2).rows(4);
    assert_refused!(backward(&good(), &parameters), buffer!(Aliased { .. }), "the parameters", "d_input");
}

#[test]
fn refuses_values_that_are_no_rows_and_rows_that_cannot_be_read() {
    let gpu = noop();
    let new = |width, values: &[f32]| Rows::from_slice(&gpu, width, values);
    assert_refused!(new(0, &[1.0]), count!(0, 1, u64::MAX), "Rows::from_slice", "width of a row");
    assert_refused!(new(2, &[]), count!(0, 1, u64::MAX), "Rows::from_slice", "number of rows");
    assert_refused!(new(3, &[0.0; 4]), count!(4, 6, 6), "Rows::from_slice", "values");
    assert_refused!(new(usize::MAX, &[0.0; 4]), Error::Count { found: 4, .. }, "another multiple of");
    assert_refused!(new(2, &[0.0, f32::NAN]), Error::NotFinite { index: Some(1), .. }, "values[1] is NaN", "finite");
    assert_refused!(new(1, &[f32::INFINITY]), Error::NotFinite { index: Some(0), .. }, "values[0] is inf");
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 64, ..Default::default() };
    let small = Rows::from_slice(&noop_with(limits).unwrap(), 1, &[0.0; 17]);
    assert_refused!(small, Error::TooLarge { needed: 68, allowed: 64, .. }, "Rows::from_slice", "binding_size");

    let read = |rows: &Rows| rows.read(&gpu);
    assert_refused!(read(&rows(&gpu, 4, 2)), buffer!(LacksUsage { .. }), "Rows::read", "BufferUsages::COPY_SRC");
    // Shaders need not be able to bind what is read.
    let copied = buffer_for(&gpu, 8, wgpu::BufferUsages::COPY_SRC);
    let good = || Rows::new(&copied, 2);
    assert_eq!(read(&good()), Ok(vec![0.0; 8]));
    assert_eq!(read(&good().rows(1).stride(u64::MAX - 3)), Ok(vec![0.0; 2]));
    assert_refused!(read(&good().rows(5)), buffer!(TooShort { needed: 40, found: 32 }), "Rows::read");
    assert_refused!(read(&good().offset(2)), buffer!(Misaligned { .. }), "the rows has 2 bytes as its offset");
    assert_refused!(read(&good().stride(4)), buffer!(StrideTooSmall { .. }), "the rows has a stride of 4");
    assert_refused!(read(&good().rows(0)), count!(0, 1, u64::MAX), "the rows is [0, 2]");
    let written = buffer_for(&gpu, 8, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
    let data = Dataset::from_buffers(&gpu, Rows::new(&written, 2), Rows::new(&written, 2)).unwrap();
    written.destroy();
    let rewritten = data.write_rows(0, &[0.0; 2], &[0.0; 2]);
    assert_refused!(rewritten, buffer!(BufferProblem::Refused { .. }), "an upload", "neither destroyed nor mapped");
    copied.destroy();
    assert_refused!(read(&good()), buffer!(BufferProblem::Refused { .. }), "destroyed");
}

#[test]
fn reports_buffers_that_wgpu_refuses_in_wgpus_own_words() {
    // Two devices of one instance: wgpu cannot always tell buffers of two instances apart.
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::NOOP;
    descriptor.backend_options.noop = wgpu::NoopBackendOptions::enabled();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).unwrap();
    let [gpu, other] = [(); 2].map(|()| {
        let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
        device.on_uncaptured_error(std::sync::Arc::new(|error| panic!("the app's handler was given {error}")));
        Gpu::from_wgpu(&device, &queue).unwrap()
    });
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    let foreign = rows(&other, 4, 2);
    assert_refused!(
        network.forward(&foreign, &rows(&gpu, 4, 2)),
        buffer!(BufferProblem::Refused { .. }),
        "wgrad tiled_forward",
        "evice"
    );
    let destroyed = rows(&gpu, 4, 2);
    destroyed.buffer().destroy();
    assert_refused!(
        network.forward(&destroyed, &rows(&gpu, 4, 2)),
        buffer!(BufferProblem::Refused { .. }),
        "wgrad tiled_forward",
        "refused by wgpu; use one of the same device",
        "destroyed"
    );
    // The same as samples to train on, by any plan.
    for (unusable, words) in [(&foreign, "evice"), (&destroyed, "destroyed")] {
        let data = Dataset::from_buffers(&gpu, unusable.clone(), rows(&gpu, 4, 2)).unwrap();
        for plan in [Plan::Auto, Plan::Layered, Plan::Plain] {
            let trainer = Trainer::new(&network, &data, TrainConfig { plan, ..Default::default() });
            let error = trainer.map(drop).unwrap_err();
            assert!(matches!(&error, buffer!(BufferProblem::Refused { .. })), "{plan}: {error}");
            assert!(error.to_string().contains(words), "{plan}: {error}");
        }
    }
    // A number that no buffer of this instance has, at which wgpu panics.
    let elsewhere = noop();
    let foreign = (0..200).map(|_| rows(&elsewhere, 4, 2)).collect::<Vec<_>>();
    let forward = network.forward(&foreign[199], &rows(&gpu, 4, 2));
    assert_refused!(forward, buffer!(BufferProblem::Refused { .. }), "wgrad tiled_forward");
    let readable = Rows::from_slice(&elsewhere, 2, &[0.0; 8]).unwrap();
    assert_refused!(readable.read(&gpu), buffer!(BufferProblem::Refused { .. }), "readback", "of the same device");
}

#[test]
fn refuses_the_queue_of_another_device() {
    let [(device, queue), (other, other_queue)] = [(); 2].map(|()| wgpu::Device::noop(&Default::default()));
    for device in [&device, &other] {
        device.on_uncaptured_error(std::sync::Arc::new(|error| panic!("the app's handler was given {error}")));
    }
    assert!(Gpu::from_wgpu(&device, &queue).is_ok() && Gpu::from_wgpu(&other, &other_queue).is_ok());
    assert_refused!(Gpu::from_wgpu(&device, &other_queue), Error::OtherQueue, "another device's", "request_device");
    assert_refused!(Gpu::from_wgpu(&other, &queue), Error::OtherQueue, "Gpu::from_wgpu");
}
