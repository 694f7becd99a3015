//! One network in the registers of a subgroup's lanes, or of a single invocation, which is a subgroup of one lane. Everything is
//! unrolled: there are no loops over layers or values, and no barrier.
//!
//! A single lane has the whole network and needs no feature: a workgroup trains as many networks as it has invocations. Of
//! several lanes, each has a shard of every layer's weights, and sums are exchanged between the lanes: for devices whose
//! subgroups have one known size.

mod kernel;
mod step;

use super::source::Source;
use super::spec::{Layer, PersistentSpec};
use super::vectors::{Chunk, chunks, plus};

/// The 32-bit registers of a lane: its shard of the parameters and of what is kept of each, for batches of several samples the
/// gradients, and the activations.
pub(crate) fn count(spec: &PersistentSpec, lanes: u32) -> u64 {
    registers(spec, lanes, spec.copies())
}

/// Those of a batch of one sample, which needs no sums of gradients.
pub(crate) fn count_without_sums(spec: &PersistentSpec, lanes: u32) -> u64 {
    registers(spec, lanes, 1 + spec.kept().len() as u64)
}

/// Those that a sample is computed with: a lane's shard of the parameters, and the activations.
pub(crate) fn values(spec: &PersistentSpec, lanes: u32) -> u64 {
    registers(spec, lanes, 1)
}

/// The sums over the lanes that a sample takes, of up to four values each.
pub(crate) fn sums_over_lanes(spec: &PersistentSpec, lanes: u32) -> u32 {
    let registers = Registers { spec, lanes };
    let layers = spec.layers.iter().enumerate();
    let sums = layers.map(|(l, layer)| match (registers.sums_over_lanes(l), registers.is_sharded(l)) {
        (true, _) => layer.outputs.div_ceil(4),
        (_, true) if l > 0 => layer.inputs.div_ceil(4),
        _ => 0,
    });
    sums.sum()
}

/// The registers of a lane that has so many copies of its shard of the parameters.
fn registers(spec: &PersistentSpec, lanes: u32, copies: u64) -> u64 {
    let registers = Registers { spec, lanes };
    let layers = (0..spec.layers.len()).map(|l| {
        let layer = &spec.layers[l];
        let outputs = u64::from(if registers.is_sharded(l) { registers.shard(layer.outputs) } else { layer.outputs });
        let rows = u64::from(registers.input_width(l)) + u64::from(layer.bias);
        let values = if spec.trains() && layer.activation.keeps_derivative() { 2 } else { 1 };
        (copies * rows + values) * outputs
    });
    // The lanes of a subgroup read the targets only when they are needed.
    let targets = if lanes == 1 { spec.outputs() } else { 0 };
    let encoded = spec.encoding.map_or(0, |_| spec.encoded_inputs());
    layers.sum::<u64>() + u64::from(spec.inputs) + u64::from(encoded) + u64::from(targets)
}

/// The kernel's source, for subgroups of `lanes` lanes; for 1 lane, one invocation per network.
pub(crate) fn source(spec: &PersistentSpec, lanes: u32) -> String {
    match lanes {
        1 => Registers { spec, lanes }.kernel(),
        // Each lane reads values of its own.
        _ => Registers { spec: &PersistentSpec { load_widths: [1, 1], ..spec.clone() }, lanes }.kernel(),
    }
}

/// A network, and the lanes that have it.
///
/// With several lanes, every second layer is sharded: each lane computes its own outputs. The layers between take these
/// as their inputs: each lane multiplies its own, and the sums over all lanes give every lane all outputs.
#[derive(Clone, Copy)]
struct Registers<'a> {
    spec: &'a PersistentSpec,
    lanes: u32,
}

/// A chunk of a row of weights that a lane has.
struct Weights {
    name: String,
    /// The name of the gradient with respect to them.
    gradient: String,
    /// The names of what is kept of them from step to step.
    kept: Vec<String>,
    chunk: Chunk,
    /// The offset among the parameters, and what is added to it for the lane.
    offset: u32,
    own: String,
    /// Which of its values exist, if not all do.
    mask: Option<Mask>,
    /// Whether all lanes have the same.
    replicated: bool,
}

impl Weights {
    /// Their index in an array whose values of the network begin at `base`.
    fn index(&self, base: &str) -> String {
        plus(base, self.offset) + &self.own
    }
}

/// The name of a boolean, or of a vector of them, that says which of a chunk's values exist.
#[derive(Clone)]
enum Mask {
    /// One for each value.
    Values(String),
    /// One for all values.
    Chunk(String),
}

impl Registers<'_> {
    /// Whether each lane has outputs of its own of layer `l`.
    fn is_sharded(&self, l: usize) -> bool {
        self.lanes > 1 && l.is_multiple_of(2)
    }

    /// Whether each lane has inputs of its own of layer `l`.
    fn sums_over_lanes(&self, l: usize) -> bool {
        self.lanes > 1 && !self.is_sharded(l)
    }

    /// How many of `width` sharded values a lane has.
    fn shard(&self, width: u32) -> u32 {
        width.div_ceil(self.lanes)
    }

    /// The inputs of layer `l` that a lane has.
    fn input_width(&self, l: usize) -> u32 {
        let inputs = self.spec.layers[l].inputs;
        if self.sums_over_lanes(l) { self.shard(inputs) } else { inputs }
    }

    /// The chunks of layer `l`'s input that a lane has.
    fn inputs(&self, l: usize) -> impl Iterator<Item = Chunk> + Clone + use<> {
        chunks(self.input_width(l))
    }

    /// The chunks of layer `l`'s output that a lane has.
    #[inline(never)]
    fn outputs(&self, l: usize) -> impl Iterator<Item = Chunk> + Clone + use<> {
        let outputs = self.spec.layers[l].outputs;
        chunks(if self.is_sharded(l) { self.shard(outputs) } else { outputs })
    }

    /// The name of the mask of a chunk of a sharded layer's output, if not all of its values exist.
    #[inline(never)]
    fn inside(&self, l: usize, chunk: Chunk) -> Option<String> {
        let outputs = self.spec.layers[l].outputs;
        let partly = self.is_sharded(l) && self.shard(outputs) * self.lanes > outputs;
        partly.then(|| format!("inside{l}_{}", chunk.index))
    }

    /// One of the inputs of layer `l` that a lane has.
    fn input(&self, l: usize, input: u32) -> String {
        let chunk = Chunk::at(input / 4, self.input_width(l));
        chunk.component(&input_name(l, chunk.index), input % 4)
    }

    /// The weights and the bias of layer `l` that a lane has.
    fn weights(&self, l: usize) -> Vec<Weights> {
        let layer = &self.spec.layers[l];
        let kept = self.spec.kept();
        let of = |row: u32, chunk: Chunk, own: &str, mask: Option<Mask>| Weights {
            name: weight("w", l, layer, row, chunk),
            gradient: weight("g", l, layer, row, chunk),
            kept: kept.iter().map(|letter| weight(letter, l, layer, row, chunk)).collect(),
            chunk,
            offset: layer.row(row) + chunk.first,
            own: own.to_owned(),
            mask,
            replicated: self.sums_over_lanes(l) && row == layer.inputs,
        };
        let mut weights = Vec::new();
        if !self.sums_over_lanes(l) {
            let own = if self.is_sharded(l) { format!(" + own{l}") } else { String::new() };
            for row in 0..layer.rows() {
                let mask = |chunk| self.inside(l, chunk).map(Mask::Values);
                weights.extend(self.outputs(l).map(|chunk| of(row, chunk, &own, mask(chunk))));
            }
            return weights;
        }
        let times = if layer.outputs == 1 { String::new() } else { format!(" * {}u", layer.outputs) };
        let own = format!(" + own{}{times}", l - 1);
        for units in self.inputs(l) {
            for (component, row) in (0..).zip(units.indices()) {
                let inside = self.inside(l - 1, units).map(|inside| units.component(&inside, component));
                let mask = inside.map(Mask::Chunk);
                weights.extend(self.outputs(l).map(|chunk| of(row, chunk, &own, mask.clone())));
            }
        }
        let bias = self.outputs(l).filter(|_| layer.bias);
        weights.extend(bias.map(|chunk| of(layer.inputs, chunk, "", None)));
        weights
    }

    /// All weights and biases that a lane has.
    fn all_weights(&self) -> impl Iterator<Item = Weights> {
        (0..self.spec.layers.len()).flat_map(|l| self.weights(l))
    }

    /// Those that are trained.
    fn trained_weights(&self) -> impl Iterator<Item = Weights> {
        (0..self.spec.layers.len()).filter(|&l| self.spec.trains_layer(l)).flat_map(|l| self.weights(l))
    }
}

/// The name of a chunk of an input's weights, `w0_1_2`, or if `row` is past the inputs, of the bias, `b0_2`. With the letter `g`:
/// of the gradients with respect to them, `g0_1_2`, `gb0_2`; likewise with the letters of what is kept of them.
fn weight(letter: &str, l: usize, layer: &Layer, row: u32, chunk: Chunk) -> String {
    match (letter, row == layer.inputs) {
        (letter, false) => format!("{letter}{l}_{row}_{}", chunk.index),
        ("w", true) => format!("b{l}_{}", chunk.index),
        (letter, true) => format!("{letter}b{l}_{}", chunk.index),
    }
}

/// The name of a chunk of layer `l`'s input.
fn input_name(l: usize, chunk: u32) -> String {
    match l.checked_sub(1) {
        None => format!("x_{chunk}"),
        Some(before) => format!("y{before}_{chunk}"),
    }
}
