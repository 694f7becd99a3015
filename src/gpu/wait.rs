//! Submitting, waiting, reading back, and noticing when something goes wrong meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::{Gpu, values, words_as_bytes};
use crate::error::{Error, Result};

/// A wait is cut into slices of this length, so that a lost device is noticed between them.
const WAIT_SLICE: Duration = Duration::from_millis(250);

/// Comes along with everything that is read back, to show that the GPU did copy it.
const MARKER: u32 = 0x7767_7264;

const DESTROYED: &str = "it was destroyed, or its driver gave up";

impl Gpu {
    /// Runs `action` and returns the error that wgpu reports of it, if any, instead of leaving it to the app's handler.
    pub(super) fn checked<T>(&self, what: &str, action: impl FnOnce() -> T) -> Result<T> {
        self.check_lost()?;
        let scopes = self.begin_scopes();
        let done = action();
        self.judge(what, end_scopes(scopes))?;
        Ok(done)
    }

    /// What an error of wgpu's means.
    fn judge(&self, what: &str, error: Option<wgpu::Error>) -> Result<()> {
        match error {
            None => Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { what: what.to_owned() }),
            Some(error) => {
                self.notice_loss()?;
                Err(Error::Refused { what: what.to_owned(), reason: error.to_string() })
            }
        }
    }

    fn begin_scopes(&self) -> [wgpu::ErrorScopeGuard; 3] {
        [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device().push_error_scope(filter))
    }

    /// Looks whether the device is lost: wgpu says so to the app's callback alone, and then makes objects that do not
    /// work.
    pub(crate) fn notice_loss(&self) -> Result<()> {
        self.check_lost()?;
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let descriptor =
            wgpu::BufferDescriptor { label: Some("wgrad probe"), size: 4, usage, mapped_at_creation: true };
        let scopes = self.begin_scopes();
        let mapped = self.device().create_buffer(&descriptor).get_mapped_range(..).is_ok();
        if end_scopes(scopes).is_some() || mapped { Ok(()) } else { Err(self.lose(DESTROYED)) }
    }

    /// Notes that the device is lost; what was noted first stays.
    pub(crate) fn lose(&self, reason: &str) -> Error {
        Error::DeviceLost { reason: self.shared.lost.get_or_init(|| reason.to_owned()).clone() }
    }

    fn check_lost(&self) -> Result<()> {
        match self.shared.lost.get() {
            Some(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Records into an encoder of our own and submits it.
    pub(crate) fn submit(
        &self,
        label: &str,
        record: &mut dyn FnMut(&mut wgpu::CommandEncoder),
    ) -> Result<wgpu::SubmissionIndex> {
        let submission = self.checked(label, || {
            let descriptor = wgpu::CommandEncoderDescriptor { label: Some(label) };
            let mut encoder = self.device().create_command_encoder(&descriptor);
            record(&mut encoder);
            self.queue().submit([encoder.finish()])
        });
        // All that can be wrong with it is a buffer of the app's that is mapped or destroyed since it was bound.
        submission.map_err(Error::of_a_buffer)
    }

    /// Waits until `submission` is done, and `arrived` says that what it brings has arrived: its callbacks may be under
    /// way in another thread that polls the device too.
    pub(crate) fn wait(&self, submission: &wgpu::SubmissionIndex, arrived: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            let left = self.wait_timeout.saturating_sub(start.elapsed());
            let slice = Some(left.min(WAIT_SLICE));
            let poll = wgpu::PollType::Wait { submission_index: Some(submission.clone()), timeout: slice };
            match self.poll(poll)? {
                Ok(_) if arrived() => return Ok(()),
                Ok(_) => std::thread::yield_now(),
                Err(wgpu::PollError::Timeout) => self.check_lost()?,
                Err(error) => return Err(Error::Refused { what: "a wait".to_owned(), reason: error.to_string() }),
            }
            if left.is_zero() {
                return Err(Error::Timeout { seconds: self.wait_timeout.as_secs_f64() });
            }
        }
    }

    /// Lets callbacks run that are due, without waiting.
    pub(crate) fn poll_once(&self) -> Result<()> {
        self.check_lost()?;
        // Without a wait there is no time-out, and so no error but the loss that `poll` reports.
        self.poll(wgpu::PollType::Poll).map(|_| ())
    }

    /// wgpu's poll panics when the driver reports a lost device: here that becomes an error. A panic of the app's own,
    /// in a callback that the poll ran, goes on.
    fn poll(&self, poll: wgpu::PollType) -> Result<Result<wgpu::PollStatus, wgpu::PollError>> {
        catch_unwind(AssertUnwindSafe(|| self.device().poll(poll))).or_else(|panic| {
            self.notice_loss()?;
            resume_unwind(panic)
        })
    }

    /// Records into an encoder of our own, submits it, waits, and reads a whole buffer of f32.
    pub(crate) fn read_f32(
        &self,
        operation: &'static str,
        buffer: &wgpu::Buffer,
        record: &dyn Fn(&mut wgpu::CommandEncoder),
    ) -> Result<Vec<f32>> {
        Ok(self.read_words(operation, buffer, record)?.into_iter().map(f32::from_bits).collect())
    }

    /// Records into an encoder of our own, submits it, waits, and reads a whole buffer of 32-bit words.
    pub(crate) fn read_words(
        &self,
        operation: &'static str,
        buffer: &wgpu::Buffer,
        record: &dyn Fn(&mut wgpu::CommandEncoder),
    ) -> Result<Vec<u32>> {
        let marker = self.marker()?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer(operation, "readback", buffer.size() + marker.size(), usage)?;
        let status = Arc::new(AtomicU8::new(UNDER_WAY));
        let submission = self.submit("wgrad readback", &mut |encoder| {
            record(encoder);
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
            encoder.copy_buffer_to_buffer(&marker, 0, &staging, buffer.size(), marker.size());
            let arriving = status.clone();
            encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., move |result| {
                arriving.store(if result.is_ok() { MAPPED } else { NOT_MAPPED }, Ordering::Release);
            });
        })?;
        self.wait(&submission, || status.load(Ordering::Acquire) != UNDER_WAY)?;
        if status.load(Ordering::Acquire) == NOT_MAPPED {
            return Err(self.lose("a readback failed"));
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

    /// The words of a buffer that is mapped.
    pub(crate) fn mapped_words(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
        let view = buffer.get_mapped_range(..).map_err(|error| self.lose(&error.to_string()))?;
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

/// The first error of what was done since the scopes began.
fn end_scopes(scopes: [wgpu::ErrorScopeGuard; 3]) -> Option<wgpu::Error> {
    // Scopes end in the reverse order of their beginning. On native, the error is there at once.
    let errors = scopes.into_iter().rev().map(|scope| pollster::block_on(scope.pop())).collect::<Vec<_>>();
    errors.into_iter().flatten().next()
}

const UNDER_WAY: u8 = 0;
const MAPPED: u8 = 1;
const NOT_MAPPED: u8 = 2;

/// What a panic said.
pub(super) fn panic_words(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    words.unwrap_or("it panicked without words")
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
    fn a_wait_for_what_never_arrives_ends_with_the_time_out() {
        let (_, _, patient) = noop();
        let submission = patient.submit("nothing", &mut |_| ()).unwrap();
        patient.wait(&submission, || true).unwrap();

        let gpu = patient.with_wait_timeout(Duration::from_millis(300));
        let start = Instant::now();
        assert_eq!(gpu.wait(&submission, || false), Err(Error::Timeout { seconds: 0.3 }));
        assert!(start.elapsed() >= Duration::from_millis(300));
        // The device is not lost by that.
        gpu.wait(&submission, || true).unwrap();
    }

    #[test]
    fn a_panic_of_wgpus_poll_is_a_lost_device_from_then_on() {
        let (device, queue, gpu) = noop();
        let submission = gpu.submit("nothing", &mut |_| ()).unwrap();
        queue.on_submitted_work_done(|| panic!("as wgpu does when the driver reports a loss"));
        device.destroy();
        let lost = Err(Error::DeviceLost { reason: DESTROYED.to_owned() });
        assert_eq!(gpu.wait(&submission, || true), lost);
        assert_eq!(gpu.poll_once(), lost);
        assert_eq!(gpu.check_lost(), lost);
    }

    #[test]
    fn a_panic_of_the_apps_own_callback_stays_the_apps() {
        let (_, queue, gpu) = noop();
        gpu.submit("nothing", &mut |_| ()).unwrap();
        queue.on_submitted_work_done(|| panic!("the app's own"));
        let panic = catch_unwind(AssertUnwindSafe(|| gpu.poll_once())).unwrap_err();
        assert_eq!(panic_words(&*panic), "the app's own");
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
        let words = error.to_string();
        assert!(words.starts_with("a test: the GPU was given 1 readback and did 0"), "{words}");
        assert!(words.contains("nothing was read; submit less work at a time"), "{words}");
    }

    #[test]
    fn what_wgpu_refuses_is_an_error_and_never_the_apps() {
        let (_, _, gpu) = noop();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::STORAGE;
        let error = gpu.create_buffer("a test", "words", 8, usage).unwrap_err();
        assert!(matches!(&error, Error::Refused { what, .. } if what == "wgrad words"), "{error}");
    }
}
