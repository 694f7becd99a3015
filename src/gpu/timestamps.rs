//! How long the GPU takes for a pass, where the device was requested with the feature `TIMESTAMP_QUERY`.

use std::time::Duration;

use super::Gpu;
use crate::error::Result;

/// The GPU's clock at the beginning and at the end of each of some passes.
#[derive(Debug)]
pub(crate) struct Timestamps {
    queries: wgpu::QuerySet,
    /// Where the queries' results go before they are copied, as far apart for each pass as wgpu wants them.
    resolved: wgpu::Buffer,
    nanoseconds_a_tick: f64,
}

impl Timestamps {
    /// What the timestamps of a pass take in a readback.
    pub const BYTES: u64 = 2 * wgpu::QUERY_SIZE as u64;

    /// Timestamps of so many passes; `None` without the feature, or where the device has none left: they are no more
    /// than a better clock.
    pub fn new(gpu: &Gpu, operation: &'static str, passes: u32) -> Option<Self> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let create = || -> Result<Self> {
            let bytes = u64::from(passes) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
            let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
            Ok(Timestamps {
                queries: gpu.query_set("timestamps", 2 * passes)?,
                resolved: gpu.create_buffer(operation, "timestamps", bytes, usage)?,
                nanoseconds_a_tick: gpu.queue().get_timestamp_period().into(),
            })
        };
        create().ok()
    }

    /// What has the pass number `pass` write its timestamps.
    pub fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * pass),
            end_of_pass_write_index: Some(2 * pass + 1),
        }
    }

    /// Copies the timestamps of a pass that was recorded before to `offset` in a buffer.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, pass: u32, buffer: &wgpu::Buffer, offset: u64) {
        let from = u64::from(pass) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
        encoder.resolve_query_set(&self.queries, 2 * pass..2 * pass + 2, &self.resolved, from);
        encoder.copy_buffer_to_buffer(&self.resolved, from, buffer, offset, Self::BYTES);
    }

    /// How long a pass took, from the words that were copied; `None` where the clock stood still.
    pub fn duration(&self, words: &[u32]) -> Option<Duration> {
        let &[begin_low, begin_high, end_low, end_high] = words else { return None };
        let ticks = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let ticks = ticks(end_low, end_high).checked_sub(ticks(begin_low, begin_high)).filter(|&ticks| ticks > 0)?;
        Duration::try_from_secs_f64(ticks as f64 * self.nanoseconds_a_tick * 1e-9).ok()
    }
}
