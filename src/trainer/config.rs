//! How to train, and what a plan is made for.

use std::ops::Range;

use super::Plan;
use super::moments::Moments;
use crate::codegen::Work;
use crate::codegen::descent::Descent;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernels::{self, Dispatch, TrainingState, check_weight_decay};
use crate::loss::Loss;
use crate::mlp::Mlp;
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

/// How to train.
///
/// ```
/// use wgrad::{Decay, Loss, Optimizer, Schedule, TrainConfig};
/// let config = TrainConfig {
///     loss: Loss::CrossEntropy { label_smoothing: 0.1 },
///     schedule: Schedule::new(Decay::Cosine { steps: 10_000, floor: 0.0 }).warm_up(100),
///     batch_size: 32,
///     ..TrainConfig::adam()
/// };
/// assert_eq!((config.optimizer, config.learning_rate), (Optimizer::adam(), 0.001));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// What the training makes small. Default: [`Loss::SquaredError`].
    pub loss: Loss,
    /// How a step changes the parameters by their gradient. Default: [`Optimizer::Sgd`].
    pub optimizer: Optimizer,
    /// The learning rate, for every network of a population. Default: 0.1, for gradient descent; Adam wants about 0.001, the
    /// rate of [`TrainConfig::adam`].
    pub learning_rate: f32,
    /// The factor of the learning rate for each step. Default: always 1.
    pub schedule: Schedule,
    /// The weight decay λ, for every network of a population: `λ w` is added to the gradient with respect to each parameter
    /// `w`, biases too; of [`Optimizer::AdamW`], `w -= learning rate · λ w`. Default: 0.
    pub weight_decay: f32,
    /// The learning rate of a hash grid's features, as a multiple of the learning rate: the schedule multiplies it too. Default: 1.
    pub grid_learning_rate: f32,
    /// The weight decay of a hash grid's features; [`TrainConfig::weight_decay`] is that of the layers. Default: 0.
    pub grid_weight_decay: f32,
    /// The largest norm of the gradient with respect to all parameters: a longer one is shortened to it. PyTorch:
    /// `clip_grad_norm_`. The persistent plans change weights before they know the norm, and refuse it. Default: none.
    pub clip_norm: Option<f32>,
    /// The factor `d` of an average of the parameters over the steps, each step's weight being `d` times that of the next:
    /// [`Trainer::averaged`](crate::Trainer::averaged) gives the network of these, often a better one than the last. From 0 to
    /// less than 1, for example 0.99. Default: none.
    pub average: Option<f64>,
    /// The layers, counted from 0, whose parameters stay as they are; a hash grid's features do with a
    /// [`grid_learning_rate`](TrainConfig::grid_learning_rate) of 0. Default: none.
    pub frozen: Vec<usize>,
    /// The samples per step, from 1 to all. The last batch of an epoch may be smaller. Default: 1.
    pub batch_size: usize,
    /// Whether each epoch takes the samples in a new random order, instead of the data set's. Default: no.
    pub shuffle: bool,
    /// The seed of those orders.
    pub seed: u64,
    /// How the steps become dispatches.
    pub plan: Plan,
    /// For a part of a population ([`Network::population_part`](crate::Network::population_part)): the networks of the whole.
    /// [`Plan::Auto`] then takes the plan of the whole, and a network has the same bits in every part. Default: all are here.
    pub part_of: Option<usize>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            loss: Loss::default(),
            optimizer: Optimizer::default(),
            learning_rate: 0.1,
            schedule: Schedule::default(),
            weight_decay: 0.0,
            grid_learning_rate: 1.0,
            grid_weight_decay: 0.0,
            clip_norm: None,
            average: None,
            frozen: Vec::new(),
            batch_size: 1,
            shuffle: false,
            seed: 0,
            plan: Plan::Auto,
            part_of: None,
        }
    }
}

impl TrainConfig {
    /// The default, but by [`Optimizer::adam`] at a learning rate of 0.001.
    pub fn adam() -> Self {
        TrainConfig { optimizer: Optimizer::adam(), learning_rate: 0.001, ..TrainConfig::default() }
    }

    /// How parameters are changed.
    pub(crate) fn descent(&self) -> Descent {
        Descent {
            optimizer: self.optimizer,
            decays: self.weight_decay != 0.0,
            schedule: self.schedule,
            average: self.average,
            clip_norm: self.clip_norm,
        }
    }

    /// How a hash grid's features are changed.
    pub(crate) fn grid_descent(&self) -> Descent {
        Descent { decays: self.grid_weight_decay != 0.0, ..self.descent() }
    }

    /// Refuses what makes no training of this network. Errors name `operation`.
    pub(crate) fn check(&self, operation: &'static str, mlp: &Mlp) -> Result<()> {
        self.loss.check(operation, mlp.last_activation(), mlp.output_width())?;
        self.check_descent(operation, mlp)
    }

    /// The same, but for the loss.
    pub(crate) fn check_descent(&self, operation: &'static str, mlp: &Mlp) -> Result<()> {
        self.optimizer.check(operation)?;
        self.schedule.check(operation)?;
        check_weight_decay(operation, self.weight_decay)?;
        check_weight_decay(operation, self.grid_weight_decay)?;
        if !(self.grid_learning_rate.is_finite() && self.grid_learning_rate >= 0.0) {
            let (what, rule) = ("the hash grid's learning rate", "choose a finite factor of at least 0, for example 1");
            return Err(Error::out_of_range(operation, what, self.grid_learning_rate, rule));
        }
        if let Some(norm) = self.clip_norm.filter(|norm| !(norm.is_finite() && *norm > 0.0)) {
            let rule = "choose a finite one above 0, for example 1";
            return Err(Error::out_of_range(operation, "the clipping norm", norm, rule));
        }
        if let Some(factor) = self.average.filter(|factor| !((0.0..1.0).contains(factor) && (*factor as f32) < 1.0)) {
            let rule = "choose one from 0 to less than 1, for example 0.99";
            return Err(Error::out_of_range(operation, "the factor of the average", factor, rule));
        }
        let layers = mlp.layers().len();
        if let Some(&layer) = self.frozen.iter().find(|&&layer| layer >= layers) {
            let rule = format!("the network has {layers} layers, numbered from 0");
            return Err(Error::count(operation, "a frozen layer", layer as u64, [0, layers as u64 - 1], &rule));
        }
        if mlp.grid().is_none() && (0..layers).all(|layer| self.frozen.contains(&layer)) {
            let rule = "all layers are frozen; leave one out";
            return Err(Error::count(operation, "the number of layers to train", 0, [1, layers as u64], rule));
        }
        Ok(())
    }

    /// Refuses a part of more networks than the whole has.
    pub(crate) fn check_part(&self, operation: &'static str, networks: usize) -> Result<()> {
        match self.part_of.filter(|&whole| whole < networks || u32::try_from(whole).is_err()) {
            Some(whole) => {
                let range = [networks as u64, u32::MAX.into()];
                Err(Error::count(operation, "part_of", whole as u64, range, "the networks of the whole population"))
            }
            None => Ok(()),
        }
    }

    /// The networks by whose number a plan is chosen.
    pub(super) fn networks_of_whole(&self, here: usize) -> usize {
        self.part_of.unwrap_or(here)
    }

    /// The parameters of the layers that are trained, neighbouring layers as one range.
    pub(crate) fn trained(&self, mlp: &Mlp) -> Vec<Range<u32>> {
        let mut ranges = Vec::<Range<u32>>::new();
        let layers = mlp.parameter_ranges().into_iter().enumerate().filter(|(layer, _)| !self.frozen.contains(layer));
        for (_, range) in layers {
            // Checked networks have parameters that 32 bits count.
            let (start, end) = (range.start as u32, range.end as u32);
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }
}

/// What a plan is made for.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub network: &'a Network,
    pub data: &'a Dataset,
    pub state: &'a TrainingState,
    /// What is kept of each parameter from step to step, if anything: `[networks, kept, parameters]`.
    pub moments: &'a Moments,
    pub config: &'a TrainConfig,
    pub work: Work,
    /// For steps in two halves, between which gradients of several trainers are summed: the batch of all.
    pub summed: Option<&'a wgpu::Buffer>,
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

impl Job<'_> {
    /// The dispatch that draws the samples of a training step, if they are drawn.
    pub fn draw(&self) -> Result<Option<Dispatch>> {
        let Job { network, data, state, .. } = *self;
        let Some(drawn) = data.drawn.as_ref().filter(|_| self.work == Work::Train) else { return Ok(None) };
        let rows = [&data.inputs().rows, &data.targets().rows];
        kernels::sample_picture(network.gpu(), state, drawn, rows).map(Some)
    }
}
