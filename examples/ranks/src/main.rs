//! One network, or a sweep of many, trained by several processes: the ranks of MPI.
//!
//! | module | what it does |
//! | --- | --- |
//! | `ranks` | the ranks: what they send each other, and how they end |
//! | `train` | one network, each rank with its own part of the samples |
//! | `shard` | which samples are whose |
//! | `checkpoints` | a training's files, from which it goes on after a crash |
//! | `fault` | faults on purpose, for the tests |
//! | `source` | digits, from files or drawn |
//! | `sweep` | a population, each rank with its own part of the networks |

mod checkpoints;
#[path = "../../common/mod.rs"]
mod common;
#[path = "../../mnist/digits.rs"]
#[allow(dead_code)] // what is done with pictures there
mod digits;
mod fault;
mod ranks;
mod shard;
mod source;
#[path = "../../mnist/strokes.rs"]
mod strokes;
mod sweep;
mod train;

use std::panic;
use std::process::{self, ExitCode};

use clap::{Parser, Subcommand};

use crate::common::exit::exit;
use crate::ranks::Ranks;

/// Trains networks by several processes, the ranks of MPI: mpirun -n 4 wgrad-ranks train. Each rank has a device of its own where its
/// machine has as many. Without mpirun it is one rank.
#[derive(Parser)]
#[command(name = "wgrad-ranks")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Trains one network to read digits, each rank by its own part of the samples; ranks sum their gradients
    Train(train::Options),
    /// Trains a population on exclusive or, a network per learning rate, each rank its own part of the networks
    Sweep(sweep::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A rank that panics dies, and mpirun ends the others; unwinding would end MPI first, which waits for them.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        usual(info);
        process::abort();
    }));
    let ranks = match Ranks::join() {
        Ok(ranks) => ranks,
        Err(error) => return exit(Err(error)),
    };
    let result = match &options.task {
        Task::Train(options) => train::run(&ranks, options),
        Task::Sweep(options) => sweep::run(&ranks, options),
    };
    ranks.end(result)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_options_are_consistent() {
        super::Options::command().debug_assert();
    }
}
