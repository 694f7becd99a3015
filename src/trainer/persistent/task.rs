//! What a kernel is written for: a network as stages, and how its samples are taken.

use crate::mlp::{Mlp, Stage};
use crate::trainer::Work;

/// What a kernel is written for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// The network in words.
    pub network: String,
    /// The numbers of a sample's input.
    pub inputs: u32,
    /// The sigmoid layers before the first linear one, whose inputs nobody needs the derivatives by.
    pub sigmoids: u32,
    /// The linear layers, each with the sigmoid layers that follow it.
    pub stages: Vec<Stage>,
    /// The numbers of a network's parameters.
    pub parameters: u32,
    pub batch_size: u32,
    pub shuffle: bool,
    pub work: Work,
    /// How many of the data set's numbers can be read at once, of the inputs and the targets: 1, 2 or 4.
    pub at_once: [u32; 2],
    /// How many networks there are: no text depends on it.
    pub networks: u32,
    /// Whether samples may be added: no text depends on it.
    pub grows: bool,
}

/// The rows whose derivatives are added up in a row, before they are added to those of the rows before; and the blocks
/// of rows likewise: hundreds of f32 added in a row lose digits.
pub(super) const BLOCK: u32 = 128;

/// A loop over a batch's rows, which adds up what the loop within it found.
#[derive(Debug)]
pub(super) struct Level {
    /// The loop's variable: the first of the rows that a turn takes.
    pub variable: &'static str,
    /// The rows of a turn.
    pub rows: u32,
}

static LEVELS: [Level; 3] = [
    Level { variable: "blocks", rows: BLOCK * BLOCK },
    Level { variable: "block", rows: BLOCK },
    Level { variable: "row", rows: 1 },
];

impl Task {
    /// The network must have been checked: its sizes fit in 32 bits.
    pub fn new(mlp: &Mlp, batch_size: u32, shuffle: bool, work: Work) -> Self {
        let (sigmoids, stages) = mlp.stages();
        Task {
            network: mlp.to_string(),
            inputs: mlp.input_width() as u32,
            sigmoids,
            stages,
            parameters: mlp.parameter_count() as u32,
            batch_size,
            shuffle,
            work,
            at_once: [1, 1],
            networks: 1,
            grows: false,
        }
    }

    /// The loops in which an invocation takes a batch row by row, each within the one before: over blocks of blocks of
    /// rows, over blocks, over rows; as many of these as the batch needs, and none for one sample.
    pub fn levels(&self) -> &'static [Level] {
        let needed = match self.batch_size {
            1 => 0,
            size if size <= BLOCK => 1,
            size if size <= BLOCK * BLOCK => 2,
            _ => 3,
        };
        &LEVELS[LEVELS.len() - needed..]
    }

    /// How many copies of the parameters an invocation has that takes a batch row by row: themselves, and of each level
    /// their derivatives.
    pub fn copies(&self) -> u64 {
        match self.work {
            Work::Evaluate | Work::Classify => 1,
            Work::Train => 1 + self.levels().len() as u64,
        }
    }

    /// In words, the batch that an invocation takes row by row: the texts differ by no more than this.
    pub fn batch_in_words(&self) -> &'static str {
        ["one sample a step", "a batch a step", "a large batch a step", "a very large batch a step"]
            [self.levels().len()]
    }

    /// What to do if a network is too large.
    pub fn way_out(&self) -> &'static str {
        match (self.work, self.networks) {
            (Work::Evaluate | Work::Classify, _) => "extract the networks, and evaluate each",
            (Work::Train, 1) => "use narrower layers, a smaller batch or another plan: auto takes any",
            (Work::Train, _) => "use narrower layers or a smaller batch, or train the networks one by one",
        }
    }

    /// The stage that gives the network's output.
    pub fn last(&self) -> usize {
        self.stages.len() - 1
    }

    pub fn outputs(&self) -> u32 {
        self.stages[self.last()].outputs
    }

    /// The expression for the sample at a position of the epoch's order.
    pub fn sample(&self, position: &str) -> String {
        if self.shuffle { format!("permutation({position}, samples, seed, batch.epoch)") } else { position.to_owned() }
    }
}

impl Stage {
    /// The numbers that are kept of each output until the derivatives need them: after each sigmoid layer, or one.
    pub fn kept(&self) -> u64 {
        self.sigmoids.max(1).into()
    }
}
