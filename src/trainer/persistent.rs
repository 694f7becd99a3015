//! The persistent plan: the loop over the steps runs inside the shader. For networks that fit one subgroup, one invocation or
//! one workgroup.

#[cfg(test)]
mod tests;
mod variants;

use super::cost::{Cost, in_words, nanoseconds};
use super::{Job, Plan};
use crate::codegen::{PersistentSpec, Work};
use crate::error::{Error, Result};
use crate::kernels::{self, Dispatch};
use crate::samples::Format;
use variants::Fit;

/// What a job's steps compute.
#[inline(never)]
pub(super) fn spec(job: Job<'_>) -> PersistentSpec {
    let Job { network, config, work, .. } = job;
    // The batch fits in 32 bits, since the data set's samples do.
    let spec = PersistentSpec::new(network.mlp(), config.loss, config.batch_size as u32, config.shuffle, work);
    PersistentSpec { descent: config.descent(), frozen: config.frozen.clone(), ..spec }
}

/// Training steps, many per dispatch.
#[derive(Debug)]
pub(super) struct Persistent {
    /// Dispatches of 1, 2, 4, … steps.
    dispatches: Vec<Dispatch>,
}

/// Why these kernels cannot train as the configuration wants, if they cannot; and the ways out of one network and of a population.
fn refusal(job: Job<'_>) -> Option<(&'static str, &'static str, &'static str)> {
    const ANOTHER_PLAN: &str = "choose layered, plain or auto";
    const ONE_BY_ONE: &str = "train the networks one by one";
    let Job { network, data, config, work, .. } = job;
    let is_of_bytes = [data.inputs(), data.targets()].iter().any(|samples| samples.format != Format::Floats);
    if config.clip_norm.is_some() && work == Work::Train {
        Some((
            "it changes weights before it knows the norm of all gradients, by which clip_norm shortens them",
            "choose layered, plain or auto, or no clip_norm",
            "leave out clip_norm, or train the networks one by one",
        ))
    } else if data.drawn.is_some() && work == Work::Train {
        Some(("samples are drawn between its steps, which are one dispatch", ANOTHER_PLAN, ONE_BY_ONE))
    } else if network.mlp().grid().is_some() {
        Some(("a hash grid's entries are more than a workgroup's memory holds", ANOTHER_PLAN, ONE_BY_ONE))
    } else if is_of_bytes {
        Some((
            "the data set is of bytes, and these shaders read f32",
            "choose layered or auto, or make the data set by Dataset::from_slices",
            "make the data set by Dataset::from_slices",
        ))
    } else {
        None
    }
}

impl Persistent {
    /// The variant that the configuration names, or the best possible one; and a description that says which one it is, and
    /// why no better one.
    ///
    /// # Errors
    /// [`Error::PlanUnavailable`] or [`Error::TooLarge`] if none is possible, or none that is estimated `as_fast_as_layered`.
    pub fn new(job: Job<'_>, as_fast_as_layered: bool) -> Result<(Self, String)> {
        let Job { network, data, state, moments, config, work, .. } = job;
        let operation = work.operation();
        let gpu = network.gpu();
        if let Some((reason, of_one, of_many)) = refusal(job) {
            let way_out = if state.networks() == 1 { of_one } else { of_many };
            return Err(Error::PlanUnavailable { plan: config.plan.name(), reason: reason.to_owned(), way_out });
        }
        let inputs = data.inputs().rows.operand(gpu, operation, "the data set's inputs")?;
        let targets = data.targets().rows.operand(gpu, operation, "the data set's targets")?;
        for operand in [&inputs, &targets] {
            if operand.is_in(network.parameters()) {
                return Err(Error::aliased(operation, operand.what(), "the parameters"));
            }
        }
        let spec = PersistentSpec { load_widths: [inputs.load_width(), targets.load_width()], ..spec(job) };
        let varies = state.samples().varies;
        let networks = config.networks_of_whole(network.count()) as u32;
        let fit = Fit { gpu, spec: &spec, networks, samples: inputs.rows, varies };
        let (candidate, refusals) = fit.choose(config.plan)?;
        let layered = Cost::on(gpu).layered(&spec);
        if as_fast_as_layered && candidate.microseconds > layered {
            let reason = format!("{}, the layered plan at {}", in_words(candidate.microseconds), nanoseconds(layered));
            return Err(Error::PlanUnavailable { plan: Plan::Persistent.name(), reason, way_out: "choose another" });
        }
        let refusals = refusals.iter().map(|refusal| format!("; not {refusal}"));
        let description = format!(
            "{}: the loop over the steps runs inside the shader, up to {} per dispatch; {}{}",
            candidate.description,
            candidate.kernel.most_steps,
            in_words(candidate.microseconds),
            refusals.collect::<String>()
        );
        let samples = [&inputs, &targets];
        let dispatches = kernels::persistent(
            gpu,
            &candidate.kernel,
            (network.parameters(), moments.kept.as_ref()),
            samples,
            state,
            config.seed,
        )?;
        Ok((Persistent { dispatches }, description))
    }

    /// The most steps of one dispatch.
    pub fn most_steps(&self) -> u64 {
        1 << (self.dispatches.len() - 1)
    }

    /// A dispatch for each bit of `steps`, the largest repeated.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, steps: u64) {
        let Some((largest, smaller)) = self.dispatches.split_last() else { return };
        for _ in 0..steps / self.most_steps() {
            largest.record(pass);
        }
        for (bit, dispatch) in smaller.iter().enumerate() {
            if steps >> bit & 1 == 1 {
                dispatch.record(pass);
            }
        }
    }
}
