//! A yardstick: the XOR network trained with Burn on its wgpu backend, with autodiff.
//!
//! usage: cargo run --release -- [STEPS]
//!        cargo run --release --features fusion,autotune -- [STEPS]    as with burn's default features
//!
//! 2-30-2, linear layers without bias, sigmoid after each, loss 1/2 * sum (y - t)^2, SGD at learning rate
//! 0.1, one sample per step, the four samples in order. The samples are on the device before the clock starts,
//! and nothing is read back until it has stopped: the program waits for the device once, at the end.
//!
//! Prints one line: name, job, steps, seconds, microseconds per step. After 20,000 steps or more it also checks
//! that the four classes are right, and exits with 1 if they are not. Needs a GPU or a software driver that
//! wgpu finds (Vulkan, Metal, Direct3D 12).

use std::{process::exit, time::Instant};

use burn::{
    module::Initializer,
    nn::{Linear, LinearConfig, Sigmoid},
    optim::{GradientsParams, SgdConfig},
    prelude::*,
};

const RATE: f64 = 0.1;
const X: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const T: [[f32; 2]; 4] = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];

#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    output: Linear,
    sigmoid: Sigmoid,
}

impl Net {
    fn new(device: &Device) -> Self {
        let linear = |inputs: usize, outputs| {
            let normal = Initializer::Normal { mean: 0.0, std: (inputs as f64).powf(-0.5) };
            LinearConfig::new(inputs, outputs).with_bias(false).with_initializer(normal).init(device)
        };
        Self { hidden: linear(2, 30), output: linear(30, 2), sigmoid: Sigmoid::new() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.sigmoid.forward(self.hidden.forward(x));
        self.sigmoid.forward(self.output.forward(x))
    }
}

fn train(mut net: Net, samples: &[(Tensor<2>, Tensor<2>)], steps: usize) -> Net {
    let mut optimizer = SgdConfig::new().init();
    for (x, t) in samples.iter().cycle().take(steps) {
        let loss = (net.forward(x.clone()) - t.clone()).square().sum() * 0.5;
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimizer.step(RATE, net, gradients);
    }
    net
}

fn class(y: &[f32]) -> usize {
    usize::from(y[1] > y[0])
}

fn main() {
    let steps: usize = match std::env::args().nth(1).map_or(Ok(2_000), |steps| steps.parse()) {
        Ok(steps) if steps > 0 => steps,
        _ => {
            eprintln!("usage: burn-peer [STEPS]");
            exit(2);
        }
    };
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    device.seed(1);
    let samples: Vec<_> = std::iter::zip(X, T)
        .map(|(x, t)| (Tensor::<2>::from_floats([x], &device), Tensor::<2>::from_floats([t], &device)))
        .collect();

    train(Net::new(&device), &samples, (steps / 10).max(100)); // warm-up, on another network
    device.sync().expect("the warm-up ran");
    let net = Net::new(&device);
    let start = Instant::now();
    let net = train(net, &samples, steps);
    device.sync().expect("the steps ran");
    let seconds = start.elapsed().as_secs_f64();

    let per_step = seconds / steps as f64 * 1e6;
    let name = if cfg!(feature = "fusion") { "burn-wgpu-fusion" } else { "burn-wgpu" };
    println!("{name} xor 2-30-2 batch 1: {steps} steps, {seconds:.3} s, {per_step:.2} us/step");
    let outputs = net.forward(Tensor::from_floats(X, &device)).into_data().try_to_vec::<f32>().expect("f32 outputs");
    if steps >= 20_000 && std::iter::zip(outputs.chunks(2), T).any(|(y, t)| class(y) != class(&t)) {
        eprintln!("burn xor: the classes are wrong: {outputs:?}");
        exit(1);
    }
}
