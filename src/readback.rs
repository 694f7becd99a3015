//! Readings of the training that arrive when they arrive: nothing waits for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Stopwatch};
use crate::kernels::TrainingState;

/// The reports that can be under way at once: an app that is three frames ahead of the GPU still gets one each frame.
const SLOTS: usize = 4;

/// Readings of a training state: each recording copies the state into a free slot, a small buffer that is mapped once
/// the recording was submitted and done; and with it how long the recorded steps took.
///
/// A slot is taken when recorded, and free again when read, or when the app drops its encoder unsubmitted. With no free
/// slot there is no report this time.
#[derive(Debug)]
pub(crate) struct Ring {
    gpu: Gpu,
    slots: Vec<Slot>,
    /// The steps of all recordings whose slots have arrived: the GPU must have done them.
    confirmed_steps: Arc<AtomicU64>,
    /// The steps that the GPU counted in the latest of all reports.
    seen_steps: u64,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    /// Shared with what is recorded: nobody else may have it before that is done.
    stopwatch: Option<Arc<Stopwatch>>,
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
    Recorded,
    /// The steps of the recording, and how long after it the arrival was noticed.
    Arrived {
        steps: u64,
        after: Duration,
    },
    Failed,
}

fn lock(status: &Mutex<Status>) -> MutexGuard<'_, Status> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    /// A ring for states of as many bytes as this one's; `None` for one that never has a report.
    pub fn new(gpu: &Gpu, state: Option<&TrainingState>) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slot = |state: &TrainingState| {
            let stopwatch = gpu.stopwatch().map(Arc::new);
            let bytes = state.buffer().size() + stopwatch.as_ref().map_or(0, |_| Stopwatch::BYTES);
            let buffer = gpu.create_buffer("Trainer::new", "readback slot", bytes, usage)?;
            Ok(Slot { buffer, stopwatch, status: Arc::new(Mutex::new(Status::Free)) })
        };
        let slots = std::iter::repeat_n(state, SLOTS).flatten().map(slot).collect::<Result<_>>()?;
        Ok(Ring { gpu: gpu.clone(), slots, confirmed_steps: Arc::default(), seen_steps: 0 })
    }

    /// Records a pass of `steps` steps, and a report of `state` after them, if there is a free slot.
    pub fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        state: &TrainingState,
        steps: u64,
        record_steps: impl FnOnce(&mut wgpu::ComputePass<'_>),
    ) {
        let recorded = Instant::now();
        let free = self.slots.iter().find(|slot| matches!(*slot.status(), Status::Free));
        let stopwatch = free.and_then(|slot| slot.stopwatch.as_ref());
        record_steps(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("wgrad training"),
            timestamp_writes: stopwatch.map(|stopwatch| stopwatch.writes()),
        }));
        let Some(Slot { buffer, status, .. }) = free else { return };
        encoder.copy_buffer_to_buffer(state.buffer(), 0, buffer, 0, state.buffer().size());
        if let Some(stopwatch) = stopwatch {
            stopwatch.record(encoder, buffer, state.buffer().size());
        }
        *lock(status) = Status::Recorded;
        let ticket = Ticket {
            status: Some(status.clone()),
            confirmed_steps: self.confirmed_steps.clone(),
            steps,
            recorded,
            _stopwatch: stopwatch.cloned(),
        };
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| ticket.arrive(result.is_ok()));
    }

    /// The words of the latest report, if one has arrived since the last call. Tells `timed` of each that has: its
    /// steps, and how long they took by the GPU's clock; without that clock, in how long they were done, which is no less.
    pub fn latest(&mut self, mut timed: impl FnMut(u64, Duration)) -> Result<Option<Vec<u32>>> {
        self.gpu.poll_once()?;
        // Loaded before the slots are looked at: whatever is counted in it has arrived in a slot.
        let confirmed = self.confirmed_steps();
        let mut latest = None;
        let mut idle = true;
        for slot in &self.slots {
            let status = *slot.status();
            match status {
                Status::Arrived { steps, after } => {
                    let mut words = self.gpu.mapped_words(&slot.buffer)?;
                    slot.buffer.unmap();
                    *slot.status() = Status::Free;
                    idle = false;
                    let by_the_clock = slot.stopwatch.as_ref().and_then(|stopwatch| {
                        let state = words.len() - Stopwatch::BYTES as usize / 4;
                        stopwatch.duration(&words.split_off(state))
                    });
                    let counted = TrainingState::steps(&words);
                    // What the GPU has not done took no time.
                    if counted > self.seen_steps {
                        timed(steps, by_the_clock.unwrap_or(after));
                    }
                    if counted >= self.seen_steps {
                        self.seen_steps = counted;
                        latest = Some(words);
                    }
                }
                Status::Failed => return Err(self.gpu.lose("a readback failed")),
                Status::Recorded => idle = false,
                Status::Free => {}
            }
        }
        if idle {
            // Nothing is under way that would tell of a lost device.
            self.gpu.notice_loss()?;
        }
        self.check_steps(confirmed)?;
        Ok(latest)
    }

    /// The GPU's counter begins with this many steps, done before.
    #[cfg(feature = "files")]
    pub fn resume_at(&mut self, steps: u64) {
        self.confirmed_steps.store(steps, Ordering::Release);
        self.seen_steps = steps;
    }

    /// The steps that the GPU must have done by now.
    pub fn confirmed_steps(&self) -> u64 {
        self.confirmed_steps.load(Ordering::Acquire)
    }

    /// Holds a state that was read otherwise to the steps that were confirmed before.
    pub fn check(&mut self, words: &[u32], confirmed: u64) -> Result<()> {
        self.seen_steps = self.seen_steps.max(TrainingState::steps(words));
        self.check_steps(confirmed)
    }

    /// Refuses reports that count fewer steps than were confirmed; but once, since the steps stay lost.
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

/// Held by a recording's callback: frees the slot if the callback never runs.
struct Ticket {
    /// The slot's, until the callback runs.
    status: Option<Arc<Mutex<Status>>>,
    confirmed_steps: Arc<AtomicU64>,
    steps: u64,
    recorded: Instant,
    /// Kept until then.
    _stopwatch: Option<Arc<Stopwatch>>,
}

impl Ticket {
    fn arrive(mut self, mapped: bool) {
        let Some(status) = self.status.take() else { return };
        let arrived = Status::Arrived { steps: self.steps, after: self.recorded.elapsed() };
        *lock(&status) = if mapped { arrived } else { Status::Failed };
        if mapped {
            self.confirmed_steps.fetch_add(self.steps, Ordering::AcqRel);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            *lock(status) = Status::Free;
        }
    }
}
