//! Data sets that cannot be.

use wgrad::{BytesConfig, Dataset, Error, Network, Rows, TrainConfig, Trainer, wgpu};

use super::{noop, xor_mlp};

#[test]
fn refuses_data_sets_that_cannot_be() {
    let gpu = noop();
    // As f32 sixty thousand digits do not fit in a binding, as bytes they do.
    let (pixels, labels) = (vec![0u8; 60_000 * 784], vec![9u8; 60_000]);
    let numbers = vec![0f32; 60_000 * 784];
    let too_large = Dataset::from_slices(&gpu, 60_000, &numbers, &[0.0; 60_000]);
    assert_refused!(
        too_large,
        Error::TooLarge { allowed: 134_217_728, .. },
        "needs 188160000 bytes",
        "max_storage_buffer_binding_size",
        "Dataset::from_bytes"
    );
    assert!(Dataset::from_bytes(&gpu, 60_000, &pixels, &labels, BytesConfig::default()).is_ok());

    let from_bytes =
        |samples, inputs: &[u8], classes: &[u8], config| Dataset::from_bytes(&gpu, samples, inputs, classes, config);
    let ten = BytesConfig::default();
    assert_refused!(from_bytes(0, &[], &[], ten), Error::Zero { .. }, "number of samples");
    assert_refused!(from_bytes(2, &[], &[0; 2], ten), Error::Zero { .. }, "width");
    assert_refused!(from_bytes(2, &[1; 5], &[0; 2], ten), Error::Length { expected: 6, found: 5, .. }, "inputs");
    assert_refused!(from_bytes(2, &[1; 4], &[0; 3], ten), Error::Length { expected: 2, found: 3, .. }, "classes");
    assert_refused!(
        from_bytes(2, &[1; 4], &[9, 10], ten),
        Error::NoSuchClass { index: 1, class: 10, classes: 10, .. },
        "classes[1] is 10"
    );
    let none = BytesConfig { classes: 0, ..ten };
    assert_refused!(from_bytes(1, &[1], &[0], none), Error::Zero { .. }, "number of classes");
    let infinite = BytesConfig { inputs: [0.0, f32::INFINITY], ..ten };
    assert_refused!(from_bytes(1, &[1], &[0], infinite), Error::NotFinite { index: 1, .. }, "config.inputs[1]");

    for (capacity, inputs, targets) in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
        assert_refused!(
            Dataset::with_capacity(&gpu, capacity, inputs, targets),
            Error::Zero { .. },
            "Dataset::with_capacity"
        );
    }
    let data = Dataset::with_capacity(&gpu, 4, 2, 1).unwrap();
    assert_refused!(data.write_rows(0, &[1.0; 4], &[1.0]), Error::Length { expected: 2, found: 1, .. }, "targets");
    assert_refused!(data.write_rows(0, &[1.0; 3], &[1.0]), Error::Length { expected: 2, found: 3, .. }, "inputs");
    assert_refused!(data.write_rows(0, &[1.0, f32::NAN], &[1.0]), Error::NotFinite { .. }, "inputs[1]");
    assert_refused!(
        data.write_rows(1, &[1.0; 2], &[1.0]),
        Error::NoRoom { first: 1, rows: 1, count: 0, capacity: 4 },
        "room for 4"
    );
    data.write_rows(0, &[1.0; 6], &[1.0; 3]).unwrap();
    assert_refused!(data.write_rows(2, &[1.0; 6], &[1.0; 3]), Error::NoRoom { first: 2, rows: 3, .. }, "has 3");
    assert_refused!(data.write_rows(usize::MAX, &[1.0; 2], &[1.0]), Error::NoRoom { .. }, "room for 4");
    assert_eq!(data.samples(), 3);
    let of_bytes = from_bytes(1, &[1], &[0], ten).unwrap();
    assert_refused!(of_bytes.write_rows(0, &[1.0], &[1.0; 10]), Error::NotFloats { .. }, "from_slices");

    // An app's buffer that cannot be copied to.
    let usage = wgpu::BufferUsages::STORAGE;
    let buffer =
        gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    let rows = Rows::new(&buffer, 1);
    let app = Dataset::from_buffers(&gpu, rows.clone(), rows).unwrap();
    assert_refused!(app.write_rows(0, &[1.0], &[1.0]), Error::BufferUsage { .. }, "COPY_DST");

    let growing = app.with_samples(1).unwrap();
    assert_refused!(
        growing.write_samples(0),
        Error::SampleCount { samples: 0, least: 1, capacity: 4, .. },
        "Dataset::write_samples",
        "choose 1 to 4"
    );
    assert_refused!(growing.write_samples(5), Error::SampleCount { samples: 5, .. }, "5 samples");
    assert_refused!(app.with_samples(usize::MAX), Error::SampleCount { .. }, "Dataset::with_samples", "0 to 4");
    assert_eq!((growing.samples(), app.samples()), (1, 4));

    let empty = Dataset::with_capacity(&gpu, 4, 2, 2).unwrap();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    assert_refused!(network.evaluate(&empty), Error::Zero { operation: "Network::evaluate", .. }, "samples");
    assert_refused!(network.classify(&empty), Error::Zero { operation: "Network::classify", .. }, "samples");
    let batch_of_five = TrainConfig { batch_size: 5, ..Default::default() };
    assert_refused!(
        Trainer::new(&network, &empty, batch_of_five),
        Error::BatchSize { batch_size: 5, samples: 4 },
        "1 to 4"
    );
}
