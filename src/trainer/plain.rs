//! The plain plan: each kernel of a training step is a dispatch. For networks and batches of any size.

use super::moments::Gradient;
use super::{Job, moments};
use crate::activation::Activation;
use crate::codegen::Work;
use crate::error::Result;
use crate::kernels::{self, Dispatch};
use crate::mlp::Dense;
use crate::network::{Backward, Forward};
use crate::rows::Rows;

#[derive(Debug)]
pub(super) struct Plain {
    /// The bytes of a batch: samples, activations, gradients.
    bytes: u64,
    /// Draws the samples, if they are.
    draw: Option<Dispatch>,
    gather: Dispatch,
    forward: Forward,
    loss: Vec<Dispatch>,
    /// None if the loss is only measured.
    descent: Option<(Backward, Vec<Dispatch>)>,
    /// The confusion counts and the dispatches that count, if samples are classified.
    confusion: Option<(wgpu::Buffer, Vec<Dispatch>)>,
    step: Dispatch,
}

impl Plain {
    pub fn new(job: Job<'_>) -> Result<Self> {
        let Job { network, data, state, moments, config, work, .. } = job;
        let (gpu, mlp) = (network.gpu(), network.mlp());
        let create =
            |what, width: usize| Rows::create(gpu, work.operation(), what, config.batch_size as u64, width as u64);
        let x = create("batch of inputs", mlp.input_width())?;
        let t = create("batch of targets", mlp.output_width())?;
        let z = create("batch of pre-activations", mlp.output_width())?;
        let d_z = create("gradient with respect to pre-activations", mlp.output_width())?;
        let targets = data.targets().for_loss(config.loss);

        let shuffle = config.shuffle.then_some(config.seed);
        // The loss takes pre-activations, and goes back to these.
        let to_z = network.without_last_activation();
        let forward = match work {
            // Only the outputs matter here: by the fastest kernels.
            Work::Classify => to_z.forward_keeping(&x, &z, false)?,
            _ => to_z.plain_forward(&x, &z)?,
        };
        let descent = match work {
            Work::Train => {
                let backward = forward.backward_of(&d_z, None, &|l| !config.frozen.contains(&l))?;
                let largest = backward.grid_gradient().map(|gradient| &gradient.largest);
                let gradient = Gradient { sum: backward.d_parameters(), largest, batch: job.summed };
                let update = moments::update(network, state, config, moments, gradient)?;
                Some((backward, update))
            }
            Work::Evaluate | Work::Classify => None,
        };
        let confusion = match work {
            Work::Classify => {
                let classes = kernels::classes(mlp.output_width()) as u64;
                let counts = Rows::create(gpu, work.operation(), "counts of classes", classes, classes)?;
                let y = create("batch of outputs", mlp.output_width())?;
                let (activation, threshold) = (mlp.last_activation(), config.loss.threshold(mlp.last_activation()));
                let dispatches = vec![
                    kernels::activation(gpu, activation, &z, &y)?,
                    kernels::confusion(gpu, state, [&y, &t], threshold, &counts)?,
                ];
                Some((counts.buffer().clone(), dispatches))
            }
            _ => None,
        };
        Ok(Plain {
            bytes: batch_bytes(job),
            draw: job.draw()?,
            gather: kernels::gather_samples(gpu, state, [data.inputs(), &targets], [&x, &t], shuffle)?,
            loss: kernels::loss(gpu, state, config.loss, mlp.last_activation(), [&z, &t], &d_z)?,
            step: kernels::step(gpu, state)?,
            forward,
            descent,
            confusion,
        })
    }

    pub fn record_step(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.record_gradient(pass);
        self.record_update(pass);
    }

    /// The first half of a step: up to the gradient and the loss.
    pub fn record_gradient(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.draw.iter().for_each(|draw| draw.record(pass));
        self.gather.record(pass);
        self.forward.record_into(pass);
        self.loss.iter().for_each(|dispatch| dispatch.record(pass));
        if let Some((backward, _)) = &self.descent {
            backward.record_into(pass);
        }
    }

    /// The other half.
    pub fn record_update(&self, pass: &mut wgpu::ComputePass<'_>) {
        if let Some((_, weight_update)) = &self.descent {
            weight_update.iter().for_each(|dispatch| dispatch.record(pass));
        }
        if let Some((_, confusion)) = &self.confusion {
            confusion.iter().for_each(|dispatch| dispatch.record(pass));
        }
        self.step.record(pass);
    }

    /// The gradient between the halves, if it trains.
    pub fn gradient(&self) -> Option<Gradient<'_>> {
        let (backward, _) = self.descent.as_ref()?;
        let largest = backward.grid_gradient().map(|gradient| &gradient.largest);
        Some(Gradient { sum: backward.d_parameters(), largest, batch: None })
    }

    pub fn counts(&self) -> Option<&wgpu::Buffer> {
        self.confusion.as_ref().map(|(counts, _)| counts)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn description(&self) -> String {
        let descent = self.descent.as_ref();
        let descent = descent.map_or(0, |(backward, update)| backward.dispatch_count() + update.len());
        let dispatches = 2
            + usize::from(self.draw.is_some())
            + self.confusion.as_ref().map_or(0, |(_, dispatches)| dispatches.len())
            + self.loss.len()
            + self.forward.dispatch_count()
            + descent;
        format!("plain: each kernel is a dispatch, {dispatches} per step")
    }
}

/// The bytes of a batch: samples and their encoded inputs, the last pre-activations and their gradient; pre-activations and activations of the hidden
/// layers; and if it trains, the gradients with respect to those and to the parameters.
fn batch_bytes(job: Job<'_>) -> u64 {
    let Job { network, config, work, .. } = job;
    let mlp = network.mlp();
    let hidden = &mlp.layers()[..mlp.layers().len() - 1];
    let is_activated = |layer: &&Dense| layer.activation != Activation::Identity;
    let pre_activations = hidden.iter().filter(is_activated).map(|layer| layer.outputs).sum::<usize>();
    let hidden = hidden.iter().map(|layer| layer.outputs).sum::<usize>();
    let (copies, d_parameters) = match work {
        Work::Train => (2, network.parameters().size()),
        Work::Evaluate | Work::Classify => (1, 0),
    };
    let encoded = mlp.input_encoding().map_or(0, |_| mlp.encoded_width().next_multiple_of(4));
    let values = mlp.input_width() + encoded + 3 * mlp.output_width() + copies * (pre_activations + hidden);
    4 * config.batch_size as u64 * values as u64 + d_parameters
}
