//! A training's files, from which it goes on after a crash.
//!
//! Each rank writes its own file of a step; when all have, the first rank names the step in the file `latest`. The step before is kept
//! until then, and one more: whenever a rank dies, there is a step of which all have their files.

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use wgrad::{Dataset, Network, Trainer};

use crate::ranks::{Agreed, Ranks};

/// The steps kept.
const KEPT: usize = 2;

/// What `latest` starts with.
const TITLE: &str = "a training by ranks";

pub struct Checkpoints<'a> {
    ranks: &'a Ranks,
    folder: &'a Path,
    /// The training in words: files are of another one if these differ.
    words: String,
    /// The steps of which all have their files, the latest first.
    steps: Vec<u64>,
}

/// A training that goes on.
pub struct Resumed {
    pub step: u64,
    pub network: Network,
    pub trainer: Trainer,
}

impl<'a> Checkpoints<'a> {
    /// Of a folder, which may be empty or not be there. All call it.
    ///
    /// # Errors
    /// A folder of another training, or of another number of ranks.
    pub fn open(ranks: &'a Ranks, folder: &'a Path, words: String) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("latest");
        let found = match ranks.is_first().then(|| fs::read_to_string(&path)) {
            None => String::new(),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => String::new(),
            Some(text) => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let found = ranks.gather_text(&found).swap_remove(0);
        let steps = match found.is_empty() {
            true => Vec::new(),
            false => steps_of(&found, ranks.size, &words)
                .map_err(|problem| Agreed(format!("{} is of {problem}", path.display())))?,
        };
        Ok(Checkpoints { ranks, folder, words, steps })
    }

    fn folder_of(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:09}"))
    }

    fn file(&self, step: u64) -> PathBuf {
        self.folder_of(step).join(format!("rank-{:05}-of-{:05}.training", self.ranks.rank, self.ranks.size))
    }

    /// Goes on from the latest step that all ranks can read; `None` if there is none yet. All call it.
    pub fn resume(&mut self, data: &Dataset) -> Result<Option<Resumed>, Agreed> {
        let mut problems = Vec::new();
        for (i, &step) in self.steps.iter().enumerate() {
            let read = self.read(step, data);
            let problem = read.as_ref().err().cloned().unwrap_or_default();
            let of_ranks = self.ranks.gather_text(&problem);
            match read {
                Ok(resumed) if of_ranks.iter().all(String::is_empty) => {
                    self.steps.drain(..i);
                    return Ok(Some(resumed));
                }
                _ => {
                    let failed = of_ranks.iter().enumerate().filter(|(_, problem)| !problem.is_empty());
                    problems.extend(failed.map(|(rank, problem)| format!("rank {rank}: {problem}")));
                }
            }
        }
        match problems.is_empty() {
            true => Ok(None),
            false => {
                Err(Agreed(format!("no checkpoint in {} is whole: {}", self.folder.display(), problems.join("; "))))
            }
        }
    }

    fn read(&self, step: u64, data: &Dataset) -> Result<Resumed, String> {
        let path = self.file(step);
        let resumed = Trainer::resume(data, &path).and_then(|(network, mut trainer)| {
            let reports = trainer.read_losses()?;
            // Networks that have all diverged stay where they were.
            let has_diverged = reports.iter().all(|report| !report.loss.is_finite()) && !reports.is_empty();
            let found = reports.first().map_or(0, |report| report.step);
            Ok((if has_diverged { step } else { found }, network, trainer))
        });
        match resumed {
            Ok((found, network, trainer)) if found == step => Ok(Resumed { step, network, trainer }),
            Ok((found, ..)) => Err(format!("{} is of step {found}", path.display())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Writes a step. All call it; `written` is called when this rank's file is, before the others' are known to be.
    pub fn write(&mut self, step: u64, trainer: &Trainer, written: impl FnOnce()) -> Result<(), Box<dyn Error>> {
        let refused = |error: std::io::Error| format!("{}: {error}", self.folder.display());
        fs::create_dir_all(self.folder_of(step)).map_err(refused)?;
        trainer.save(self.file(step))?;
        written();
        self.ranks.barrier();
        self.steps.retain(|&other| other != step);
        self.steps.insert(0, step);
        let removed = self.steps.split_off(self.steps.len().min(KEPT));
        if self.ranks.is_first() {
            let steps = self.steps.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
            let text = format!("{TITLE}\nranks {}\nsteps {steps}\n{}\n", self.ranks.size, self.words);
            let mut file = tempfile::NamedTempFile::new_in(self.folder).map_err(refused)?;
            file.write_all(text.as_bytes()).map_err(refused)?;
            file.persist(self.folder.join("latest")).map_err(|error| refused(error.error))?;
        }
        self.ranks.barrier();
        for step in removed {
            // What stays there does no harm; the folder goes when the last file has.
            _ = fs::remove_file(self.file(step));
            _ = fs::remove_dir(self.folder_of(step));
        }
        Ok(())
    }
}

/// The steps that a file `latest` names, if it is of these ranks and this training; otherwise what it is of.
fn steps_of(text: &str, ranks: usize, words: &str) -> Result<Vec<u64>, String> {
    let unreadable = || "something else than a training by ranks: take another folder".to_owned();
    let lines = text.trim_end().splitn(4, '\n').collect::<Vec<_>>();
    let [TITLE, of, steps, found] = lines[..] else { return Err(unreadable()) };
    let of = of.strip_prefix("ranks ").and_then(|of| of.parse::<usize>().ok()).ok_or_else(unreadable)?;
    if of != ranks {
        return Err(format!("a training by {of} ranks, and these are {ranks}: go on by {of}, or take another folder"));
    }
    if found != words {
        return Err(format!("another training ({found}; this one is {words}): take another folder"));
    }
    let steps = steps.strip_prefix("steps ").ok_or_else(unreadable)?;
    steps.split(' ').map(|step| step.parse().map_err(|_| unreadable())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_steps_are_of_the_same_training_by_as_many_ranks() {
        let text = format!("{TITLE}\nranks 2\nsteps 200 100\n784-200-10; seed 1\n");
        assert_eq!(steps_of(&text, 2, "784-200-10; seed 1"), Ok(vec![200, 100]));
        let refused = |text: &str, ranks, words| steps_of(text, ranks, words).unwrap_err();
        assert!(refused(&text, 3, "784-200-10; seed 1").contains("by 2 ranks, and these are 3"));
        assert!(refused(&text, 2, "784-200-10; seed 2").contains("another training (784-200-10; seed 1"));
        for damaged in ["", "a diary", &text.replace("200 100", "x"), &text.replace("steps", "step")] {
            assert!(refused(damaged, 2, "784-200-10; seed 1").contains("something else"), "{damaged}");
        }
    }
}
