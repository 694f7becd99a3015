//! The hash grid: where a point's entries are, and how much each counts.

use crate::error::{Error, Result};

/// Tables of features at several resolutions, which are trained with the network; a point's features are interpolated between the
/// corners of its cell (Müller et al. 2022: *Instant neural graphics primitives with a multiresolution hash encoding*).
///
/// For two or three inputs from 0 to 1; others are clamped, and NaN counts as 0. A level l has `scale = base_resolution ·
/// per_level_scale^l - 1` and `resolution = ceil(scale) + 1`; where resolution^inputs entries fit in 2^table_log2, each grid point has
/// its own, and otherwise a hash of its coordinates shares them. tiny-cuda-nn: `HashGrid`, in f32 and with the same bits every run.
///
/// The plain and layered plans train it: a gradient with respect to an entry is summed in two integer words, exactly and in any order,
/// so that the bits are the same every run. An optimizer leaves entries alone that a batch does not touch, moments too, and Adam counts
/// an entry's own steps, as tiny-cuda-nn does: dense Adam, as PyTorch's, goes on moving them by their momentum. See
/// [`TrainConfig::grid_learning_rate`](crate::TrainConfig::grid_learning_rate).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HashGrid {
    /// The number of levels, 1 to 32. Default: 16.
    pub levels: u32,
    /// The features of an entry: 1, 2, 4 or 8. Default: 2.
    pub features: u32,
    /// The logarithm (to base 2) of the most entries of a level, 3 to 24. Default: 19.
    pub table_log2: u32,
    /// The resolution of the first level, 2 to 4,096. Default: 16.
    pub base_resolution: u32,
    /// The factor from a level's resolution to the next one's, 1 to 4. Default: 2.
    pub per_level_scale: f64,
    /// Whether features are interpolated by `f² (3 - 2 f)` instead of `f`: then derivatives are continuous. Default: no.
    pub smoothstep: bool,
}

impl Default for HashGrid {
    fn default() -> Self {
        HashGrid::USUAL
    }
}

/// A level of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub scale: f32,
    pub resolution: u32,
    /// A multiple of 8; a power of two, if hashed.
    pub entries: u32,
    /// Its first entry among those of all levels.
    pub first: u32,
    /// Whether there are fewer entries than grid points.
    pub is_hashed: bool,
}

impl Level {
    /// The resolution as shaders take it: 0 for a level that is hashed.
    pub fn dense_resolution(&self) -> u32 {
        if self.is_hashed { 0 } else { self.resolution }
    }
}

/// What the coordinates of a grid point are multiplied with for its hash.
pub(crate) const PRIMES: [u32; 3] = [1, 2_654_435_761, 805_459_861];

/// The most entries of all levels, whose indices times their features are 32-bit numbers.
const MOST_ENTRIES: u64 = 1 << 28;

/// A corner of a point's cell: its entry among those of all levels, its weight, and the derivatives of the weight with respect to
/// the coordinates.
pub(crate) struct Corner {
    pub entry: usize,
    pub weight: f64,
    pub derivatives: Vec<f64>,
}

impl HashGrid {
    pub(crate) const USUAL: Self = HashGrid {
        levels: 16,
        features: 2,
        table_log2: 19,
        base_resolution: 16,
        per_level_scale: 2.0,
        smoothstep: false,
    };

    /// The levels, in f64: the same on every machine. f32 would round a product such as 16 · 1.5³ - 1 past a whole number.
    pub(crate) fn levels_of(&self, dimensions: usize) -> Vec<Level> {
        let mut levels = Vec::new();
        let (mut factor, mut first) = (1.0, 0u32);
        for _ in 0..self.levels {
            let scale = f64::from(self.base_resolution) * factor - 1.0;
            let resolution = scale.ceil() + 1.0;
            let points = resolution.powi(dimensions as i32);
            let most = 1u32 << self.table_log2;
            let is_hashed = points > f64::from(most);
            let entries = if is_hashed { most } else { (points as u32).next_multiple_of(8).min(most) };
            levels.push(Level { scale: scale as f32, resolution: resolution as u32, entries, first, is_hashed });
            first = first.saturating_add(entries);
            factor *= self.per_level_scale;
        }
        levels
    }

    /// The entries of all levels.
    pub(crate) fn entries(&self, dimensions: usize) -> usize {
        self.levels_of(dimensions).iter().map(|level| level.entries as usize).sum()
    }

    /// Its parameters: the features of all entries.
    pub(crate) fn parameter_count(&self, dimensions: usize) -> usize {
        self.entries(dimensions) * self.features as usize
    }

    /// Refuses an impossible configuration. Errors name `operation`.
    pub(crate) fn check(&self, operation: &'static str, inputs: usize) -> Result<()> {
        for (what, value, [least, most], rule) in [
            ("the levels of the hash grid", self.levels, [1, 32], "for example 16"),
            ("the features of the hash grid", self.features, [1, 8], "one of 1, 2, 4 and 8"),
            ("the hash grid's table_log2", self.table_log2, [3, 24], "for example 19"),
            ("the hash grid's base_resolution", self.base_resolution, [2, 4096], "for example 16"),
        ] {
            let is_wrong = !(least..=most).contains(&value) || most == 8 && !value.is_power_of_two();
            if is_wrong {
                return Err(Error::count(operation, what, value.into(), [least.into(), most.into()], rule));
            }
        }
        if !(1.0..=4.0).contains(&self.per_level_scale) {
            let rule = "choose one from 1 to 4, for example 1.5";
            return Err(Error::out_of_range(operation, "the hash grid's per_level_scale", self.per_level_scale, rule));
        }
        let rule = "a hash grid is of a plane or of space: two or three inputs";
        if !(2..=3).contains(&inputs) {
            return Err(Error::count(operation, "the width of the input", inputs as u64, [2, 3], rule));
        }
        // Its cells are counted in 32 bits, and more exactly than f32 places points no grid can be.
        let finest = f64::from(self.base_resolution) * self.per_level_scale.powi(self.levels as i32 - 1);
        if finest > f64::from(1u32 << 24) {
            let rule = "its finest resolution must be at most 2^24; use fewer levels, or a smaller scale";
            return Err(Error::out_of_range(operation, "the hash grid's per_level_scale", self.per_level_scale, rule));
        }
        let entries = self.entries(inputs) as u64;
        if entries > MOST_ENTRIES {
            let rule = "use fewer levels, or smaller tables";
            return Err(Error::count(operation, "the entries of the hash grid", entries, [1, MOST_ENTRIES], rule));
        }
        Ok(())
    }

    /// The corners of the cell of the point `x` in a level. A place in the level is an f32, as in shaders; the rest is f64.
    pub(crate) fn corners(&self, level: &Level, x: &[f64]) -> Vec<Corner> {
        let place = |&x: &f64| {
            let x = if x.is_nan() { 0.0 } else { x.clamp(0.0, 1.0) };
            level.scale * x as f32 + 0.5
        };
        let places = x.iter().map(place).collect::<Vec<f32>>();
        let weights = places.iter().zip(x).map(|(place, x)| {
            let f = f64::from(place - place.floor());
            let is_inside = (0.0..=1.0).contains(x);
            let slope = f64::from(level.scale) * if is_inside { 1.0 } else { 0.0 };
            match self.smoothstep {
                false => (f, slope),
                true => (f * f * (3.0 - 2.0 * f), 6.0 * f * (1.0 - f) * slope),
            }
        });
        let weights = weights.collect::<Vec<_>>();
        let bit = |corner: usize, d: usize| corner >> d & 1;
        let side = |corner: usize, d: usize| if bit(corner, d) == 1 { weights[d].0 } else { 1.0 - weights[d].0 };
        let dimensions = 0..x.len();
        (0..1usize << x.len())
            .map(|corner| {
                let cell = dimensions.clone().map(|d| places[d].floor() as u32 + bit(corner, d) as u32);
                let derivative = |d: usize| {
                    let others = dimensions.clone().filter(|&other| other != d).map(|other| side(corner, other));
                    let sign = if bit(corner, d) == 1 { 1.0 } else { -1.0 };
                    sign * weights[d].1 * others.product::<f64>()
                };
                Corner {
                    entry: (level.first + index(level, &cell.collect::<Vec<_>>())) as usize,
                    weight: dimensions.clone().map(|d| side(corner, d)).product(),
                    derivatives: dimensions.clone().map(derivative).collect(),
                }
            })
            .collect()
    }
}

/// The entry of a grid point among those of its level.
fn index(level: &Level, cell: &[u32]) -> u32 {
    if level.is_hashed {
        return hash(cell) % level.entries;
    }
    let index = cell.iter().rev().fold(0, |index: u32, &cell| index * level.resolution + cell);
    index % level.entries
}

fn hash(cell: &[u32]) -> u32 {
    cell.iter().zip(PRIMES).fold(0, |hash, (cell, prime)| hash ^ cell.wrapping_mul(prime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_known() {
        for (cell, expected) in [
            (&[1, 2][..], 1_013_904_227),
            (&[100, 200], 2_606_174_764),
            (&[5_000, 7_000], 1_021_799_504),
            (&[3, 5, 7], 1_191_511_397),
            (&[1_000, 2_000, 3_000], 2_316_627_744),
        ] {
            assert_eq!(hash(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn levels_are_known() {
        let grid = HashGrid { table_log2: 15, per_level_scale: 1.5, ..Default::default() };
        assert_eq!(grid.entries(2), 354_184);
        let levels = grid.levels_of(2);
        // 16 · 1.5^2 - 1 is exactly 35, and 16 · 1.5^3 - 1 exactly 53.
        assert_eq!((levels[2].scale, levels[2].resolution), (35.0, 36));
        assert_eq!((levels[3].scale, levels[3].resolution), (53.0, 54));
        assert!(!levels[5].is_hashed && levels[6].is_hashed && levels[6].entries == 1 << 15);
        assert!(levels.iter().all(|level| level.entries.is_multiple_of(8)));
    }

    #[test]
    fn corners_weigh_one_together() {
        for smoothstep in [false, true] {
            let grid = HashGrid { levels: 5, table_log2: 6, per_level_scale: 1.7, smoothstep, ..Default::default() };
            for (dimensions, level) in
                [2, 3].into_iter().flat_map(|d| grid.levels_of(d).into_iter().map(move |l| (d, l)))
            {
                for x in [[0.0, 1.0, 0.3], [0.7, 0.2, 1.0], [-1.0, 2.0, f64::NAN]] {
                    let corners = grid.corners(&level, &x[..dimensions]);
                    assert_eq!(corners.len(), 1 << dimensions);
                    let sum = corners.iter().map(|corner| corner.weight).sum::<f64>();
                    assert!((sum - 1.0).abs() < 1e-12, "{sum}");
                    let end = (level.first + level.entries) as usize;
                    assert!(corners.iter().all(|corner| (level.first as usize..end).contains(&corner.entry)));
                }
            }
        }
    }
}
