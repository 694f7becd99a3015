//! The passes by the plain kernels: one kernel per linear map, and one per activation.

use super::{LayerRows, Pass};
use crate::activation::Activation;
use crate::error::Result;
use crate::kernels::{self, Dispatch};
use crate::network::Network;
use crate::rows::Rows;

/// A forward pass.
pub(super) fn forward(network: &Network, operation: &'static str, [input, output]: [&Rows; 2]) -> Result<Pass> {
    let (gpu, layers, samples) = (network.gpu(), network.mlp().layers(), input.shape().rows);
    let create = |width: usize| Rows::create(gpu, operation, "activations", samples, width as u64);
    let mut rows = Vec::<LayerRows>::new();
    let mut dispatches = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let x = rows.last().map_or(input, |before| &before.y);
        let w = network.layer_rows(network.parameters(), l);
        let y = if l + 1 == layers.len() { output.clone() } else { create(layer.outputs)? };
        let z = if layer.activation == Activation::Identity { y.clone() } else { create(layer.outputs)? };
        dispatches.extend(kernels::matmul(gpu, x, &w, &z)?);
        if layer.activation != Activation::Identity {
            dispatches.push(kernels::activation(gpu, layer.activation, &z, &y)?);
        }
        rows.push(LayerRows { y, kept: layer.activation.keeps_derivative().then_some(z) });
    }
    Ok((rows, dispatches))
}

/// The backward pass: the dispatches that write the gradient with respect to the parameters and, if `d_input` is given,
/// with respect to the input.
pub(super) fn backward(
    network: &Network,
    operation: &'static str,
    (input, layers): (&Rows, &[LayerRows]),
    (d_output, d_input): (&Rows, Option<&Rows>),
    (d_parameters, trains): (&wgpu::Buffer, &dyn Fn(usize) -> bool),
) -> Result<Vec<Dispatch>> {
    let (gpu, samples) = (network.gpu(), input.shape().rows);
    let create =
        |width: usize| Rows::create(gpu, operation, "gradient with respect to activations", samples, width as u64);
    let mut dispatches = Vec::new();
    let mut d_y = Some(d_output.clone());
    for (l, layer) in network.mlp().layers().iter().enumerate().rev() {
        let Some(d_output) = d_y.take() else { break };
        let is_linear = layer.activation == Activation::Identity;
        let d_z = if is_linear { d_output.clone() } else { create(layer.outputs)? };
        if !is_linear {
            let kept = layers[l].kept.as_ref().unwrap_or(&layers[l].y);
            dispatches.push(kernels::activation_backward(gpu, layer.activation, &d_output, kept, &d_z)?);
        }
        if trains(l) {
            let d_weights = network.layer_rows(d_parameters, l);
            let x = l.checked_sub(1).map_or(input, |before| &layers[before].y);
            dispatches.extend(kernels::outer_product(gpu, x, &d_z, &d_weights)?);
        }
        d_y = match l {
            0 => d_input.cloned(),
            _ => Some(create(layer.inputs)?),
        };
        if let Some(d_x) = &d_y {
            let w = network.layer_rows(network.parameters(), l);
            dispatches.extend(kernels::matmul_transposed(gpu, &d_z, &w, d_x)?);
        }
    }
    Ok(dispatches)
}
