//! Turns of threads by OpenGL: wgpu panics in a thread that has waited for the driver for 6 s, on Windows 1 s, and a kernel
//! may take longer than that to compile. So the crate's own calls wait for each other here, where waiting has no such end.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// The longest wait for a turn. It has an end since a poll runs the app's callbacks: one that waits for another thread, which
/// waits for its turn, would wait for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Whose turn it is, and how often that thread has taken it: callbacks of the app may call the crate again.
static TURN: Mutex<Option<(ThreadId, usize)>> = Mutex::new(None);

/// The sleep between two looks at whose turn it is.
const SLEEP: Duration = Duration::from_millis(1);

/// The right to use the driver, until it is dropped.
pub(crate) struct Turn {
    is_taken: bool,
}

impl Turn {
    /// Waits for the turn if the device's backend is OpenGL; otherwise threads need none.
    pub(super) fn wait(backend: wgpu::Backend) -> Self {
        if backend == wgpu::Backend::Gl { Self::wait_for_others(LONGEST_WAIT) } else { Turn { is_taken: false } }
    }

    #[inline(never)]
    fn wait_for_others(longest: Duration) -> Self {
        let (this, start) = (thread::current().id(), Instant::now());
        loop {
            let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let (owner, times) = turn.unwrap_or((this, 0));
            let is_taken = owner == this;
            if is_taken {
                *turn = Some((this, times + 1));
            }
            if is_taken || start.elapsed() >= longest {
                return Turn { is_taken };
            }
            drop(turn);
            thread::sleep(SLEEP);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_taken {
            give_away();
        }
    }
}

#[inline(never)]
fn give_away() {
    let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    *turn = turn.filter(|(_, times)| *times > 1).map(|(owner, times)| (owner, times - 1));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_thread_at_a_time_has_its_turn_and_may_take_it_again() {
        let (inside, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let turn = Turn::wait(wgpu::Backend::Gl);
                        let again = Turn::wait(wgpu::Backend::Gl);
                        assert!(turn.is_taken && again.is_taken);
                        drop(again);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 400);

        // A wait ends, and what it did not take it does not give away.
        let turn = Turn::wait(wgpu::Backend::Gl);
        thread::scope(|scope| {
            scope.spawn(|| assert!(!Turn::wait_for_others(Duration::from_millis(50)).is_taken));
        });
        assert_eq!(*TURN.lock().unwrap(), Some((thread::current().id(), 1)));
        drop(turn);
        assert!(!Turn::wait(wgpu::Backend::Vulkan).is_taken && TURN.lock().unwrap().is_none());
    }
}
