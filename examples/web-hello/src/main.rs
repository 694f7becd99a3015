//! The quick start on a page: a network 2-30-2 learns XOR on the GPU, through the browser's WebGPU.
//!
//! tools/web hello

use wgrad::{Dataset, Gpu, Mlp, Network, TrainConfig, Trainer, class_of};

fn main() {
    wasm_bindgen_futures::spawn_local(async {
        if let Err(error) = learn().await {
            say(&format!("error: {error}"));
        }
    });
}

async fn learn() -> wgrad::Result<()> {
    let gpu = Gpu::request().await?;
    let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
    let network = Network::new(&gpu, &mlp, 1)?;

    // Class 0 or class 1: the larger output says which.
    let x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let t = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];
    let data = Dataset::new(&gpu, &x, &t)?;

    let mut trainer = Trainer::new(&network, &data, TrainConfig { learning_rate: 0.1, ..Default::default() })?;
    let report = |at: wgrad::Progress| say(&format!("epoch {}, loss {:.4}", at.epoch, at.report.loss));
    trainer.train_async(10_000, report).await?;

    for x in &x {
        let y = network.predict_async(x).await?;
        say(&format!("{x:?} gives {y:.3?}: class {}", class_of(&y)));
    }
    Ok(())
}

/// Adds a line to the page.
fn say(line: &str) {
    let page = web_sys::window().and_then(|window| window.document()).and_then(|page| page.get_element_by_id("said"));
    page.map(|said| said.append_with_str_1(&format!("{line}\n")));
}
