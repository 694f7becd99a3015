//! What the three variants share: the network as stages, its numbers as parts of vectors, and WGSL line by line.

use std::fmt::Write;

use crate::mlp::{LayerKind, Mlp};
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
}

/// The rows whose derivatives are added up in a row, before they are added to those of the rows before; and the blocks
/// of rows likewise: hundreds of f32 added in a row lose digits.
pub(super) const BLOCK: u32 = 128;

/// A loop over a batch's rows, which adds up what the loop within it found.
#[derive(Debug)]
pub(super) struct Level {
    /// The loop's variable: the first of the rows that a turn takes.
    variable: &'static str,
    /// The rows of a turn.
    pub rows: u32,
}

static LEVELS: [Level; 3] = [
    Level { variable: "blocks", rows: BLOCK * BLOCK },
    Level { variable: "block", rows: BLOCK },
    Level { variable: "row", rows: 1 },
];

/// A linear layer, and how many sigmoid layers follow it.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub inputs: u32,
    pub outputs: u32,
    pub bias: bool,
    pub sigmoids: u32,
    /// The place of its weights among the network's parameters; the bias follows them.
    pub offset: u32,
}

impl Task {
    /// The network must have been checked: its sizes fit in 32 bits.
    pub fn new(mlp: &Mlp, batch_size: u32, shuffle: bool, work: Work) -> Self {
        let mut stages = Vec::<Stage>::new();
        let mut sigmoids = 0;
        for (layer, range) in mlp.layers().iter().zip(mlp.parameter_ranges()) {
            match *layer {
                LayerKind::Linear { inputs, outputs, bias } => stages.push(Stage {
                    inputs: inputs as u32,
                    outputs: outputs as u32,
                    bias,
                    sigmoids: 0,
                    offset: range.start as u32,
                }),
                LayerKind::Sigmoid { .. } => match stages.last_mut() {
                    Some(stage) => stage.sigmoids += 1,
                    None => sigmoids += 1,
                },
            }
        }
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
            Work::Evaluate => 1,
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
            (Work::Evaluate, _) => "extract the networks, and evaluate each",
            (Work::Train, 1) => "use narrower layers, a smaller batch or the layered plan",
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
    /// The place of an input's weights among the network's parameters; `input == inputs` is the bias.
    pub fn row(&self, input: u32) -> u32 {
        self.offset + input * self.outputs
    }

    /// The inputs, and the bias as one more.
    pub fn rows(&self) -> u32 {
        self.inputs + u32::from(self.bias)
    }
}

/// Up to four of a layer's numbers, which one variable holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Which part it is.
    pub index: u32,
    /// The place of its first number.
    pub first: u32,
    /// How many numbers it has.
    pub width: u32,
}

/// A layer's numbers, four by four.
pub(super) fn parts(width: u32) -> impl Iterator<Item = Part> + Clone {
    (0..width.div_ceil(4)).map(move |index| Part { index, first: 4 * index, width: (width - 4 * index).min(4) })
}

impl Part {
    /// The WGSL type.
    pub fn ty(&self) -> &'static str {
        vector(self.width)
    }

    /// The name of one of a part's numbers, if `name` is the part's.
    pub fn number(&self, name: &str, index: u32) -> String {
        if self.width == 1 { name.to_owned() } else { format!("{name}.{}", ["x", "y", "z", "w"][index as usize]) }
    }

    /// A part of these numbers, or vectors of them.
    pub fn of(&self, numbers: impl IntoIterator<Item = String>) -> String {
        let numbers = numbers.into_iter().collect::<Vec<_>>();
        if numbers.len() == 1 { numbers[0].clone() } else { format!("{}({})", self.ty(), numbers.join(", ")) }
    }

    /// The sum of the products of two parts' numbers.
    pub fn dot(&self, left: &str, right: &str) -> String {
        if self.width == 1 { format!("{left} * {right}") } else { format!("dot({left}, {right})") }
    }
}

/// The name of a part of an input's weights, or where `row` is past the inputs, of the bias: `w0_1_2`, `b0_2`; with the
/// letter `g` of the derivatives by them, `g0_1_2`, `gb0_2`.
pub(super) fn weight(letter: &str, s: usize, stage: &Stage, row: u32, part: Part) -> String {
    match (letter, row == stage.inputs) {
        (letter, false) => format!("{letter}{s}_{row}_{}", part.index),
        ("w", true) => format!("b{s}_{}", part.index),
        (letter, true) => format!("{letter}b{s}_{}", part.index),
    }
}

/// The name of a part of a stage's output after so many of its sigmoid layers: `y0_2` after the last.
pub(super) fn output(s: usize, stage: &Stage, sigmoids: u32, part: Part) -> String {
    if sigmoids == stage.sigmoids { format!("y{s}_{}", part.index) } else { format!("z{s}_{sigmoids}_{}", part.index) }
}

/// The factors that a stage's sigmoid layers put to the derivative, y · (1 - y) each.
pub(super) fn slopes(s: usize, stage: &Stage, part: Part) -> String {
    let factors = (1..=stage.sigmoids).rev().map(|sigmoids| {
        let y = output(s, stage, sigmoids, part);
        format!(" * {y} * (1.0 - {y})")
    });
    factors.collect()
}

/// The WGSL type of this many numbers.
pub(super) fn vector(width: u32) -> &'static str {
    ["f32", "vec2<f32>", "vec3<f32>", "vec4<f32>"][width as usize - 1]
}

/// The place `offset` after `base`.
pub(super) fn place(base: &str, offset: u32) -> String {
    if offset == 0 { base.to_owned() } else { format!("{base} + {offset}u") }
}

/// Terms with plus signs between.
pub(super) fn sum(terms: impl IntoIterator<Item = String>) -> String {
    terms.into_iter().collect::<Vec<_>>().join(" + ")
}

/// A batch of several samples, row by row, which leaves `batch_error`: `sample` writes one row, at the position that it is
/// given, which leaves its `error` and adds to `sums`, the derivatives' names and types. Returns what stands before those
/// names where they are added up over the whole batch.
pub(super) fn batch(
    text: &mut Text,
    task: &Task,
    sums: &[(String, &str)],
    sample: impl FnOnce(&mut Text, &str),
) -> &'static str {
    let levels = task.levels();
    // The names of the outermost sums, and of those within; the innermost are `sample`'s.
    let prefixes = &["batch_", "blocks_", "block_"][..levels.len()];
    let derivatives = |level: usize| if level + 1 == levels.len() { "" } else { prefixes[level] };
    for (level, Level { variable, rows }) in levels.iter().enumerate() {
        for (name, ty) in sums {
            text.line(format!("var {}{name} = {ty}();", derivatives(level)));
        }
        text.line(format!("var {}error = 0.0;", prefixes[level]));
        let (first, last) = match level.checked_sub(1).map(|outer| &levels[outer]) {
            None => ("0u", "batch.rows".to_owned()),
            Some(outer) => (outer.variable, format!("min({} + {}u, batch.rows)", outer.variable, outer.rows)),
        };
        text.line(format!("for (var {variable} = {first}; {variable} < {last}; {variable} += {rows}u) {{"));
    }
    sample(text, "batch.position + row");
    for level in (0..levels.len()).rev() {
        if level + 1 == levels.len() {
            text.line(format!("{}error += error;", prefixes[level]));
        } else {
            for (name, _) in sums {
                text.line(format!("{}{name} += {}{name};", derivatives(level), derivatives(level + 1)));
            }
            text.line(format!("{}error += {}error;", prefixes[level], prefixes[level + 1]));
        }
        text.line("}");
    }
    derivatives(0)
}

/// WGSL that is being written, indented by its braces.
#[derive(Default)]
pub(super) struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// A line. One that begins with `}` ends a block, one that ends with `{` begins one.
    pub fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if line.starts_with(['}', ')']) {
            self.depth -= 1;
        }
        if line.is_empty() {
            self.text.push('\n');
        } else {
            // Writing to a string cannot fail.
            _ = writeln!(self.text, "{:indent$}{line}", "", indent = 4 * self.depth);
        }
        if line.ends_with(['{', '(']) {
            self.depth += 1;
        }
    }

    /// `target = term + term + …`, several terms a line.
    pub fn assign(&mut self, target: &str, terms: Vec<String>) {
        const TERMS_A_LINE: usize = 4;
        if terms.len() <= TERMS_A_LINE {
            return self.line(format!("{target} = {};", terms.join(" + ")));
        }
        let mut lines = terms.chunks(TERMS_A_LINE).map(|terms| terms.join(" + ")).collect::<Vec<_>>();
        let last = lines.pop().unwrap_or_default();
        self.line(format!("{target} = {}", lines[0]));
        for line in &lines[1..] {
            self.line(format!("    + {line}"));
        }
        self.line(format!("    + {last};"));
    }

    /// A text that is complete.
    pub fn paste(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub fn finish(self) -> String {
        self.text
    }

    /// The texts that every kernel begins with, under its own heading.
    pub fn begin(task: &Task, batch: &str, heading: &[&str]) -> Self {
        let mut text = Text::default();
        let work = match task.work {
            Work::Train => "trains",
            Work::Evaluate => "measures the loss of",
        };
        text.line(format!("// persistent   {work} {}, {batch}", task.network));
        text.line("//");
        for line in heading {
            text.line(format!("// {line}"));
        }
        text.line("");
        text.paste(include_str!("../../../shaders/state.wgsl"));
        if task.shuffle {
            text.paste(include_str!("../../../shaders/permutation.wgsl"));
        }
        text.line("// How many numbers of a row are read at once.");
        for (name, numbers) in ["Inputs", "Targets"].iter().zip(task.at_once) {
            text.line(format!("alias {name} = {};", vector(numbers)));
        }
        text.line("");
        text.paste(include_str!("../../../shaders/persistent.wgsl"));
        text.line("override WORKGROUP: u32;");
        text
    }

    /// What the steps take of the uniform, read before the loop: in it, Mesa's software driver would read each number
    /// anew for each lane, which took a sixth of a small network's step.
    pub fn constants(&mut self, task: &Task) {
        for (view, numbers) in ["inputs_view", "targets_view"].iter().zip(task.at_once) {
            self.line(match numbers {
                1 => format!("let {view} = p.{view};"),
                _ => format!("let {view} = p.{view} / {numbers}u;"),
            });
        }
        self.line("let samples = p.samples;");
        self.line("let batch_size = p.batch_size;");
        if task.shuffle {
            self.line("let seed = p.seed;");
        }
    }

    /// The sigmoid of parts of these widths; e is never raised to a positive power, which could overflow.
    pub fn sigmoids(&mut self, widths: impl IntoIterator<Item = u32>) {
        for width in distinct(widths) {
            let ty = vector(width);
            self.line("");
            self.line(format!("fn sigmoid{width}(x: {ty}) -> {ty} {{"));
            self.line("let z = exp(-abs(x));");
            self.line(format!("return select({ty}(1.0), z, x < {ty}(0.0)) / (1.0 + z);"));
            self.line("}");
        }
    }

    /// Reading and writing parts of these widths among the parameters.
    pub fn parameters(&mut self, widths: impl IntoIterator<Item = u32>, work: Work) {
        for width in distinct(widths).into_iter().filter(|&width| width > 1) {
            let part = Part { index: 0, first: 0, width };
            let places = (0..width).map(|i| place("at", i));
            let numbers = places.clone().map(|place| format!("parameters[{place}]"));
            self.line("");
            self.line(format!("fn read{width}(at: u32) -> {} {{", part.ty()));
            self.line(format!("return {};", part.of(numbers)));
            self.line("}");
            if work == Work::Train {
                self.line("");
                self.line(format!("fn write{width}(at: u32, w: {}) {{", part.ty()));
                for (i, place) in (0..).zip(places) {
                    self.line(format!("parameters[{place}] = {};", part.number("w", i)));
                }
                self.line("}");
            }
        }
    }
}

/// Each width once, the smallest first.
fn distinct(widths: impl IntoIterator<Item = u32>) -> std::collections::BTreeSet<u32> {
    widths.into_iter().collect()
}
