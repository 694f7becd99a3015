//! Waiting in a browser, which itself calls back when work is done, and reports errors some time after the call that made them.
//! The native counterpart is `native.rs`.

use std::convert::identity;
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

/// How long a device that has been lost may take to say so, after a readback has failed.
const NEWS_OF_LOSS: Duration = Duration::from_millis(500);

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

/// What the browser has told of checks. It tells of them in their order.
#[derive(Debug, Default)]
pub(super) struct Late(Mutex<Checks>);

#[derive(Debug, Default)]
struct Checks {
    /// All checks so far.
    begun: u64,
    /// Those that had begun when an error was last returned: their errors are consequences, but for want of memory.
    told: u64,
    awaited: Vec<Own>,
    /// What whatever call comes next returns, with the numbers of the checks.
    errors: Vec<(u64, Error)>,
}

/// A check that somebody awaits.
#[derive(Debug)]
struct Own {
    number: u64,
    error: Option<Error>,
    judged: Signal,
}

/// The awaiter of a check, which alone is told its error. If it is dropped before, whatever call comes next is.
pub(super) struct Awaited {
    gpu: Gpu,
    number: u64,
    judged: Signal,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut checks = self.gpu.shared.late.checks();
        if let Some(place) = checks.awaited.iter().position(|own| own.number == self.number) {
            let error = checks.awaited.swap_remove(place).error;
            checks.note(self.number, error);
        }
    }
}

impl Checks {
    fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Keeps an error to be told, if it is none's consequence.
    fn note(&mut self, number: u64, error: Option<Error>) {
        let Some(error) = error else { return };
        let is_news = number > self.told && self.errors.is_empty();
        if is_news || matches!(error, Error::OutOfMemory { .. }) {
            self.errors.push((number, error));
        }
    }

    fn own(&mut self, number: u64) -> Option<&mut Own> {
        self.awaited.iter_mut().find(|own| own.number == number)
    }

    /// The first error of the checks before this one, or its own if it is awaited.
    fn take_error(&mut self, number: u64) -> Option<Error> {
        let error = match self.errors.first() {
            Some((earlier, _)) if *earlier < number => self.errors.remove(0).1,
            _ => self.own(number)?.error.take()?,
        };
        self.told = self.begun;
        Some(error)
    }
}

impl Late {
    fn checks(&self) -> MutexGuard<'_, Checks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, number: u64, error: Option<Error>) {
        let mut checks = self.checks();
        let Some(own) = checks.own(number) else { return checks.note(number, error) };
        own.error = error;
        let judged = own.judged.clone();
        drop(checks);
        judged.set(true);
    }
}

impl Gpu {
    pub(crate) fn turn(&self) -> Turn {
        Turn
    }

    /// Notes the error that the scopes have caught, once the browser reports it.
    pub(super) fn judge(&self, scopes: Scopes, what: &str, meaning: Meaning) -> Result<()> {
        // Scopes are popped in reverse order, before others are pushed; what they have caught arrives later.
        let [memory, validation] = scopes.0;
        let (refused, no_memory) = (validation.pop(), memory.pop());
        let (gpu, what) = (self.clone(), what.to_owned());
        let number = self.shared.late.checks().begin();
        spawn_local(async move {
            let refused = refused.await;
            let error = no_memory.await.or(refused).map(|error| gpu.error_of(error, &what, meaning));
            gpu.shared.late.end(number, error);
        });
        Ok(())
    }

    /// Refuses what is known to be of no use, and returns the first error of earlier calls.
    pub(super) fn check(&self) -> Result<()> {
        self.check_lost()?;
        self.late_error(u64::MAX)
    }

    /// The first error of the checks before this one, or its own if it is awaited.
    #[inline(never)]
    fn late_error(&self, number: u64) -> Result<()> {
        self.shared.late.checks().take_error(number).map_or(Ok(()), Err)
    }

    /// The first error of all calls so far, once the browser has told of a check after them.
    pub(super) async fn late_errors(&self) -> Result<()> {
        self.checked("", identity, || ())?;
        self.judged(&self.awaited()).await
    }

    /// The last check is to be awaited.
    pub(super) fn awaited(&self) -> Awaited {
        let judged = Signal::default();
        let mut checks = self.shared.late.checks();
        let number = checks.begun;
        checks.awaited.push(Own { number, error: None, judged: judged.clone() });
        drop(checks);
        Awaited { gpu: self.clone(), number, judged }
    }

    /// The error of what was awaited, or of what was done before, which may be its cause.
    pub(super) async fn judged(&self, check: &Awaited) -> Result<()> {
        self.signalled(&check.judged).await?;
        self.check_lost()?;
        self.late_error(check.number)
    }

    pub(crate) fn detect_loss(&self) -> Result<()> {
        self.check_lost()
    }

    /// Waits for a signal.
    pub(super) async fn signalled(&self, signal: &Signal) -> Result<bool> {
        let timer = Signal::default();
        let set = timer.clone();
        let _timeout = after(self.wait_timeout, Box::new(move || set.set(true)));
        poll_fn(|context| match (signal.poll(context), timer.poll(context)) {
            (Poll::Ready(success), _) => Poll::Ready(Ok(success)),
            (Poll::Pending, Poll::Ready(_)) => Poll::Ready(Err(self.timed_out())),
            _ => Poll::Pending,
        })
        .await
    }

    /// The error of a readback that failed.
    pub(super) async fn failed_readback(&self) -> Error {
        let gpu = self.clone().with_wait_timeout(NEWS_OF_LOSS);
        _ = gpu.signalled(&Signal::default()).await;
        self.unreadable("")
    }

    /// Notes that a readback for which nobody waits has failed: a later call says so, or that the device is lost.
    pub(crate) fn note_failed_readback(&self) -> Result<()> {
        let gpu = self.clone();
        let number = self.shared.late.checks().begin();
        let note = move || gpu.shared.late.end(number, Some(gpu.unreadable("")));
        after(NEWS_OF_LOSS, Box::new(note)).forget();
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

/// Does this after a time, unless it is dropped before.
#[inline(never)]
fn after(time: Duration, action: Box<dyn FnOnce()>) -> Timeout {
    // The longest that a browser knows, 25 days.
    Timeout::new(time.as_millis().min(i32::MAX as u128) as u32, action)
}

/// Runs what takes buffers of the app.
pub(super) fn with_buffers<T>(_what: &str, action: impl FnOnce() -> T) -> Result<T> {
    Ok(action())
}
