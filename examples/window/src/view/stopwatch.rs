//! How long the GPU takes to ask the network for a pixel, and so how many pixels a frame can draw.

use std::time::Duration;

use wgrad::wgpu;

use super::readback::Readback;

/// The time for drawing per frame: with a few milliseconds for the training it stays below a display's 16 ms.
const PER_FRAME: Duration = Duration::from_millis(8);

/// The pixels of a frame while nothing was measured: without the feature `TIMESTAMP_QUERY`, always.
const UNMEASURED: f64 = 16384.0;

/// The fewest pixels of a frame, even if they take longer than the time allows: on software drivers, where a hash grid takes 2 to
/// 6 µs per pixel.
const FEWEST: f64 = 4096.0;

/// The least time that a clock can tell, in seconds: browsers round the GPU's to that, and a fast GPU's passes to 0.
const QUANTUM: f64 = 100e-6;

/// The clock and what it has measured.
pub struct Stopwatch {
    /// The queries, resolved, and on their way back; `None` on a device without the feature.
    clock: Option<(wgpu::QuerySet, wgpu::Buffer, Readback)>,
    /// Nanoseconds per tick of the clock.
    tick: f64,
    /// The pixels that are being timed.
    pixels: u32,
    seconds_per_pixel: Option<f64>,
}

impl Stopwatch {
    /// For passes on this device.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue) -> Self {
        let has_clock = device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let clock = has_clock.then(|| {
            let descriptor = wgpu::QuerySetDescriptor { label: Some("view"), ty: wgpu::QueryType::Timestamp, count: 2 };
            let resolved = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("view's timestamps"),
                size: 16,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            (device.create_query_set(&descriptor), resolved, Readback::new(device, 16))
        });
        Stopwatch { clock, tick: queue.get_timestamp_period().into(), pixels: 0, seconds_per_pixel: None }
    }

    /// How many pixels a frame can draw.
    pub fn pixels_per_frame(&self) -> u32 {
        let pixels = self.seconds_per_pixel.map_or(UNMEASURED, |seconds| PER_FRAME.as_secs_f64() / seconds);
        pixels.clamp(FEWEST, 1e9) as u32
    }

    /// Takes the time that has arrived.
    pub fn read(&mut self) {
        let Some(bytes) = self.clock.as_ref().and_then(|(_, _, readback)| readback.take()) else { return };
        let mut ticks = bytes.chunks_exact(8).filter_map(|word| word.try_into().ok()).map(u64::from_ne_bytes);
        let (Some(begin), Some(end)) = (ticks.next(), ticks.next()) else { return };
        // A clock that was set back says nothing; one that stood still, in a browser, that it was no longer than it can tell.
        let Some(took) = end.checked_sub(begin).filter(|&took| took > 0 || cfg!(target_family = "wasm")) else {
            return;
        };
        let seconds = if took == 0 { QUANTUM } else { took as f64 * self.tick * 1e-9 };
        let seconds = seconds / f64::from(self.pixels.max(1));
        // A single pass may be held up.
        self.seconds_per_pixel = Some(self.seconds_per_pixel.map_or(seconds, |before| 0.7 * before + 0.3 * seconds));
    }

    /// Records a pass, timed if the time before has been taken. `pass` gets its descriptor's `timestamp_writes`.
    pub fn time(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        pixels: u32,
        pass: impl FnOnce(&mut wgpu::CommandEncoder, Option<wgpu::RenderPassTimestampWrites>),
    ) {
        let Some((queries, resolved, readback)) = self.clock.as_ref().filter(|(_, _, readback)| readback.is_free())
        else {
            return pass(encoder, None);
        };
        let writes = wgpu::RenderPassTimestampWrites {
            query_set: queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        pass(encoder, Some(writes));
        encoder.resolve_query_set(queries, 0..2, resolved, 0);
        readback.record(encoder, resolved);
        self.pixels = pixels;
    }
}
