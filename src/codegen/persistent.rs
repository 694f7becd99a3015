//! What the persistent kernels share: how a source begins, what it binds, the loops over a batch, and the loss.

use super::bindings::{Bindings, Uniform};
use super::encoding;
use super::functions;
use super::head::share;
use super::source::Source;
use super::spec::{PersistentSpec, Work};
use super::sums::{Level, Nest};
use super::vectors::{Chunk, sum, vector};
use crate::activation::Activation;
use crate::shaders::shader;

/// Gradients are summed in blocks of this many samples, and blocks of blocks.
pub(super) const BLOCK: u32 = 128;

static LEVELS: [Level; 3] = [
    Level { variable: "blocks", rows: BLOCK * BLOCK },
    Level { variable: "block", rows: BLOCK },
    Level { variable: "row", rows: 1 },
];

/// Below every pre-activation, in WGSL.
pub(super) const LOWEST: &str = "-3.4e38";

/// What a persistent kernel binds; `R` is the type of a buffer. Views are an offset and a row stride, in values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands<R> {
    pub inputs_view: [u32; 2],
    pub targets_view: [u32; 2],
    /// The seed of the samples' order, low and high word.
    pub seed: [u32; 2],
    pub batch_size: u32,
    pub networks: u32,
    /// The steps of a dispatch.
    pub steps: u32,
    pub inputs: R,
    pub targets: R,
    pub learning_rates: R,
    pub parameters: R,
    pub states: R,
    pub sample_count: R,
    /// What is kept of each parameter, if anything.
    pub moments: R,
}

impl<R> Operands<R> {
    /// The bindings of every persistent kernel.
    pub fn bindings(self, spec: &PersistentSpec) -> Bindings<R> {
        let uniform = Uniform::default()
            .vec2_u32("inputs_view", self.inputs_view)
            .vec2_u32("targets_view", self.targets_view)
            .vec2_u32("seed", self.seed)
            .u32("batch_size", self.batch_size)
            .u32("networks", self.networks)
            .u32("steps", self.steps);
        let mut bindings = Bindings::new(uniform);
        bindings.read("inputs", "array<Inputs>", self.inputs);
        bindings.read("targets", "array<Targets>", self.targets);
        bindings.read("learning_rates", "array<f32>", self.learning_rates);
        bindings.read_write("parameters", "array<f32>", self.parameters);
        bindings.read_write("states", "array<State>", self.states);
        bindings.read("sample_count", "array<u32>", self.sample_count);
        if !spec.kept().is_empty() {
            bindings.read_write("moments", "array<f32>", self.moments);
        }
        bindings
    }
}

impl PersistentSpec {
    /// The nested loops in which an invocation takes a batch row by row; none for one sample.
    pub(super) fn levels(&self) -> &'static [Level] {
        let needed = match self.batch_size {
            1 => 0,
            size if size <= BLOCK => 1,
            size if size <= BLOCK * BLOCK => 2,
            _ => 3,
        };
        &LEVELS[LEVELS.len() - needed..]
    }

    /// The iterations of the loops in which an invocation takes a batch row by row.
    pub fn iterations_over_rows(&self) -> u64 {
        self.levels().iter().map(|level| u64::from(self.batch_size.div_ceil(level.rows))).sum()
    }

    /// How many copies of the parameters such an invocation has: the parameters, the gradients of each level, and what is kept.
    pub(super) fn copies(&self) -> u64 {
        if self.trains() { 1 + (self.levels().len() + self.kept().len()) as u64 } else { 1 }
    }

    /// A description of the batch: kernels for batches of the same description have the same source.
    pub(super) fn batch_in_words(&self) -> &'static str {
        ["one sample per step", "one batch per step", "one large batch per step", "one very large batch per step"]
            [self.levels().len()]
    }
}

/// The beginning of every persistent kernel, under its own heading.
pub(super) fn begin(spec: &PersistentSpec, batch: &str, heading: &dyn Fn() -> Vec<String>) -> Source {
    let mut source = Source::default();
    let work = match spec.work {
        Work::Train => "trains",
        Work::Evaluate | Work::Classify => "measures the loss of",
    };
    source.comment(&[&format!("persistent   {work} {}, {batch}", spec.network), ""]);
    source.heading(heading);
    if spec.trains() && spec.folds_rate() {
        source.comment(&["The gradients d are times the learning rate: that is a product less for each weight."]);
    }
    source.line("");
    source.paste(shader!("state"));
    if spec.shuffle {
        source.paste(shader!("permutation"));
    }
    source.comment(&["One load of a row."]);
    for (name, load_width) in ["Inputs", "Targets"].iter().zip(spec.load_widths) {
        source.line(format!("alias {name} = {};", vector(load_width)));
    }
    source.line("");
    source.comment(&LEGEND);
    let kept = spec.kept();
    if !kept.is_empty() {
        let moments = format!(
            "  moments         [networks, {}, parameters]  what is kept of each: {}",
            kept.len(),
            kept.join(", ")
        );
        source.comment(&[&moments]);
    }
    source.line("");
    Operands::<()>::default().bindings(spec).declare(&mut source, "Persistent");
    source.line("");
    source.line("override WORKGROUP: u32;");
    source
}

/// Writes the functions of the tables that a persistent kernel calls: of its layers' activations, of its head and its descent, for
/// vectors of these widths.
pub(super) fn functions(
    source: &mut Source,
    spec: &PersistentSpec,
    activations: &[(Activation, u32)],
    [of_head, of_descent]: [&[u32]; 2],
) {
    let (head, trains) = (spec.head, spec.trains());
    let descent = (trains && !spec.folds_rate()).then_some(spec.descent);
    let mut calls = functions::calls(trains, activations);
    calls.extend(encoding::calls(spec.encoding, false));
    calls.extend(head.calls(trains, of_head));
    calls.extend(descent.iter().flat_map(|descent| descent.calls(of_descent)));
    functions::write(source, "", &calls);
    head.write(source, trains, of_head);
    if let Some(descent) = descent {
        descent.write(source, of_descent);
    }
}

/// What the bindings are.
const LEGEND: [&str; 9] = [
    "Views are a matrix's offset in its buffer and its stride from row to row, in values; seed is low and high word.",
    "Inputs and Targets are f32, or vectors where the offsets and strides allow.",
    "",
    "  inputs          [samples, inputs]       the data set",
    "  targets         [samples, outputs]",
    "  learning_rates  [2, networks]           and weight decays",
    "  parameters      [networks, parameters]  each network's, layer after layer",
    "  states          [networks]              each network's training state",
    "  sample_count    [1]                     how many samples there are: an app may add some",
];

/// The uniform's members that the steps need, read before the loop: inside it, Mesa's software driver reads each member again
/// for each lane, which took a sixth of a small network's step.
pub(super) fn constants(source: &mut Source, spec: &PersistentSpec) {
    for (view, load_width) in ["inputs_view", "targets_view"].iter().zip(spec.load_widths) {
        source.line(match load_width {
            1 => format!("let {view} = p.{view};"),
            _ => format!("let {view} = p.{view} / {load_width}u;"),
        });
    }
    source.line("let samples = sample_count[0];");
    source.line("let batch_size = p.batch_size;");
    if spec.shuffle {
        source.line("let seed = p.seed;");
    }
}

/// Writes the loops over a batch of several samples, which define `batch_loss`. `sample` writes one row, given its position: it
/// defines `loss` and adds to `sums`, the gradients' names and types. Returns the prefix of the names that hold the sums over
/// the whole batch.
pub(super) fn batch(
    source: &mut Source,
    spec: &PersistentSpec,
    sums: &[(String, &str)],
    sample: &dyn Fn(&mut Source, &str),
) -> String {
    let levels = spec.levels();
    // The prefix of a level's sums: the outermost are the batch's, the innermost gradients `sample`'s own.
    let prefix = |level: usize| match level.checked_sub(1) {
        None => "batch_".to_owned(),
        Some(outer) => format!("{}_", levels[outer].variable),
    };
    let gradients = |level: usize| if level + 1 == levels.len() { String::new() } else { prefix(level) };
    let begin = |source: &mut Source, level: usize| {
        for (name, ty) in sums {
            source.line(format!("var {}{name} = {ty}();", gradients(level)));
        }
        source.line(format!("var {}loss = 0.0;", prefix(level)));
    };
    let end = |source: &mut Source, level: usize| {
        if level + 1 == levels.len() {
            return source.line(format!("{}loss += loss;", prefix(level)));
        }
        for (name, _) in sums {
            source.line(format!("{}{name} += {}{name};", gradients(level), gradients(level + 1)));
        }
        source.line(format!("{}loss += {}loss;", prefix(level), prefix(level + 1)));
    };
    let nest = Nest { levels, first: "0u", end: "batch.rows", named_ends: false };
    nest.write(source, &begin, &|source| sample(source, "batch.position + row"), &end);
    gradients(0)
}

/// The loss of these chunks of the output, and if the kernel trains, the gradient with respect to the last layer's
/// pre-activations, times `rate`. `lanes` says how values are combined over all lanes that have chunks.
pub(super) fn head(
    source: &mut Source,
    spec: &PersistentSpec,
    chunks: impl Iterator<Item = Chunk> + Clone,
    rate: &str,
    lanes: &dyn OverLanes,
) {
    let (last, head) = (spec.last(), spec.head);
    // Of values that a lane has past the outputs' end, nothing counts.
    let masked = |chunk: Chunk, values: String, other: &str| match lanes.inside(chunk) {
        Some(inside) => format!("select({}({other}), {values}, {inside})", chunk.ty()),
        None => values,
    };
    let z = |chunk: Chunk| format!("z{last}_{}", chunk.index);
    let t = |chunk: Chunk| format!("t_{}", chunk.index);
    source.line("");
    source.comment(&["the loss"]);
    if head.is_of_rows() {
        statistics(source, spec, chunks.clone(), lanes, &masked);
    }
    let y = |chunk: Chunk| format!("y{last}_{}", chunk.index);
    let targets = |chunk: Chunk| head.targets(chunk.width, &t(chunk));
    for chunk in chunks.clone() {
        let Chunk { index, width, .. } = chunk;
        source.line(format!("let {} = {};", y(chunk), head.output(width, &z(chunk))));
        source.line(format!("let e_{index} = {};", masked(chunk, head.terms(width, &y(chunk), &targets(chunk)), "")));
    }
    let terms = sum(chunks.clone().map(|chunk| chunk.sum(&format!("e_{}", chunk.index))));
    source.line(format!("let loss = LOSS_FACTOR * {};", lanes.sum(&terms)));
    if !spec.trains() {
        return;
    }
    source.line("");
    source.comment(&["backward, by the weights as they are before the update"]);
    for chunk in chunks {
        let gradient = head.gradient(chunk.width, rate, [&z(chunk), &y(chunk)], &targets(chunk));
        let gradient = masked(chunk, gradient, "");
        source.line(format!("let d{last}_{} = {gradient};", chunk.index));
    }
}

/// How a kernel combines the values of its lanes.
pub(super) trait OverLanes {
    /// The name of the mask of a chunk of the outputs, if not all of its values exist.
    fn inside(&self, chunk: Chunk) -> Option<String>;
    /// The expression of a sum over all lanes.
    fn sum(&self, values: &str) -> String;
    /// The expression of the largest value of all lanes.
    fn max(&self, values: &str) -> String;
}

/// The statistics of the row of outputs.
fn statistics(
    source: &mut Source,
    spec: &PersistentSpec,
    chunks: impl Iterator<Item = Chunk> + Clone,
    lanes: &dyn OverLanes,
    masked: &dyn Fn(Chunk, String, &str) -> String,
) {
    let last = spec.last();
    let name = |letter: &str, chunk: Chunk| format!("{letter}_{}", chunk.index);
    for chunk in chunks.clone() {
        let z = format!("z{last}_{}", chunk.index);
        source.line(format!("let {} = {};", name("m", chunk), masked(chunk, z, LOWEST)));
    }
    let maxima = chunks.clone().map(|chunk| chunk.max(&name("m", chunk)));
    let maximum = maxima.reduce(|left, right| format!("max({left}, {right})")).unwrap_or_default();
    source.line(format!("let maximum = {};", lanes.max(&maximum)));
    for chunk in chunks.clone() {
        let share = share(chunk.width, &name("m", chunk), "maximum");
        source.line(format!("let {} = {};", name("s", chunk), masked(chunk, share, "")));
        let targets = spec.head.targets(chunk.width, &name("t", chunk));
        source.line(format!("let {} = {};", name("u", chunk), masked(chunk, targets, "")));
    }
    let total = |letter: &str| lanes.sum(&sum(chunks.clone().map(|chunk| chunk.sum(&name(letter, chunk)))));
    source.line(format!("let statistics = Statistics(maximum, {}, {});", total("s"), total("u")));
}

/// What a kernel reads of a network for its descent, before the steps.
pub(super) fn load_rates(source: &mut Source, spec: &PersistentSpec) {
    if !spec.trains() {
        return;
    }
    source.line("let learning_rate = learning_rates[network];");
    if !spec.folds_rate() {
        source.line("let weight_decay = learning_rates[p.networks + network];");
    }
}

/// Where the network's values begin of each of what is kept of its parameters.
pub(super) fn load_moments_offsets(source: &mut Source, spec: &PersistentSpec) {
    let (kept, parameters) = (spec.kept().len() as u32, spec.parameters);
    for i in 0..kept {
        source.line(format!("let kept{i} = (network * {kept}u + {i}u) * {parameters}u;"));
    }
}

/// What is the same for all parameters in a step, at its beginning.
pub(super) fn begin_descent(source: &mut Source, spec: &PersistentSpec) {
    if spec.trains() && !spec.folds_rate() {
        source.line("let descent = descent_of(learning_rate, weight_decay, batch.step);");
    }
}
