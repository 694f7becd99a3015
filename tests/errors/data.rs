//! Data sets that cannot be.

use wgrad::BufferProblem::LacksUsage;
use wgrad::{BytesConfig, Dataset, Error, Loss, Network, Rows, TrainConfig, Trainer, wgpu};

use super::{noop, xor_mlp};

#[test]
fn refuses_bytes_that_are_no_data_set() {
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
    assert_refused!(from_bytes(0, &[], &[], ten), count!(0, 1, u64::MAX), "number of samples");
    assert_refused!(from_bytes(2, &[], &[0; 2], ten), count!(0, 1, u64::MAX), "width");
    assert_refused!(from_bytes(2, &[1; 5], &[0; 2], ten), count!(5, 6, 6), "inputs");
    assert_refused!(from_bytes(2, &[1; 4], &[0; 3], ten), count!(3, 2, 2), "classes");
    assert_refused!(
        from_bytes(2, &[1; 4], &[9, 10], ten),
        count!(10, 0, 9),
        "classes[1] is 10",
        "0 to 9",
        "10 classes, numbered from 0"
    );
    let none = BytesConfig { classes: 0, ..ten };
    assert_refused!(from_bytes(1, &[1], &[0], none), count!(0, 1, u64::MAX), "number of classes");
    let infinite = BytesConfig { inputs: [0.0, f32::INFINITY], ..ten };
    assert_refused!(from_bytes(1, &[1], &[0], infinite), Error::NotFinite { index: Some(1), .. }, "config.inputs[1]");
}

#[test]
fn refuses_rows_that_a_data_set_has_no_room_for() {
    let gpu = noop();
    for (capacity, inputs, targets) in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
        assert_refused!(
            Dataset::with_capacity(&gpu, capacity, inputs, targets),
            count!(0, 1, u64::MAX),
            "Dataset::with_capacity"
        );
    }
    let data = Dataset::with_capacity(&gpu, 4, 2, 1).unwrap();
    assert_refused!(data.write_rows(0, &[1.0; 4], &[1.0]), count!(1, 2, 2), "targets");
    assert_refused!(data.write_rows(0, &[1.0; 3], &[1.0]), count!(3, 2, 2), "inputs");
    assert_refused!(data.write_rows(0, &[1.0, f32::NAN], &[1.0]), Error::NotFinite { .. }, "inputs[1]");
    assert_refused!(
        data.write_rows(1, &[1.0; 2], &[1.0]),
        count!(1, 0, 0),
        "the first of 1 rows is 1",
        "has 0 rows with room for 4",
        "begin at 0 or before, and end at 4"
    );
    data.write_rows(0, &[1.0; 6], &[1.0; 3]).unwrap();
    assert_refused!(data.write_rows(2, &[1.0; 6], &[1.0; 3]), count!(5, 0, 4), "3 rows from 2 on is 5", "has 3");
    assert_refused!(data.write_rows(usize::MAX, &[1.0; 2], &[1.0]), count!(u64::MAX, 0, 3), "room for 4");
    assert_eq!(data.samples(), 3);
    let of_bytes = Dataset::from_bytes(&gpu, 1, &[1], &[0], BytesConfig::default()).unwrap();
    assert_refused!(of_bytes.write_rows(0, &[1.0], &[1.0; 10]), Error::NotFloats { .. }, "from_slices");
}

#[test]
fn refuses_samples_that_an_apps_buffer_does_not_hold() {
    let gpu = noop();
    // A buffer that cannot be copied to.
    let usage = wgpu::BufferUsages::STORAGE;
    let buffer =
        gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    let rows = Rows::new(&buffer, 1);
    let app = Dataset::from_buffers(&gpu, rows.clone(), rows).unwrap();
    assert_refused!(app.write_rows(0, &[1.0], &[1.0]), buffer!(LacksUsage { .. }), "COPY_DST");

    let growing = app.with_samples(1).unwrap();
    assert_refused!(
        growing.write_samples(0),
        count!(0, 1, 4),
        "Dataset::write_samples",
        "it must be 1 to 4",
        "rows for 4 samples"
    );
    assert_refused!(growing.write_samples(5), Error::Count { found: 5, .. }, "the number of samples is 5");
    assert_refused!(
        app.with_samples(usize::MAX),
        Error::Count { found: u64::MAX, .. },
        "Dataset::with_samples",
        "0 to 4"
    );
    assert_eq!((growing.samples(), app.samples()), (1, 4));
}

#[test]
fn refuses_to_evaluate_without_samples() {
    let gpu = noop();
    let empty = Dataset::with_capacity(&gpu, 4, 2, 2).unwrap();
    let network = Network::new(&gpu, &xor_mlp(), 0).unwrap();
    assert_refused!(
        network.evaluate(&empty, Loss::SquaredError),
        Error::Count { operation: "Network::evaluate", found: 0, least: 1, most: u64::MAX, .. },
        "samples"
    );
    assert_refused!(
        network.classify(&empty, Loss::SquaredError),
        Error::Count { operation: "Network::classify", found: 0, least: 1, most: u64::MAX, .. },
        "samples"
    );
    let batch_of_five = TrainConfig { batch_size: 5, ..Default::default() };
    assert_refused!(Trainer::new(&network, &empty, batch_of_five), count!(5, 1, 4), "1 to 4");
}
