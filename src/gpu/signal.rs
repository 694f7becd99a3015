//! What a callback of wgpu tells a future.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Set once, by a callback: whether what was asked for succeeded. Clones are handles to the same signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    success: Option<bool>,
    waker: Option<Waker>,
}

impl Signal {
    /// Sets it, and wakes what awaits it.
    pub fn set(&self, success: bool) {
        let mut state = self.state();
        state.success = Some(success);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// For a future that awaits it.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        match state.success {
            Some(success) => Poll::Ready(success),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
