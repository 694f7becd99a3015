//! Detecting errors and lost devices, without touching the app's handlers.

use super::{Gpu, platform};
use crate::error::{Error, Result};

/// What an error of wgpu's means to the caller.
pub(super) type Meaning = fn(Error) -> Error;

/// An error scope and a turn to use the driver, from the beginning of a check to its end.
struct Check {
    scopes: platform::Scopes,
    _turn: platform::Turn,
}

impl Gpu {
    /// Runs `action` and returns the error that wgpu reports for it, if any, instead of leaving it to the app's handler. In a
    /// browser that error comes with a later call.
    pub(super) fn checked<T>(&self, what: &str, meaning: Meaning, action: impl FnOnce() -> T) -> Result<T> {
        let check = self.begin_check()?;
        let output = action();
        self.end_check(check, what, meaning)?;
        Ok(output)
    }

    #[inline(never)]
    fn begin_check(&self) -> Result<Check> {
        self.check()?;
        let turn = self.turn();
        Ok(Check { scopes: platform::Scopes::push(self.device()), _turn: turn })
    }

    #[inline(never)]
    fn end_check(&self, check: Check, what: &str, meaning: Meaning) -> Result<()> {
        self.judge(check.scopes, what, meaning)
    }

    /// The error that one of wgpu's is.
    pub(super) fn error_of(&self, error: wgpu::Error, what: &str, meaning: Meaning) -> Error {
        match error {
            wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { what: what.to_owned() },
            error => match self.detect_loss() {
                Ok(()) => meaning(Error::Refused { what: what.to_owned(), reason: error.to_string() }),
                Err(lost) => lost,
            },
        }
    }

    /// The first error of all calls so far that nothing has returned. In a browser wgpu reports errors only after the call that made
    /// them: there this waits until it has reported them all, which tells an app that what it has created works. Errors of calls
    /// made before an error was returned are taken for its consequences, and not told, but for [`Error::OutOfMemory`]: several
    /// objects may have found no memory, so ask again until all is well. Natively each call returns its own errors, and this only
    /// says whether the device is lost.
    ///
    /// # Errors
    /// [`Error::DeviceLost`]; in a browser any that a call before could have, first of all [`Error::Refused`],
    /// [`Error::OutOfMemory`] and [`Error::Buffer`], and [`Error::Timeout`].
    pub async fn settled(&self) -> Result<()> {
        self.late_errors().await
    }

    /// Refuses a lost device.
    pub(super) fn check_lost(&self) -> Result<()> {
        match self.shared.lost.get() {
            Some(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::wait::tests::noop;

    use super::*;

    #[test]
    fn what_wgpu_refuses_is_an_error_and_does_not_reach_the_apps_handler() {
        let (_, _, gpu) = noop();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::STORAGE;
        let error = gpu.create_buffer("a test", "words", 8, usage).unwrap_err();
        assert!(matches!(&error, Error::Refused { what, .. } if what == "wgrad words"), "{error}");
    }
}
