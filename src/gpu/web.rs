//! Waiting in a browser, which itself calls back when work is done, and reports errors some time after the call that made them.
//! The native counterpart is `native.rs`.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
pub(crate) use web_time::Instant;

use super::check::Meaning;
use super::read::readback_dropped;
use super::{Gpu, Signal};
use crate::error::{Error, Result};

/// How long a device that has been lost may take to say so, after a readback has failed: milliseconds.
const NEWS_OF_LOSS: u32 = 500;

/// There is one thread, whose turn it always is.
pub(crate) struct Turn;

/// Error scopes, one for each kind. None for internal errors, for which wgpu 30 panics (gfx-rs/wgpu issue 9914).
pub(super) struct Scopes([wgpu::ErrorScopeGuard; 2]);

impl Scopes {
    pub fn push(device: &wgpu::Device) -> Self {
        let kinds = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
        Scopes(kinds.map(|kind| device.push_error_scope(kind)))
    }
}

/// The checks that the browser has yet to report on, and the errors of those that it has.
#[derive(Debug, Default)]
pub(super) struct Late(Mutex<Checks>);

#[derive(Debug, Default)]
struct Checks {
    /// All checks so far.
    begun: u64,
    /// Those that had begun when an error was last returned: their errors are consequences, but for want of memory.
    told: u64,
    under_way: Vec<u64>,
    /// Those of submissions that somebody awaits, with their errors.
    awaited: Vec<(u64, Option<Error>)>,
    /// What is told by whatever call comes next.
    errors: Vec<(u64, Error)>,
    /// Each is set once none up to this one is under way.
    settled: Vec<(u64, Signal)>,
}

impl Checks {
    /// Keeps an error to be told, if it is none's consequence.
    fn note(&mut self, number: u64, error: Error) {
        let is_news = number > self.told && self.errors.is_empty();
        if is_news || matches!(error, Error::OutOfMemory { .. }) {
            self.errors.push((number, error));
        }
    }
}

/// The check of a submission, whose error is told by its wait alone. If it is dropped before, by whatever call comes next.
pub(super) struct Awaited {
    gpu: Gpu,
    number: u64,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut checks = self.gpu.shared.late.checks();
        let Some(place) = checks.awaited.iter().position(|(number, _)| *number == self.number) else { return };
        if let (number, Some(error)) = checks.awaited.swap_remove(place) {
            checks.note(number, error);
        }
    }
}

impl Late {
    fn checks(&self) -> MutexGuard<'_, Checks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new check.
    fn begin(&self) -> u64 {
        let mut checks = self.checks();
        checks.begun += 1;
        let number = checks.begun;
        checks.under_way.push(number);
        number
    }

    fn end(&self, number: u64, error: Option<Error>) {
        let mut checks = self.checks();
        checks.under_way.retain(|other| *other != number);
        match (error, checks.awaited.iter_mut().find(|(awaited, _)| *awaited == number)) {
            (error, Some((_, own))) => *own = error,
            (Some(error), None) => checks.note(number, error),
            (None, None) => {}
        }
        let oldest = checks.under_way.first().copied().unwrap_or(u64::MAX);
        let settled = checks.settled.extract_if(.., |(last, _)| *last < oldest).collect::<Vec<_>>();
        drop(checks);
        settled.iter().for_each(|(_, signal)| signal.set(true));
    }

    /// The first error of the checks before this one, or its own if it is awaited.
    fn take_error(&self, number: u64) -> Option<Error> {
        let mut checks = self.checks();
        let error = match checks.errors.first() {
            Some((earlier, _)) if *earlier < number => checks.errors.remove(0).1,
            _ => checks.awaited.iter_mut().find(|(awaited, _)| *awaited == number)?.1.take()?,
        };
        checks.told = checks.begun;
        Some(error)
    }

    /// Set when all checks up to this one have ended; without one, up to the last so far.
    fn settled(&self, last: Option<u64>) -> Signal {
        let signal = Signal::default();
        let mut checks = self.checks();
        let last = last.unwrap_or(checks.begun);
        match checks.under_way.first() {
            Some(oldest) if *oldest <= last => checks.settled.push((last, signal.clone())),
            _ => signal.set(true),
        }
        signal
    }
}

impl Gpu {
    pub(crate) fn turn(&self) -> Turn {
        Turn
    }

    /// Notes the error that the scopes have caught, once the browser reports it.
    pub(super) fn judge(&self, scopes: Scopes, what: &str, meaning: Meaning) -> Result<()> {
        // Scopes are popped in reverse order, before others are pushed; what they have caught arrives later.
        let caught = scopes.0.into_iter().rev().map(|scope| scope.pop()).collect::<Vec<_>>();
        let (gpu, what) = (self.clone(), what.to_owned());
        let number = self.shared.late.begin();
        spawn_local(async move {
            let mut first = None;
            for caught in caught {
                let error = caught.await;
                first = first.or(error);
            }
            let error = first.map(|error| gpu.error_of(error, &what, meaning));
            gpu.shared.late.end(number, error);
        });
        Ok(())
    }

    /// Refuses what is known to be of no use, and returns the first error of earlier calls.
    pub(super) fn check(&self) -> Result<()> {
        self.check_lost()?;
        self.shared.late.take_error(u64::MAX).map_or(Ok(()), Err)
    }

    /// The first error of all calls so far, once the browser has reported them all.
    pub(super) async fn late_errors(&self) -> Result<()> {
        let settled = self.shared.late.settled(None);
        self.signalled(&settled).await?;
        self.check()
    }

    /// What was just submitted is to be awaited.
    pub(super) fn awaited(&self) -> Awaited {
        let mut checks = self.shared.late.checks();
        let number = checks.begun;
        checks.awaited.push((number, None));
        drop(checks);
        Awaited { gpu: self.clone(), number }
    }

    /// The error of what was awaited, or of what was done before, which may be its cause.
    pub(super) async fn judged(&self, check: &Awaited) -> Result<()> {
        let settled = self.shared.late.settled(Some(check.number));
        self.signalled(&settled).await?;
        self.check_lost()?;
        self.shared.late.take_error(check.number).map_or(Ok(()), Err)
    }

    pub(crate) fn detect_loss(&self) -> Result<()> {
        self.check_lost()
    }

    /// Waits for a signal.
    pub(super) async fn signalled(&self, signal: &Signal) -> Result<bool> {
        let timer = Signal::default();
        let _timeout = self.timeout(self.wait_timeout, &timer);
        poll_fn(|context| match (signal.poll(context), timer.poll(context)) {
            (Poll::Ready(success), _) => Poll::Ready(Ok(success)),
            (Poll::Pending, Poll::Ready(_)) => Poll::Ready(Err(self.timed_out())),
            _ => Poll::Pending,
        })
        .await
    }

    /// Sets the signal after this time, unless it is dropped before.
    fn timeout(&self, time: Duration, signal: &Signal) -> Timeout {
        let signal = signal.clone();
        // The longest that a browser knows, 25 days.
        let milliseconds = time.as_millis().min(i32::MAX as u128) as u32;
        Timeout::new(milliseconds, move || signal.set(true))
    }

    /// The error of a readback that failed: of a call before it, or the loss of the device.
    pub(super) async fn failed_readback(&self) -> Error {
        if let Err(error) = self.late_errors().await {
            return error;
        }
        let news = Signal::default();
        let _timeout = self.timeout(Duration::from_millis(NEWS_OF_LOSS.into()), &news);
        poll_fn(|context| news.poll(context)).await;
        self.unreadable("")
    }

    /// Notes that a readback for which nobody waits has failed: a later call says so, or that the device is lost.
    pub(crate) fn note_failed_readback(&self) -> Result<()> {
        let gpu = self.clone();
        let number = self.shared.late.begin();
        Timeout::new(NEWS_OF_LOSS, move || gpu.shared.late.end(number, Some(gpu.unreadable("")))).forget();
        Ok(())
    }

    /// The error of a buffer that cannot be read. That is no loss of the device, of which the browser tells by itself: there was no
    /// memory for the buffer, or none to read it.
    pub(super) fn unreadable(&self, _reason: &str) -> Error {
        self.check_lost().err().unwrap_or(readback_dropped("a readback"))
    }

    /// Takes notice of the device's loss. In a browser this takes nobody's place: the device's other callbacks are called too.
    pub(super) fn connect(&self) -> Result<()> {
        let lost = self.shared.lost.clone();
        self.device().set_device_lost_callback(move |_, reason| {
            let reason = if reason.is_empty() { "the browser gives no reason".to_owned() } else { reason };
            _ = lost.set(reason);
        });
        Ok(())
    }

    /// The browser runs callbacks by itself.
    pub(crate) fn poll_once(&self) -> Result<()> {
        self.check()
    }
}

/// Runs what takes buffers of the app.
pub(super) fn with_buffers<T>(_what: &str, action: impl FnOnce() -> T) -> Result<T> {
    Ok(action())
}
