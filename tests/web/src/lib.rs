//! XOR by each plan, for a comparison of a browser with the native program: the same code for both.

use serde_json::json;
use web_time::Instant;
use wgrad::{Dataset, Error, Gpu, Mlp, Network, Plan, Result, TrainConfig, Trainer};

const X: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const T: [[f32; 2]; 4] = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];

/// Trains a network 2-30-2 of seed 1 for so many epochs of four steps, and returns as JSON: `plan`, `loss`, `outputs` for the four
/// samples, all `parameters`, and `steps_per_second`, of the epochs after the first, for which drivers compile.
///
/// # Errors
/// [`Error::PlanUnavailable`] for a plan that the device does not allow, and what else training returns.
pub async fn xor(gpu: &Gpu, plan: Plan, epochs: u32) -> Result<String> {
    let mlp = Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid();
    let network = Network::new(gpu, &mlp, 1)?;
    let data = Dataset::new(gpu, &X, &T)?;
    let config = TrainConfig { learning_rate: 0.1, plan, ..TrainConfig::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    trainer.train_async(1, |_| ()).await?;
    let start = Instant::now();
    let epochs = u64::from(epochs.max(2)) - 1;
    trainer.train_async(epochs, |_| ()).await?;
    let seconds = start.elapsed().as_secs_f64();
    let loss = trainer.read_loss_async().await?.map(|report| report.loss);
    let result = json!({
        "plan": plan.name(),
        "loss": loss,
        "outputs": network.predict_async(X.as_flattened()).await?,
        "parameters": network.read_parameters_async().await?,
        "steps_per_second": (epochs * trainer.steps_per_epoch()) as f64 / seconds,
    });
    Ok(result.to_string())
}

/// [`xor`] of all plans, a line of JSON each: the result, or `plan` and `error`.
///
/// # Errors
/// [`Error::NoAdapter`] and what else opening a device returns.
pub async fn xor_by_name(plan: &str, epochs: u32) -> Result<String> {
    let gpu = Gpu::request().await?;
    match xor(&gpu, plan.parse()?, epochs).await {
        Err(error @ Error::PlanUnavailable { .. }) => {
            Ok(json!({ "plan": plan, "error": error.to_string() }).to_string())
        }
        result => result,
    }
}

/// For a page.
#[cfg(target_family = "wasm")]
#[wasm_bindgen::prelude::wasm_bindgen(js_name = xor)]
pub async fn xor_on_a_page(plan: String, epochs: u32) -> std::result::Result<String, String> {
    xor_by_name(&plan, epochs).await.map_err(|error| error.to_string())
}
