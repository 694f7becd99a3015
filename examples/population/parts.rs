//! A sweep in parts, each a task of its own that any scheduler starts, on any machine: a part is a file in a folder.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Display};
use std::fs;
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use wgrad::{Dataset, Gpu, Loss, Mlp, Network, TrainConfig, Trainer};

use crate::common::progress;
use crate::common::say::say;
use crate::common::{sweep, xor};

/// A part of a sweep: number `index`, from 0, of `of`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    index: usize,
    of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if index < of => Ok(Part { index, of }),
            Some((_, of)) if of > 0 => Err(format!("the parts of {of} are 0/{of} to {}/{of}", of - 1)),
            _ => Err("a part is I/N, for example 0/8, the first of eight".to_owned()),
        }
    }
}

impl Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.of)
    }
}

impl Part {
    /// Its networks, of that many.
    fn networks(self, count: usize) -> Range<usize> {
        sweep::part(count, self.index, self.of)
    }

    /// Its file; while it trains, another one.
    fn file(self, folder: &Path, extension: &str) -> PathBuf {
        folder.join(format!("part-{:05}-of-{:05}.{extension}", self.index, self.of))
    }

    fn done(self, folder: &Path) -> PathBuf {
        self.file(folder, "safetensors")
    }

    /// The part whose file has this name.
    fn of_file(name: &str) -> Option<Self> {
        let (index, of) = name.strip_prefix("part-")?.strip_suffix(".safetensors")?.split_once("-of-")?;
        format!("{}/{}", index.parse::<usize>().ok()?, of.parse::<usize>().ok()?).parse().ok()
    }
}

/// The whole: networks of one kind, each at a learning rate of its own.
pub struct Sweep {
    pub hidden: usize,
    pub rates: Vec<f32>,
    pub epochs: u64,
    /// The epochs between two checkpoints.
    pub every: u64,
    pub seed: u64,
    pub config: TrainConfig,
    /// All of that in words: parts belong together if these are the same.
    pub words: String,
    /// The command line that makes a part, but for `--part` and `--folder`.
    pub command: String,
}

impl Sweep {
    /// Trains a part, from its checkpoint if there is one, and writes its file.
    pub fn train(&self, gpu: &Gpu, part: Part, folder: &Path) -> Result<(), Box<dyn Error>> {
        let mine = part.networks(self.rates.len());
        if mine.is_empty() {
            return Err(format!("part {part} has no network: there are {}", self.rates.len()).into());
        }
        self.claim(folder)?;
        let (done, checkpoint) = (part.done(folder), part.file(folder, "training"));
        if done.exists() {
            let (_, notes) = Network::load_with_notes(gpu, &done)?;
            self.check(&done, notes.get("sweep"))?;
            say!("part     {part} is there already: {}", done.display())?;
            return Ok(());
        }
        let data = Dataset::new(gpu, &xor::INPUTS, &xor::TARGETS)?;
        let (population, mut trainer) = match checkpoint.exists() {
            true => self.resume(&data, &checkpoint, mine.len())?,
            false => self.begin(gpu, &data, mine.clone())?,
        };
        let begun = trainer.read_loss().ok().flatten().map_or(0, |report| report.epoch);
        say!("part     {part}: networks {} to {} of {}", mine.start, mine.end - 1, self.rates.len())?;
        if begun > 0 {
            say!("         resumed after {begun} epochs: {}", checkpoint.display())?;
        }
        say!("plan     {}", trainer.plan())?;

        let bar = progress::bar(self.epochs, "{pos}/{len} epochs, {eta} left")?;
        let mut epoch = begun;
        while epoch < self.epochs {
            let next = self.every.min(self.epochs - epoch);
            match trainer.train(next, |progress| bar.set_position(epoch + progress.epoch)) {
                // All networks here: elsewhere in the sweep there are others.
                Err(wgrad::Error::Diverged { .. }) => break,
                trained => trained?,
            }
            epoch += next;
            trainer.save(&checkpoint)?;
        }
        bar.finish_and_clear();
        let losses = population.evaluate(&data, Loss::SquaredError)?;
        let losses = losses.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
        let notes = [("losses", losses), ("sweep", self.words.clone())];
        population.save_with_notes(&done, &notes.map(|(name, text)| (name.to_owned(), text)).into())?;
        if checkpoint.exists() {
            fs::remove_file(&checkpoint).map_err(|error| format!("{}: {error}", checkpoint.display()))?;
        }
        say!("written  {}", done.display())?;
        Ok(())
    }

    /// Makes the folder, and a file in it that says which sweep it is for: also a checkpoint must be of that one.
    fn claim(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let path = folder.join("sweep.txt");
        let refused = |error: std::io::Error| format!("{}: {error}", path.display());
        fs::create_dir_all(folder).map_err(refused)?;
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Other tasks do the same at the same time: what is there is whole.
                let mut file = tempfile::NamedTempFile::new_in(folder).map_err(refused)?;
                file.write_all(self.words.as_bytes()).map_err(refused)?;
                file.persist(&path).map_err(|error| refused(error.error))?;
                Ok(())
            }
            words => Ok(self.check(&path, Some(&words.map_err(refused)?))?),
        }
    }

    fn begin(&self, gpu: &Gpu, data: &Dataset, mine: Range<usize>) -> Result<(Network, Trainer), Box<dyn Error>> {
        let mlp = Mlp::widths(&[2, self.hidden, 2]);
        let population = Network::population_part(gpu, &mlp, mine.clone(), self.seed)?;
        let mut trainer = Trainer::new(&population, data, self.config())?;
        trainer.write_learning_rates(&self.rates[mine])?;
        Ok((population, trainer))
    }

    fn resume(&self, data: &Dataset, path: &Path, count: usize) -> Result<(Network, Trainer), Box<dyn Error>> {
        let (population, trainer) = Trainer::resume(data, path)?;
        let expected = TrainConfig { learning_rate: trainer.config().learning_rate, ..self.config() };
        if population.count() != count || *trainer.config() != expected {
            let path = path.display();
            return Err(format!("{path} is the checkpoint of another sweep: delete it, or take another folder").into());
        }
        Ok((population, trainer))
    }

    fn config(&self) -> TrainConfig {
        // The plan of the whole, so that a network has the same bits in every part.
        TrainConfig { part_of: Some(self.rates.len()), ..self.config.clone() }
    }

    fn check(&self, path: &Path, words: Option<&String>) -> Result<(), String> {
        match words {
            Some(words) if *words == self.words => Ok(()),
            Some(words) => Err(format!("{} is of another sweep: {words}; this one is {}", path.display(), self.words)),
            None => Err(format!("{} is no part of a sweep", path.display())),
        }
    }

    /// Reads all parts: the losses of all networks, and the best one, saved to `best.safetensors` in the folder.
    pub fn merge(&self, gpu: &Gpu, folder: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
        let of = parts_of(folder)?;
        let (mut losses, mut problems) = (Vec::new(), Vec::new());
        let mut best: Option<(f32, Network)> = None;
        for part in (0..of).map(|index| Part { index, of }) {
            match self.read(gpu, part, folder) {
                Ok((population, of_part)) => {
                    let first = of_part
                        .iter()
                        .enumerate()
                        .filter(|(_, loss)| loss.is_finite())
                        .min_by(|a, b| a.1.total_cmp(b.1));
                    if let Some((i, &loss)) = first.filter(|(_, loss)| best.as_ref().is_none_or(|best| **loss < best.0))
                    {
                        best = Some((loss, population.extract(i)?));
                    }
                    losses.extend(of_part);
                }
                Err(problem) => problems.push(format!(
                    "part {part} is missing or damaged ({problem}); to make it: {} --part {part} --folder {}",
                    self.command,
                    folder.display()
                )),
            }
        }
        if !problems.is_empty() {
            return Err(problems.join("\n").into());
        }
        if let Some((loss, network)) = best {
            let path = folder.join("best.safetensors");
            network.save_with_notes(&path, &BTreeMap::from([("loss".to_owned(), loss.to_string())]))?;
            say!("best     a loss of {loss:.1e}: {}", path.display())?;
        }
        Ok(losses)
    }

    /// A part's networks and their losses.
    fn read(&self, gpu: &Gpu, part: Part, folder: &Path) -> Result<(Network, Vec<f32>), Box<dyn Error>> {
        let path = part.done(folder);
        if !path.exists() {
            return Err("there is no such file".into());
        }
        let (population, notes) = Network::load_with_notes(gpu, &path)?;
        self.check(&path, notes.get("sweep"))?;
        let text = notes.get("losses").map(String::as_str).unwrap_or_default();
        let losses = text.split_whitespace().map(str::parse).collect::<Result<Vec<f32>, _>>()?;
        match population.count() == losses.len() && losses.len() == part.networks(self.rates.len()).len() {
            true => Ok((population, losses)),
            false => Err(format!("it has {} networks and {} losses", population.count(), losses.len()).into()),
        }
    }
}

/// Of how many parts the files in a folder are.
fn parts_of(folder: &Path) -> Result<usize, String> {
    let refused = |error: &dyn Display| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(|error| refused(&error))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|error| refused(&error))?;
    let mut counts =
        names.iter().filter_map(|name| Part::of_file(name.to_str()?)).map(|part| part.of).collect::<Vec<_>>();
    counts.sort_unstable();
    counts.dedup();
    match counts.as_slice() {
        [of] => Ok(*of),
        [] => Err(refused(&"there is no part of a sweep; make them by --part I/N")),
        several => Err(refused(&format!("there are parts of several divisions, {several:?}: keep those of one"))),
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
