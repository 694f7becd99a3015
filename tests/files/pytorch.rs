//! PyTorch reads saved files.

use std::path::Path;
use std::process::{Command, Stdio};

use wgrad::{Activation, Encoding, HashGrid, Mlp, Network};

use crate::common::*;
use crate::notes::notes;

/// Loads a file into `nn.Sequential` by `load_state_dict`, and prints its output for one input.
const PYTORCH: &str = r#"
import json, struct, sys, torch
from torch import nn
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header, data = json.loads(data[8:8 + length]), data[8 + length:]
header.pop("__metadata__")
def tensor(entry):
    begin, end = entry["data_offsets"]
    return torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
net = nn.Sequential(nn.Linear(3, 5), nn.GELU(approximate='tanh'), nn.Linear(5, 4, bias=False), nn.LeakyReLU(0.2),
    nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 2), nn.Softmax(dim=1))
net.load_state_dict({name: tensor(entry) for name, entry in header.items()})
print(*net(torch.tensor([[0.5, -1.0, 2.0]])).flatten().tolist())
"#;

/// A Python that imports these modules.
fn python_with(modules: &str) -> Option<String> {
    let python = std::env::var("WGRAD_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imported = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    imported.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn pytorch_loads_saved_files_where_it_is_installed() {
    let Some(python) = python_with("torch") else {
        say("PyTorch is not installed: not tested");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let mlp = Mlp::inputs(3).linear(5).bias().gelu().linear(4).leaky_relu(0.2);
    let mlp = mlp.linear(4).bias().silu().linear(2).bias().softmax();
    let network = Network::from_parameters(gpu(), &mlp, &normal(51, mlp.parameter_count())).unwrap();
    network.save_with_notes(&path, &notes()).unwrap();
    let output = Command::new(&python).args(["-c", PYTORCH]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = String::from_utf8_lossy(&output.stdout);
    let found = words.split_whitespace().map(|word| word.parse::<f32>().unwrap()).collect::<Vec<_>>();
    let expected = network.predict(&[0.5, -1.0, 2.0]).unwrap().into_iter().map(f64::from).collect::<Vec<_>>();
    assert_close("PyTorch's outputs", &found, &expected, |_| 1e-5);
    say("PyTorch loaded the saved file and gave the same outputs");
}

/// Networks with each encoding, among them a smooth grid in space, and one with all activations.
fn encoded() -> Vec<Mlp> {
    let plane = HashGrid { levels: 6, table_log2: 10, per_level_scale: 1.5, ..Default::default() };
    let space = HashGrid { levels: 5, features: 4, table_log2: 12, smoothstep: true, ..plane };
    let encodings = [
        (2, Encoding::Frequency(12)),
        (3, Encoding::OneBlob(16)),
        (3, Encoding::SphericalHarmonics(2)),
        (3, Encoding::SphericalHarmonics(4)),
        (2, Encoding::HashGrid(plane)),
        (3, Encoding::HashGrid(space)),
    ];
    let by_encoding = encodings.map(|(inputs, encoding)| {
        Mlp::inputs(inputs).encoding(encoding).linear(16).bias().relu().linear(16).relu().linear(3)
    });
    let hidden = Activation::ALL.iter().filter(|&&a| !matches!(a, Activation::Identity | Activation::Softmax));
    let by_activations = hidden.fold(Mlp::inputs(2), |mlp, &a| mlp.linear(8).bias().activation(a)).linear(3).softmax();
    by_encoding.into_iter().chain([by_activations]).collect()
}

/// The outputs of a saved network for these inputs, in float64, by the twin in `benches/peers`.
fn by_twin(python: &str, path: &Path, inputs: &[f32], width: usize) -> Vec<f64> {
    let twin = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/torch_picture.py");
    let line = |row: &[f32]| row.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
    let lines = inputs.chunks(width).map(line).collect::<Vec<_>>().join("\n");
    let points = path.with_extension("txt");
    std::fs::write(&points, lines).unwrap();
    let stdin = Stdio::from(std::fs::File::open(&points).unwrap());
    let output = Command::new(python).args([twin, "values"]).arg(path).stdin(stdin).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn pytorchs_twin_of_encodings_gives_the_same_outputs_where_it_is_installed() {
    let Some(python) = python_with("numpy, PIL, safetensors, torch") else {
        say("PyTorch, numpy, pillow and safetensors are not all installed: the twin was not asked");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    for mlp in encoded() {
        let parameters = normal(52, mlp.parameter_count()).into_iter().map(|value| 0.4 * value).collect::<Vec<_>>();
        let network = Network::from_parameters(gpu(), &mlp, &parameters).unwrap();
        network.save(&path).unwrap();
        // The corners of the unit square or cube, and points inside.
        let width = mlp.input_width();
        let corners = (0..1 << width).flat_map(|corner| (0..width).map(move |d| (corner >> d & 1) as f32));
        let inputs = corners.chain(uniform(54, 300 * width)).collect::<Vec<_>>();
        let expected = by_twin(&python, &path, &inputs, width);
        let found = network.predict(&inputs).unwrap();
        let largest = found.iter().zip(&expected).map(|(&found, expected)| (f64::from(found) - expected).abs());
        say(&format!("{mlp}: {:.1e} from PyTorch's twin", largest.fold(0.0, f64::max)));
        assert_close(&format!("{mlp}"), &found, &expected, |_| 2e-5);
    }
}
