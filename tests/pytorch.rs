//! PyTorch itself trains the same networks: where Python has torch. `WGRAD_TEST_PYTHON` names another Python.

mod common;

use std::process::Command;

use common::*;
use serde_json::{Value, json};
use wgrad::reference::Order;
use wgrad::{Dataset, Decay, Loss, Mlp, Network, Optimizer, Plan, TrainConfig, Trainer};

const SAMPLES: usize = 12;
const STEPS: u64 = 1_000;

/// Trains as PyTorch's users do, in f32 and in f64, and prints the weights.
const PYTORCH: &str = r#"
import json, sys, torch
from torch import nn
job = json.load(sys.stdin)
torch.set_num_threads(1)
def train(dtype):
    t = lambda values, *shape: torch.tensor(values, dtype=torch.float32).to(dtype).reshape(*shape)
    x, y = t(job["inputs"], -1, 3), t(job["targets"], -1, 2)
    net = nn.Sequential(nn.Linear(3, 6), eval("nn." + job["activation"]), nn.Linear(6, 2)).to(dtype)
    flat = t(job["parameters"], -1)
    with torch.no_grad():
        net[0].weight.copy_(flat[:18].reshape(3, 6).T); net[0].bias.copy_(flat[18:24])
        net[2].weight.copy_(flat[24:36].reshape(6, 2).T); net[2].bias.copy_(flat[36:])
    loss = eval(job["loss"])
    optimizer = eval("torch.optim." + job["optimizer"])(net.parameters(), lr=job["rate"], **job["options"])
    schedule = eval("torch.optim.lr_scheduler." + job["schedule"]) if job["schedule"] else None
    for step in range(job["steps"]):
        rows = slice(step % 3 * 4, step % 3 * 4 + 4)
        optimizer.zero_grad()
        loss(net(x[rows]), y[rows]).backward()
        if job["clip"]:
            nn.utils.clip_grad_norm_(net.parameters(), job["clip"])
        optimizer.step()
        if schedule:
            schedule.step()
    parts = net[0].weight.T, net[0].bias, net[2].weight.T, net[2].bias
    return torch.cat([part.reshape(-1) for part in parts]).tolist()
print(json.dumps([train(torch.float32), train(torch.float64)]))
"#;

/// A training, in our words and in PyTorch's.
struct Job {
    mlp: Mlp,
    config: TrainConfig,
    pytorch: Value,
}

fn job(hidden: fn(Mlp) -> Mlp, config: TrainConfig, pytorch: Value) -> Job {
    let mlp = hidden(Mlp::inputs(3).linear(6).bias()).linear(2).bias();
    Job { mlp, config: TrainConfig { batch_size: 4, plan: Plan::Plain, ..config }, pytorch }
}

/// Adam and AdamW.
fn adaptive_jobs() -> Vec<Job> {
    let default = TrainConfig::default;
    vec![
        job(
            Mlp::tanh,
            TrainConfig { loss: Loss::MeanSquaredError, ..TrainConfig::adam() },
            json!({"activation": "Tanh()", "loss": "nn.MSELoss()", "optimizer": "Adam", "rate": 0.001, "options": {}}),
        ),
        job(
            Mlp::silu,
            TrainConfig {
                loss: Loss::CrossEntropy { label_smoothing: 0.125 },
                optimizer: Optimizer::adamw(),
                learning_rate: 0.002,
                weight_decay: 0.0625,
                ..default()
            },
            json!({"activation": "SiLU()", "loss": "nn.CrossEntropyLoss(label_smoothing=0.125)", "optimizer": "AdamW",
                "rate": 0.002, "options": {"weight_decay": 0.0625}}),
        ),
        job(
            Mlp::gelu,
            TrainConfig { loss: Loss::BinaryCrossEntropy, weight_decay: 0.03125, ..TrainConfig::adam() },
            json!({"activation": "GELU(approximate='tanh')", "loss": "nn.BCEWithLogitsLoss()", "optimizer": "Adam",
                "rate": 0.001, "options": {"weight_decay": 0.03125}}),
        ),
    ]
}

/// Momentum and plain descent.
fn other_jobs() -> Vec<Job> {
    let default = TrainConfig::default;
    vec![
        job(
            Mlp::elu,
            TrainConfig {
                loss: Loss::Huber { delta: 0.25 },
                optimizer: Optimizer::nesterov(0.9),
                learning_rate: 0.01,
                weight_decay: 0.0078125,
                schedule: Decay::Steps { first: 200, every: 200, factor: 0.5 }.into(),
                ..default()
            },
            json!({"activation": "ELU()", "loss": "nn.HuberLoss(delta=0.25)", "optimizer": "SGD", "rate": 0.01,
                "options": {"momentum": 0.9, "nesterov": true, "weight_decay": 0.0078125},
                "schedule": "StepLR(optimizer, 200, 0.5)"}),
        ),
        job(
            Mlp::softplus,
            TrainConfig {
                loss: Loss::MeanSquaredError,
                optimizer: Optimizer::momentum(0.8),
                learning_rate: 0.02,
                clip_norm: Some(0.125),
                schedule: Decay::Cosine { steps: 1_000, floor: 0.0 }.into(),
                ..default()
            },
            json!({"activation": "Softplus()", "loss": "nn.MSELoss()", "optimizer": "SGD", "rate": 0.02,
                "options": {"momentum": 0.8}, "clip": 0.125, "schedule": "CosineAnnealingLR(optimizer, 1000)"}),
        ),
        job(
            Mlp::sigmoid,
            TrainConfig { schedule: Decay::Exponential { factor: 0.999 }.into(), ..default() },
            json!({"activation": "Sigmoid()", "loss": "lambda y, t: 0.5 * ((y - t) ** 2).sum(1).mean()",
                "optimizer": "SGD", "rate": 0.1, "options": {}, "schedule": "ExponentialLR(optimizer, 0.999)"}),
        ),
    ]
}

/// PyTorch's weights, in f32 and in f64.
fn by_pytorch(python: &str, job: &Job, data: [&[f32]; 3]) -> [Vec<f64>; 2] {
    let mut request = json!({"clip": null, "schedule": null, "steps": STEPS,
        "inputs": data[0], "targets": data[1], "parameters": data[2]});
    let fields = request.as_object_mut().unwrap();
    fields.extend(job.pytorch.as_object().unwrap().clone());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.json");
    std::fs::write(&path, request.to_string()).unwrap();
    let output =
        Command::new(python).args(["-c", PYTORCH]).stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_thousand_steps_of_pytorchs_end_with_the_same_weights_where_it_is_installed() {
    let python = std::env::var("WGRAD_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success()) {
        say("PyTorch is not installed: training was not compared with it");
        return;
    }
    let (inputs, targets) = (normal(1, SAMPLES * 3), uniform(2, SAMPLES * 2));
    for job in adaptive_jobs().into_iter().chain(other_jobs()) {
        let Job { mlp, config, .. } = &job;
        let what = format!("{mlp}, {}, {}", config.loss, config.optimizer);
        let initial = mlp.initial_parameters(3).unwrap();
        let [f32s, f64s] = by_pytorch(&python, &job, [&inputs, &targets, &initial]);

        let mut descent = descent_of(mlp, config);
        // PyTorch has the rate that was written, not the f32 nearest to it.
        descent.learning_rate = job.pytorch["rate"].as_f64().unwrap();
        let order = Order { samples: SAMPLES as u32, batch_size: 4, shuffle: None };
        let reference = reference_training(mlp, 3, (&inputs, &targets), order, config.learning_rate);
        let mut reference = reference.with_loss(config.loss).with_descent(descent);
        reference.train_steps(STEPS).unwrap();
        let difference = f64_l2(&reference.network.parameters(), &f64s);
        assert!(difference <= 1e-10, "{what}: the reference is {difference:e} from PyTorch in f64");

        let network = Network::new(gpu(), mlp, 3).unwrap();
        let data = Dataset::from_slices(gpu(), SAMPLES, &inputs, &targets).unwrap();
        let mut trainer = Trainer::new(&network, &data, config.clone()).unwrap();
        case::record(&mut trainer, STEPS);
        let found = network.read_parameters().unwrap();
        let distance = relative_l2(&found, &f32s);
        assert!(distance <= 1e-5, "{what}: the GPU is {distance:e} from PyTorch in f32");
        say(&format!("PyTorch trained {what}: the GPU is {distance:.1e} off, the reference {difference:.1e}"));
    }
}

fn f64_l2(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = square(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    (difference / square(&mut expected.iter().copied())).sqrt()
}
