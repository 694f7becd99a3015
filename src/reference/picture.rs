//! Random points of a picture.

use super::Matrix;
use crate::error::{Error, Result};

/// `samples` random points of a picture and its values there, `[samples, 2]` and `[samples, channels]`: those of the training's `step`,
/// counted from 0. `pixels` are `[height · width, channels]`, row after row from the top.
///
/// # Errors
/// [`Error::Count`] for a width of 0 or pixels that are no whole rows.
pub fn sample_picture(pixels: &Matrix, width: usize, samples: usize, seed: u64, step: u64) -> Result<[Matrix; 2]> {
    let operation = "sample_picture";
    if width == 0 || pixels.rows() == 0 {
        return Err(Error::zero(operation, "the picture's width"));
    }
    if !pixels.rows().is_multiple_of(width) {
        let lengths = [pixels.rows(), pixels.rows().next_multiple_of(width)];
        return Err(Error::length(operation, "pixels", lengths, "a multiple of the width"));
    }
    let size = [width, pixels.rows() / width];
    let high = |word: u64| (word >> 32) as u32;
    let point = |sample: usize| {
        let words = random([sample as u32, step as u32, high(step) ^ high(seed), seed as u32]);
        [words[0], words[1]].map(|word| (word >> 8) as f32 / (1u32 << 24) as f32)
    };
    let x = Matrix::from_fn(samples, 2, |sample, i| point(sample)[i].into());
    let t = Matrix::from_fn(samples, pixels.columns(), |sample, channel| {
        // A place among the pixels is an f32, as in the shader; the rest is f64.
        let places = [0, 1].map(|i| point(sample)[i] * size[i] as f32 - 0.5);
        let f = places.map(|place| f64::from(place - place.floor()));
        let low = places.map(|place| place.floor().max(0.0) as usize);
        let high = [0, 1].map(|i| ((places[i].floor() + 1.0) as usize).min(size[i] - 1));
        let at = |x: usize, y: usize| pixels.at(y * width + x, channel);
        let row = |y: usize| at(low[0], y) * (1.0 - f[0]) + at(high[0], y) * f[0];
        row(low[1]) * (1.0 - f[1]) + row(high[1]) * f[1]
    });
    Ok([x, t])
}

/// The light that an sRGB value stands for, IEC 61966-2-1.
pub fn light_of_srgb(value: f64) -> f64 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Four random words for four words: pcg4d (Jarzynski and Olano 2020: *Hash functions for GPU rendering*).
pub fn random(counter: [u32; 4]) -> [u32; 4] {
    let mut r = counter.map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |r: &mut [u32; 4]| {
        for (to, left, right) in [(0, 1, 3), (1, 2, 0), (2, 0, 1), (3, 1, 2)] {
            r[to] = r[to].wrapping_add(r[left].wrapping_mul(r[right]));
        }
    };
    mix(&mut r);
    r = r.map(|word| word ^ word >> 16);
    mix(&mut r);
    r
}
