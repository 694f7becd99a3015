//! GPU time of compute passes, for devices requested with the feature `TIMESTAMP_QUERY`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Gpu;
use crate::error::Result;

/// How many passes can be timed concurrently per device. They share one query set: Metal allows at most 32 sets, the
/// app's own included, and a device that fails to create another is lost.
const MAX_TIMED_PASSES: u32 = 256;

/// The step of the clock of browsers, which hide a finer one from pages.
const BROWSER_QUANTUM: Duration = Duration::from_micros(100);

/// Timestamps of the beginning and end of passes: a pair of queries per pass.
#[derive(Debug)]
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    /// The queries are resolved here, each pair at wgpu's alignment, and then copied.
    resolved: wgpu::Buffer,
    nanoseconds_per_tick: f64,
    /// The step of a browser's clock.
    quantum: Option<Duration>,
    /// The pairs that are not in use.
    free: Mutex<Vec<u32>>,
}

impl Timestamps {
    fn new(gpu: &Gpu) -> Result<Self> {
        let bytes = u64::from(MAX_TIMED_PASSES) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        Ok(Timestamps {
            queries: gpu.query_set("timestamps", 2 * MAX_TIMED_PASSES)?,
            resolved: gpu.create_buffer("Trainer::new", "timestamps", bytes, usage)?,
            nanoseconds_per_tick: gpu.queue().get_timestamp_period().into(),
            quantum: (gpu.adapter_info().backend == wgpu::Backend::BrowserWebGpu).then_some(BROWSER_QUANTUM),
            free: Mutex::new((0..MAX_TIMED_PASSES).collect()),
        })
    }
}

impl Gpu {
    /// Queries that time a pass. `None` without the feature, or if all pairs are in use: callers then fall back to a
    /// less precise clock.
    pub(crate) fn pass_timer(&self) -> Option<PassTimer> {
        if !self.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let timestamps = self.shared.timestamps.get_or_init(|| Timestamps::new(self).ok().map(Arc::new)).clone()?;
        let pair = timestamps.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(PassTimer { timestamps, pair })
    }
}

/// A pair of queries, released on drop.
#[derive(Debug)]
pub(crate) struct PassTimer {
    timestamps: Arc<Timestamps>,
    pair: u32,
}

impl PassTimer {
    /// The size of a pass's timestamps in a readback buffer.
    pub const BYTES: u64 = 2 * wgpu::QUERY_SIZE as u64;

    /// The pass descriptor's `timestamp_writes`.
    pub fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.timestamps.queries,
            beginning_of_pass_write_index: Some(2 * self.pair),
            end_of_pass_write_index: Some(2 * self.pair + 1),
        }
    }

    /// Copies the timestamps of an already recorded pass to `buffer`, `offset` in bytes.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, offset: u64) {
        let Timestamps { queries, resolved, .. } = &*self.timestamps;
        let source = u64::from(self.pair) * wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
        encoder.resolve_query_set(queries, 2 * self.pair..2 * self.pair + 2, resolved, source);
        encoder.copy_buffer_to_buffer(resolved, source, buffer, offset, Self::BYTES);
    }

    /// How long the pass took, from the copied words; `None` if the clock did not run, or did not advance. A browser's clock
    /// may run in quanta: a pass within one is counted as one.
    pub fn duration(&self, words: &[u32]) -> Option<Duration> {
        let &[begin_low, begin_high, end_low, end_high] = words else { return None };
        let ticks = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let (begin, end) = (ticks(begin_low, begin_high), ticks(end_low, end_high));
        match end.checked_sub(begin)? {
            0 => self.timestamps.quantum.filter(|_| begin > 0),
            ticks => Duration::try_from_secs_f64(ticks as f64 * self.timestamps.nanoseconds_per_tick * 1e-9).ok(),
        }
    }
}

impl Drop for PassTimer {
    fn drop(&mut self) {
        self.timestamps.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_share_one_query_set_and_are_reused() {
        let required_features = wgpu::Features::TIMESTAMP_QUERY;
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_features, ..Default::default() });
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        for _ in 0..3 {
            let all = (0..MAX_TIMED_PASSES).map(|_| gpu.pass_timer().unwrap()).collect::<Vec<_>>();
            let pairs = all.iter().map(|timer| timer.pair).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(pairs.len(), MAX_TIMED_PASSES as usize);
            assert!(gpu.pass_timer().is_none());
        }
        assert_eq!(gpu.created_objects(), 2);
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
        assert!(Gpu::from_wgpu(&device, &queue).unwrap().pass_timer().is_none());
    }

    #[test]
    fn a_duration_is_the_difference_of_the_timestamps() {
        let required_features = wgpu::Features::TIMESTAMP_QUERY;
        let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor { required_features, ..Default::default() });
        let timer = Gpu::from_wgpu(&device, &queue).unwrap().pass_timer().unwrap();
        let tick = f64::from(queue.get_timestamp_period()) * 1e-9;
        let seconds = |words: [u32; 4]| timer.duration(&words).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds([7, 0, 1_000_007, 0]), Some(1e6 * tick));
        let carried = seconds([u32::MAX, 1, 0, 2]).unwrap();
        assert!((carried - tick).abs() < 1e-10, "{carried}");
        let long = seconds([3, 1, 8, 4]).unwrap() / tick;
        assert!((long - (3.0 * 2f64.powi(32) + 5.0)).abs() < 1e3, "{long}");
        assert_eq!([[5, 0, 5, 0], [0, 0, 0, 0], [5, 1, 7, 0]].map(seconds), [None; 3]);
        assert_eq!(timer.duration(&[]), None);

        // A browser's clock may stand still for as long as a short pass takes.
        let Timestamps { queries, resolved, nanoseconds_per_tick, .. } = &*timer.timestamps;
        let timestamps = Timestamps {
            queries: queries.clone(),
            resolved: resolved.clone(),
            nanoseconds_per_tick: *nanoseconds_per_tick,
            quantum: Some(BROWSER_QUANTUM),
            free: Mutex::default(),
        };
        let timer = PassTimer { timestamps: Arc::new(timestamps), pair: 0 };
        assert_eq!(timer.duration(&[5, 0, 5, 0]), Some(BROWSER_QUANTUM));
        assert_eq!([[0, 0, 0, 0], [5, 1, 7, 0]].map(|words| timer.duration(&words)), [None; 2]);
    }
}
