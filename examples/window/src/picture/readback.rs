//! Bytes that come back from the GPU, a frame or more later. Nothing waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

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
        let status = Arc::clone(&self.status);
        encoder.map_buffer_on_submit(&self.buffer, wgpu::MapMode::Read, .., move |result| {
            status.store(if result.is_ok() { ARRIVED } else { FAILED }, Ordering::Release);
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
