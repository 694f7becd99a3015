//! From a configuration to a plan with its GPU objects.

use super::layered::Layered;
use super::persistent::{self, Persistent};
use super::{Plan, TrainConfig};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels::TrainingState;
use crate::network::Network;

/// The dispatches of one submission at most; of the layered plan, the steps.
const MOST_DISPATCHES_A_SUBMISSION: u64 = 1024;

/// Whether steps train, or only measure the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Train,
    Evaluate,
}

impl Work {
    /// The operation that errors name.
    pub fn operation(self) -> &'static str {
        match self {
            Work::Train => "Trainer::new",
            Work::Evaluate => "Network::evaluate",
        }
    }
}

/// A plan with its GPU objects.
#[derive(Debug)]
pub(super) struct Steps {
    plan: Made,
    description: String,
}

#[derive(Debug)]
enum Made {
    Layered(Box<Layered>),
    Persistent(Persistent),
}

impl Steps {
    pub fn new(
        network: &Network,
        data: &Dataset,
        state: &TrainingState,
        config: &TrainConfig,
        work: Work,
    ) -> Result<Self> {
        let layered = |why: String| {
            if network.count() > 1 {
                let reason = "it trains one network, and this is a population".to_owned();
                let way_out = "choose another, or auto";
                return Err(Error::PlanUnavailable { plan: Plan::Layered.name(), reason, way_out });
            }
            let layered = Layered::new(network, data, state, config, work)?;
            let description = format!("{}{why}", layered.description());
            Ok(Steps { plan: Made::Layered(Box::new(layered)), description })
        };
        let persistent = || {
            let (persistent, description) = Persistent::new(network, data, state, config, work)?;
            Ok(Steps { plan: Made::Persistent(persistent), description })
        };
        match config.plan {
            Plan::Layered => layered(String::new()),
            // Only measured: there is nothing to train.
            _ if network.mlp().parameter_count() == 0 => layered(String::new()),
            Plan::Auto if network.count() == 1 => {
                if !persistent::suits(network.gpu(), config.batch_size) {
                    return layered(format!("; a batch of {} has work for many workgroups", config.batch_size));
                }
                match persistent() {
                    Err(refusal @ (Error::PlanUnavailable { .. } | Error::TooLarge { .. })) => {
                        layered(format!("; not persistent: {}", persistent::in_brief(&refusal)))
                    }
                    steps => steps,
                }
            }
            _ => persistent(),
        }
    }

    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, steps: u64) {
        match &self.plan {
            Made::Layered(layered) => (0..steps).for_each(|_| layered.record_step(pass)),
            Made::Persistent(persistent) => persistent.record(pass, steps),
        }
    }

    /// The most steps of a submission, which bounds the memory of its commands.
    pub fn most_a_submission(&self) -> u64 {
        match &self.plan {
            Made::Layered(_) => MOST_DISPATCHES_A_SUBMISSION,
            Made::Persistent(persistent) => MOST_DISPATCHES_A_SUBMISSION * persistent.most_steps(),
        }
    }

    /// The plan in words: which it is, and why.
    pub fn description(&self) -> &str {
        &self.description
    }
}
