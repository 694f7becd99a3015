//! One network, each rank with its own part of the samples.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use wgrad::{BytesConfig, Dataset, Loss, Mlp, Network, Optimizer, TrainConfig, Trainer};

use crate::checkpoints::{Checkpoints, Resumed};
use crate::common::choices::{Choices, described, last_activation, layers};
use crate::common::options::{at_least_one, rehearse_bytes};
use crate::common::progress;
use crate::common::say::say;
use crate::digits::{Digits, PIXELS};
use crate::fault::{Fault, Kind};
use crate::ranks::{Agreed, Ranks, hash, hash_of, versions};
use crate::shard::Shards;
use crate::source::{Sets, Source};

const CLASSES: usize = 10;

/// The learning rates that suit gradient descent and Adam.
const RATES: [f32; 2] = [0.1, 0.001];

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// The widths of the hidden layers
    #[arg(long, value_delimiter = ',', default_value = "200", value_parser = at_least_one)]
    hidden: Vec<usize>,
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// The samples per step, of all ranks together
    #[arg(long, default_value_t = 128, value_parser = at_least_one)]
    batch_size: usize,
    #[command(flatten)]
    choices: Choices,
    /// Takes each rank's samples in a new random order each epoch; otherwise a step has the samples that it has for one rank
    #[arg(long)]
    shuffle: bool,
    /// The seed of the initial weights and of the orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder for checkpoints: if there is one, the training goes on from it
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The steps between two checkpoints
    #[arg(long, value_name = "STEPS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Saves the network
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Something that goes wrong on purpose: KIND@RANK@STEP
    #[arg(long, hide = true)]
    fault: Option<Fault>,
}

impl Options {
    fn network(&self) -> (Mlp, TrainConfig) {
        let hidden = self.choices.activation.unwrap_or(wgrad::Activation::Relu);
        let loss = self.choices.loss.unwrap_or(Loss::CrossEntropy { label_smoothing: 0.1 });
        let widths = [&[PIXELS], &self.hidden[..], &[CLASSES]].concat();
        let mlp = layers(&widths, hidden, last_activation(hidden, loss), false);
        let descent = self.choices.descent.config(Optimizer::adam(), RATES);
        (mlp, TrainConfig { loss, shuffle: self.shuffle, seed: self.seed, ..descent })
    }

    /// What must be the same on all ranks. All of it but the last two makes a training what it is.
    fn terms(&self, sets: &Sets, mlp: &Mlp, config: &TrainConfig) -> Vec<(&'static str, String)> {
        let bytes = [&sets.training, &sets.test].into_iter().flat_map(|digits| [digits.pixels(), digits.labels()]);
        let sampled = if self.shuffle { "in random orders" } else { "in their order" };
        vec![
            ("network", mlp.to_string()),
            ("training", described(config)),
            ("batches", format!("of {}, {sampled}", self.batch_size)),
            ("seed", self.seed.to_string()),
            ("samples", format!("{}, hash {:016x}", sets.training.len(), hash(bytes.flatten().copied()))),
            ("program", versions()),
            (
                "steps",
                format!("{} epochs, checkpoints every {:?}", self.epochs, self.folder.as_ref().map(|_| self.every)),
            ),
        ]
    }
}

/// Trains the network that the options describe. All ranks call it.
pub fn run(ranks: &Ranks, options: &Options) -> Result<(), Box<dyn Error>> {
    let sets = options.source.open()?;
    let (mlp, config) = options.network();
    let terms = options.terms(&sets, &mlp, &config);
    ranks.agree(&terms)?;
    let words = terms[..terms.len() - 2].iter().map(|(name, value)| format!("{name} {value}"));
    let words = words.collect::<Vec<_>>().join("; ");
    let shards = Shards::new(sets.training.len(), options.batch_size, ranks.size).map_err(Agreed)?;
    let mut checkpoints = options.folder.as_ref().map(|folder| Checkpoints::open(ranks, folder, words)).transpose()?;

    let gpu = ranks.gpu()?;
    let data = upload(&gpu, shards.of(ranks.rank), &sets.training)?;
    let resumed = checkpoints.as_mut().map(|checkpoints| checkpoints.resume(&data)).transpose()?.flatten();
    let config = TrainConfig { batch_size: shards.batch_of(ranks.rank), ..config };
    let Resumed { step, network, trainer } = match resumed {
        Some(resumed) => resumed,
        None => {
            let network = Network::new(&gpu, &mlp, options.seed)?;
            let trainer = Trainer::new(&network, &data, config.clone())?;
            Resumed { step: 0, network, trainer }
        }
    };
    let test = match ranks.is_first() {
        true => Some(upload(&gpu, 0..sets.test.len(), &sets.test)?),
        false => None,
    };
    let mut training = Training { ranks, options, network, trainer, step, checkpoints, test };
    if ranks.is_first() {
        options.save.as_ref().map(|path| rehearse_bytes(path, 4 * mlp.parameter_count())).transpose()?;
        training.describe(&sets.description, &config, shards)?;
    }
    training.train()?;
    if let (true, Some(path)) = (ranks.is_first(), &options.save) {
        training.network.save(path)?;
        say!("saved    {}", path.display())?;
    }
    Ok(())
}

/// These of the digits, as a data set.
fn upload(gpu: &wgrad::Gpu, which: impl Iterator<Item = usize>, digits: &Digits) -> wgrad::Result<Dataset> {
    let picture = |i: usize| (&digits.pixels()[i * PIXELS..][..PIXELS], digits.labels()[i]);
    let (pictures, labels): (Vec<_>, Vec<_>) = which.map(picture).unzip();
    Dataset::from_bytes(gpu, labels.len(), &pictures.concat(), &labels, BytesConfig::default())
}

struct Training<'a> {
    ranks: &'a Ranks,
    options: &'a Options,
    network: Network,
    trainer: Trainer,
    /// The steps done.
    step: u64,
    checkpoints: Option<Checkpoints<'a>>,
    /// The digits held out, on the first rank.
    test: Option<Dataset>,
}

impl Training<'_> {
    fn describe(&self, source: &str, config: &TrainConfig, shards: Shards) -> Result<(), Box<dyn Error>> {
        let network = self.network.mlp();
        say!("digits   {}, {source}", shards.samples)?;
        say!("network  {network}, {} parameters", network.parameter_count())?;
        say!("training {}, batches of {}", described(config), shards.batch_size)?;
        say!("ranks    {}, batches of {} on the first", shards.ranks, config.batch_size)?;
        say!("adapter  {}", self.network.gpu().description())?;
        if self.step > 0 {
            say!("resumed  after {} steps", self.step)?;
        }
        Ok(())
    }

    fn train(&mut self) -> Result<(), Box<dyn Error>> {
        let of_epoch = self.trainer.steps_per_epoch();
        let (first, total) = (self.step, self.options.epochs.saturating_mul(of_epoch));
        let bar = match self.ranks.is_first() {
            true => progress::bar(total, "{pos}/{len} steps, {rate}/s, {eta} left")?,
            false => ProgressBar::hidden(),
        };
        self.check()?;
        let (mut stepping, mut summing) = (Duration::ZERO, Duration::ZERO);
        while self.step < total {
            // Ends at every step at which there is something to do.
            let ends = [of_epoch, self.options.every].map(|every| (self.step / every + 1) * every);
            let end = if self.step == first { first + 1 } else { ends[0].min(ends[1]).min(total) };
            let start = Instant::now();
            let sums = self.steps(end - self.step, &bar)?;
            // The driver compiles in the first step.
            if self.step > first {
                summing += sums;
                stepping += start.elapsed();
            }
            self.step = end;
            let is_kept = end % self.options.every == 0 || end == total;
            if end == first + 1 || is_kept {
                self.check()?;
            }
            if is_kept {
                self.keep()?;
            }
            if end % of_epoch == 0 {
                self.report(end / of_epoch, &bar)?;
            }
        }
        bar.finish_and_clear();
        if self.ranks.is_first() && self.step > first {
            let steps = self.step - first;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / (steps - 1).max(1) as f64;
            say!(
                "trained  {steps} steps; after the first {:.0} µs each, {:.0} of them in sums",
                each(stepping),
                each(summing)
            )?;
        }
        Ok(())
    }

    /// Trains so many steps. Returns how long the sums took.
    fn steps(&mut self, steps: u64, bar: &ProgressBar) -> Result<Duration, Box<dyn Error>> {
        let (ranks, fault) = (self.ranks, self.options.fault);
        let (mut received, mut summing, mut step) = (Vec::new(), Duration::ZERO, self.step);
        self.trainer.train_summed(steps, |numbers| -> Result<(), Box<dyn Error>> {
            step += 1;
            let is = |kind| fault.is_some_and(|fault| fault.is(kind, ranks.rank, step));
            if is(Kind::Dies) {
                std::process::abort();
            }
            if is(Kind::Fails) {
                return Err(format!("the sum of step {step} failed on purpose").into());
            }
            let start = Instant::now();
            ranks.all_reduce(numbers, &mut received);
            summing += start.elapsed();
            if is(Kind::Differs) {
                numbers[0] += 1.0;
            }
            bar.set_position(step);
            Ok(())
        })?;
        Ok(summing)
    }

    /// All ranks have the same parameters: a sum that is not the same for all would part them.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        let parameters = hash_of(&self.network.read_parameters()?);
        Ok(self.ranks.check_same(&format!("the parameters after step {}", self.step), parameters)?)
    }

    fn keep(&mut self) -> Result<(), Box<dyn Error>> {
        let (fault, rank, step) = (self.options.fault, self.ranks.rank, self.step);
        let dies = |kind| {
            if fault.is_some_and(|fault| fault.is(kind, rank, step)) {
                std::process::abort();
            }
        };
        let Some(checkpoints) = &mut self.checkpoints else { return Ok(()) };
        dies(Kind::Unwritten);
        checkpoints.write(step, &self.trainer, || dies(Kind::Written))
    }

    /// Prints loss and accuracy, as one machine does: the loss is everybody's.
    fn report(&mut self, epoch: u64, bar: &ProgressBar) -> Result<(), Box<dyn Error>> {
        let Some(test) = &self.test else { return Ok(()) };
        let loss = self.trainer.read_loss()?.map_or(f32::NAN, |report| report.loss);
        let tested = self.network.classify(test, self.trainer.config().loss)?;
        let (test_loss, accuracy) = (tested.loss(), tested.accuracy());
        let epochs = self.options.epochs;
        let line =
            || say!("epoch {epoch}/{epochs}  loss {loss:.4}, tested: loss {test_loss:.4}, accuracy {accuracy:.4}");
        Ok(bar.suspend(line)?)
    }
}
