//! The layered plan: one dispatch per layer forward, one backward, and one for its update, with tiles in registers and the
//! elementwise operations fused in. For networks and batches of real size.
//!
//! A step of a network with two layers is five dispatches: forward, forward with the loss, backward, and two updates, the
//! last of which ends the step. It is four if the batch is so small that the backward pass updates its weights itself. The
//! plain plan takes twelve.

use super::moments::Gradient;
use super::{Job, Plan, moments};
use crate::codegen::head::Head;
use crate::codegen::tiles::update::ROWS_PER_SLICE;
use crate::codegen::{Layer, Work};
use crate::error::{Error, Result};
use crate::kernels::tiles::{self, Batch, Input, Output, Weights};
use crate::kernels::{self, Dispatch, Points};
use crate::network::passes::LayerRows;
use crate::network::passes::tiled::{self, BackwardPass};
use crate::rows::Rows;
use crate::samples::Format;

#[derive(Debug)]
pub(super) struct Layered {
    /// Up to the gradient; the updates that other kernels make themselves too.
    to_gradient: Vec<Dispatch>,
    /// The rest of a step.
    update: Vec<Dispatch>,
    /// The gradient with respect to the parameters, if it is summed, and the bits of the largest one with respect to the values of a
    /// hash grid.
    gradients: Option<(wgpu::Buffer, Option<wgpu::Buffer>)>,
    /// The bytes of a batch's activations and gradients.
    bytes: u64,
}

impl Layered {
    /// # Errors
    /// [`Error::PlanUnavailable`] for what only the plain kernels can compute; [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn new(job: Job<'_>) -> Result<Self> {
        let Job { network, data, state, config, work, .. } = job;
        let (gpu, operation) = (network.gpu(), work.operation());
        let rows = config.batch_size as u32;
        let layers = Layer::of(network.mlp());
        check(job, &layers, rows)?;
        let last = &layers[layers.len() - 1];
        let head = Head::of(network.mlp(), config.loss);
        let partials = match head.is_of_rows() {
            true => kernels::row_partials(rows),
            false => tiles::partial_losses(gpu, rows, last),
        };
        let partial_losses = Rows::create(gpu, operation, "partial losses", partials, 1)?;
        let order = gpu.storage_buffer(operation, "samples of a batch", 4 * (1 + u64::from(rows)))?;
        let batch = Batch { state, shuffle: config.shuffle.then_some(config.seed), order: &order };

        let create = |what| Rows::create_padded(gpu, operation, what, rows.into(), last.outputs.into());
        let d_last = create("gradient with respect to pre-activations")?;
        let targets = &data.targets().for_loss(config.loss);
        let bytes = partial_losses.buffer().size() + order.size();
        let mut layered = Layered { to_gradient: Vec::new(), update: Vec::new(), gradients: None, bytes };
        let encoded = layered.encode(job, batch)?;
        let input = encoded.as_ref().map_or(Input::Samples(data.inputs()), |(rows, _)| Input::Rows(rows));
        let forward = |output: Output<'_>| {
            let network = network.without_last_activation();
            tiled::forward(&network, operation, (input, rows), output, Some(batch), work == Work::Train)
        };
        let (hidden, mut dispatches) = if head.is_of_rows() {
            let z = create("pre-activations")?;
            layered.count([&z]);
            let (hidden, mut dispatches) = forward(Output::Rows { y: &z, kept: None })?;
            let operands = (&z, targets);
            dispatches.push(kernels::loss_of_samples(gpu, head, &order, operands, &d_last, &partial_losses)?);
            (hidden, dispatches)
        } else {
            forward(Output::Loss { head, d_output: &d_last, targets, partial_losses: &partial_losses })?
        };
        layered.count(hidden.iter().flat_map(|rows| [&rows.y].into_iter().chain(&rows.kept)));
        layered.count([&d_last]);

        // The first layer's update comes last.
        let ends_itself = work == Work::Train
            && partials <= tiles::MOST_PARTIALS
            && !sums_gradients(job)
            && !config.frozen.contains(&0);
        if work == Work::Train {
            let ends_step = ends_itself.then_some(&partial_losses);
            dispatches.extend(layered.train(job, (input, &hidden, &d_last), batch, ends_step)?);
        }
        if job.summed.is_some() {
            dispatches.push(kernels::loss_of_partials(gpu, state, &partial_losses)?);
            layered.update.push(kernels::step(gpu, state)?);
        } else if !ends_itself {
            layered.update.push(kernels::step_of_partials(gpu, state, &partial_losses)?);
        }
        let of_encoding = encoded.map_or(Vec::new(), |(_, dispatches)| dispatches.into());
        layered.to_gradient = job.draw()?.into_iter().chain(of_encoding).chain(dispatches).collect();
        Ok(layered)
    }

    /// The values of the inputs' encoding for a batch, if there is one, and the dispatches that find its samples and encode them.
    fn encode(&mut self, job: Job<'_>, batch: Batch<'_>) -> Result<Option<(Rows, [Dispatch; 2])>> {
        let Job { network, data, state, config, work, .. } = job;
        let Some(encoding) = network.mlp().input_encoding() else { return Ok(None) };
        let (gpu, rows, width) = (network.gpu(), config.batch_size as u32, network.mlp().encoded_width() as u64);
        let encoded = Rows::create_padded(gpu, work.operation(), "encoded inputs", rows.into(), width)?;
        self.count([&encoded]);
        let points = Points { x: &data.inputs().rows, order: Some(batch.order) };
        let encode = match network.grid() {
            Some(grid) => grid.encode(gpu, points, network.parameters(), &encoded)?,
            None => kernels::encode_samples(gpu, encoding, (points.x, batch.order), &encoded)?,
        };
        let order = kernels::order(gpu, state, batch.shuffle, rows, batch.order)?;
        Ok(Some((encoded, [order, encode])))
    }

    /// The dispatches backward, from the samples, the outputs of the hidden layers and the gradient with respect to the last
    /// layer's pre-activations. The last update ends the step, if one small workgroup can add the partial losses up. Where
    /// gradients are summed, the update by them is apart.
    fn train(
        &mut self,
        job: Job<'_>,
        (input, hidden, d_last): (Input<'_>, &[LayerRows], &Rows),
        batch: Batch<'_>,
        ends_step: Option<&Rows>,
    ) -> Result<Vec<Dispatch>> {
        let Job { network, data, state, moments, config, work, summed } = job;
        let (gpu, operation, rows) = (network.gpu(), work.operation(), config.batch_size as u32);
        let layers = Layer::of(network.mlp());
        let gradients = match sums_gradients(job) {
            true => {
                let what = "gradient with respect to the parameters";
                Some(gpu.storage_buffer(operation, what, network.parameters().size())?)
            }
            false => None,
        };
        let fused_update = |l: usize| {
            let fits = gradients.is_none() && tiles::update_fits_in_backward(gpu, &layers[l], rows);
            (fits && !config.frozen.contains(&l)).then_some(batch)
        };
        let weights = |l: usize, operands: [Input<'_>; 2]| {
            if config.frozen.contains(&l) {
                return Ok(Vec::new());
            }
            let layer = network.layer_rows(gradients.as_ref().unwrap_or(network.parameters()), l);
            let weights = match gradients {
                Some(_) => Weights::Gradients(&layer),
                None => Weights::Descend { w: &layer, ends_step: ends_step.filter(|_| l == 0) },
            };
            tiles::update(gpu, operands, weights, layers[l].bias, rows, Some(batch))
        };
        let (fused_update, weights) = (&fused_update, &weights);
        let d_encoded = network.grid().map(|_| {
            let what = "gradient with respect to encoded inputs";
            Rows::create_padded(gpu, operation, what, rows.into(), network.mlp().encoded_width() as u64)
        });
        let d_encoded = d_encoded.transpose()?;
        let pass = BackwardPass { input, rows, hidden, d_last, d_input: d_encoded.as_ref(), fused_update, weights };
        let (d_hidden, mut dispatches) = tiled::backward(network, operation, pass)?;
        self.count(d_hidden.iter().chain(&d_encoded));
        if let Some(sum) = gradients {
            let mut largest = None;
            if let (Some(grid), Some(d_encoded)) = (network.grid(), &d_encoded) {
                let points = Points { x: &data.inputs().rows, order: Some(batch.order) };
                let gradient = grid.gradient(gpu, points, d_encoded, &sum)?;
                self.bytes += gradient.bytes;
                dispatches.extend(gradient.dispatches);
                largest = Some(gradient.largest);
            }
            let gradient = Gradient { sum: &sum, largest: largest.as_ref(), batch: summed };
            self.update = moments::update(network, state, config, moments, gradient)?;
            self.bytes += sum.size();
            self.gradients = Some((sum, largest));
        }
        Ok(dispatches)
    }

    /// Adds the bytes of these rows, each in its own buffer.
    fn count<'a>(&mut self, rows: impl IntoIterator<Item = &'a Rows>) {
        self.bytes += rows.into_iter().map(|rows| rows.buffer().size()).sum::<u64>();
    }

    pub fn record_step(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.record_gradient(pass);
        self.record_update(pass);
    }

    /// The first half of a step: up to the gradient and the loss, where the update is apart.
    pub fn record_gradient(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.to_gradient.iter().for_each(|dispatch| dispatch.record(pass));
    }

    /// The other half.
    pub fn record_update(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.update.iter().for_each(|dispatch| dispatch.record(pass));
    }

    /// The gradient between the halves, if it is summed.
    pub fn gradient(&self) -> Option<Gradient<'_>> {
        let (sum, largest) = self.gradients.as_ref()?;
        Some(Gradient { sum, largest: largest.as_ref(), batch: None })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn description(&self) -> String {
        format!(
            "layered: each layer is a dispatch forward and back, {} per step",
            self.to_gradient.len() + self.update.len()
        )
    }
}

/// Whether a batch's gradients are summed before the weights are updated: for all but plain descent, or several trainers; and the
/// weights' kernel takes a larger batch in several dispatches, and would round the weights after each.
fn sums_gradients(job: Job<'_>) -> bool {
    let Job { network, config, summed, .. } = job;
    summed.is_some()
        || network.grid().is_some()
        || !config.descent().is_plain()
        || config.batch_size as u32 > ROWS_PER_SLICE
}

/// Refuses what the tiled kernels cannot compute.
fn check(job: Job<'_>, layers: &[Layer], rows: u32) -> Result<()> {
    let Job { network, data, work, .. } = job;
    if !tiles::takes(network.gpu(), layers, rows) {
        return Err(Error::PlanUnavailable {
            plan: Plan::Layered.name(),
            reason: format!("its kernels are {}", tiles::limits()),
            way_out: "choose plain, or auto",
        });
    }
    if network.mlp().input_encoding().is_some() && data.inputs().format != Format::Floats {
        return Err(Error::PlanUnavailable {
            plan: Plan::Layered.name(),
            reason: "it encodes inputs that are f32, and the data set's are bytes".to_owned(),
            way_out: "choose plain, or auto",
        });
    }
    // Steps write the parameters while they read the samples.
    let operation = work.operation();
    for (samples, read) in [(data.inputs(), "the data set's inputs"), (data.targets(), "the data set's targets")] {
        if samples.rows.buffer() == network.parameters() {
            return Err(Error::aliased(operation, read, "the parameters"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::gpu::Gpu;
    use crate::mlp::Mlp;
    use crate::network::Network;
    use crate::trainer::{TrainConfig, Trainer};

    /// The tiles chosen for a GPU compute the same: here they run on whatever driver there is.
    #[test]
    fn tiles_for_gpus_train_as_the_plain_kernels_do() {
        let gpu = Gpu::headless().unwrap().assume_gpu();
        let mut shapes = std::collections::BTreeSet::new();
        for (mlp, samples, batch_size, shuffle) in [
            (Mlp::inputs(784).linear(200).sigmoid().linear(10).sigmoid(), 100, 64, true),
            (Mlp::inputs(784).linear(33).bias().sigmoid().linear(10).bias().sigmoid(), 3, 1, false),
            (Mlp::inputs(5).linear(30).bias().sigmoid().linear(2).sigmoid(), 700, 300, true),
            (Mlp::inputs(66).linear(65).sigmoid().linear(67).bias().sigmoid().linear(3), 150, 67, false),
            (Mlp::inputs(3).linear(1).bias().sigmoid(), 2_000, 1_999, true),
        ] {
            let values = |count: usize, factor: usize| (0..count).map(move |i| (i * factor % 101) as f32 / 101.0);
            let x = values(samples * mlp.input_width(), 37).collect::<Vec<_>>();
            let t = values(samples * mlp.output_width(), 53).collect::<Vec<_>>();
            let data = Dataset::from_slices(&gpu, samples, &x, &t).unwrap();
            let train = |plan| {
                let network = Network::new(&gpu, &mlp, 1).unwrap();
                let config = TrainConfig { batch_size, shuffle, plan, ..Default::default() };
                let mut trainer = Trainer::new(&network, &data, config).unwrap();
                trainer.train(4, |_| ()).unwrap();
                (
                    network.read_parameters().unwrap(),
                    network.predict(&x).unwrap(),
                    trainer.read_loss().unwrap().unwrap(),
                )
            };
            let (plain, plain_outputs, plain_loss) = train(Plan::Plain);
            let (layered, outputs, loss) = train(Plan::Layered);
            let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
            let difference = square(&mut plain.iter().zip(&layered).map(|(a, b)| f64::from(a - b)));
            let size = square(&mut plain.iter().map(|&value| f64::from(value)));
            // Written so that NaN fails.
            assert!((difference / size).sqrt() <= 2e-6, "{mlp} by {batch_size}: {difference:e} of {size:e}");
            let farthest =
                plain_outputs.iter().zip(&outputs).map(|(a, b)| (a - b).abs()).max_by(f32::total_cmp).unwrap();
            assert!(farthest <= 5e-6, "{mlp} by {batch_size}: outputs differ by {farthest:e}");
            assert!((plain_loss.loss - loss.loss).abs() <= 1e-5 * plain_loss.loss, "{mlp}: {plain_loss:?}, {loss:?}");
            for layer in Layer::of(&mlp) {
                let (inputs, outputs) = (layer.inputs, layer.outputs);
                let (tile, _) = tiles::device(&gpu).product([batch_size as u32, outputs], inputs);
                let (update, ..) = tiles::device(&gpu).update([inputs, outputs], batch_size as u32);
                shapes.extend([tile, update].map(|tile| (tile.slices, tile.across, tile.down())));
            }
        }
        // Tiles with several slices, side by side, and one below the other.
        assert!(
            shapes.iter().any(|&(slices, ..)| slices == 32) && shapes.iter().any(|&(slices, ..)| slices == 1),
            "{shapes:?}"
        );
        assert!(
            shapes.iter().any(|&(_, across, _)| across > 1) && shapes.iter().any(|&(.., down)| down > 1),
            "{shapes:?}"
        );
    }
}
