//! Bytes that come back from the GPU, a frame or more later. Nothing waits for them.
//!
//! A frame may be dropped: egui records it, and drops its encoder if there is no surface to show it on, as while a window is resized.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use wgrad::wgpu;

const FREE: u8 = 0;
const PENDING: u8 = 1;
const ARRIVED: u8 = 2;
const FAILED: u8 = 3;

/// A copy of a buffer on its way to the host.
pub struct Readback {
    buffer: wgpu::Buffer,
    status: Arc<AtomicU8>,
}

impl Readback {
    /// For buffers of this size.
    pub fn new(device: &wgpu::Device, bytes: u64) -> Self {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Readback { buffer, status: Arc::new(AtomicU8::new(FREE)) }
    }

    /// Whether a copy may be recorded: none is under way.
    pub fn is_free(&self) -> bool {
        self.status.load(Ordering::Acquire) == FREE
    }

    /// Records the copy. Only if [`Readback::is_free`].
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, from: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(from, 0, &self.buffer, 0, self.buffer.size());
        self.status.store(PENDING, Ordering::Release);
        let pending = Pending(Arc::clone(&self.status));
        encoder.map_buffer_on_submit(&self.buffer, wgpu::MapMode::Read, .., move |result| {
            pending.0.store(if result.is_ok() { ARRIVED } else { FAILED }, Ordering::Release);
        });
    }

    /// Takes what has arrived.
    pub fn take(&self) -> Option<Vec<u8>> {
        if self.status.load(Ordering::Acquire) != ARRIVED {
            return None;
        }
        let bytes = self.buffer.get_mapped_range(..).ok().map(|bytes| bytes.to_vec());
        self.buffer.unmap();
        self.status.store(FREE, Ordering::Release);
        bytes
    }
}

/// A copy that was recorded. Dropped with its encoder, it is under way no more.
struct Pending(Arc<AtomicU8>);

impl Drop for Pending {
    fn drop(&mut self) {
        _ = self.0.compare_exchange(PENDING, FREE, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Notices that a recording was dropped.
#[derive(Clone, Default)]
pub struct Dropped(Arc<AtomicBool>);

impl Dropped {
    /// Watches what is recorded into this encoder.
    pub fn watch(&self, encoder: &wgpu::CommandEncoder) {
        let guard = Guard { dropped: self.0.clone(), is_done: false };
        encoder.on_submitted_work_done(move || guard.done());
    }

    /// Whether a recording was dropped since this was asked last.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }

    /// Whether a recording was dropped since [`Dropped::take`].
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct Guard {
    dropped: Arc<AtomicBool>,
    is_done: bool,
}

impl Guard {
    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_done {
            self.dropped.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use wgrad::{Gpu, Rows};

    use super::*;

    #[test]
    fn what_is_submitted_comes_back_and_a_dropped_recording_is_noticed() {
        let gpu = Gpu::headless().unwrap();
        let rows = Rows::from_slice(&gpu, 1, &[1.0, 2.0]).unwrap();
        let (readback, dropped) = (Readback::new(gpu.device(), 8), Dropped::default());
        let record = || {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            readback.record(&mut encoder, rows.buffer());
            dropped.watch(&encoder);
            encoder
        };
        let encoder = record();
        assert!(!readback.is_free() && !dropped.is_set());
        drop(encoder);
        assert!(readback.is_free() && dropped.take() && !dropped.is_set());
        assert_eq!(readback.take(), None);

        gpu.queue().submit([record().finish()]);
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        assert_eq!(readback.take(), Some([1f32, 2.0].map(f32::to_ne_bytes).concat()));
        assert!(readback.is_free() && !dropped.is_set());
    }
}
