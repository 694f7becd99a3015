//! From a configuration to a plan with its GPU objects.

use super::layered::Layered;
use super::persistent::{self, Persistent};
use super::plain::Plain;
use super::{Plan, TrainConfig};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels::TrainingState;
use crate::network::Network;

/// The dispatches of one submission at most; of a plan that takes several a step, the steps.
const MOST_DISPATCHES_A_SUBMISSION: u64 = 1024;

/// Whether steps train, or only measure the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Train,
    Evaluate,
    /// Evaluates, and counts which classes are taken for which.
    Classify,
}

impl Work {
    /// The operation that errors name.
    pub fn operation(self) -> &'static str {
        match self {
            Work::Train => "Trainer::new",
            Work::Evaluate => "Network::evaluate",
            Work::Classify => "Network::classify",
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
    Plain(Box<Plain>),
    Layered(Layered),
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
        let check_single = |plan: Plan| match network.count() {
            1 => Ok(()),
            _ => {
                let reason = "it trains one network, and this is a population".to_owned();
                Err(Error::PlanUnavailable { plan: plan.name(), reason, way_out: "choose another, or auto" })
            }
        };
        let plain = |why: &str| {
            check_single(Plan::Plain)?;
            let plain = Plain::new(network, data, state, config, work)?;
            let description = format!("{}{why}", plain.description());
            Ok(Steps { plan: Made::Plain(Box::new(plain)), description })
        };
        let layered = |why: &str| {
            check_single(Plan::Layered)?;
            let layered = Layered::new(network, data, state, config, work)?;
            let description = format!("{}{why}", layered.description());
            Ok(Steps { plan: Made::Layered(layered), description })
        };
        let any_size = |why: String| match layered(&why) {
            Err(refusal @ (Error::PlanUnavailable { .. } | Error::TooLarge { .. })) => {
                plain(&format!("{why}; not layered: {}", persistent::in_brief(&refusal)))
            }
            steps => steps,
        };
        let persistent = || {
            let (persistent, description) = Persistent::new(network, data, state, config, work)?;
            Ok(Steps { plan: Made::Persistent(persistent), description })
        };
        match config.plan {
            Plan::Plain => plain(""),
            Plan::Layered => layered(""),
            // Only measured: there is nothing to train.
            _ if network.mlp().parameter_count() == 0 => any_size(String::new()),
            Plan::Auto if network.count() == 1 => {
                if !persistent::suits(network.gpu(), config.batch_size) {
                    return any_size(format!("; a batch of {} has work for many workgroups", config.batch_size));
                }
                match persistent() {
                    Err(refusal @ (Error::PlanUnavailable { .. } | Error::TooLarge { .. })) => {
                        any_size(format!("; not persistent: {}", persistent::in_brief(&refusal)))
                    }
                    steps => steps,
                }
            }
            _ => persistent(),
        }
    }

    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, steps: u64) {
        match &self.plan {
            Made::Plain(plain) => (0..steps).for_each(|_| plain.record_step(pass)),
            Made::Layered(layered) => (0..steps).for_each(|_| layered.record_step(pass)),
            Made::Persistent(persistent) => persistent.record(pass, steps),
        }
    }

    /// The most steps of a submission, which bounds the memory of its commands.
    pub fn most_a_submission(&self) -> u64 {
        match &self.plan {
            Made::Plain(_) | Made::Layered(_) => MOST_DISPATCHES_A_SUBMISSION,
            Made::Persistent(persistent) => MOST_DISPATCHES_A_SUBMISSION * persistent.most_steps(),
        }
    }

    /// The counts of [`Work::Classify`].
    pub fn counts(&self) -> Option<&wgpu::Buffer> {
        match &self.plan {
            Made::Plain(plain) => plain.counts(),
            Made::Layered(_) | Made::Persistent(_) => None,
        }
    }

    /// The bytes that a batch takes beside the data set and the parameters.
    pub fn bytes(&self) -> u64 {
        match &self.plan {
            Made::Plain(plain) => plain.bytes(),
            Made::Layered(layered) => layered.bytes(),
            Made::Persistent(_) => 0,
        }
    }

    /// The plan in words: which it is, and why.
    pub fn description(&self) -> &str {
        &self.description
    }
}
