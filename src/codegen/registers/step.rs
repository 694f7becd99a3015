//! A training step: samples, forward, the loss, backward to the weights.

use std::ops::Range;

use super::{Registers, Source, Weights, input_name, weight};
use crate::codegen::descent::Descent;
use crate::codegen::encoding;
use crate::codegen::functions::{derivative, times_derivative, value};
use crate::codegen::persistent::{OverLanes, batch, begin_descent, head};
use crate::codegen::vectors::{Chunk, chunks, plus, sum};
use crate::encoding::Encoding;

impl Registers<'_> {
    pub(super) fn step(self, source: &mut Source) {
        let spec = self.spec;
        begin_descent(source, spec);
        if spec.batch_size == 1 {
            self.sample(source, "batch.position", if spec.folds_rate() { "learning_rate" } else { "1.0" });
            source.line("losses = add_loss(losses, batch, samples, loss);");
        } else {
            self.whole_batch(source);
        }
        source.line("batch = next_batch(batch, samples, batch_size);");
    }

    /// A batch of several samples: their gradients summed, then the update.
    fn whole_batch(self, source: &mut Source) {
        let weights = self.trained_weights().collect::<Vec<_>>();
        let sums = weights.iter().map(|weights| (weights.gradient.clone(), weights.chunk.ty())).collect::<Vec<_>>();
        let folds = self.spec.folds_rate();
        if self.spec.trains() {
            source.line(match folds {
                true => "let rate = learning_rate / f32(batch.rows);",
                false => "let share = 1.0 / f32(batch.rows);",
            });
        }
        let rate = if folds { "rate" } else { "1.0" };
        let sample = |source: &mut Source, position: &str| self.sample(source, position, rate);
        let prefix = batch(source, self.spec, &sums, &sample);
        for (Weights { name, kept, chunk, .. }, (gradient, _)) in weights.iter().zip(&sums) {
            source.line(match folds {
                true => format!("{name} -= {prefix}{gradient};"),
                false => Descent::descend(chunk.width, name, kept, &format!("share * {prefix}{gradient}")),
            });
        }
        source.line("losses = add_loss(losses, batch, samples, batch_loss);");
    }

    /// One sample: forward, its loss, and backward to the weights (in a batch, to the sums of the gradients).
    fn sample(self, source: &mut Source, position: &str, rate: &str) {
        let spec = self.spec;
        let last = spec.last();
        source.line(format!("let sample = {};", spec.sample(position)));
        let name = if spec.encoding.is_some() { "input" } else { "x" };
        self.read(source, ("inputs", name), spec.inputs, spec.load_widths[0]);
        spec.encoding.iter().for_each(|&encoding| self.encode(source, encoding));
        if self.is_sharded(last) {
            self.own_targets(source);
        } else {
            self.read(source, ("targets", "t"), spec.outputs(), spec.load_widths[1]);
        }
        for l in 0..spec.layers.len() {
            self.forward(source, l);
        }
        head(source, spec, self.outputs(last), rate, &self);
        match (spec.trains(), self.lanes) {
            (false, _) => {}
            (true, 1) => self.backward_by_chunks(source),
            (true, _) => (0..=last).rev().for_each(|l| self.backward(source, l)),
        }
    }

    /// A sample's values from `matrix`, as chunks that every lane has. A single lane reads them all; of several, each reads
    /// some and broadcasts them.
    fn read(self, source: &mut Source, (matrix, name): (&str, &str), width: u32, load_width: u32) {
        source.line(format!("let {name}_at = {matrix}_view.x + sample * {matrix}_view.y;"));
        let base = format!("{name}_at");
        if self.lanes > 1 {
            for block in 0..self.shard(width) {
                let index = self.broadcast_index(block, width);
                source.line(format!("let {name}_own{block} = {matrix}[{base} + {index}];"));
            }
        }
        for chunk in chunks(width) {
            let values = if self.lanes == 1 {
                let loads = chunk.first / load_width..chunk.indices().end / load_width;
                let values = loads.map(|load| format!("{matrix}[{}]", plus(&base, load)));
                chunk.of(&values.collect::<Vec<_>>())
            } else {
                chunk.of_each(&|i| format!("subgroupBroadcast({name}_own{}, {}u)", i / self.lanes, i % self.lanes))
            };
            source.line(format!("let {name}_{} = {values};", chunk.index));
        }
    }

    /// The first layer's inputs, from a sample's: every lane computes all of them.
    fn encode(self, source: &mut Source, encoding: Encoding) {
        let input = |i| Chunk::at(i / 4, self.spec.inputs).component(&format!("input_{}", i / 4), i % 4);
        for chunk in chunks(self.spec.encoded_inputs()) {
            let values = chunk.of_each(&|column| encoding::value(encoding, "", &input, column));
            source.line(format!("let x_{} = {values};", chunk.index));
        }
    }

    /// The index of the value that a lane reads, of block number `block` of as many values as there are lanes; clamped to the
    /// last value.
    fn broadcast_index(self, block: u32, width: u32) -> String {
        let lane = match block * self.lanes {
            0 => "lane".to_owned(),
            first => format!("lane + {first}u"),
        };
        if width >= (block + 1) * self.lanes { lane } else { format!("min({lane}, {}u)", width - 1) }
    }

    /// The targets of a lane's own outputs.
    fn own_targets(self, source: &mut Source) {
        let last = self.spec.last();
        let end = self.spec.outputs() - 1;
        source.line("let t_at = targets_view.x + sample * targets_view.y;");
        for chunk in self.outputs(last) {
            let own = format!("own{last}");
            let target = |i| format!("targets[t_at + min({}, {end}u)]", plus(&own, i));
            let mut values = chunk.of_each(&target);
            if let Some(inside) = self.inside(last, chunk) {
                values = format!("select({}(), {values}, {inside})", chunk.ty());
            }
            source.line(format!("let t_{} = {values};", chunk.index));
        }
    }

    /// The outputs of layer `l`, and if its derivative is not of these, that too; of the last layer, the pre-activations.
    fn forward(self, source: &mut Source, l: usize) {
        let layer = &self.spec.layers[l];
        let is_last = l == self.spec.last();
        source.line("");
        source.comment(&[&format!("layer {l}")]);
        for chunk in self.outputs(l) {
            let index = chunk.index;
            let product = |row| format!("{} * {}", self.input(l, row), weight("w", l, layer, row, chunk));
            let mut terms = (0..self.input_width(l)).map(product).collect::<Vec<_>>();
            let bias = layer.bias.then(|| weight("w", l, layer, layer.inputs, chunk));
            let inside = self.inside(l, chunk).filter(|_| !is_last);
            let z = format!("z{l}_{index}");
            let y = value(layer.activation, "", chunk.width, &z);
            // Without an activation and without a mask, the sum is the output.
            let is_output = y == z && inside.is_none() && !is_last;
            let name = if is_output { format!("y{l}_{index}") } else { z.clone() };
            if self.sums_over_lanes(l) {
                source.assign(&format!("let partial{l}_{index}"), &terms);
                let bias = bias.map(|bias| format!(" + {bias}")).unwrap_or_default();
                source.line(format!("let {name} = subgroup_sum{}(partial{l}_{index}){bias};", chunk.width));
            } else {
                terms.extend(bias);
                source.assign(&format!("let {name}"), &terms);
            }
            match inside {
                _ if is_output || is_last => {}
                Some(inside) => source.line(format!("let y{l}_{index} = select({}(), {y}, {inside});", chunk.ty())),
                None => source.line(format!("let y{l}_{index} = {y};")),
            }
            let kept = derivative(layer.activation, chunk.width, &z, "");
            if let Some(kept) = kept.filter(|_| self.spec.trains() && layer.activation.keeps_derivative()) {
                source.line(format!("let f{l}_{index} = {kept};"));
            }
        }
    }

    /// The gradient with respect to the pre-activations of the layer before `l`, for one chunk of its outputs, by the
    /// weights as they are before the update.
    fn gradient(self, source: &mut Source, l: usize, units: Chunk) {
        let layer = &self.spec.layers[l];
        let mut upstream = units.of_each(&|row| {
            sum(self
                .outputs(l)
                .map(|chunk| chunk.dot(&weight("w", l, layer, row, chunk), &format!("d{l}_{}", chunk.index))))
        });
        if self.is_sharded(l) {
            upstream = format!("subgroup_sum{}({upstream})", units.width);
        } else if units.width == 1 {
            upstream = format!("({upstream})");
        }
        let (before, y) = (self.spec.layers[l - 1].activation, input_name(l, units.index));
        let derivative = times_derivative(before, units.width, &y, &format!("f{}_{}", l - 1, units.index));
        source.line(format!("let d{}_{} = {upstream}{derivative};", l - 1, units.index));
    }

    /// The gradient with respect to the layer before, then the update of layer `l`.
    fn backward(self, source: &mut Source, l: usize) {
        if l > 0 {
            source.line("");
            self.inputs(l).for_each(|units| self.gradient(source, l, units));
        }
        source.line("");
        self.update(source, l, 0..self.input_width(l), self.outputs(l));
        self.update_bias(source, l, self.outputs(l));
    }

    /// The whole pass backwards, chunk by chunk: a chunk's weights are still in registers when they are updated. On Mesa's
    /// software driver a step takes 6 % less time than layer by layer.
    fn backward_by_chunks(self, source: &mut Source) {
        let spec = self.spec;
        for l in (1..spec.layers.len()).rev() {
            for units in self.inputs(l) {
                source.line("");
                self.gradient(source, l, units);
                self.update(source, l, units.indices(), self.outputs(l));
                if l == 1 {
                    // Nothing below needs the first layer's weights as they were.
                    self.update(source, 0, 0..spec.encoded_inputs(), std::iter::once(units));
                    self.update_bias(source, 0, std::iter::once(units));
                }
            }
            self.update_bias(source, l, self.outputs(l));
        }
        if spec.last() == 0 {
            self.backward(source, 0);
        }
    }

    /// The update of some rows of layer `l`'s weights; in a batch, the sums for it.
    fn update(self, source: &mut Source, l: usize, rows: Range<u32>, outputs: impl Iterator<Item = Chunk> + Clone) {
        for row in rows {
            self.update_row(source, l, row, &format!("{} * ", self.input(l, row)), outputs.clone());
        }
    }

    /// The same of its bias, whose input is 1.
    fn update_bias(self, source: &mut Source, l: usize, outputs: impl Iterator<Item = Chunk>) {
        let layer = &self.spec.layers[l];
        if layer.bias {
            self.update_row(source, l, layer.inputs, "", outputs);
        }
    }

    fn update_row(self, source: &mut Source, l: usize, row: u32, factor: &str, outputs: impl Iterator<Item = Chunk>) {
        let layer = &self.spec.layers[l];
        if !self.spec.trains_layer(l) {
            return;
        }
        for chunk in outputs {
            let name = |letter: &str| weight(letter, l, layer, row, chunk);
            let gradient = format!("{factor}d{l}_{}", chunk.index);
            let kept = self.spec.kept().into_iter().map(name).collect::<Vec<_>>();
            source.line(match (self.spec.batch_size, self.spec.folds_rate()) {
                (1, true) => format!("{} -= {gradient};", name("w")),
                (1, false) => Descent::descend(chunk.width, &name("w"), &kept, &gradient),
                _ => format!("{} += {gradient};", name("g")),
            });
        }
    }
}

impl OverLanes for Registers<'_> {
    fn inside(&self, chunk: Chunk) -> Option<String> {
        self.inside(self.spec.last(), chunk)
    }

    fn sum(&self, values: &str) -> String {
        if self.is_sharded(self.spec.last()) { format!("subgroup_sum1({values})") } else { format!("({values})") }
    }

    fn max(&self, values: &str) -> String {
        if self.is_sharded(self.spec.last()) { format!("subgroup_max1({values})") } else { values.to_owned() }
    }
}
