//! Training: how a network, a data set and a configuration become recorded steps.

mod layered;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernels::{TrainingState, begin_pass};
use crate::network::Network;
use crate::readback::Ring;
use layered::Layered;

/// How long the work of one submission of [`Trainer::train`] should take at most: an operating system kills what takes
/// seconds.
const LONGEST_SUBMISSION: Duration = Duration::from_millis(100);

/// The steps of one submission of [`Trainer::train`] at most, which bounds the memory of its commands.
const MOST_STEPS_A_SUBMISSION: u64 = 1024;

/// How training steps become dispatches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// The fastest plan that the network and the device allow.
    #[default]
    Auto,
    /// Each kernel is a dispatch: any size, readable, and the measure of every other plan.
    Layered,
}

impl Plan {
    const NAMES: &str = "auto, layered";
}

impl FromStr for Plan {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownPlan`].
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Plan::Auto),
            "layered" => Ok(Plan::Layered),
            _ => Err(Error::UnknownPlan { name: name.to_owned(), known: Plan::NAMES }),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Plan::Auto => "auto",
            Plan::Layered => "layered",
        })
    }
}

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The step length of gradient descent; 0.1 unless said otherwise.
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

/// What the GPU reported of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossReading {
    /// The steps done.
    pub step: u64,
    /// The epochs completed.
    pub epoch: u64,
    /// The mean over the samples of the last complete epoch (during the first: over the samples so far) of
    /// `½ Σ_outputs (y - t)²`, each measured before its own step's update.
    pub loss: f32,
}

impl LossReading {
    fn new(state: &TrainingState, words: &[u32]) -> Self {
        LossReading { step: TrainingState::steps(words), epoch: TrainingState::epochs(words), loss: state.loss(words) }
    }
}

/// Where a [`Trainer::train`] stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epochs of this call that are done.
    pub epoch: u64,
    /// The epochs of this call.
    pub epochs: u64,
    /// What the GPU last reported.
    pub reading: LossReading,
}

/// Trains a network on a data set.
#[derive(Debug)]
pub struct Trainer {
    gpu: Gpu,
    plan: Layered,
    state: TrainingState,
    ring: Ring,
    latest: Option<LossReading>,
    steps_per_epoch: u64,
    steps_a_submission: u64,
}

impl Trainer {
    /// Prepares training: checks everything, and makes every GPU object that the steps need.
    ///
    /// # Errors
    /// [`Error::OtherGpu`] for a data set of another [`Gpu`], [`Error::Shapes`] for one that does not fit the network,
    /// [`Error::NoParameters`] for a network without linear layers, [`Error::BatchSize`], [`Error::LearningRate`],
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(network: &Network, data: &Dataset, config: TrainConfig) -> Result<Self> {
        let operation = "Trainer::new";
        let gpu = network.gpu();
        if !gpu.is_same(data.gpu()) {
            return Err(Error::OtherGpu { operation, left: "the network", right: "the data set" });
        }
        let mlp = network.mlp();
        data.inputs().check_width(operation, "the data set's inputs", "the network's input", mlp.input_width())?;
        data.targets().check_width(operation, "the data set's targets", "the network's output", mlp.output_width())?;
        if mlp.parameter_count() == 0 {
            return Err(Error::NoParameters { operation });
        }
        let samples = data.samples();
        if config.batch_size == 0 || config.batch_size > samples {
            return Err(Error::BatchSize { batch_size: config.batch_size as u64, samples: samples as u64 });
        }
        // The samples fit in 32 bits, since the data set's bytes do; and so the batch does.
        let state = TrainingState::new(gpu, samples as u32, config.batch_size as u32, config.learning_rate)?;
        let plan = match config.plan {
            Plan::Auto | Plan::Layered => Layered::new(network, data, &state, &config)?,
        };
        Ok(Trainer {
            gpu: gpu.clone(),
            plan,
            state,
            ring: Ring::new(gpu)?,
            latest: None,
            steps_per_epoch: samples.div_ceil(config.batch_size) as u64,
            steps_a_submission: 1,
        })
    }

    /// The plan in words: which it is, and why.
    pub fn plan(&self) -> String {
        self.plan.description()
    }

    /// The batches of an epoch: how many steps it takes.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Records `steps` training steps, a batch each, going on where the last ones end. Nothing is submitted.
    pub fn record_steps(&mut self, encoder: &mut wgpu::CommandEncoder, steps: u64) {
        if steps == 0 {
            return;
        }
        let mut pass = begin_pass(encoder, "wgrad training");
        for _ in 0..steps {
            self.plan.record_step(&mut pass);
        }
        drop(pass);
        self.ring.record(encoder, &self.state, steps);
    }

    /// The latest reading that has arrived from the GPU, `None` before the first. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::WorkDropped`], or [`Error::Diverged`] if the loss is no longer a finite number.
    pub fn latest_loss(&mut self) -> Result<Option<LossReading>> {
        if let Some(words) = self.ring.latest()? {
            let reading = LossReading::new(&self.state, &words);
            if self.latest.is_none_or(|latest| latest.step < reading.step) {
                self.latest = Some(reading);
            }
        }
        self.latest.map(finite).transpose()
    }

    /// Reads the loss, waiting for what was submitted before; `None` before the first step.
    ///
    /// # Errors
    /// Those of [`Trainer::latest_loss`]; [`Error::Timeout`], [`Error::OutOfMemory`].
    pub fn read_loss(&mut self) -> Result<Option<LossReading>> {
        let confirmed = self.ring.confirmed_steps();
        let words = self.gpu.read_words("Trainer::read_loss", self.state.buffer(), |_| ())?;
        self.ring.check(&words, confirmed)?;
        let reading = LossReading::new(&self.state, &words);
        self.latest = (reading.step > 0).then_some(reading);
        self.latest.map(finite).transpose()
    }

    /// Sets the learning rate of the steps that are submitted from now on.
    ///
    /// # Errors
    /// [`Error::LearningRate`] for one that is not finite; [`Error::OutOfMemory`].
    pub fn write_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        self.state.write_learning_rate(&self.gpu, learning_rate)
    }

    /// Trains `epochs` epochs more and waits for them, with hundreds of steps a submission. Calls `progress` whenever a
    /// submission is done, and at the end with all epochs done.
    ///
    /// # Errors
    /// Those of [`Trainer::read_loss`]; [`Error::BufferRefused`] for a data set in a buffer that the app has mapped or
    /// destroyed since. [`Error::Timeout`] if a submission takes longer than the [wait
    /// time-out](Gpu::with_wait_timeout).
    pub fn train(&mut self, epochs: u64, mut progress: impl FnMut(Progress)) -> Result<()> {
        let first = self.read_loss()?.map_or(0, |reading| reading.step);
        let last = first.saturating_add(epochs.saturating_mul(self.steps_per_epoch));
        let mut submitted = first;
        let mut in_flight = None;
        while submitted < last {
            // While the GPU works on one submission, the next is recorded.
            let start = Instant::now();
            let steps = self.steps_a_submission.min(last - submitted);
            let next = self.gpu.clone().submit("wgrad train", |encoder| self.record_steps(encoder, steps))?;
            submitted += steps;
            if let Some(submission) = in_flight.replace(next) {
                self.gpu.wait(&submission, || true)?;
                self.adapt_submissions(start.elapsed());
                if let Some(reading) = self.latest_loss()?.filter(|reading| reading.step < last) {
                    let epoch = reading.step.saturating_sub(first) / self.steps_per_epoch;
                    progress(Progress { epoch, epochs, reading });
                }
            }
        }
        let Some(submission) = in_flight else { return Ok(()) };
        self.gpu.wait(&submission, || true)?;
        match self.read_loss()? {
            Some(reading) if reading.step >= last => progress(Progress { epoch: epochs, epochs, reading }),
            reading => {
                return Err(Error::WorkDropped { expected: last, found: reading.map_or(0, |reading| reading.step) });
            }
        }
        Ok(())
    }

    /// Twice the steps if a submission took less than half of what it may, half if it took more than all.
    fn adapt_submissions(&mut self, took: Duration) {
        if took < LONGEST_SUBMISSION / 2 {
            self.steps_a_submission = (self.steps_a_submission * 2).min(MOST_STEPS_A_SUBMISSION);
        } else if took > LONGEST_SUBMISSION {
            self.steps_a_submission = (self.steps_a_submission / 2).max(1);
        }
    }
}

fn finite(reading: LossReading) -> Result<LossReading> {
    if reading.loss.is_finite() {
        Ok(reading)
    } else {
        Err(Error::Diverged { step: reading.step, loss: reading.loss.to_string() })
    }
}
