//! Files of other programs, whose tensors have other names, are too many, or hold what is no number.

use std::path::Path;

use wgrad::{Error, Mlp, Network};

use crate::common::gpu;

/// A tensor: its name, shape and values.
type Tensor<'a> = (&'a str, &'a [usize], &'a [f32]);

/// Writes a file as PyTorch does: only the tensors, in any order.
pub fn write(path: &Path, tensors: &[Tensor]) {
    let mut end = 0;
    let entries = tensors.iter().map(|(name, shape, values)| {
        let begin = end;
        end += 4 * values.len();
        format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    tensors.iter().for_each(|(.., values)| bytes.extend(bytemuck::cast_slice::<f32, u8>(values)));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn files_of_another_naming_are_told_apart_and_taken_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let network = Network::new(gpu(), &Mlp::inputs(2).linear(1).tanh().linear(2).bias(), 1).unwrap();
    let before = network.read_parameters().unwrap();
    let refused = |result: Result<(), Error>, words: &[&str]| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        let error = error.to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(network.read_parameters().unwrap(), before, "{error}");
    };

    for prefix in ["module.", "_orig_mod.", "body.net."] {
        let [w0, w2, b2] = ["0.weight", "2.weight", "2.bias"].map(|name| format!("{prefix}{name}"));
        write(&path, &[(&w0, &[1, 2], &[1.0, 2.0]), (&w2, &[2, 1], &[3.0, 4.0]), (&b2, &[2], &[5.0, 6.0])]);
        let found = format!("`{prefix}2.bias` [2], `{prefix}2.weight` [2, 1]");
        refused(network.restore(&path), &["other.safetensors", "expected `0.weight`", &found, "restore_named"]);
        network.restore_named(&path, |name| format!("{prefix}{name}")).unwrap();
        assert_eq!(network.read_parameters().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        network.write_parameters(&before).unwrap();
    }

    let names = |name: &str| name.replace("0.", "fc1.").replace("2.", "fc2.");
    let tensors: [Tensor; 4] = [
        ("fc1.weight", &[1, 2], &[1.0, 2.0]),
        ("fc2.weight", &[2, 1], &[3.0, 4.0]),
        ("fc2.bias", &[2], &[5.0, 6.0]),
        ("fc3.bias", &[1], &[7.0]),
    ];
    write(&path, &tensors);
    refused(network.restore_named(&path, names), &["also `fc3.bias`", "only those of 2 → linear 1 → tanh"]);
    write(&path, &tensors[1..3]);
    refused(
        network.restore_named(&path, names),
        &["expected `fc1.weight`", "found `fc2.bias` [2], `fc2.weight` [2, 1]"],
    );
    write(&path, &[tensors[0], ("fc2.weight", &[2, 1], &[3.0, f32::NAN]), tensors[2]]);
    refused(network.restore_named(&path, names), &["tensor `fc2.weight`: found NaN at [1, 0]"]);
    write(&path, &[tensors[0], tensors[1], ("fc2.bias", &[2], &[f32::NEG_INFINITY, 0.0])]);
    refused(network.restore_named(&path, names), &["tensor `fc2.bias`: found -inf at [0]"]);
    write(&path, &[]);
    refused(network.restore(&path), &["found none"]);

    write(&path, &tensors[..3]);
    network.restore_named(&path, names).unwrap();
    assert_eq!(network.read_parameters().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}
