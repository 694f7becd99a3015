//! Submitting, waiting and reading back, and detecting errors and lost devices.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::turn::Turn;
use super::{Gpu, values, words_as_bytes};
use crate::error::{Error, Result};

/// A wait first gives its turn to others for this long, which is as short as a sleep can be.
const WITHOUT_SLEEP: Duration = Duration::from_micros(50);

/// The longest sleep of a wait.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// After this long without work a device has nothing left to tell: it is longer than another thread that polls takes to run a
/// callback.
const IDLE: Duration = Duration::from_millis(100);

/// Appended to every readback: proves that the GPU performed the copy.
const MARKER: u32 = 0x7767_7264;

const DESTROYED: &str = "it was destroyed, or its driver gave up";

/// A submission, and whether the GPU is done with it, as a poll of any thread found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submission {
    is_done: Arc<AtomicBool>,
}

impl Submission {
    /// For wgpu to call when the work is done.
    fn callback(&self) -> impl FnOnce() + Send + use<> {
        let is_done = self.is_done.clone();
        move || is_done.store(true, Ordering::Release)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }
}

impl Gpu {
    /// Runs `action` and returns the error that wgpu reports for it, if any, instead of leaving it to the app's
    /// handler.
    pub(super) fn checked<T>(&self, what: &str, action: impl FnOnce() -> T) -> Result<T> {
        let (turn, scopes) = self.begin_check()?;
        let output = action();
        self.end_check(what, scopes)?;
        drop(turn);
        Ok(output)
    }

    #[inline(never)]
    fn begin_check(&self) -> Result<(Turn, [wgpu::ErrorScopeGuard; 3])> {
        self.check_lost()?;
        Ok((self.turn(), self.push_error_scopes()))
    }

    /// This thread's turn to use the driver.
    #[inline(never)]
    pub(crate) fn turn(&self) -> Turn {
        Turn::wait(self.shared.adapter_info.backend)
    }

    /// The error of wgpu since the check began, if any.
    #[inline(never)]
    fn end_check(&self, what: &str, scopes: [wgpu::ErrorScopeGuard; 3]) -> Result<()> {
        match pop_error_scopes(scopes) {
            None => Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { what: what.to_owned() }),
            Some(error) => {
                self.detect_loss()?;
                Err(Error::Refused { what: what.to_owned(), reason: error.to_string() })
            }
        }
    }

    fn push_error_scopes(&self) -> [wgpu::ErrorScopeGuard; 3] {
        [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device().push_error_scope(filter))
    }

    /// Checks whether the device is lost, by creating a mapped buffer: wgpu reports the loss only to the app's
    /// callback, and then returns invalid objects.
    pub(crate) fn detect_loss(&self) -> Result<()> {
        self.check_lost()?;
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let descriptor =
            wgpu::BufferDescriptor { label: Some("wgrad probe"), size: 4, usage, mapped_at_creation: true };
        let _turn = self.turn();
        let scopes = self.push_error_scopes();
        let mapped = self.device().create_buffer(&descriptor).get_mapped_range(..).is_ok();
        if pop_error_scopes(scopes).is_some() || mapped { Ok(()) } else { Err(self.mark_lost(DESTROYED)) }
    }

    /// Marks the device as lost; the first reason is kept.
    pub(crate) fn mark_lost(&self, reason: &str) -> Error {
        Error::DeviceLost { reason: self.shared.lost.get_or_init(|| reason.to_owned()).clone() }
    }

    fn check_lost(&self) -> Result<()> {
        match self.shared.lost.get() {
            Some(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Records into a new encoder and submits it.
    pub(crate) fn submit(&self, label: &str, record: &mut dyn FnMut(&mut wgpu::CommandEncoder)) -> Result<Submission> {
        let submission = Submission::default();
        let submitted = self.checked(label, || {
            let descriptor = wgpu::CommandEncoderDescriptor { label: Some(label) };
            let mut encoder = self.device().create_command_encoder(&descriptor);
            let commands = with_buffers(label, || {
                record(&mut encoder);
                encoder.on_submitted_work_done(submission.callback());
                encoder.finish()
            })?;
            self.queue().submit([commands]);
            Ok(())
        });
        // Only a buffer of the app can be wrong here: one mapped or destroyed since it was bound.
        submitted.and_then(|submitted| submitted).map_err(Error::into_buffer_error)?;
        Ok(submission)
    }

    /// Waits until `submission` is done and `arrived` returns true: another thread that polls the device may still be
    /// running the submission's callbacks.
    ///
    /// By polls with sleeps between them that grow to an eighth of the wait: wgpu 30's own wait panics where its time-out ends
    /// just as another thread's poll notices the end of the work, and then loses that thread's callbacks (gfx-rs/wgpu pull
    /// request 9958); and by OpenGL no other thread can do anything meanwhile.
    pub(crate) fn wait(&self, submission: &Submission, arrived: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            self.poll_once()?;
            if submission.is_done() && arrived() {
                return Ok(());
            }
            self.pause(start.elapsed())?;
        }
    }

    /// Refuses a queue of another device: a poll of a device runs the callbacks of its own queue alone.
    pub(super) fn check_queue(&self) -> Result<()> {
        let submission = Submission::default();
        self.queue().on_submitted_work_done(submission.callback());
        let start = Instant::now();
        let mut last_busy = start;
        loop {
            let is_idle = self.poll_once()?;
            if submission.is_done() {
                return Ok(());
            }
            let now = Instant::now();
            if !is_idle {
                last_busy = now;
            } else if now - last_busy > IDLE {
                return Err(Error::OtherQueue);
            }
            self.pause(now - start)?;
        }
    }

    /// A wait's pause after it has waited for this long.
    fn pause(&self, waited: Duration) -> Result<()> {
        let left = self.wait_timeout.saturating_sub(waited);
        if left.is_zero() {
            return Err(Error::Timeout { seconds: self.wait_timeout.as_secs_f64() });
        }
        match waited < WITHOUT_SLEEP {
            true => std::thread::yield_now(),
            false => std::thread::sleep((waited / 8).min(LONGEST_SLEEP).min(left)),
        }
        Ok(())
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

    /// Records into a new encoder, submits it, waits, and reads a whole buffer of f32.
    pub(crate) fn read_f32(
        &self,
        operation: &'static str,
        buffer: &wgpu::Buffer,
        record: &dyn Fn(&mut wgpu::CommandEncoder),
    ) -> Result<Vec<f32>> {
        Ok(self.read_words(operation, buffer, record)?.into_iter().map(f32::from_bits).collect())
    }

    /// Records into a new encoder, submits it, waits, and reads a whole buffer of 32-bit words.
    pub(crate) fn read_words(
        &self,
        operation: &'static str,
        buffer: &wgpu::Buffer,
        record: &dyn Fn(&mut wgpu::CommandEncoder),
    ) -> Result<Vec<u32>> {
        let marker = self.marker()?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer(operation, "readback", buffer.size() + marker.size(), usage)?;
        let status = Arc::new(AtomicU8::new(PENDING));
        let submission = self.submit("wgrad readback", &mut |encoder| {
            record(encoder);
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
            encoder.copy_buffer_to_buffer(&marker, 0, &staging, buffer.size(), marker.size());
            let callback_status = status.clone();
            encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., move |result| {
                callback_status.store(if result.is_ok() { MAPPED } else { NOT_MAPPED }, Ordering::Release);
            });
        })?;
        self.wait(&submission, || status.load(Ordering::Acquire) != PENDING)?;
        if status.load(Ordering::Acquire) == NOT_MAPPED {
            return Err(self.mark_lost("a readback failed"));
        }
        let mut words = self.mapped_words(&staging)?;
        match words.pop() {
            Some(MARKER) => Ok(words),
            _ => Err(Error::WorkDropped {
                operation,
                what: "readback",
                expected: 1,
                found: 0,
                way_out: "nothing was read; submit less work at a time, and read again",
            }),
        }
    }

    /// The words of a mapped buffer.
    pub(crate) fn mapped_words(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
        let _turn = self.turn();
        let view = buffer.get_mapped_range(..).map_err(|error| self.mark_lost(&error.to_string()))?;
        Ok(values(&view))
    }

    fn marker(&self) -> Result<wgpu::Buffer> {
        if let Some(marker) = self.shared.marker.get() {
            return Ok(marker.clone());
        }
        let marker = self.storage_buffer("a readback", "marker", 4)?;
        self.write_buffer(&marker, 0, words_as_bytes(&[MARKER]))?;
        Ok(self.shared.marker.get_or_init(|| marker).clone())
    }
}

/// The first error since the scopes were pushed.
#[inline(never)]
fn pop_error_scopes(scopes: [wgpu::ErrorScopeGuard; 3]) -> Option<wgpu::Error> {
    // Scopes are popped in reverse order. On native platforms, the error is available immediately.
    let errors = scopes.into_iter().rev().map(|scope| pollster::block_on(scope.pop())).collect::<Vec<_>>();
    errors.into_iter().flatten().next()
}

const PENDING: u8 = 0;
const MAPPED: u8 = 1;
const NOT_MAPPED: u8 = 2;

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
    use super::*;

    fn noop() -> (wgpu::Device, wgpu::Queue, Gpu) {
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
        device.on_uncaptured_error(Arc::new(|error| panic!("the app's handler was given {error}")));
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        (device, queue, gpu)
    }

    #[test]
    fn a_wait_for_what_never_arrives_ends_with_a_timeout() {
        let (_, _, gpu) = noop();
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        gpu.wait(&submission, || true).unwrap();

        let gpu = gpu.with_wait_timeout(Duration::from_millis(300));
        let start = Instant::now();
        assert_eq!(gpu.wait(&submission, || false), Err(Error::Timeout { seconds: 0.3 }));
        assert!(start.elapsed() >= Duration::from_millis(300));
        // The timeout did not lose the device.
        gpu.wait(&submission, || true).unwrap();
    }

    #[test]
    fn a_panic_of_wgpus_poll_marks_the_device_as_lost() {
        let (device, queue, gpu) = noop();
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        queue.on_submitted_work_done(|| panic!("as wgpu does when the driver reports a loss"));
        device.destroy();
        let lost = Err(Error::DeviceLost { reason: DESTROYED.to_owned() });
        assert_eq!(gpu.wait(&submission, || true), lost);
        assert_eq!(gpu.poll_once().map(|_| ()), lost);
        assert_eq!(gpu.check_lost(), lost);
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

    #[test]
    fn a_readback_that_the_gpu_drops_is_an_error() {
        let (_, _, gpu) = noop();
        let buffer = gpu.storage_buffer("a test", "words", 8).unwrap();
        assert_eq!(gpu.read_words("a test", &buffer, &|_| ()), Ok(vec![0; 2]));
        gpu.write_buffer(&gpu.marker().unwrap(), 0, &[0; 4]).unwrap();
        let error = gpu.read_words("a test", &buffer, &|_| ()).unwrap_err();
        assert!(matches!(
            error,
            Error::WorkDropped { operation: "a test", what: "readback", expected: 1, found: 0, .. }
        ));
        let message = error.to_string();
        assert!(message.starts_with("a test: the GPU was given 1 readback and did 0"), "{message}");
        assert!(message.contains("nothing was read; submit less work at a time"), "{message}");
    }

    #[test]
    fn what_wgpu_refuses_is_an_error_and_does_not_reach_the_apps_handler() {
        let (_, _, gpu) = noop();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::STORAGE;
        let error = gpu.create_buffer("a test", "words", 8, usage).unwrap_err();
        assert!(matches!(&error, Error::Refused { what, .. } if what == "wgrad words"), "{error}");
    }
}
