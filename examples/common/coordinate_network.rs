//! A network that learns a picture from its coordinates.

use std::fmt::{self, Display};

use clap::ValueEnum;
use wgrad::{Encoding, Gpu, HashGrid, Init, Loss, Mlp, Network, Optimizer, Result, TrainConfig};

/// What such a network makes of the coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A hash grid of 16 levels
    Grid,
    /// Twelve frequencies
    Frequency,
    /// The coordinates alone
    None,
}

impl Kind {
    fn encoding(self, table_log2: u32) -> Option<Encoding> {
        match self {
            Kind::Grid => Some(Encoding::HashGrid(HashGrid { table_log2, per_level_scale: 1.5, ..Default::default() })),
            Kind::Frequency => Some(Encoding::Frequency(12)),
            Kind::None => None,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Grid => "grid",
            Kind::Frequency => "frequency",
            Kind::None => "none",
        })
    }
}

/// A new network from a place, two numbers from 0 to 1, to red, green and blue. `table_log2`: of a hash grid.
///
/// # Errors
/// Those of [`Network::new_by`].
pub fn network(gpu: &Gpu, kind: Kind, table_log2: u32, seed: u64) -> Result<Network> {
    let mlp = Mlp::inputs(2);
    let mlp = kind.encoding(table_log2).map_or(mlp.clone(), |encoding| mlp.encoding(encoding));
    Network::new_by(gpu, &mlp.linear(64).relu().linear(64).relu().linear(3), Init::XavierUniform, seed)
}

/// How it is trained: on all of `batch` points in each step.
pub fn config(batch: usize) -> TrainConfig {
    TrainConfig {
        loss: Loss::RelativeSquaredError,
        optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-15 },
        learning_rate: 0.01,
        weight_decay: 1e-6,
        batch_size: batch,
        ..Default::default()
    }
}
