//! What the window and its paint callbacks share, perhaps on several threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it, even after a panic: recording leaves no partial change.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
