//! Waiting natively: polls and sleeps, and errors that are there at once. The browser's counterpart is `web.rs`.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
pub(crate) use std::time::Instant;

use super::check::Meaning;
pub(crate) use super::turn::Turn;
use super::{Gpu, Signal};
use crate::error::{Error, Result};

/// A wait first gives its turn to others for this long, which is as short as a sleep can be.
const WITHOUT_SLEEP: Duration = Duration::from_micros(50);

/// The longest sleep of a wait.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// After this long without work a device has nothing left to tell: it is longer than another thread that polls takes to run a
/// callback.
const IDLE: Duration = Duration::from_millis(100);

const DESTROYED: &str = "it was destroyed, or its driver gave up";

/// A check whose error has an awaiter.
pub(super) struct Awaited;

/// Error scopes, one for each kind.
pub(super) struct Scopes([wgpu::ErrorScopeGuard; 3]);

impl Scopes {
    pub fn push(device: &wgpu::Device) -> Self {
        let kinds = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal];
        Scopes(kinds.map(|kind| device.push_error_scope(kind)))
    }

    /// The first error since they were pushed.
    #[inline(never)]
    fn pop(self) -> Option<wgpu::Error> {
        // Scopes are popped in reverse order. On native platforms, the error is available immediately.
        let errors = self.0.into_iter().rev().map(|scope| pollster::block_on(scope.pop())).collect::<Vec<_>>();
        errors.into_iter().flatten().next()
    }
}

impl Gpu {
    /// This thread's turn to use the driver.
    #[inline(never)]
    pub(crate) fn turn(&self) -> Turn {
        Turn::wait(self.shared.adapter_info.backend)
    }

    /// The error that the scopes caught, if any.
    pub(super) fn judge(&self, scopes: Scopes, what: &str, meaning: Meaning) -> Result<()> {
        scopes.pop().map_or(Ok(()), |error| Err(self.error_of(error, what, meaning)))
    }

    /// What was just submitted is to be awaited.
    pub(super) fn awaited(&self) -> Awaited {
        Awaited
    }

    /// The error of what was awaited, if there is one: natively only a loss is told late.
    pub(super) async fn judged(&self, _check: &Awaited) -> Result<()> {
        self.check_lost()
    }

    /// Refuses what is known to be of no use.
    pub(super) fn check(&self) -> Result<()> {
        self.check_lost()
    }

    /// No error comes late but a loss.
    pub(super) async fn late_errors(&self) -> Result<()> {
        self.detect_loss()
    }

    /// Checks whether the device is lost, by creating a mapped buffer: wgpu reports the loss only to the app's
    /// callback, and then returns invalid objects.
    pub(crate) fn detect_loss(&self) -> Result<()> {
        self.check_lost()?;
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let descriptor =
            wgpu::BufferDescriptor { label: Some("wgrad probe"), size: 4, usage, mapped_at_creation: true };
        let _turn = self.turn();
        let scopes = Scopes::push(self.device());
        let mapped = self.device().create_buffer(&descriptor).get_mapped_range(..).is_ok();
        if scopes.pop().is_some() || mapped { Ok(()) } else { Err(self.mark_lost(DESTROYED)) }
    }

    /// Waits for a signal, which must be set by a callback of wgpu.
    ///
    /// By polls with sleeps between them that grow to an eighth of the wait: wgpu 30's own wait panics where its time-out ends
    /// just as another thread's poll notices the end of the work, and then loses that thread's callbacks (gfx-rs/wgpu pull
    /// request 9958); and by OpenGL no other thread can do anything meanwhile. After each sleep, of a millisecond at most, and
    /// at least once, the thread's other futures have their turn.
    pub(super) async fn signalled(&self, signal: &Signal) -> Result<bool> {
        let start = Instant::now();
        let mut has_yielded = false;
        poll_fn(|context| {
            self.poll_once()?;
            let signalled = signal.poll(context);
            if signalled.is_pending() {
                self.pause(start)?;
            } else if has_yielded {
                return signalled.map(Ok);
            }
            has_yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// A wait's pause.
    fn pause(&self, start: Instant) -> Result<()> {
        let waited = start.elapsed();
        let left = self.wait_timeout.saturating_sub(waited);
        if left.is_zero() {
            return Err(self.timed_out());
        }
        match waited < WITHOUT_SLEEP {
            true => std::thread::yield_now(),
            false => std::thread::sleep((waited / 8).min(LONGEST_SLEEP).min(left)),
        }
        Ok(())
    }

    /// The error of a readback that failed.
    pub(super) async fn failed_readback(&self) -> Error {
        self.unreadable("a readback failed")
    }

    /// Notes that a readback for which nobody waits has failed: the device is lost.
    pub(crate) fn note_failed_readback(&self) -> Result<()> {
        Err(self.unreadable("a readback failed"))
    }

    /// The error of a buffer that cannot be read: only a lost device has such buffers.
    pub(super) fn unreadable(&self, reason: &str) -> Error {
        self.mark_lost(reason)
    }

    /// Marks the device as lost; the first reason is kept.
    fn mark_lost(&self, reason: &str) -> Error {
        Error::DeviceLost { reason: self.shared.lost.get_or_init(|| reason.to_owned()).clone() }
    }

    /// Refuses a queue of another device: a poll of a device runs the callbacks of its own queue alone.
    pub(super) fn connect(&self) -> Result<()> {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        self.queue().on_submitted_work_done(move || done.store(true, Ordering::Release));
        let start = Instant::now();
        let mut last_busy = start;
        loop {
            let is_idle = self.poll_once()?;
            if is_done.load(Ordering::Acquire) {
                return Ok(());
            }
            let now = Instant::now();
            if !is_idle {
                last_busy = now;
            } else if now - last_busy > IDLE {
                return Err(Error::OtherQueue);
            }
            self.pause(start)?;
        }
    }

    /// Runs the callbacks that are due, without waiting; returns whether the queue has no work. Turns wgpu's panic when the
    /// driver reports a lost device into an error; a panic of a callback of the app is resumed.
    pub(crate) fn poll_once(&self) -> Result<bool> {
        self.check_lost()?;
        let _turn = self.turn();
        match catch_unwind(AssertUnwindSafe(|| self.device().poll(wgpu::PollType::Poll))) {
            Ok(Ok(status)) => Ok(status.is_queue_empty()),
            Ok(Err(error)) => {
                self.detect_loss()?;
                Err(Error::Refused { what: "a poll".to_owned(), reason: error.to_string() })
            }
            Err(panic) => {
                self.detect_loss()?;
                resume_unwind(panic)
            }
        }
    }
}

/// Runs what takes buffers of the app: wgpu panics for some buffers of another instance.
#[inline(never)]
pub(super) fn with_buffers<T>(what: &str, action: impl FnOnce() -> T) -> Result<T> {
    let refused = |panic: Box<dyn Any + Send>| Error::Refused {
        what: what.to_owned(),
        reason: panic_message(&*panic).to_owned(),
    };
    catch_unwind(AssertUnwindSafe(action)).map_err(refused)
}

/// The message of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    message.unwrap_or("it panicked without a message")
}

#[cfg(test)]
mod tests {
    use crate::gpu::wait::tests::noop;

    use super::*;

    #[test]
    fn a_panic_of_wgpus_poll_marks_the_device_as_lost() {
        let (device, queue, gpu) = noop();
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        queue.on_submitted_work_done(|| panic!("as wgpu does when the driver reports a loss"));
        device.destroy();
        let lost = Err(Error::DeviceLost { reason: DESTROYED.to_owned() });
        assert_eq!(pollster::block_on(gpu.wait(&submission)), lost);
        assert_eq!(gpu.poll_once().map(|_| ()), lost);
        assert_eq!(gpu.check_lost(), lost);
        assert_eq!(pollster::block_on(gpu.settled()), lost);
    }

    #[test]
    fn a_panic_of_the_apps_callback_is_resumed() {
        let (_, queue, gpu) = noop();
        gpu.submit("nothing", &mut |_| ()).unwrap();
        queue.on_submitted_work_done(|| panic!("the app's own"));
        let panic = catch_unwind(AssertUnwindSafe(|| gpu.poll_once())).unwrap_err();
        assert_eq!(panic_message(&*panic), "the app's own");
        gpu.poll_once().unwrap();
    }
}
