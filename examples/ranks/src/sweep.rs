//! A population, each rank with its own part of the networks.

use std::error::Error;
use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use wgrad::{Dataset, Loss, Mlp, Network, Optimizer, TrainConfig, Trainer};

use crate::checkpoints::{Checkpoints, Resumed};
use crate::common::choices::{Descent, described};
use crate::common::options::{at_least_one, rehearse_bytes};
use crate::common::say::say;
use crate::common::sweep::{self, RATES, learning_rates};
use crate::common::{progress, xor};
use crate::fault::{Fault, Kind};
use crate::ranks::{Agreed, Ranks, hash, hash_of, versions};

#[derive(Args)]
pub struct Options {
    /// The number of networks 2-HIDDEN-2, each at a learning rate of its own
    #[arg(long, value_name = "COUNT", default_value_t = 1_536, value_parser = at_least_one)]
    networks: usize,
    /// The width of the hidden layer
    #[arg(long, default_value_t = 30, value_parser = at_least_one)]
    hidden: usize,
    /// The number of epochs of the four samples
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    #[command(flatten)]
    descent: Descent,
    /// The seed of the first network's initial weights; network i uses the seed plus i
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder for checkpoints: if there is one, the training goes on from it
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The epochs between two checkpoints
    #[arg(long, value_name = "EPOCHS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Something that goes wrong on purpose: KIND@RANK@EPOCH
    #[arg(long, hide = true)]
    fault: Option<Fault>,
    /// Writes the learning rates and losses of all networks
    #[arg(long, value_name = "FILE.csv")]
    losses: Option<PathBuf>,
    /// Saves the best network
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// What the ranks have together after the training.
struct Gathered {
    losses: Vec<f32>,
    /// Of the parameters of all networks.
    hash: u64,
}

/// Trains the population that the options describe. All ranks call it.
pub fn run(ranks: &Ranks, options: &Options) -> Result<(), Box<dyn Error>> {
    let config = options.descent.config(Optimizer::adam(), RATES);
    let networks = format!("{} networks 2-{hidden}-2", options.networks, hidden = options.hidden);
    let terms = [
        ("networks", networks.clone()),
        ("training", described(&config)),
        ("seed", options.seed.to_string()),
        ("program", versions()),
        (
            "epochs",
            format!("{}, checkpoints every {:?}", options.epochs, options.folder.as_ref().map(|_| options.every)),
        ),
    ];
    ranks.agree(&terms)?;
    if options.networks < ranks.size {
        let problem = format!("{} ranks, but {networks}: each rank needs one", ranks.size);
        return Err(Agreed(problem).into());
    }
    let gpu = ranks.gpu()?;
    let rates = learning_rates(config.learning_rate, options.networks);
    if ranks.is_first() {
        [&options.losses, &options.save].into_iter().flatten().try_for_each(|path| rehearse_bytes(path, 1 << 16))?;
        say!("sweep    {networks}, {}, {} epochs", described(&config), options.epochs)?;
        say!("ranks    {}, the first with {} networks", ranks.size, part(options.networks, ranks, 0).len())?;
        say!("adapter  {}", gpu.description())?;
    }
    let data = Dataset::new(&gpu, &xor::INPUTS, &xor::TARGETS)?;
    let mine = part(options.networks, ranks, ranks.rank);
    // All but the program and the epochs make a sweep what it is.
    let words = terms[..3].iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("; ");
    let mut checkpoints = options.folder.as_ref().map(|folder| Checkpoints::open(ranks, folder, words)).transpose()?;
    let resumed = checkpoints.as_mut().map(|checkpoints| checkpoints.resume(&data)).transpose()?.flatten();
    let trained = match resumed {
        Some(resumed) => resumed,
        None => begin(options, &data, mine, &rates, config)?,
    };
    let population = train(ranks, options, trained, checkpoints)?;
    let gathered = gather(ranks, &population, &data)?;
    // In the total order NaN, the loss of a network that has diverged, is the largest.
    let best = (0..options.networks).min_by(|&a, &b| gathered.losses[a].total_cmp(&gathered.losses[b])).unwrap_or(0);
    if !gathered.losses[best].is_finite() {
        return Err(Agreed("all networks have diverged".to_owned()).into());
    }
    let best_network = fetch(ranks, options.networks, &population, best)?;
    if ranks.is_first() {
        finish(options, &rates, &gathered, best, &best_network)?;
    }
    Ok(())
}

/// The networks of a rank, of so many.
fn part(networks: usize, ranks: &Ranks, rank: usize) -> Range<usize> {
    sweep::part(networks, rank, ranks.size)
}

/// This rank's networks, before the first epoch.
fn begin(
    options: &Options,
    data: &Dataset,
    mine: Range<usize>,
    rates: &[f32],
    config: TrainConfig,
) -> wgrad::Result<Resumed> {
    let mlp = Mlp::widths(&[2, options.hidden, 2]);
    let network = Network::population_part(data.gpu(), &mlp, mine.clone(), options.seed)?;
    // The plan of the whole, so that a network has the same bits on however many ranks.
    let config = TrainConfig { part_of: Some(options.networks), ..config };
    let mut trainer = Trainer::new(&network, data, config)?;
    trainer.write_learning_rates(&rates[mine])?;
    Ok(Resumed { step: 0, network, trainer })
}

/// Trains this rank's networks, and keeps them from time to time. All ranks call it.
fn train(
    ranks: &Ranks,
    options: &Options,
    Resumed { step, network, mut trainer }: Resumed,
    mut checkpoints: Option<Checkpoints<'_>>,
) -> Result<Network, Box<dyn Error>> {
    let of_epoch = trainer.steps_per_epoch();
    let mut epoch = step / of_epoch;
    let bar = match ranks.is_first() {
        true => progress::bar(options.epochs, "{pos}/{len} epochs, {eta} left")?,
        false => ProgressBar::hidden(),
    };
    if epoch > 0 && ranks.is_first() {
        say!("resumed  after {epoch} epochs")?;
    }
    while epoch < options.epochs {
        let end = match &checkpoints {
            Some(_) => ((epoch / options.every + 1) * options.every).min(options.epochs),
            None => options.epochs,
        };
        match trainer.train(end - epoch, |progress| bar.set_position(epoch + progress.epoch)) {
            // All networks here: on other ranks there are others.
            Err(wgrad::Error::Diverged { .. }) => {}
            trained => trained?,
        }
        epoch = end;
        if options.fault.is_some_and(|fault| fault.is(Kind::Dies, ranks.rank, epoch)) {
            std::process::abort();
        }
        if let Some(checkpoints) = &mut checkpoints {
            checkpoints.write(epoch * of_epoch, &trainer, || ())?;
        }
    }
    bar.finish_and_clear();
    Ok(network)
}

/// The losses of all networks, and a hash of their parameters. All ranks call it.
fn gather(ranks: &Ranks, population: &Network, data: &Dataset) -> Result<Gathered, Box<dyn Error>> {
    let losses = population.evaluate(data, Loss::SquaredError)?;
    let parameters = population.read_parameters()?;
    let hashes = parameters.chunks(population.mlp().parameter_count()).map(hash_of).collect::<Vec<_>>();
    let hashes = ranks.gather(&hashes).concat();
    let hash = hash(hashes.iter().flat_map(|hash| hash.to_le_bytes()));
    Ok(Gathered { losses: ranks.gather(&losses).concat(), hash })
}

/// A network, wherever it is. All ranks call it.
fn fetch(ranks: &Ranks, networks: usize, population: &Network, index: usize) -> Result<Network, Box<dyn Error>> {
    let owner = (0..ranks.size).find(|&rank| part(networks, ranks, rank).contains(&index)).unwrap_or(0);
    let mut parameters = vec![0.0; population.mlp().parameter_count()];
    if owner == ranks.rank {
        let first = part(networks, ranks, owner).start;
        parameters = population.extract(index - first)?.read_parameters()?;
    }
    ranks.broadcast(owner, &mut parameters);
    Ok(Network::from_parameters(population.gpu(), population.mlp(), &parameters)?)
}

/// Prints and writes what was found.
fn finish(
    options: &Options,
    rates: &[f32],
    gathered: &Gathered,
    best: usize,
    network: &Network,
) -> Result<(), Box<dyn Error>> {
    let Gathered { losses, hash } = gathered;
    if let Some(path) = &options.losses {
        let lines = rates.iter().zip(losses).enumerate().map(|(i, (rate, loss))| format!("{i},{rate},{loss}\n"));
        let text = format!("network,learning_rate,loss\n{}", lines.collect::<String>());
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        say!("written  {}", path.display())?;
    }
    if let Some(path) = &options.save {
        network.save(path)?;
        say!("saved    {}", path.display())?;
    }
    let diverged = losses.iter().filter(|loss| !loss.is_finite()).count();
    say!("networks {}, of which {diverged} have diverged; all parameters have the hash {hash:016x}", losses.len())?;
    say!("best     network {best}, a loss of {:.1e} at the learning rate {:.2e}", losses[best], rates[best])?;
    Ok(())
}
