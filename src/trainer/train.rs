//! Training whole epochs, with waiting.

use std::time::Duration;

use super::{LossReport, Report, Trainer};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
#[cfg(doc)]
use crate::gpu::Gpu;
use crate::gpu::{Instant, Submission};
#[cfg(doc)]
use crate::network::Network;
use crate::readback::steps_dropped;

/// The longest that the work of one submission of [`Trainer::train`] should take: operating systems end work that takes
/// seconds.
const LONGEST_SUBMISSION: Duration = Duration::from_millis(100);

/// How far a [`Trainer::train`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epochs of this call that are done.
    pub epoch: u64,
    /// The epochs of this call.
    pub epochs: u64,
    /// What the GPU last reported.
    pub report: LossReport,
}

impl Trainer {
    /// Trains `epochs` more epochs and waits for them. Each submission has as many steps as take just below 100 ms.
    /// `progress` is called when a submission is done, and at the end with all epochs done.
    ///
    /// After [`Error::Diverged`] it goes on once the app has written good parameters ([`Network::write_parameters`]) and a lower
    /// learning rate; an optimizer that keeps moments has kept what diverged, and needs a new trainer.
    ///
    /// # Errors
    /// Those of [`Trainer::read_loss`]; [`Error::Buffer`] for a data set in a buffer that the app has mapped or
    /// destroyed since. [`Error::Timeout`] if a submission takes longer than the [wait
    /// time-out](Gpu::with_wait_timeout). The first may take six times as long: some drivers compile a shader only when
    /// it first runs.
    #[cfg(not(target_family = "wasm"))]
    pub fn train(&mut self, epochs: u64, progress: impl FnMut(Progress)) -> Result<()> {
        pollster::block_on(self.train_async(epochs, progress))
    }

    /// [`Trainer::train`], awaited. If it is dropped before it ends, what it has submitted is trained all the same.
    ///
    /// # Errors
    /// The same.
    pub async fn train_async(&mut self, epochs: u64, progress: impl FnMut(Progress)) -> Result<()> {
        self.read().await?;
        let trained = self.submit_epochs(epochs, progress).await;
        #[cfg(target_family = "wasm")]
        if trained.is_err() {
            // A browser may have refused submissions after they were counted.
            self.ring.count_what_was_seen();
        }
        trained
    }

    async fn submit_epochs(&mut self, epochs: u64, mut progress: impl FnMut(Progress)) -> Result<()> {
        let steps_per_epoch = self.steps_per_epoch();
        let first = self.latest.as_ref().map_or(0, |report| report.step);
        let sure_from = self.latest.as_ref().map_or(0, |report| report.sure_from(steps_per_epoch));
        let last = first.saturating_add(epochs.saturating_mul(steps_per_epoch));
        if first == last {
            return Ok(());
        }
        let mut submitted = first;
        let mut in_flight: Option<(Submission, u64)> = None;
        let mut last_done = Instant::now();
        let gpu = self.gpu_for_a_wait();
        while submitted < last {
            // While the GPU works on one submission, the next is recorded.
            let steps = self.steps_per_submission.min(last - submitted);
            let first_report = self.ring.recordings();
            let next = gpu
                .submit("wgrad train", &mut |encoder| self.record_steps(encoder, steps))
                .inspect_err(|_| self.ring.refuse_since(first_report))?;
            submitted += steps;
            let Some((submission, steps)) = in_flight.replace((next, steps)) else { continue };
            gpu.wait(&submission).await?;
            let took = last_done.elapsed();
            last_done = Instant::now();
            let most = self.steps.most_per_submission();
            self.steps_per_submission = adapted(self.steps_per_submission, steps, took).min(most);
            self.poll()?;
            let report = self.latest.as_ref().filter(|report| report.step < last && report.epoch >= sure_from);
            if let Some(report) = report.map(Report::together).transpose()? {
                let epoch = report.step.saturating_sub(first) / steps_per_epoch;
                progress(Progress { epoch, epochs, report });
            }
            // If the caller takes long, the GPU may be done before the clock is read again, which would count the caller's
            // time as the GPU's: then start afresh, with nothing in flight.
            if last_done.elapsed() > took / 2 {
                if let Some((submission, _)) = in_flight.take() {
                    gpu.wait(&submission).await?;
                }
                last_done = Instant::now();
            }
        }
        if let Some((submission, _)) = in_flight {
            gpu.wait(&submission).await?;
        }
        self.read().await?;
        match &self.latest {
            Some(report) if report.step >= last => {
                let unsure = report.each().first().copied().filter(|_| report.epoch < sure_from);
                let report = report.together().or_else(|diverged| unsure.ok_or(diverged))?;
                progress(Progress { epoch: epochs, epochs, report });
                Ok(())
            }
            report => Err(steps_dropped("Trainer::train", last, report.as_ref().map_or(0, |report| report.step))),
        }
    }
}

/// The steps of the next submission, a power of two. Submissions have `steps_per_submission` steps now, and the last one, of
/// `steps`, took this long. The next fills three quarters of the longest submission, but at most doubles.
fn adapted(steps_per_submission: u64, steps: u64, took: Duration) -> u64 {
    let fit = steps as f64 * (0.75 * LONGEST_SUBMISSION.as_secs_f64() / took.as_secs_f64().max(1e-6));
    1 << (fit as u64).clamp(1, 2 * steps_per_submission).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_grow_to_three_quarters_of_the_longest_and_shrink_at_once() {
        let step = Duration::from_nanos(100);
        let mut steps = 1;
        for _ in 0..30 {
            let next = adapted(steps, steps, step * steps as u32);
            assert!(next <= 2 * steps);
            steps = next;
        }
        // 750,000 steps take three quarters of 100 ms.
        assert_eq!(steps, 1 << 19);
        assert_eq!(adapted(steps, steps, Duration::from_secs(10)), 2_048);
        assert_eq!(adapted(1, 1, Duration::from_secs(10)), 1);
        // A remainder says how long steps take, and does not shrink what follows.
        assert_eq!(adapted(steps, 1_000, step * 1_000), 1 << 19);
        assert_eq!(adapted(64, 64, Duration::ZERO), 128);
    }
}
