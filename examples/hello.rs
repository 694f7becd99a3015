//! The README's quick start: a network 2-30-2 learns XOR on the GPU.
//!
//! cargo run --release --example hello

use wgrad::{Dataset, Gpu, Mlp, Network, TrainConfig, Trainer, class_of};

fn main() -> wgrad::Result<()> {
    let gpu = Gpu::headless()?; // WGPU_BACKEND and WGPU_ADAPTER_NAME choose among several
    let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
    let network = Network::new(&gpu, &mlp, 1)?; // the initial weights of seed 1

    // Class 0 or class 1: the larger output says which.
    let x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let t = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];
    let data = Dataset::new(&gpu, &x, &t)?;

    let mut trainer = Trainer::new(&network, &data, TrainConfig { learning_rate: 0.1, ..Default::default() })?;
    trainer.train(10_000, |progress| println!("epoch {}, loss {:.4}", progress.epoch, progress.report.loss))?;

    for (x, t) in x.iter().zip(&t) {
        let y = network.predict(x)?;
        println!("{x:?} gives {y:.3?}: class {}", class_of(&y));
        assert_eq!(class_of(&y), class_of(t));
    }
    Ok(())
}
