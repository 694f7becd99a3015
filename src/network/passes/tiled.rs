//! The passes by the tiled kernels: per layer one forward, one backward and one weight kernel. For a network's passes, and
//! for the layered plan, which fuses the gather, the loss and the weight update into them.

use super::{LayerRows, Pass};
use crate::activation::Activation;
use crate::codegen::Layer;
use crate::error::Result;
use crate::kernels::tiles::{self, Batch, ForwardLayer, Fused, Input, Output, Weights};
use crate::kernels::{self, Dispatch};
use crate::network::Network;
use crate::rows::Rows;

/// A forward pass over `rows` rows to `output`: the rows of the hidden layers, and the dispatches. It `keeps` what the
/// backward pass needs, or does not.
pub(crate) fn forward(
    network: &Network,
    operation: &'static str,
    (input, rows): (Input<'_>, u32),
    output: Output<'_>,
    batch: Option<Batch<'_>>,
    keeps: bool,
) -> Result<Pass> {
    let gpu = network.gpu();
    let layers = Layer::of(network.mlp());
    let mut hidden = Vec::<LayerRows>::new();
    let mut dispatches = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let w = network.layer_rows(network.parameters(), l);
        let x = hidden.last().map_or(input, |before| Input::Rows(&before.y));
        let Layer { outputs, bias, activation, .. } = *layer;
        let layer = ForwardLayer { x, w: &w, bias, activation, rows, batch };
        if l + 1 == layers.len() {
            dispatches.push(tiles::forward(gpu, layer, output)?);
        } else {
            let create = || Rows::create_padded(gpu, operation, "activations", rows.into(), outputs.into());
            let y = create()?;
            let kept = (keeps && activation.keeps_derivative()).then(create).transpose()?;
            dispatches.push(tiles::forward(gpu, layer, Output::Rows { y: &y, kept: kept.as_ref() })?);
            hidden.push(LayerRows { y, kept });
        }
    }
    Ok((hidden, dispatches))
}

/// A forward pass to the rows of `output`: the rows of all layers. The last activation is a dispatch of its own where it takes
/// a row's pre-activations together, or where the backward pass needs these.
pub(super) fn forward_to(
    network: &Network,
    operation: &'static str,
    [input, output]: [&Rows; 2],
    keeps: bool,
) -> Result<Pass> {
    let (gpu, mlp) = (network.gpu(), network.mlp());
    // The rows fit in 32 bits, since their bytes do.
    let operands = (Input::Rows(input), input.shape().rows as u32);
    let activation = mlp.last_activation();
    let is_apart = activation == Activation::Softmax || keeps && activation.keeps_derivative();
    let mut last = LayerRows { y: output.clone(), kept: None };
    let (mut layers, dispatches) = if is_apart {
        let (rows, width) = (input.shape().rows, mlp.output_width() as u64);
        let z = Rows::create_padded(gpu, operation, "activations", rows, width)?;
        let to_z = Output::Rows { y: &z, kept: None };
        let network = network.without_last_activation();
        let (layers, mut dispatches) = forward(&network, operation, operands, to_z, None, keeps)?;
        dispatches.push(kernels::activation(gpu, activation, &z, output)?);
        last.kept = activation.keeps_derivative().then_some(z);
        (layers, dispatches)
    } else {
        forward(network, operation, operands, Output::Rows { y: output, kept: None }, None, keeps)?
    };
    layers.push(last);
    Ok((layers, dispatches))
}

/// A backward pass, and what it is for.
pub(crate) struct BackwardPass<'a> {
    pub input: Input<'a>,
    pub rows: u32,
    /// The rows of the hidden layers.
    pub hidden: &'a [LayerRows],
    /// The gradient with respect to the last layer's pre-activations.
    pub d_last: &'a Rows,
    /// The rows for the gradient with respect to the input, if needed.
    pub d_input: Option<&'a Rows>,
    /// The batch for which a layer's weights are updated by its backward kernel itself; none if they are not. Not asked for
    /// the first layer, which needs no such kernel.
    pub fused_update: &'a dyn Fn(usize) -> Option<Batch<'a>>,
    /// What is done with the other layers' weights.
    pub weights: &'a OfWeights<'a>,
}

/// Makes the dispatches for a layer's weights, from the layer's number, its input, and the gradient with respect to its
/// pre-activations.
pub(crate) type OfWeights<'a> = dyn Fn(usize, [Input<'_>; 2]) -> Result<Vec<Dispatch>> + 'a;

/// A backward pass: the gradients with respect to the hidden layers' pre-activations, and the dispatches.
pub(crate) fn backward(
    network: &Network,
    operation: &'static str,
    pass: BackwardPass<'_>,
) -> Result<(Vec<Rows>, Vec<Dispatch>)> {
    let BackwardPass { input, rows, hidden, d_last, d_input, fused_update, weights } = pass;
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
    for l in (1..layers.len()).rev() {
        let activation = layers[l - 1].activation;
        let update = fused_update(l).map(|batch| (batch, layers[l].bias));
        let LayerRows { y, kept } = &hidden[l - 1];
        let fused = Fused { y: Some(y), kept: kept.as_ref(), activation, update };
        dispatches.push(tiles::backward(gpu, d(l), &w[l], d(l - 1), fused)?);
    }
    if let Some(d_input) = d_input {
        dispatches.push(tiles::backward(gpu, d(0), &w[0], d_input, Fused::default())?);
    }
    // The first layer's weights come last, always by dispatches of their own: one of these can end a training step.
    for l in (0..layers.len()).rev().filter(|&l| l == 0 || fused_update(l).is_none()) {
        let x = l.checked_sub(1).map_or(input, |before| Input::Rows(&hidden[before].y));
        dispatches.extend(weights(l, [x, Input::Rows(d(l))])?);
    }
    Ok((d_hidden, dispatches))
}

/// The backward pass of a forward pass with these rows, from the gradient with respect to its output.
pub(super) fn backward_of_forward(
    network: &Network,
    operation: &'static str,
    (input, layers): (&Rows, &[LayerRows]),
    (d_output, d_input): (&Rows, Option<&Rows>),
    (d_parameters, trains): (&wgpu::Buffer, &dyn Fn(usize) -> bool),
) -> Result<Vec<Dispatch>> {
    let (gpu, mlp) = (network.gpu(), network.mlp());
    let Some((last, hidden)) = layers.split_last() else { return Ok(Vec::new()) };
    let samples = input.shape().rows;
    let mut dispatches = Vec::new();
    let mut d_last = d_output.clone();
    let activation = mlp.last_activation();
    if activation != Activation::Identity {
        let what = "gradient with respect to pre-activations";
        d_last = Rows::create_padded(gpu, operation, what, samples, mlp.output_width() as u64)?;
        let kept = last.kept.as_ref().unwrap_or(&last.y);
        dispatches.push(kernels::activation_backward(gpu, activation, d_output, kept, &d_last)?);
    }
    // The rows fit in 32 bits, since their bytes do.
    let (input, rows) = (Input::Rows(input), samples as u32);
    let weights = |l: usize, operands: [Input<'_>; 2]| {
        if !trains(l) {
            return Ok(Vec::new());
        }
        let d_weights = network.layer_rows(d_parameters, l);
        tiles::update(gpu, operands, Weights::Gradients(&d_weights), mlp.layers()[l].bias, rows, None)
    };
    let (d_last, fused_update) = (&d_last, &|_| None);
    let pass = BackwardPass { input, rows, hidden, d_last, d_input, fused_update, weights: &weights };
    dispatches.extend(backward(network, operation, pass)?.1);
    Ok(dispatches)
}
