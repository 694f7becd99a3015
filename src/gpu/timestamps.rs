//! How long the GPU takes for a pass, where the device was requested with the feature `TIMESTAMP_QUERY`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Gpu;
use crate::error::Result;

/// The passes that can be timed at once on a device. One query set is for all: Metal has 32 of them at most, the app's own
/// included, and a device that cannot make one more is lost.
const PASSES: u32 = 256;

/// The GPU's clock at the beginning and at the end of passes, a pair of queries each.
#[derive(Debug)]
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    /// Where the queries' results go before they are copied, as far apart for each pair as wgpu wants them.
    resolved: wgpu::Buffer,
    nanoseconds_a_tick: f64,
    /// The pairs that nobody has.
    free: Mutex<Vec<u32>>,
}

impl Timestamps {
    fn new(gpu: &Gpu) -> Result<Self> {
        let bytes = u64::from(PASSES) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        Ok(Timestamps {
            queries: gpu.query_set("timestamps", 2 * PASSES)?,
            resolved: gpu.create_buffer("Trainer::new", "timestamps", bytes, usage)?,
            nanoseconds_a_tick: gpu.queue().get_timestamp_period().into(),
            free: Mutex::new((0..PASSES).collect()),
        })
    }
}

impl Gpu {
    /// Queries to time a pass with; `None` without the feature, or where all are in use: they are no more than a better
    /// clock.
    pub(crate) fn stopwatch(&self) -> Option<Stopwatch> {
        if !self.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let timestamps = self.shared.timestamps.get_or_init(|| Timestamps::new(self).ok().map(Arc::new)).clone()?;
        let pair = timestamps.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Stopwatch { timestamps, pair })
    }
}

/// A pair of queries, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    timestamps: Arc<Timestamps>,
    pair: u32,
}

impl Stopwatch {
    /// What the timestamps of a pass take in a readback.
    pub const BYTES: u64 = 2 * wgpu::QUERY_SIZE as u64;

    /// What has a pass write its timestamps.
    pub fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.timestamps.queries,
            beginning_of_pass_write_index: Some(2 * self.pair),
            end_of_pass_write_index: Some(2 * self.pair + 1),
        }
    }

    /// Copies the timestamps of a pass that was recorded before to `offset` in a buffer.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, offset: u64) {
        let Timestamps { queries, resolved, .. } = &*self.timestamps;
        let from = u64::from(self.pair) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
        encoder.resolve_query_set(queries, 2 * self.pair..2 * self.pair + 2, resolved, from);
        encoder.copy_buffer_to_buffer(resolved, from, buffer, offset, Self::BYTES);
    }

    /// How long the pass took, from the words that were copied; `None` where the clock stood still.
    pub fn duration(&self, words: &[u32]) -> Option<Duration> {
        let &[begin_low, begin_high, end_low, end_high] = words else { return None };
        let ticks = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let ticks = ticks(end_low, end_high).checked_sub(ticks(begin_low, begin_high)).filter(|&ticks| ticks > 0)?;
        Duration::try_from_secs_f64(ticks as f64 * self.timestamps.nanoseconds_a_tick * 1e-9).ok()
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.timestamps.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopwatches_are_of_one_query_set_and_come_back() {
        let required_features = wgpu::Features::TIMESTAMP_QUERY;
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_features, ..Default::default() });
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        for _ in 0..3 {
            let all = (0..PASSES).map(|_| gpu.stopwatch().unwrap()).collect::<Vec<_>>();
            let pairs = all.iter().map(|stopwatch| stopwatch.pair).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(pairs.len(), PASSES as usize);
            assert!(gpu.stopwatch().is_none());
        }
        assert_eq!(gpu.created_objects(), 2);
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
        assert!(Gpu::from_wgpu(&device, &queue).unwrap().stopwatch().is_none());
    }

    #[test]
    fn a_duration_is_what_the_clock_went_on() {
        let required_features = wgpu::Features::TIMESTAMP_QUERY;
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_features, ..Default::default() });
        let stopwatch = Gpu::from_wgpu(&device, &queue).unwrap().stopwatch().unwrap();
        let tick = f64::from(queue.get_timestamp_period()) * 1e-9;
        let seconds = |words: [u32; 4]| stopwatch.duration(&words).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds([7, 0, 1_000_007, 0]), Some(1e6 * tick));
        let carried = seconds([u32::MAX, 1, 0, 2]).unwrap();
        assert!((carried - tick).abs() < 1e-10, "{carried}");
        let long = seconds([3, 1, 8, 4]).unwrap() / tick;
        assert!((long - (3.0 * 2f64.powi(32) + 5.0)).abs() < 1e3, "{long}");
        assert_eq!([[5, 0, 5, 0], [0, 0, 0, 0], [5, 1, 7, 0]].map(seconds), [None; 3]);
        assert_eq!(stopwatch.duration(&[]), None);
    }
}
