//! Loss reports during training, read back asynchronously: nothing waits for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Instant, PassTimer};
use crate::kernels::TrainingState;

/// How many reports can be pending: an app that is three frames ahead of the GPU still gets one per frame.
const SLOTS: usize = 4;

/// Readback slots: each recording copies the training state, and how long the recorded steps took, into a free slot. A
/// slot is a small buffer that is mapped once the recording was submitted and is done.
///
/// Recording takes a slot. Reading it, or dropping the app's encoder unsubmitted, frees it. Without a free slot, a
/// recording has no report.
#[derive(Debug)]
pub(crate) struct Ring {
    gpu: Gpu,
    slots: Vec<Slot>,
    /// The total steps of the recordings whose slots have arrived: the GPU must have done them.
    confirmed_steps: Arc<AtomicU64>,
    /// The number of the next recording with a report.
    recordings: AtomicU64,
    /// The GPU's step count in the latest report.
    seen_steps: u64,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    /// Shared with the pending recording: its queries must not be reused before that is done.
    timer: Option<Arc<PassTimer>>,
    status: Arc<Mutex<Status>>,
}

impl Slot {
    fn status(&self) -> MutexGuard<'_, Status> {
        lock(&self.status)
    }
}

#[derive(Clone, Copy, Debug)]
enum Status {
    Free,
    /// By the recording of this number.
    Recorded(u64),
    /// The number and the steps of the recording, and the time from the recording to the callback.
    Arrived {
        number: u64,
        steps: u64,
        elapsed: Duration,
    },
    /// wgpu refused the recording's submission; whether the buffer is mapped, as wgpu does all the same.
    Refused {
        is_mapped: bool,
    },
    Failed,
}

/// A slot's status, whatever became of the thread that held it last.
pub(crate) fn lock<T>(status: &Mutex<T>) -> MutexGuard<'_, T> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    /// Slots for states of this state's size; with `None`, no slots and so no reports.
    pub fn new(gpu: &Gpu, state: Option<&TrainingState>) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slot = |state: &TrainingState| {
            let timer = gpu.pass_timer().map(Arc::new);
            let bytes = state.buffer().size() + timer.as_ref().map_or(0, |_| PassTimer::BYTES);
            let buffer = gpu.create_buffer("Trainer::new", "readback slot", bytes, usage)?;
            Ok(Slot { buffer, timer, status: Arc::new(Mutex::new(Status::Free)) })
        };
        let slots = std::iter::repeat_n(state, SLOTS).flatten().map(slot).collect::<Result<_>>()?;
        Ok(Ring {
            gpu: gpu.clone(),
            slots,
            confirmed_steps: Arc::default(),
            recordings: AtomicU64::new(0),
            seen_steps: 0,
        })
    }

    /// Records a pass of `steps` steps and, if a slot is free, a report of `state` after them.
    pub fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        state: &TrainingState,
        steps: u64,
        record_steps: impl FnOnce(&mut wgpu::ComputePass<'_>),
    ) {
        let recorded = Instant::now();
        let free = self.slots.iter().find(|slot| matches!(*slot.status(), Status::Free));
        let timer = free.and_then(|slot| slot.timer.as_ref());
        record_steps(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("wgrad training"),
            timestamp_writes: timer.map(|timer| timer.writes()),
        }));
        let Some(Slot { buffer, status, .. }) = free else { return };
        encoder.copy_buffer_to_buffer(state.buffer(), 0, buffer, 0, state.buffer().size());
        if let Some(timer) = timer {
            timer.record(encoder, buffer, state.buffer().size());
        }
        let number = self.recordings.fetch_add(1, Ordering::Relaxed);
        *lock(status) = Status::Recorded(number);
        let report = PendingReport {
            status: Some(status.clone()),
            confirmed_steps: self.confirmed_steps.clone(),
            steps,
            recorded,
            _timer: timer.cloned(),
        };
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| report.arrive(result.is_ok()));
    }

    /// The words of the latest report, if one has arrived since the last call. Calls `on_timing` for each that has,
    /// with its steps and how long they took by the GPU's clock; without that clock, the time until completion was
    /// noticed (an upper bound).
    pub fn latest(&mut self, mut on_timing: impl FnMut(u64, Duration)) -> Result<Option<Vec<u32>>> {
        self.gpu.poll_once()?;
        let _turn = self.gpu.turn();
        // Loaded before the slots are checked: every step that it counts has arrived in a slot.
        let confirmed = self.confirmed_steps();
        let mut latest = None;
        let mut idle = true;
        for slot in &self.slots {
            let status = *slot.status();
            match status {
                Status::Arrived { steps, elapsed, .. } => {
                    let mut words = self.gpu.mapped_words(&slot.buffer)?;
                    slot.buffer.unmap();
                    *slot.status() = Status::Free;
                    idle = false;
                    let gpu_time = slot.timer.as_ref().and_then(|timer| {
                        let state = words.len() - PassTimer::BYTES as usize / 4;
                        timer.duration(&words.split_off(state))
                    });
                    let counted = TrainingState::steps(&words);
                    // Dropped steps have no valid timing.
                    if counted > self.seen_steps {
                        on_timing(steps, gpu_time.unwrap_or(elapsed));
                    }
                    if counted >= self.seen_steps {
                        self.seen_steps = counted;
                        latest = Some(words);
                    }
                }
                Status::Failed => {
                    // Out of use: it would fail again.
                    *slot.status() = Status::Refused { is_mapped: false };
                    self.gpu.note_failed_readback()?;
                }
                Status::Refused { is_mapped: true } => {
                    slot.buffer.unmap();
                    *slot.status() = Status::Free;
                }
                Status::Recorded(_) => idle = false,
                Status::Free | Status::Refused { is_mapped: false } => {}
            }
        }
        if idle {
            // No pending report would reveal a lost device.
            self.gpu.detect_loss()?;
        }
        self.check_steps(confirmed)?;
        Ok(latest)
    }

    /// Sets the GPU's step count to that of a resumed run.
    #[cfg(feature = "files")]
    pub fn resume_at(&mut self, steps: u64) {
        self.confirmed_steps.store(steps, Ordering::Release);
        self.seen_steps = steps;
    }

    /// How many reports have been recorded.
    pub fn recordings(&self) -> u64 {
        self.recordings.load(Ordering::Relaxed)
    }

    /// Does not count the steps of the reports from this number on: their submission was refused.
    pub fn refuse_since(&self, first: u64) {
        for slot in &self.slots {
            let mut status = slot.status();
            *status = match *status {
                Status::Recorded(number) if number >= first => Status::Refused { is_mapped: false },
                Status::Arrived { number, steps, .. } if number >= first => {
                    self.confirmed_steps.fetch_sub(steps, Ordering::AcqRel);
                    Status::Refused { is_mapped: true }
                }
                other => other,
            };
        }
    }

    /// Counts no steps but those that the GPU has reported: others may have been refused, and their reports copied all the same.
    #[cfg(target_family = "wasm")]
    pub fn count_what_was_seen(&self) {
        self.refuse_since(0);
        self.confirmed_steps.store(self.seen_steps, Ordering::Release);
    }

    /// The steps that the GPU must have done by now.
    pub fn confirmed_steps(&self) -> u64 {
        self.confirmed_steps.load(Ordering::Acquire)
    }

    /// Checks a state that was read by other means against the steps that were confirmed before.
    pub fn check(&mut self, words: &[u32], confirmed: u64) -> Result<()> {
        self.seen_steps = self.seen_steps.max(TrainingState::steps(words));
        self.check_steps(confirmed)
    }

    /// Fails if the reports count fewer steps than were confirmed. Fails once only, since the steps stay lost.
    fn check_steps(&self, confirmed: u64) -> Result<()> {
        let missing = confirmed.saturating_sub(self.seen_steps);
        if missing == 0 {
            return Ok(());
        }
        self.confirmed_steps.fetch_sub(missing, Ordering::AcqRel);
        Err(steps_dropped("Trainer", confirmed, self.seen_steps))
    }
}

/// The GPU did fewer steps than it reported as done.
pub(crate) fn steps_dropped(operation: &'static str, expected: u64, found: u64) -> Error {
    let way_out = "record fewer steps in one, or try another plan";
    Error::WorkDropped { operation, what: "training steps", expected, found, way_out }
}

/// Owned by a recording's callback: frees the slot if the callback never runs.
struct PendingReport {
    /// The slot's status, until the callback runs.
    status: Option<Arc<Mutex<Status>>>,
    confirmed_steps: Arc<AtomicU64>,
    steps: u64,
    recorded: Instant,
    /// Keeps the timer's queries in use until then.
    _timer: Option<Arc<PassTimer>>,
}

impl PendingReport {
    fn arrive(mut self, mapped: bool) {
        let Some(status) = self.status.take() else { return };
        let mut status = lock(&status);
        *status = match *status {
            Status::Recorded(number) if mapped => {
                self.confirmed_steps.fetch_add(self.steps, Ordering::AcqRel);
                Status::Arrived { number, steps: self.steps, elapsed: self.recorded.elapsed() }
            }
            Status::Refused { .. } if mapped => Status::Refused { is_mapped: true },
            _ => Status::Failed,
        };
    }
}

impl Drop for PendingReport {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            *lock(status) = Status::Free;
        }
    }
}
