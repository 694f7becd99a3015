//! How to train, and what a plan is made for.

use super::Plan;
use crate::codegen::Work;
use crate::data::Dataset;
use crate::kernels::TrainingState;
use crate::loss::Loss;
use crate::network::Network;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// What the training makes small. Default: [`Loss::SquaredError`].
    pub loss: Loss,
    /// The learning rate of gradient descent, for every network of a population. Default: 0.1.
    pub learning_rate: f32,
    /// The samples per step, from 1 to all. The last batch of an epoch may be smaller. Default: 1.
    pub batch_size: usize,
    /// Whether each epoch takes the samples in a new random order, instead of the data set's. Default: no.
    pub shuffle: bool,
    /// The seed of those orders.
    pub seed: u64,
    /// How the steps become dispatches.
    pub plan: Plan,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            loss: Loss::default(),
            learning_rate: 0.1,
            batch_size: 1,
            shuffle: false,
            seed: 0,
            plan: Plan::Auto,
        }
    }
}

/// What a plan is made for.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub network: &'a Network,
    pub data: &'a Dataset,
    pub state: &'a TrainingState,
    pub config: &'a TrainConfig,
    pub work: Work,
}

impl Work {
    /// The operation that errors name.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Work::Train => "Trainer::new",
            Work::Evaluate => "Network::evaluate",
            Work::Classify => "Network::classify",
        }
    }
}
