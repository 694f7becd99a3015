//! Readings of the training that arrive when they arrive: nothing waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernels::TrainingState;

/// The readings that can be under way at once: an app that is three frames ahead of the GPU still gets one each frame.
const SLOTS: usize = 4;

/// Readings of a training state: each recording copies the state into a free slot, a small buffer that is mapped once
/// the recording was submitted and done.
///
/// A slot is taken when recorded, and free again when read, or when the app drops its encoder unsubmitted. With no free
/// slot there is no reading this time.
#[derive(Debug)]
pub(crate) struct Ring {
    gpu: Gpu,
    /// The buffers, and the status of each.
    slots: Vec<(wgpu::Buffer, Arc<AtomicU8>)>,
    /// The steps of all recordings whose slots have arrived: the GPU must have done them.
    confirmed_steps: Arc<AtomicU64>,
    /// The steps that the GPU counted in the latest of all readings.
    seen_steps: u64,
}

const FREE: u8 = 0;
const RECORDED: u8 = 1;
const ARRIVED: u8 = 2;
const FAILED: u8 = 3;

impl Ring {
    /// A ring for states of as many bytes as this one's; `None` for one that never has a reading.
    pub fn new(gpu: &Gpu, state: Option<&TrainingState>) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slot = |state: &TrainingState| {
            let buffer = gpu.create_buffer("Trainer::new", "readback slot", state.buffer().size(), usage)?;
            Ok((buffer, Arc::new(AtomicU8::new(FREE))))
        };
        let slots = std::iter::repeat_n(state, SLOTS).flatten().map(slot).collect::<Result<_>>()?;
        Ok(Ring { gpu: gpu.clone(), slots, confirmed_steps: Arc::default(), seen_steps: 0 })
    }

    /// Records a reading of `state` after `steps` steps that were recorded before it, if there is a free slot.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, state: &TrainingState, steps: u64) {
        let Some((buffer, status)) = self.slots.iter().find(|(_, status)| status.load(Ordering::Acquire) == FREE)
        else {
            return;
        };
        status.store(RECORDED, Ordering::Release);
        encoder.copy_buffer_to_buffer(state.buffer(), 0, buffer, 0, buffer.size());
        let ticket = Ticket { status: Some(status.clone()), confirmed_steps: self.confirmed_steps.clone(), steps };
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| ticket.arrive(result.is_ok()));
    }

    /// The words of the latest reading, if one has arrived since the last call.
    pub fn latest(&mut self) -> Result<Option<Vec<u32>>> {
        self.gpu.poll_once()?;
        // Loaded before the slots are looked at: whatever is counted in it has arrived in a slot.
        let confirmed = self.confirmed_steps();
        let mut latest = None;
        let mut idle = true;
        for (buffer, status) in &self.slots {
            match status.load(Ordering::Acquire) {
                ARRIVED => {
                    let words = self.gpu.mapped_words(buffer)?;
                    buffer.unmap();
                    status.store(FREE, Ordering::Release);
                    idle = false;
                    let steps = TrainingState::steps(&words);
                    if steps >= self.seen_steps {
                        self.seen_steps = steps;
                        latest = Some(words);
                    }
                }
                FAILED => return Err(self.gpu.lose("a readback failed")),
                RECORDED => idle = false,
                _ => {}
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
    pub fn goes_on_from(&mut self, steps: u64) {
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

    /// Refuses readings that count fewer steps than were confirmed; but once, since the steps stay lost.
    fn check_steps(&self, confirmed: u64) -> Result<()> {
        let missing = confirmed.saturating_sub(self.seen_steps);
        if missing == 0 {
            return Ok(());
        }
        self.confirmed_steps.fetch_sub(missing, Ordering::AcqRel);
        Err(Error::WorkDropped { expected: confirmed, found: self.seen_steps })
    }
}

/// Held by a recording's callback: frees the slot if the callback never runs.
struct Ticket {
    /// The slot's, until the callback runs.
    status: Option<Arc<AtomicU8>>,
    confirmed_steps: Arc<AtomicU64>,
    steps: u64,
}

impl Ticket {
    fn arrive(mut self, mapped: bool) {
        let Some(status) = self.status.take() else { return };
        status.store(if mapped { ARRIVED } else { FAILED }, Ordering::Release);
        if mapped {
            self.confirmed_steps.fetch_add(self.steps, Ordering::AcqRel);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            status.store(FREE, Ordering::Release);
        }
    }
}
