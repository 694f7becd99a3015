//! How to train.

use super::Plan;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The step length of gradient descent, of every network of a population; 0.1 unless said otherwise.
    pub learning_rate: f32,
    /// The samples of a step, from 1 (unless said otherwise) to all; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Whether each epoch takes the samples in a new random order, or always in the data set's.
    pub shuffle: bool,
    /// The seed of those orders.
    pub seed: u64,
    /// How the steps become dispatches.
    pub plan: Plan,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig { learning_rate: 0.1, batch_size: 1, shuffle: false, seed: 0, plan: Plan::Auto }
    }
}
