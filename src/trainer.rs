//! Training: how a network, a data set and a configuration become recorded steps.

mod choose;
mod config;
mod copies;
mod cost;
mod gradients;
mod layered;
mod memory;
mod moments;
mod pace;
mod persistent;
mod plain;
mod plan;
mod rates;
mod report;
#[cfg(feature = "files")]
mod saved;
mod summed;
mod train;
mod warm_up;

use std::time::Duration;

use crate::codegen::Work;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{COMPILE_TIMEOUT_FACTOR, Gpu};
use crate::kernels::{self, Dispatch, TrainingState};
use crate::network::Network;
use crate::readback::Ring;
use choose::Steps;
use config::Job;
pub use config::TrainConfig;
use copies::Copies;
pub use copies::ParametersAt;
pub use gradients::GradientTrainer;
pub use memory::Memory;
use moments::Moments;
use pace::Pace;
pub use plan::Plan;
pub use report::LossReport;
use report::Report;
use summed::Summed;
pub use train::Progress;

/// Trains a network, or a population, on a data set.
#[derive(Debug)]
pub struct Trainer {
    gpu: Gpu,
    network: Network,
    config: TrainConfig,
    steps: Steps,
    /// Before the steps, if the number of samples has fallen.
    fit: Option<Dispatch>,
    /// What is kept of each parameter from step to step, if anything.
    moments: Moments,
    state: TrainingState,
    ring: Ring,
    pace: Pace,
    latest: Option<Report>,
    copies: Copies,
    data: Dataset,
    /// Once it has trained together with others.
    summed: Option<Box<Summed>>,
    steps_per_submission: u64,
    /// The steps that a saved run had done: once there are more, this trainer's shaders have run.
    first_step: u64,
}

impl Trainer {
    /// Prepares training: checks everything, and makes every GPU object that the steps need.
    ///
    /// # Errors
    /// [`Error::OtherGpu`] for a data set of another [`Gpu`], [`Error::Shapes`] for one that does not fit the network,
    /// [`Error::OutOfRange`] for a parameter of the configuration, [`Error::UnsuitableLoss`] for a loss that is not for the
    /// network,
    /// [`Error::Count`] for a batch size of 0 or above the samples, [`Error::NotFinite`] for the learning rate,
    /// [`Error::PlanUnavailable`] for a named plan that the device or the network does not allow, or a population that no
    /// persistent plan can train; [`Error::Buffer`] for samples among the parameters or in a buffer that wgpu refuses,
    /// [`Error::TooLarge`], also for a population whose training states, 48 bytes per network, exceed a binding;
    /// [`Error::OutOfMemory`].
    pub fn new(network: &Network, data: &Dataset, config: TrainConfig) -> Result<Self> {
        Trainer::for_work(network, data, config, Work::Train)
    }

    /// A trainer that trains, or that only measures the loss.
    pub(crate) fn for_work(network: &Network, data: &Dataset, config: TrainConfig, work: Work) -> Result<Self> {
        let operation = work.operation();
        let gpu = network.gpu();
        if !gpu.is_same(data.gpu()) {
            return Err(Error::OtherGpu { operation, left: "the network", right: "the data set" });
        }
        let mlp = network.mlp();
        data.check_widths(operation, mlp.input_width(), mlp.output_width())?;
        config.check(operation, mlp)?;
        config.check_part(operation, network.count())?;
        let samples = data.sample_count();
        let too_large = || Error::batch_size(operation, config.batch_size as u64, samples.capacity.into());
        let batch_size = u32::try_from(config.batch_size).map_err(|_| too_large())?;
        let networks = network.count() as u32;
        let state = TrainingState::of_population(operation, gpu, networks, samples, batch_size, config.learning_rate)?;
        let decays = vec![config.weight_decay; network.count()];
        state.write_weight_decays(operation, gpu, &decays)?;
        let moments = moments::create(operation, network, &config)?;
        let job = Job { network, data, state: &state, moments: &moments, config: &config, work, summed: None };
        Ok(Trainer {
            gpu: gpu.clone(),
            network: network.clone(),
            steps: Steps::new(job)?,
            fit: samples.varies.then(|| kernels::fit(gpu, &state)).transpose()?,
            moments,
            // A population's reports are large, and nobody looks at those of an evaluation.
            ring: Ring::new(gpu, (work == Work::Train).then_some(&state))?,
            state,
            pace: Pace::default(),
            latest: None,
            copies: Copies::default(),
            data: data.clone(),
            summed: None,
            steps_per_submission: 1,
            first_step: 0,
            config,
        })
    }

    /// The network that is trained.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The configuration that the trainer was made with; later changes of the learning rate do not show.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// A description of the plan: which one it is, and why.
    pub fn plan(&self) -> String {
        self.steps.description().to_owned()
    }

    /// The steps of an epoch, one per batch. Of a data set that grows: at its present size.
    pub fn steps_per_epoch(&self) -> u64 {
        u64::from(self.state.samples().get()).div_ceil(self.config.batch_size as u64)
    }

    /// Records `steps` training steps, one batch each, after those recorded before, in as few dispatches as the plan allows.
    /// Recording a dispatch takes time and memory. Submits nothing. Records nothing while the data set has no samples.
    pub fn record_steps(&mut self, encoder: &mut wgpu::CommandEncoder, steps: u64) {
        if steps == 0 || self.state.samples().get() == 0 {
            return;
        }
        self.ring.record(encoder, &self.state, steps, |pass| {
            self.record_fit(pass);
            self.steps.record(pass, steps);
        });
    }

    /// Fits the next batch to samples that may have become fewer.
    fn record_fit(&self, pass: &mut wgpu::ComputePass<'_>) {
        // A run that is resumed may have been saved before its next batch was fitted.
        let may_be_past = self.state.samples().has_fallen() || self.first_step > 0;
        self.fit.iter().filter(|_| may_be_past).for_each(|fit| fit.record(pass));
    }

    /// How many steps take the GPU about `duration`, for [`Trainer::record_steps`]: "about 2 ms this frame". Waits for
    /// nothing.
    ///
    /// The number is learned from the recordings whose reports have arrived. It begins at 1, grows at most eightfold from
    /// recording to recording, and is 0 only for a duration of 0. Each trainer knows only its own steps: divide a frame's
    /// time among several.
    ///
    /// If the device was requested with [`wgpu::Features::TIMESTAMP_QUERY`], the time is the GPU's own, and the steps fill
    /// the duration. Otherwise it is the time until completion was noticed, an upper bound that includes the rest of the
    /// frame: the steps stay within the duration, but do not fill it. An app that waits for the display notices completion
    /// one frame later, so that for durations below a frame it gets one step per frame. Request the feature where the
    /// adapter has it, or choose the number of steps yourself.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn frame(trainer: &mut wgrad::Trainer, encoder: &mut wgrad::wgpu::CommandEncoder) -> wgrad::Result<()> {
    /// let steps = trainer.steps_within(Duration::from_millis(2))?;
    /// trainer.record_steps(encoder, steps);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::WorkDropped`].
    pub fn steps_within(&mut self, duration: Duration) -> Result<u64> {
        self.poll()?;
        Ok(self.pace.steps_within(duration).min(self.steps.most_per_submission()))
    }

    /// The latest report that has arrived from the GPU, `None` before the first. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::WorkDropped`], or [`Error::Diverged`] if the loss is no longer a finite number.
    pub fn latest_loss(&mut self) -> Result<Option<LossReport>> {
        self.poll()?;
        self.latest.as_ref().map(Report::together).transpose()
    }

    /// The latest report of each network of a population, none before the first. Waits for nothing. A network that
    /// diverged has a loss that is not finite; the others go on.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::WorkDropped`].
    pub fn latest_losses(&mut self) -> Result<Vec<LossReport>> {
        self.poll()?;
        Ok(self.latest.as_ref().map(Report::each).unwrap_or_default())
    }

    /// Takes the reports that have arrived.
    fn poll(&mut self) -> Result<()> {
        if let Some(words) = self.ring.latest(|steps, took| self.pace.note(steps, took))? {
            let report = Report::new(&self.state, &words);
            if self.latest.as_ref().is_none_or(|latest| latest.step < report.step) {
                self.latest = Some(report);
            }
        }
        Ok(())
    }

    /// Reads the loss, waiting for what was submitted before; `None` before the first step.
    ///
    /// # Errors
    /// Those of [`Trainer::latest_loss`]; [`Error::OutOfMemory`], [`Error::Timeout`] (after six times as long before the
    /// first report: some drivers compile a shader only when it first runs).
    #[cfg(not(target_family = "wasm"))]
    pub fn read_loss(&mut self) -> Result<Option<LossReport>> {
        pollster::block_on(self.read_loss_async())
    }

    /// [`Trainer::read_loss`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_loss_async(&mut self) -> Result<Option<LossReport>> {
        self.read().await?;
        self.latest.as_ref().map(Report::together).transpose()
    }

    /// Reads the loss of each network of a population, waiting for what was submitted before; none before the first
    /// step.
    ///
    /// # Errors
    /// Those of [`Trainer::latest_losses`]; [`Error::Timeout`], [`Error::OutOfMemory`].
    #[cfg(not(target_family = "wasm"))]
    pub fn read_losses(&mut self) -> Result<Vec<LossReport>> {
        pollster::block_on(self.read_losses_async())
    }

    /// [`Trainer::read_losses`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_losses_async(&mut self) -> Result<Vec<LossReport>> {
        self.read().await?;
        Ok(self.latest.as_ref().map(Report::each).unwrap_or_default())
    }

    async fn read(&mut self) -> Result<()> {
        let confirmed = self.ring.confirmed_steps();
        let reading = self.gpu_for_a_wait().read("Trainer::read_loss", self.state.buffer(), &|_| ())?;
        let words = reading.words().await?;
        self.ring.check(&words, confirmed)?;
        let report = Report::new(&self.state, &words);
        self.latest = (report.step > 0).then_some(report);
        Ok(())
    }

    /// Reads the confusion counts of a classification.
    pub(crate) async fn read_counts(&self, operation: &'static str) -> Result<Vec<u32>> {
        match self.steps.counts() {
            Some(counts) => self.gpu.read(operation, counts, &|_| ())?.words().await,
            None => Ok(Vec::new()),
        }
    }

    /// The device, with a longer time-out before this trainer's first steps: some drivers compile a shader only when it
    /// first runs.
    fn gpu_for_a_wait(&self) -> Gpu {
        let has_run = self.latest.as_ref().is_some_and(|latest| latest.step > self.first_step);
        self.gpu.clone().with_timeout_factor(if has_run { 1 } else { COMPILE_TIMEOUT_FACTOR })
    }
}
