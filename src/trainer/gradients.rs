//! Training by gradients that the app computes itself.

use super::moments::{self, Gradient, Moments};
use super::{Memory, TrainConfig};
use crate::error::Result;
use crate::kernels::{self, Dispatch, TrainingState, begin_pass};
use crate::network::{Backward, Forward, Network};
use crate::rows::Rows;

/// Trains a network by a loss of the app's own: the app records its forward pass, writes the gradient of its loss with respect to
/// the outputs by a shader of its own, and [`GradientTrainer::record_update`] takes that back through the network and changes the
/// parameters. For reinforcement learning, roll-outs, differentiable rendering.
///
/// ```
/// # fn frame(
/// #     gpu: &wgrad::Gpu,
/// #     network: &wgrad::Network,
/// #     [input, output, d_output]: [&wgrad::Rows; 3],
/// #     my_loss: impl Fn(&mut wgrad::wgpu::CommandEncoder),
/// # ) -> wgrad::Result<()> {
/// use wgrad::{GradientTrainer, TrainConfig};
/// let forward = network.forward(input, output)?;
/// let mut trainer = GradientTrainer::new(&forward, d_output, TrainConfig::adam())?;
/// let mut encoder = gpu.device().create_command_encoder(&Default::default());
/// for _ in 0..10 {
///     forward.record(&mut encoder);
///     my_loss(&mut encoder); // reads `output`, writes `d_output`
///     trainer.record_update(&mut encoder);
/// }
/// gpu.queue().submit([encoder.finish()]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GradientTrainer {
    network: Network,
    config: TrainConfig,
    state: TrainingState,
    moments: Moments,
    backward: Backward,
    /// The update of the parameters, and the end of the step.
    update: Vec<Dispatch>,
}

impl GradientTrainer {
    /// Prepares training of the network of a forward pass. Row `i` of `d_output`, which has the shape of the pass's output, is
    /// the gradient of the app's loss of sample `i` with respect to the outputs; a step takes the mean over all rows. Of the
    /// configuration count the optimizer, learning rate, schedule, weight decay, clipping, average and frozen layers.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a parameter of the configuration, [`Error::Count`] for a frozen layer that does not exist,
    /// [`Error::NotFinite`] for the learning rate; those of [`Forward::backward`]; [`Error::TooLarge`] for moments that exceed
    /// a binding.
    ///
    /// [`Error::OutOfRange`]: crate::Error::OutOfRange
    /// [`Error::Count`]: crate::Error::Count
    /// [`Error::NotFinite`]: crate::Error::NotFinite
    /// [`Error::TooLarge`]: crate::Error::TooLarge
    pub fn new(forward: &Forward, d_output: &Rows, config: TrainConfig) -> Result<Self> {
        let operation = "GradientTrainer::new";
        let network = forward.network().clone();
        let (gpu, mlp) = (network.gpu(), network.mlp());
        config.check_descent(operation, mlp)?;
        let rows = d_output.operand(gpu, operation, "d_output")?.rows;
        let state = TrainingState::new(gpu, rows, rows, config.learning_rate)?;
        state.write_weight_decays(operation, gpu, &[config.weight_decay])?;
        let moments = moments::create(operation, &network, &config)?;
        let backward = forward.backward_of(d_output, None, &|layer| !config.frozen.contains(&layer))?;
        let largest = backward.grid_gradient().map(|gradient| &gradient.largest);
        let gradient = Gradient { sum: backward.d_parameters(), largest, batch: None };
        let mut update = moments::update(&network, &state, &config, &moments, gradient)?;
        update.push(kernels::step(gpu, &state)?);
        Ok(GradientTrainer { network, config, state, moments, backward, update })
    }

    /// Records a step: the backward pass from the gradient in `d_output`, and the update of the parameters. Submits nothing.
    pub fn record_update(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = begin_pass(encoder, "wgrad update");
        self.backward.record_into(&mut pass);
        self.update.iter().for_each(|dispatch| dispatch.record(&mut pass));
    }

    /// The network that is trained.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Sets the learning rate for the steps that are submitted from now on. The schedule multiplies it.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn write_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        self.state.fill_learning_rates("GradientTrainer::write_learning_rate", self.network.gpu(), learning_rate)
    }

    /// The steps done, after everything that was submitted before. Waits.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Timeout`](crate::Error::Timeout), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    #[cfg(not(target_family = "wasm"))]
    pub fn read_steps(&self) -> Result<u64> {
        pollster::block_on(self.read_steps_async())
    }

    /// [`GradientTrainer::read_steps`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_steps_async(&self) -> Result<u64> {
        let reading = self.network.gpu().read("GradientTrainer::read_steps", self.state.buffer(), &|_| ())?;
        let words = reading.words().await?;
        Ok(TrainingState::steps(&words))
    }

    /// The network of the averages, as [`Trainer::averaged`](crate::Trainer::averaged) gives it.
    ///
    /// # Errors
    /// Those of [`Trainer::averaged`](crate::Trainer::averaged).
    pub fn averaged(&self) -> Result<Network> {
        moments::averaged("GradientTrainer::averaged", &self.network, &self.config, &self.moments)
    }

    /// The GPU memory of this training, in bytes, without the forward pass's.
    pub fn memory(&self) -> Memory {
        let parameters = self.network.parameters().size();
        Memory {
            data: 0,
            parameters,
            moments: self.moments.bytes(),
            batch: self.backward.d_parameters().size()
                + self.backward.grid_gradient().map_or(0, |gradient| gradient.bytes)
                + self.state.bytes(),
        }
    }
}
