//! The samples of each training step: in the data set's order, or shuffled without a buffer and without a sort.

use std::ops::Range;

/// The order in which training takes the samples of a data set, batch by batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number of samples in the data set.
    pub samples: u32,
    /// The samples per batch; the last batch of an epoch may be smaller.
    pub batch_size: u32,
    /// The seed of a new random order each epoch; `None` for the data set's order.
    pub shuffle: Option<u64>,
}

impl Order {
    /// The number of batches per epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        u64::from(self.samples).div_ceil(u64::from(self.batch_size.max(1)))
    }

    /// The positions of step `step` (from 0) in the order of its epoch.
    pub fn positions(&self, step: u64) -> Range<u32> {
        let start = (step % self.steps_per_epoch().max(1)) as u32 * self.batch_size;
        start..start.saturating_add(self.batch_size).min(self.samples)
    }

    /// The indices of the samples of step `step` (from 0).
    pub fn batch(&self, step: u64) -> Vec<usize> {
        let epoch = step / self.steps_per_epoch().max(1);
        self.positions(step)
            .map(|position| match self.shuffle {
                Some(seed) => permutation(position, self.samples, seed, epoch) as usize,
                None => position as usize,
            })
            .collect()
    }
}

/// The sample at `position` of the shuffled order of `epoch`: for each seed and epoch a permutation of `0..samples`.
///
/// First, the positions are rotated by a hash of seed and epoch, so that each sample is equally likely at each position.
/// Then a Feistel network permutes the integers of as many bits as `samples - 1` has: each round XORs one half of the
/// bits with a hash of the other half, which is invertible. A result of `samples` or more is permuted again until it is
/// below ("cycle walking", J. Black and P. Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002). More than half of
/// the integers are below, so the walk has a mean length of at most 2. It is cut after 64, which happens once in 2⁶⁴
/// positions, so that a shader's loop is bounded.
///
/// Only u32 arithmetic, as in WGSL. `position` must be below `samples`.
pub fn permutation(position: u32, samples: u32, seed: u64, epoch: u64) -> u32 {
    walk(position, samples, seed, epoch).0
}

/// The sample, and the length of its walk.
pub(crate) fn walk(position: u32, samples: u32, seed: u64, epoch: u64) -> (u32, u32) {
    const ROUNDS: u32 = 6;

    let bits = u32::BITS - samples.saturating_sub(1).leading_zeros();
    let low_bits = bits.div_ceil(2);
    let low_mask = (1 << low_bits) - 1;
    let high_mask = (1 << (bits - low_bits)) - 1;
    let key = [(seed >> 32) as u32, epoch as u32, (epoch >> 32) as u32]
        .iter()
        .fold(hash(seed as u32), |key, word| hash(key ^ word).wrapping_add(GOLDEN));

    let rotation = hash(key) % samples.max(1);
    let before_wrap = samples - rotation;
    let mut value = if position < before_wrap { position + rotation } else { position - before_wrap };
    for walk in 1..=LONGEST_WALK {
        let mut low = value & low_mask;
        let mut high = value >> low_bits;
        for round in 0..ROUNDS {
            let round_key = key.wrapping_add(round.wrapping_mul(GOLDEN));
            if round % 2 == 0 {
                high ^= hash(low ^ round_key) & high_mask;
            } else {
                low ^= hash(high ^ round_key) & low_mask;
            }
        }
        value = high << low_bits | low;
        if value < samples {
            return (value, walk);
        }
    }
    (position, LONGEST_WALK)
}

/// The longest walk. `permutation` in WGSL has the same constant, and the plans bound their loops by it.
pub(crate) const LONGEST_WALK: u32 = 64;

/// 2³² divided by the golden ratio: its multiples are spaced evenly modulo 2³².
const GOLDEN: u32 = 0x9e37_79b9;

/// A 32-bit mixing function: xor-shifts and multiplications with C. Wellons' constants "lowbias32"
/// (nullprogram.com, *Prospecting for Hash Functions*, 2018; public domain).
fn hash(word: u32) -> u32 {
    let mut word = word;
    word = (word ^ (word >> 16)).wrapping_mul(0x7feb_352d);
    word = (word ^ (word >> 15)).wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}
