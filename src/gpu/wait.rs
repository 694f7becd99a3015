//! Submitting and waiting.

use super::check::Meaning;
use super::platform;
use super::{Gpu, Signal};
use crate::error::{Error, Result};

/// What was submitted.
pub(crate) struct Submission {
    /// Set when the GPU is done with it.
    done: Signal,
    check: platform::Awaited,
}

impl Submission {
    /// The same, done when this signal is set.
    pub fn until(self, done: Signal) -> Self {
        Submission { done, ..self }
    }
}

impl Gpu {
    /// Records into a new encoder and submits it.
    pub(crate) fn submit(&self, label: &str, record: &mut dyn FnMut(&mut wgpu::CommandEncoder)) -> Result<Submission> {
        let signal = Signal::default();
        let done = signal.clone();
        // Only a buffer of the app can be wrong here, one mapped or destroyed since it was bound; in a browser also a kernel.
        let meaning: Meaning = Error::into_buffer_error;
        let submitted = self.checked(label, meaning, || {
            let descriptor = wgpu::CommandEncoderDescriptor { label: Some(label) };
            let mut encoder = self.device().create_command_encoder(&descriptor);
            let commands = platform::with_buffers(label, || {
                record(&mut encoder);
                encoder.on_submitted_work_done(move || done.set(true));
                encoder.finish()
            })?;
            self.queue().submit([commands]);
            Ok(())
        });
        submitted?.map_err(meaning)?;
        Ok(Submission { done: signal, check: self.awaited() })
    }

    /// Waits until the GPU is done, and the callback that says so has run. In a browser this also waits for the submission's own
    /// error, which no other wait is told.
    pub(crate) async fn wait(&self, submission: &Submission) -> Result<()> {
        let success = self.signalled(&submission.done).await?;
        self.judged(&submission.check).await?;
        match success {
            true => Ok(()),
            false => Err(self.failed_readback().await),
        }
    }

    /// The error of a wait that has taken too long.
    pub(super) fn timed_out(&self) -> Error {
        Error::Timeout { seconds: self.wait_timeout.as_secs_f64() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;

    pub fn noop() -> (wgpu::Device, wgpu::Queue, Gpu) {
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
        device.on_uncaptured_error(Arc::new(|error| panic!("the app's handler was given {error}")));
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        (device, queue, gpu)
    }

    #[test]
    fn a_wait_for_what_never_arrives_ends_with_a_timeout() {
        let (_, _, gpu) = noop();
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        pollster::block_on(gpu.wait(&submission)).unwrap();

        let gpu = gpu.with_wait_timeout(Duration::from_millis(300));
        let start = Instant::now();
        let submission = submission.until(Signal::default());
        assert_eq!(pollster::block_on(gpu.wait(&submission)), Err(Error::Timeout { seconds: 0.3 }));
        assert!(start.elapsed() >= Duration::from_millis(300));
        // The timeout did not lose the device.
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        pollster::block_on(gpu.wait(&submission)).unwrap();
    }

    #[test]
    fn a_wait_gives_other_futures_of_its_thread_their_turn() {
        let (_, _, gpu) = noop();
        let gpu = gpu.with_wait_timeout(Duration::from_secs(60));
        let signal = Signal::default();
        let mut turns = 0;
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap().until(signal.clone());
        let mut wait = std::pin::pin!(gpu.wait(&submission));
        let both = std::future::poll_fn(|context| {
            let waited = wait.as_mut().poll(context);
            turns += 1;
            if turns == 20 {
                signal.set(true);
            }
            waited
        });
        pollster::block_on(both).unwrap();
        assert_eq!(turns, 21);
    }
}
