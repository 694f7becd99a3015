//! How close the network comes to the picture: the peak signal-to-noise ratio at some of its pixels.

use std::time::Duration;

use web_time::Instant;
use wgrad::{Forward, Network, Result, Rows, wgpu};

use crate::pixels::Pixels;
use crate::view::readback::Readback;

/// The most pixels that the network is asked for.
const MOST: usize = 8192;

/// The time between two measurements.
const EVERY: Duration = Duration::from_millis(400);

/// A measurement, from time to time.
pub struct Quality {
    forward: Forward,
    outputs: Rows,
    targets: Vec<f32>,
    readback: Readback,
    last: Option<Instant>,
    /// The training steps before the measurement that is under way, and before the latest that has arrived.
    pending: u64,
    measured: Option<u64>,
}

impl Quality {
    /// Of a network and the picture that it learns.
    ///
    /// # Errors
    /// Those of [`Network::forward`] and [`Rows::from_slice`].
    pub fn new(network: &Network, pixels: &Pixels) -> Result<Self> {
        let gpu = network.gpu();
        let chosen = chosen(pixels.width, pixels.height);
        let centre = |(place, side): (usize, usize)| (place as f32 + 0.5) / side as f32;
        let points = chosen.iter().flat_map(|&[x, y]| [(x, pixels.width), (y, pixels.height)]).map(centre);
        let targets = chosen.iter().flat_map(|[x, y]| &pixels.rgb[3 * (y * pixels.width + x)..][..3]).copied();
        let targets = targets.collect::<Vec<_>>();
        let inputs = Rows::from_slice(gpu, 2, &points.collect::<Vec<_>>())?;
        let outputs = Rows::from_slice(gpu, 3, &vec![0.0; targets.len()])?;
        let forward = network.forward(&inputs, &outputs)?;
        let readback = Readback::new(gpu.device(), outputs.buffer().size());
        Ok(Quality { forward, outputs, targets, readback, last: None, pending: 0, measured: None })
    }

    /// Whether the latest measurement is of the network after this many steps.
    pub fn is_of(&self, steps: u64) -> bool {
        self.measured == Some(steps)
    }

    /// Records a measurement of the network after this many steps, if it is time for one.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, steps: u64) {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= EVERY);
        if self.measured != Some(steps) && is_due && self.readback.is_free() {
            self.forward.record(encoder);
            self.readback.record(encoder, self.outputs.buffer());
            self.last = Some(Instant::now());
            self.pending = steps;
        }
    }

    /// The measurement that has arrived: the training steps before it, and decibels.
    pub fn take(&mut self) -> Option<(u64, f64)> {
        let bytes = self.readback.take()?;
        self.measured = Some(self.pending);
        let outputs = bytes.chunks_exact(4).map(|word| f32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        let squares = outputs.zip(&self.targets).map(|(y, t)| f64::from(y.clamp(0.0, 1.0) - t).powi(2)).sum::<f64>();
        // No more than 100: a picture of one colour can be learned exactly.
        let decibels = -10.0 * (squares / self.targets.len() as f64).max(1e-10).log10();
        decibels.is_finite().then_some((self.pending, decibels))
    }
}

/// The pixels to ask for: all of them, or well distributed ones.
fn chosen(width: usize, height: usize) -> Vec<[usize; 2]> {
    if width * height <= MOST {
        return (0..width * height).map(|i| [i % width, i / width]).collect();
    }
    // Multiples of powers of the plastic number's inverse leave no gaps and no lines (Roberts 2018).
    let place = |i: usize, step: f64, side: usize| ((i as f64 * step).fract() * side as f64) as usize;
    let pixel = |i| [place(i, 0.754_877_666_246_692_8, width), place(i, 0.569_840_290_998_053_2, height)];
    (0..MOST).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_all_or_spread_over_the_picture() {
        assert_eq!(chosen(3, 2), [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]);
        let chosen = chosen(8192, 1000);
        let mut cells = [0; 64];
        for [x, y] in chosen {
            assert!(x < 8192 && y < 1000);
            cells[y * 8 / 1000 * 8 + x * 8 / 8192] += 1;
        }
        assert!(cells.iter().all(|count| (118..=138).contains(count)), "{cells:?}");
    }
}
