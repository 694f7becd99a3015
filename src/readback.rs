//! What comes back from the GPU: small readings that nothing waits for, and whole buffers that a script waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernels::TrainingState;

/// The readings that can be under way at once: an app that is three frames ahead of the GPU still gets one each frame.
const SLOTS: usize = 4;

const LOST: &str = "a readback failed";

/// Readings of a training state that arrive when they arrive: each recording copies the state into a free slot, a small
/// buffer that is mapped once the recording was submitted and done.
///
/// A slot is taken when recorded, and free again when read, or when the app drops its encoder unsubmitted. With no free slot
/// there is no reading this time.
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
    pub fn new(gpu: &Gpu) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slot = |_| {
            let buffer = gpu.create_buffer("Trainer::new", "readback slot", TrainingState::BYTES, usage)?;
            Ok((buffer, Arc::new(AtomicU8::new(FREE))))
        };
        let slots = (0..SLOTS).map(slot).collect::<Result<_>>()?;
        Ok(Ring { gpu: gpu.clone(), slots, confirmed_steps: Arc::default(), seen_steps: 0 })
    }

    /// Records a reading of `state` after `steps` steps that were recorded before it, if there is a free slot.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, state: &TrainingState, steps: u64) {
        let Some((buffer, status)) = self.slots.iter().find(|(_, status)| status.load(Ordering::Acquire) == FREE)
        else {
            return;
        };
        status.store(RECORDED, Ordering::Release);
        encoder.copy_buffer_to_buffer(state.buffer(), 0, buffer, 0, TrainingState::BYTES);
        let ticket = Ticket { status: status.clone(), confirmed_steps: self.confirmed_steps.clone(), steps };
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| ticket.arrive(result.is_ok()));
    }

    /// The words of the latest reading, if one has arrived since the last call.
    pub fn latest(&mut self) -> Result<Option<Vec<u32>>> {
        self.gpu.poll_once()?;
        // Loaded before the slots are looked at: whatever is counted in it has arrived in a slot.
        let confirmed = self.confirmed_steps.load(Ordering::Acquire);
        let mut latest = None;
        for (buffer, status) in &self.slots {
            match status.load(Ordering::Acquire) {
                ARRIVED => {
                    let words = mapped_words(&self.gpu, buffer)?;
                    buffer.unmap();
                    status.store(FREE, Ordering::Release);
                    let steps = TrainingState::steps(&words);
                    if steps >= self.seen_steps {
                        self.seen_steps = steps;
                        latest = Some(words);
                    }
                }
                FAILED => return Err(self.gpu.lose(LOST)),
                _ => {}
            }
        }
        if self.seen_steps < confirmed {
            return Err(Error::WorkDropped { expected: confirmed, found: self.seen_steps });
        }
        Ok(latest)
    }
}

/// Held by a recording's callback: frees the slot if the callback never runs.
struct Ticket {
    status: Arc<AtomicU8>,
    confirmed_steps: Arc<AtomicU64>,
    steps: u64,
}

impl Ticket {
    fn arrive(self, mapped: bool) {
        self.status.store(if mapped { ARRIVED } else { FAILED }, Ordering::Release);
        self.confirmed_steps.fetch_add(self.steps, Ordering::AcqRel);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = self.status.compare_exchange(RECORDED, FREE, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Reads a whole buffer of f32, waiting for what was submitted before.
pub(crate) fn read_f32(gpu: &Gpu, operation: &'static str, buffer: &wgpu::Buffer) -> Result<Vec<f32>> {
    Ok(read_words(gpu, operation, buffer)?.into_iter().map(f32::from_bits).collect())
}

/// Reads a whole buffer of 32-bit words, waiting for what was submitted before.
pub(crate) fn read_words(gpu: &Gpu, operation: &'static str, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.create_buffer(operation, "readback", buffer.size(), usage)?;
    let mapped = Arc::new(AtomicU8::new(RECORDED));
    let status = mapped.clone();
    let submission = gpu.submit("wgrad readback", |encoder| {
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., move |result| {
            status.store(if result.is_ok() { ARRIVED } else { FAILED }, Ordering::Release);
        });
    })?;
    gpu.wait(&submission, || mapped.load(Ordering::Acquire) != RECORDED)?;
    match mapped.load(Ordering::Acquire) {
        ARRIVED => mapped_words(gpu, &staging),
        _ => Err(gpu.lose(LOST)),
    }
}

fn mapped_words(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
    let view = buffer.get_mapped_range(..).map_err(|error| gpu.lose(&error.to_string()))?;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    Ok(view.chunks_exact(4).map(word).collect())
}
