//! Which samples are whose.

use std::ops::Range;

/// How samples are divided among ranks: each has a part of every batch, so that together they take one trainer's batches. Parts of a
/// batch differ by one sample at most.
#[derive(Clone, Copy, Debug)]
pub struct Shards {
    /// Of all samples, those that are used.
    pub samples: usize,
    /// Of all ranks.
    pub batch_size: usize,
    pub ranks: usize,
}

impl Shards {
    /// Divides them. Every rank has a sample of each batch: a last batch of fewer samples than ranks is left out.
    ///
    /// # Errors
    /// Fewer samples, or a smaller batch, than ranks.
    pub fn new(samples: usize, batch_size: usize, ranks: usize) -> Result<Self, String> {
        let batch_size = batch_size.min(samples);
        if samples < ranks {
            return Err(format!("{ranks} ranks, but {samples} samples: each rank needs one"));
        }
        if batch_size < ranks {
            return Err(format!("{ranks} ranks, but batches of {batch_size}: each rank needs a sample of every batch"));
        }
        let last = samples % batch_size;
        let left_out = if last < ranks { last } else { 0 };
        Ok(Shards { samples: samples - left_out, batch_size, ranks })
    }

    /// The part of `rank` of so many: the first ranks have one more.
    fn part(self, count: usize, rank: usize) -> Range<usize> {
        let (each, more) = (count / self.ranks, count % self.ranks);
        let start = rank * each + rank.min(more);
        start..start + each + usize::from(rank < more)
    }

    /// The size of a rank's batches.
    pub fn batch_of(self, rank: usize) -> usize {
        self.part(self.batch_size, rank).len()
    }

    /// The samples of a rank, in the order in which it takes them.
    pub fn of(self, rank: usize) -> impl Iterator<Item = usize> {
        (0..self.samples).step_by(self.batch_size).flat_map(move |first| {
            let part = self.part(self.batch_size.min(self.samples - first), rank);
            first + part.start..first + part.end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ranks do as many steps an epoch, and in each they have the samples of one trainer's batch.
    #[test]
    fn the_ranks_batches_are_those_of_one_trainer() {
        for (samples, batch_size, ranks) in
            [(10, 4, 1), (100, 16, 3), (103, 20, 3), (7, 50, 7), (61, 20, 2), (50, 7, 4)]
        {
            let shards = Shards::new(samples, batch_size, ranks).expect("shards");
            assert!(samples - shards.samples < ranks);
            let of_ranks = (0..ranks).map(|rank| shards.of(rank).collect::<Vec<_>>()).collect::<Vec<_>>();
            let batches = |rank: usize| of_ranks[rank].chunks(shards.batch_of(rank)).collect::<Vec<_>>();
            let whole = (0..shards.samples).collect::<Vec<_>>();
            for (step, batch) in whole.chunks(shards.batch_size).enumerate() {
                let joined = (0..ranks).flat_map(|rank| batches(rank)[step].to_vec());
                assert!(joined.eq(batch.iter().copied()), "{shards:?}, step {step}");
            }
            assert!((0..ranks).all(|rank| batches(rank).len() == whole.len().div_ceil(shards.batch_size)));
        }
    }

    #[test]
    fn every_rank_needs_a_sample_of_each_batch() {
        assert!(Shards::new(3, 4, 4).unwrap_err().contains("4 ranks, but 3 samples"));
        assert!(Shards::new(30, 3, 4).unwrap_err().contains("4 ranks, but batches of 3"));
        assert_eq!(Shards::new(10, 4, 3).expect("shards").samples, 8, "the last two are fewer than three ranks");
    }
}
