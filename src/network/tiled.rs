//! The passes by the tiled kernels: a dispatch for each linear layer and the sigmoid layer after it.

use super::{Forward, Network};
use crate::error::Result;
use crate::kernels::tiles::{self, Fused, Input, Layer, Output, Weights};
use crate::kernels::{self, Dispatch};
use crate::matrix::Rows;
use crate::mlp::Stage;

/// A pass forward: the activations before the first stage and after each, and the dispatches.
pub(super) fn forward(
    network: &Network,
    operation: &'static str,
    stages: &[Stage],
    [input_rows, output]: [&Rows; 2],
) -> Result<(Vec<Rows>, Vec<Dispatch>)> {
    let samples = input_rows.shape().rows;
    let mut activations = vec![input_rows.clone()];
    let mut dispatches = Vec::new();
    for (s, stage) in stages.iter().enumerate() {
        let is_last = s + 1 == stages.len();
        let y = match is_last {
            true => output.clone(),
            false => Rows::create_in_quads(&network.gpu, operation, "activations", samples, stage.outputs.into())?,
        };
        let w = network.layer_rows(&network.parameters, stage.layer);
        let layer = Layer {
            x: Input::Rows(&activations[s]),
            w: &w,
            bias: stage.bias,
            sigmoid: stage.sigmoids > 0,
            // The rows fit in 32 bits, since their bytes do.
            rows: samples as u32,
            batch: None,
        };
        dispatches.push(tiles::forward(&network.gpu, layer, Output::Rows(&y))?);
        activations.push(y);
    }
    Ok((activations, dispatches))
}

/// The pass backwards: the dispatches that write the derivatives by the parameters, and where it is given by the input.
pub(super) fn backward(
    forward: &Forward,
    operation: &'static str,
    stages: &[Stage],
    d_output: &Rows,
    d_input: Option<&Rows>,
    d_parameters: &wgpu::Buffer,
) -> Result<Vec<Dispatch>> {
    let (network, activations) = (&forward.network, &forward.activations);
    let gpu = &network.gpu;
    let samples = activations[0].shape().rows;
    let create =
        |width: u32| Rows::create_in_quads(gpu, operation, "derivatives by activations", samples, width.into());
    let mut dispatches = Vec::new();
    // The derivative by a stage's sums; the last stage's come from the caller's by its output.
    let mut d_sums = None;
    if let Some(last) = stages.last().filter(|stage| stage.sigmoids > 0) {
        let rows = create(last.outputs)?;
        dispatches.push(kernels::sigmoid_backward(gpu, d_output, &activations[stages.len()], &rows)?);
        d_sums = Some(rows);
    }
    for (s, stage) in stages.iter().enumerate().rev() {
        let d = d_sums.as_ref().unwrap_or(d_output);
        let d_weights = network.layer_rows(d_parameters, stage.layer);
        let operands = [&activations[s], d].map(Input::Rows);
        let weights = Weights::Derivatives(&d_weights);
        dispatches.extend(tiles::update(gpu, operands, weights, stage.bias, samples as u32, None)?);
        let w = network.layer_rows(&network.parameters, stage.layer);
        match (s.checked_sub(1), d_input) {
            (None, None) => {}
            (None, Some(d_input)) => dispatches.push(tiles::backward(gpu, d, &w, d_input, Fused::default())?),
            (Some(before), _) => {
                let d_x = create(stage.inputs)?;
                let sigmoid = stages[before].sigmoids > 0;
                let fused = Fused { y: sigmoid.then_some(&activations[s]), sigmoid, update: None };
                dispatches.push(tiles::backward(gpu, d, &w, &d_x, fused)?);
                d_sums = Some(d_x);
            }
        }
    }
    Ok(dispatches)
}
