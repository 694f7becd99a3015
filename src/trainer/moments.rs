//! What an optimizer keeps of each parameter from step to step: its moments, and the average of the parameters; and the update
//! by it.

use super::TrainConfig;
use crate::error::{Error, Result};
use crate::kernels::{self, Dispatch, TrainingState};
use crate::network::Network;

/// The buffer, `[networks, kept, parameters]`: 0 at first, but the averages are the parameters. None if nothing is kept.
pub(super) fn create(operation: &'static str, network: &Network, config: &TrainConfig) -> Result<Option<wgpu::Buffer>> {
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

/// The update of a network's trained parameters by their gradient, with what is kept of them.
pub(super) fn update(
    network: &Network,
    state: &TrainingState,
    config: &TrainConfig,
    moments: Option<&wgpu::Buffer>,
    d_parameters: &wgpu::Buffer,
) -> Result<Vec<Dispatch>> {
    let [d_parameters, parameters] = [d_parameters, network.parameters()].map(|flat| network.row(flat));
    let (descent, ranges) = ((config.descent(), moments), config.trained(network.mlp()));
    kernels::update_by(network.gpu(), state, descent, [&d_parameters, &parameters], &ranges)
}

/// A network, or population, of the averages. Errors name `operation`.
pub(super) fn averaged(
    operation: &'static str,
    network: &Network,
    config: &TrainConfig,
    moments: Option<&wgpu::Buffer>,
) -> Result<Network> {
    let Some(moments) = moments.filter(|_| config.average.is_some()) else {
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
