//! What an optimizer keeps of each parameter from step to step: its moments, and the average of the parameters; and the update
//! by it.

use super::TrainConfig;
use crate::codegen::plain::GridUpdate;
use crate::error::{Error, Result};
use crate::kernels::{self, Dispatch, GridBy, TrainingState, UpdateBy};
use crate::network::Network;

/// What is kept.
#[derive(Debug)]
pub(super) struct Moments {
    /// `[networks, kept, parameters]`: 0 at first, but the averages are the parameters. None if nothing is kept.
    pub kept: Option<wgpu::Buffer>,
    /// The steps of each entry of a hash grid, `[entries]`, if there is one.
    pub entry_steps: Option<wgpu::Buffer>,
}

impl Moments {
    pub fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.kept.iter().chain(&self.entry_steps)
    }

    pub fn bytes(&self) -> u64 {
        self.buffers().map(wgpu::Buffer::size).sum()
    }
}

/// What is kept of a network that is trained by this configuration.
pub(super) fn create(operation: &'static str, network: &Network, config: &TrainConfig) -> Result<Moments> {
    let entries = network.mlp().grid().map(|grid| grid.entries(network.mlp().input_width()) as u64);
    let entry_steps =
        entries.map(|count| network.gpu().storage_buffer(operation, "steps of a grid's entries", 4 * count));
    Ok(Moments { kept: create_kept(operation, network, config)?, entry_steps: entry_steps.transpose()? })
}

fn create_kept(operation: &'static str, network: &Network, config: &TrainConfig) -> Result<Option<wgpu::Buffer>> {
    let (gpu, kept) = (network.gpu(), config.descent().kept().len() as u64);
    if kept == 0 {
        return Ok(None);
    }
    let parameters = 4 * network.mlp().parameter_count() as u64;
    let needed = parameters.saturating_mul(kept).saturating_mul(network.count() as u64);
    let allowed = gpu.limits().max_storage_buffer_binding_size;
    if needed > allowed {
        return Err(Error::TooLarge {
            operation,
            what: "the moments of the optimizer",
            needed,
            limit: "max_storage_buffer_binding_size",
            allowed,
            way_out: "use fewer or smaller networks, sgd, or request a device with a higher limit",
        });
    }
    let moments = gpu.storage_buffer(operation, "moments of the optimizer", needed)?;
    if config.average.is_some() {
        copy_averages(network, kept, network.parameters(), &moments, true)?;
    }
    Ok(Some(moments))
}

/// A batch's gradient with respect to the parameters.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a> {
    /// The sum over the batch's samples.
    pub sum: &'a wgpu::Buffer,
    /// The bits of the largest gradient with respect to the values of a hash grid, if there is one.
    pub largest: Option<&'a wgpu::Buffer>,
    /// The batch whose samples it is of, where that is not the training state's.
    pub batch: Option<&'a wgpu::Buffer>,
}

/// The update of a network's trained parameters by their gradient, with what is kept of them.
pub(super) fn update(
    network: &Network,
    state: &TrainingState,
    config: &TrainConfig,
    moments: &Moments,
    gradient: Gradient<'_>,
) -> Result<Vec<Dispatch>> {
    let mlp = network.mlp();
    let [d_parameters, parameters] = [gradient.sum, network.parameters()].map(|flat| network.row(flat));
    let grid = mlp.grid().zip(moments.entry_steps.as_ref()).map(|(grid, entry_steps)| GridBy {
        descent: config.grid_descent(),
        update: GridUpdate {
            features: grid.features,
            learning_rate: config.grid_learning_rate,
            weight_decay: config.grid_weight_decay,
        },
        // Checked networks have parameters that 32 bits count.
        features: mlp.grid_range().end as u32,
        entry_steps,
    });
    let by = UpdateBy {
        descent: config.descent(),
        moments: moments.kept.as_ref(),
        largest: gradient.largest,
        grid,
        batch: gradient.batch,
    };
    kernels::update_by(network.gpu(), state, by, [&d_parameters, &parameters], &config.trained(mlp))
}

/// A network, or population, of the averages. Errors name `operation`.
pub(super) fn averaged(
    operation: &'static str,
    network: &Network,
    config: &TrainConfig,
    moments: &Moments,
) -> Result<Network> {
    let Some(moments) = moments.kept.as_ref().filter(|_| config.average.is_some()) else {
        let rule = "set it, for example to Some(0.99)";
        return Err(Error::out_of_range(operation, "the configuration's average", "None", rule));
    };
    let averaged = network.twin(operation)?;
    copy_averages(network, config.descent().kept().len() as u64, moments, averaged.parameters(), false)?;
    Ok(averaged)
}

/// Copies each network's parameters to the averages, the last of what is kept, or the averages to parameters.
fn copy_averages(
    network: &Network,
    kept: u64,
    from: &wgpu::Buffer,
    to: &wgpu::Buffer,
    to_averages: bool,
) -> Result<()> {
    let bytes = 4 * network.mlp().parameter_count() as u64;
    network.gpu().submit("wgrad averages", &mut |encoder| {
        for i in 0..network.count() as u64 {
            let (parameters, average) = (i * bytes, (i * kept + kept - 1) * bytes);
            let (source, destination) = if to_averages { (parameters, average) } else { (average, parameters) };
            encoder.copy_buffer_to_buffer(from, source, to, destination, bytes);
        }
    })?;
    Ok(())
}
