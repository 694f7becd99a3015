//! PyTorch reads saved files.

use std::process::Command;

use wgrad::{Mlp, Network};

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

#[test]
fn pytorch_loads_saved_files_where_it_is_installed() {
    let python = std::env::var("WGRAD_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success()) {
        say("PyTorch is not installed: not tested");
        return;
    }
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
