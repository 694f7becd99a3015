//! What a frame records of a training, on the thread that paints, and what comes back of it.

use std::time::Duration;

use web_time::Instant;
use wgrad::{Gpu, LossReport, Mlp, Network, ParametersAt, Result, Trainer, wgpu};

use crate::picture::quality::Quality;

/// The time between two copies of the parameters to the host.
const COPY_EVERY: Duration = Duration::from_secs(2);

/// A training, a measurement of what was learned, and copies of the parameters, which outlive the device.
pub struct Learning {
    /// The trainer.
    pub trainer: Trainer,
    /// The measurement of what was learned, where there is one.
    pub quality: Option<Quality>,
    /// The training steps recorded.
    pub steps: u64,
    /// When a copy of the parameters was recorded last, and after how many steps.
    recorded: Option<(Instant, u64)>,
    /// The copy that arrived last; before the first, what the network goes on from. The trainer has it too, but gives nothing out
    /// when the device is lost.
    copy: Option<Snapshot>,
}

impl Learning {
    /// Nothing is recorded yet.
    pub fn new(trainer: Trainer, quality: Option<Quality>) -> Self {
        Learning { trainer, quality, steps: 0, recorded: None, copy: None }
    }

    /// Goes on from a network on the host, until a copy arrives.
    pub fn go_on_from(&mut self, snapshot: Snapshot) {
        self.copy = Some(Snapshot { step: None, ..snapshot });
    }

    /// Records training steps, and a measurement and a copy if it is time for one.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, steps: u64) {
        self.trainer.record_steps(encoder, steps);
        self.steps += steps;
        if let Some(quality) = &mut self.quality {
            quality.record(encoder, self.steps);
        }
        let is_due = self.recorded.is_none_or(|(last, at)| at != self.steps && last.elapsed() >= COPY_EVERY);
        // Without memory for another copy, the last one has to do.
        if is_due && self.trainer.record_parameters(encoder).is_ok() {
            self.recorded = Some((Instant::now(), self.steps));
        }
    }

    /// Takes what has arrived. Returns the latest report of the loss.
    ///
    /// # Errors
    /// Those of [`Trainer::latest_loss`].
    pub fn poll(&mut self) -> Result<Option<LossReport>> {
        if let Some(ParametersAt { step, parameters }) = self.trainer.latest_parameters()?
            && self.copy.as_ref().is_none_or(|copy| copy.step != Some(*step))
        {
            let (step, parameters) = (Some(*step), parameters.clone());
            self.copy = Some(Snapshot { mlp: self.trainer.network().mlp().clone(), parameters, step });
        }
        self.trainer.latest_loss()
    }

    /// Whether a measurement and a copy after the last step have been recorded: nothing is left to do in a frame without steps.
    pub fn is_settled(&self) -> bool {
        let is_measured = self.quality.as_ref().is_none_or(|quality| quality.is_of(self.steps));
        is_measured && self.recorded.is_some_and(|(_, at)| at == self.steps)
    }

    /// The network as it was copied last, if it was.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.copy.clone()
    }
}

/// A network on the host.
#[derive(Clone, Debug)]
pub struct Snapshot {
    mlp: Mlp,
    parameters: Vec<f32>,
    /// The steps of the trainer that it was copied from; `None` of one that is gone.
    step: Option<u64>,
}

impl Snapshot {
    /// The network on a device.
    ///
    /// # Errors
    /// Those of [`Network::from_parameters`]: also for one that had diverged.
    pub fn network(&self, gpu: &Gpu) -> Result<Network> {
        Network::from_parameters(gpu, &self.mlp, &self.parameters)
    }
}
