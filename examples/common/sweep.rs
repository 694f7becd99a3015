//! Networks on exclusive or, each at a learning rate of its own; and their division into parts.

use std::ops::Range;

/// The learning rates that suit gradient descent and Adam.
pub const RATES: [f32; 2] = [0.1, 0.01];

/// The learning rates tried: from the usual one divided by this to that times this.
const RATE_RANGE: f32 = 30.0;

/// Learning rates in ascending order around the usual one, each by the same factor above the one before.
pub fn learning_rates(usual: f32, count: usize) -> Vec<f32> {
    let exponent = |i: usize| 2.0 * i as f32 / (count.max(2) - 1) as f32 - 1.0;
    (0..count).map(|i| usual * RATE_RANGE.powf(exponent(i))).collect()
}

/// The networks of part `index`, from 0, of `of`.
pub fn part(count: usize, index: usize, of: usize) -> Range<usize> {
    index * count / of..(index + 1) * count / of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rates_grow_by_a_factor_around_the_usual_one() {
        let rates = learning_rates(0.01, 5);
        assert!(rates.windows(2).all(|pair| (pair[1] / pair[0] - rates[1] / rates[0]).abs() < 1e-3), "{rates:?}");
        assert!((rates[2] - 0.01).abs() < 1e-6 && (rates[4] - 0.3).abs() < 1e-4, "{rates:?}");
    }
}
