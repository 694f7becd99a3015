//! The passes by the tiled kernels: per layer one forward, one backward and one weight kernel. For a network's passes, and
//! for the layered plan, which fuses the gather, the loss and the weight update into them.

use crate::activation::Activation;
use crate::codegen::Layer;
use crate::error::Result;
use crate::kernels::tiles::{self, Batch, ForwardLayer, Fused, Input, Output, Weights};
use crate::kernels::{self, Dispatch};
use crate::network::Network;
use crate::rows::Rows;

/// A forward pass over `rows` rows: the outputs of the hidden layers, and the dispatches.
pub(crate) fn forward(
    network: &Network,
    operation: &'static str,
    input: Input<'_>,
    rows: u32,
    output: Output<'_>,
    batch: Option<Batch<'_>>,
) -> Result<(Vec<Rows>, Vec<Dispatch>)> {
    let gpu = network.gpu();
    let layers = Layer::of(network.mlp());
    let mut hidden = Vec::<Rows>::new();
    let mut dispatches = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let w = network.layer_rows(network.parameters(), l);
        let x = hidden.last().map_or(input, Input::Rows);
        let Layer { outputs, bias, activation, .. } = *layer;
        let layer = ForwardLayer { x, w: &w, bias, activation, rows, batch };
        if l + 1 == layers.len() {
            dispatches.push(tiles::forward(gpu, layer, output)?);
        } else {
            let y = Rows::create_padded(gpu, operation, "activations", rows.into(), outputs.into())?;
            dispatches.push(tiles::forward(gpu, layer, Output::Rows(&y))?);
            hidden.push(y);
        }
    }
    Ok((hidden, dispatches))
}

/// What a backward pass does with the gradient with respect to the weights.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// Writes it, summed over the rows, to a buffer with the layout of the parameters.
    Written { gradients: &'a wgpu::Buffer, batch: Option<Batch<'a>> },
    /// Updates the weights by gradient descent. Given the partial losses, the pass also ends the training step.
    Descent { batch: Batch<'a>, ends_step: Option<&'a Rows> },
}

/// The operands of a backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackwardPass<'a> {
    pub input: Input<'a>,
    pub rows: u32,
    /// The outputs of the hidden layers.
    pub hidden: &'a [Rows],
    /// The gradient with respect to the last layer's pre-activations.
    pub d_last: &'a Rows,
    /// The rows for the gradient with respect to the input, if needed.
    pub d_input: Option<&'a Rows>,
    pub purpose: Purpose<'a>,
}

/// A backward pass: the gradients with respect to the hidden layers' pre-activations, and the dispatches.
pub(crate) fn backward(
    network: &Network,
    operation: &'static str,
    pass: BackwardPass<'_>,
) -> Result<(Vec<Rows>, Vec<Dispatch>)> {
    let BackwardPass { input, rows, hidden, d_last, d_input, purpose } = pass;
    let gpu = network.gpu();
    let layers = Layer::of(network.mlp());
    let create = |layer: &Layer| {
        let what = "gradient with respect to pre-activations";
        Rows::create_padded(gpu, operation, what, rows.into(), layer.outputs.into())
    };
    let d_hidden = layers[..layers.len() - 1].iter().map(create).collect::<Result<Vec<_>>>()?;
    let d = |l: usize| d_hidden.get(l).unwrap_or(d_last);
    let w = (0..layers.len()).map(|l| network.layer_rows(network.parameters(), l)).collect::<Vec<_>>();

    // Each gradient is computed with the weights as they were before any update.
    let mut dispatches = Vec::new();
    let fused_update = |l: usize| match purpose {
        Purpose::Descent { batch, .. } if l > 0 && tiles::update_fits_in_backward(gpu, &layers[l], rows) => Some(batch),
        _ => None,
    };
    for l in (1..layers.len()).rev() {
        let activation = layers[l - 1].activation;
        let update = fused_update(l).map(|batch| (batch, layers[l].bias));
        let reads_input = activation != Activation::Identity || update.is_some();
        let fused = Fused { y: reads_input.then_some(&hidden[l - 1]), activation, update };
        dispatches.push(tiles::backward(gpu, d(l), &w[l], d(l - 1), fused)?);
    }
    if let Some(d_input) = d_input {
        dispatches.push(tiles::backward(gpu, d(0), &w[0], d_input, Fused::default())?);
    }
    // The first layer's update comes last: it is never fused into a backward kernel, so it can end the step.
    for (l, layer) in layers.iter().enumerate().rev().filter(|&(l, _)| fused_update(l).is_none()) {
        let x = l.checked_sub(1).map_or(input, |before| Input::Rows(&hidden[before]));
        let operands = [x, Input::Rows(d(l))];
        dispatches.extend(match purpose {
            Purpose::Written { gradients, batch } => {
                let d_weights = network.layer_rows(gradients, l);
                tiles::update(gpu, operands, Weights::Gradients(&d_weights), layer.bias, rows, batch)?
            }
            Purpose::Descent { batch, ends_step } => {
                let weights = Weights::Descend { w: &w[l], ends_step: ends_step.filter(|_| l == 0) };
                tiles::update(gpu, operands, weights, layer.bias, rows, Some(batch))?
            }
        });
    }
    Ok((d_hidden, dispatches))
}

/// The backward pass of a forward pass with these activations, from the gradient with respect to its output.
pub(super) fn backward_of_forward(
    network: &Network,
    operation: &'static str,
    activations: &[Rows],
    (d_output, d_input): (&Rows, Option<&Rows>),
    d_parameters: &wgpu::Buffer,
) -> Result<Vec<Dispatch>> {
    let gpu = network.gpu();
    let [input, hidden @ .., output] = activations else { return Ok(Vec::new()) };
    let samples = input.shape().rows;
    let mut dispatches = Vec::new();
    let mut d_last = d_output.clone();
    let last = network.mlp().layers().last();
    if last.is_some_and(|layer| layer.activation == Activation::Sigmoid) {
        let what = "gradient with respect to pre-activations";
        d_last = Rows::create_padded(gpu, operation, what, samples, output.shape().columns)?;
        dispatches.push(kernels::sigmoid_backward(gpu, d_output, output, &d_last)?);
    }
    // The rows fit in 32 bits, since their bytes do.
    let (input, rows) = (Input::Rows(input), samples as u32);
    let purpose = Purpose::Written { gradients: d_parameters, batch: None };
    let pass = BackwardPass { input, rows, hidden, d_last: &d_last, d_input, purpose };
    dispatches.extend(backward(network, operation, pass)?.1);
    Ok(dispatches)
}
