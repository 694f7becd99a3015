//! The layered plan: a dispatch for each layer forward, backward, and for its update, with tiles in registers and all that
//! is done number by number fused in. For networks and batches of real size.
//!
//! A step of a network with two linear layers is five dispatches: forward, forward with the error, backward, and an update
//! a layer, the last of which ends the step; four where a batch is so small that the backward pass updates its weights
//! itself. The plain plan computes the same with fourteen.

use super::{Plan, TrainConfig, Work};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels::tiles::{self, Batch, Fused, Input, Layer, Output, Weights};
use crate::kernels::{self, Dispatch, TrainingState};
use crate::matrix::Rows;
use crate::network::Network;

#[derive(Debug)]
pub(super) struct Layered {
    dispatches: Vec<Dispatch>,
    /// The bytes of a batch's activations and derivatives.
    bytes: u64,
}

impl Layered {
    /// # Errors
    /// [`Error::PlanUnavailable`] for what only the plain kernels can compute; [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn new(
        network: &Network,
        data: &Dataset,
        state: &TrainingState,
        config: &TrainConfig,
        work: Work,
    ) -> Result<Self> {
        let (gpu, operation) = (network.gpu(), work.operation());
        let rows = config.batch_size as u32;
        let Some(stages) = tiles::stages(gpu, network.mlp(), rows) else {
            return Err(Error::PlanUnavailable {
                plan: Plan::Layered.name(),
                reason: format!("its kernels are {}", tiles::LIMITS),
                way_out: "choose plain, or auto",
            });
        };
        // The weights are written where the samples are read.
        for (numbers, read) in [(data.inputs(), "the data set's inputs"), (data.targets(), "the data set's targets")] {
            if numbers.rows.buffer() == network.parameters() {
                return Err(Error::aliased(operation, read, "the parameters"));
            }
        }
        let mut bytes = 0;
        let mut create = |what, width: u32| {
            let rows = Rows::create_in_quads(gpu, operation, what, rows.into(), width.into())?;
            bytes += rows.buffer().size();
            Ok::<_, Error>(rows)
        };
        let last = stages.len() - 1;
        let y = stages[..last].iter().map(|stage| create("activations", stage.outputs)).collect::<Result<Vec<_>>>()?;
        // Where nothing is trained, only the last layer's kernel writes any.
        let d_widths = stages.iter().enumerate().map(|(s, stage)| match work {
            Work::Train => stage.outputs,
            _ if s == last => stage.outputs,
            _ => 1,
        });
        let d = d_widths.map(|width| create("derivatives by sums", width)).collect::<Result<Vec<_>>>()?;
        let partials = tiles::partial_errors(gpu, rows, stages[last].inputs, stages[last].outputs);
        // A batch of many dispatches would round the weights with each: then their derivatives are added up first.
        let d_parameters = match work {
            Work::Train if rows > tiles::ROWS_OF_A_SLICE => {
                let size = network.parameters().size();
                bytes += size;
                Some(gpu.storage_buffer(operation, "derivatives by the parameters", size)?)
            }
            _ => None,
        };
        // With the last update, where there is one and one small workgroup is enough.
        let ends_itself = work == Work::Train && d_parameters.is_none() && partials <= tiles::MOST_PARTIALS;
        let partial_errors = Rows::create(gpu, operation, "partial errors", partials, 1)?;
        let order = gpu.storage_buffer(operation, "samples of a batch", 4 * (1 + u64::from(rows)))?;
        let batch = Batch { state, shuffle: config.shuffle.then_some(config.seed), order: &order };

        let weights = stages.iter().map(|stage| network.layer_rows(network.parameters(), stage.layer));
        let weights = weights.collect::<Vec<_>>();
        let input = |s: usize| if s == 0 { Input::Samples(data.inputs()) } else { Input::Rows(&y[s - 1]) };
        let mut dispatches = Vec::new();
        for (s, (stage, w)) in stages.iter().zip(&weights).enumerate() {
            let batch = Some(batch);
            let layer = Layer { x: input(s), w, bias: stage.bias, sigmoid: stage.sigmoids > 0, rows, batch };
            let output = match y.get(s) {
                Some(y) => Output::Rows(y),
                None => Output::Error { d_output: &d[s], targets: data.targets(), partial_errors: &partial_errors },
            };
            dispatches.push(tiles::forward(gpu, layer, output)?);
        }
        if work == Work::Train {
            // All derivatives by the weights as they are before any update.
            let updates = |s: usize| s > 0 && tiles::update_fits_in_backward(gpu, &stages[s], rows);
            for s in (1..stages.len()).rev() {
                let sigmoid = stages[s - 1].sigmoids > 0;
                let update = updates(s).then_some((batch, stages[s].bias));
                let fused = Fused { y: (sigmoid || update.is_some()).then_some(&y[s - 1]), sigmoid, update };
                dispatches.push(tiles::backward(gpu, &d[s], &weights[s], &d[s - 1], fused)?);
            }
            // The first layer's at last, which is always there to end the step.
            for (s, (stage, w)) in stages.iter().zip(&weights).enumerate().rev().filter(|&(s, _)| !updates(s)) {
                let operands = [input(s), Input::Rows(&d[s])];
                let d_weights = d_parameters.as_ref().map(|flat| network.layer_rows(flat, stage.layer));
                let weights = match &d_weights {
                    Some(d_weights) => Weights::Derivatives(d_weights),
                    None => Weights::Descend { w, ends_step: (s == 0 && ends_itself).then_some(&partial_errors) },
                };
                dispatches.extend(tiles::update(gpu, operands, weights, stage.bias, rows, Some(batch))?);
            }
            if let Some(flat) = &d_parameters {
                let [d_parameters, parameters] = [flat, network.parameters()].map(|flat| network.row(flat));
                dispatches.push(kernels::weight_update(gpu, state, &d_parameters, &parameters)?);
            }
        }
        if !ends_itself {
            dispatches.push(kernels::step_of_partials(gpu, state, &partial_errors)?);
        }
        bytes += partial_errors.buffer().size() + order.size();
        Ok(Layered { dispatches, bytes })
    }

    pub fn record_step(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.record(pass));
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn description(&self) -> String {
        format!("layered: each layer is a dispatch forward and back, {} a step", self.dispatches.len())
    }
}
