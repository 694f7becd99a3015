//! One workgroup trains a network: everything in workgroup memory, with barriers between the phases of a step. Needs no
//! feature. For networks and batches that outgrow registers.
//!
//! Matrices are rows of `vec4`, padded with zeros to whole ones, and every product is made of tiles of 4 × 4 values (of as
//! many rows as a smaller batch has): on the software driver Mesa 22.3 that runs 2.3 times faster than single values do,
//! and 5 times faster than one value per invocation.

mod head;
mod memory;
mod transfer;

use super::descent::Descent;
use super::functions::{derivative, times_derivative, value};
use super::persistent::begin_descent;
use super::source::Source;
use super::spec::{LONGEST_LOOP, Layer, PersistentSpec};
use super::sums::{Level, Nest};
use super::vectors::{divided, plus, remainder, times};
use memory::{blocks, columns, padded_rows, tile_rows};
pub(crate) use memory::{bytes, widest_phase};

/// A kernel's source, and how long its loops are.
pub(crate) struct Kernel {
    pub source: String,
    /// The loop iterations of an invocation per dispatch, outside the steps.
    pub iterations: u64,
    /// The loop iterations that each step adds.
    pub iterations_per_step: u64,
}

impl Kernel {
    /// The most steps per dispatch: a power of two, or none if not even one step fits.
    pub fn most_steps(&self) -> Option<u32> {
        let left = u64::from(LONGEST_LOOP).checked_sub(self.iterations)?;
        (left / self.iterations_per_step).checked_ilog2().map(|bits| 1 << bits)
    }
}

/// The kernel for workgroups of this many invocations.
pub(crate) fn kernel(spec: &PersistentSpec, invocations: u32) -> Kernel {
    // Four values at once, or each alone: so an encoding takes them.
    let mut load_widths = spec.load_widths.map(|load_width| if load_width == 4 { 4 } else { 1 });
    if spec.encoding.is_some() {
        load_widths[0] = 1;
    }
    let spec = &PersistentSpec { load_widths, ..spec.clone() };
    let mut workgroup = Workgroup { spec, invocations, source: Source::default(), iterations: 0 };
    workgroup.begin();
    let iterations_before = std::mem::take(&mut workgroup.iterations);
    workgroup.step();
    let iterations_per_step = std::mem::take(&mut workgroup.iterations) + 1;
    workgroup.finish();
    let iterations = iterations_before + workgroup.iterations;
    Kernel { source: workgroup.source.finish(), iterations, iterations_per_step }
}

/// The index of a matrix's element, in rows of `columns` `vec4`.
#[inline(never)]
fn element(row: &str, columns: u32, column: &str) -> String {
    match columns {
        1 => row.to_owned(), // and the column is 0
        _ => format!("{} + {column}", times(row, columns)),
    }
}

struct Workgroup<'a> {
    spec: &'a PersistentSpec,
    invocations: u32,
    source: Source,
    /// The loop iterations so far, of the part that is being written.
    iterations: u64,
}

impl Workgroup<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.source.line(line);
    }

    #[inline(never)]
    fn barrier(&mut self) {
        self.line("workgroupBarrier();");
    }

    /// Begins a phase.
    fn phase(&mut self, what: &str) {
        self.line("");
        self.source.comment(&[what]);
    }

    /// Begins a loop that distributes `count` iterations over the invocations, each with loops of `inner` iterations.
    #[inline(never)]
    fn share(&mut self, variable: &str, count: u32, inner: u64) {
        self.iterations += u64::from(count.div_ceil(self.invocations)) * (1 + inner);
        self.line(format!("for (var {variable} = invocation; {variable} < {count}u; {variable} += WORKGROUP) {{"));
    }

    /// Begins the loop over the tiles of a matrix of activations of `columns` columns.
    fn share_tiles(&mut self, columns: u32, inner: u64) {
        let rows = tile_rows(self.spec);
        self.share("tile", padded_rows(self.spec) / rows * columns, inner);
        self.line(format!("let row = {};", times(&divided("tile", columns), rows)));
        self.line(format!("let column = {};", remainder("tile", columns)));
        for r in 0..rows {
            self.line(format!("var sum_{r} = vec4<f32>();"));
        }
    }

    fn step(&mut self) {
        let spec = self.spec;
        self.gather();
        begin_descent(&mut self.source, spec);
        if spec.trains() {
            self.line(match spec.folds_rate() {
                true => "let rate = learning_rate / f32(batch.rows);",
                // Of the batch's sum of gradients; the descent has the rate.
                false => "let rate = 1.0 / f32(batch.rows);",
            });
        }
        for l in 0..spec.layers.len() {
            self.forward(l);
            self.barrier();
        }
        if spec.head.is_of_rows() {
            self.rows_of_outputs();
            self.barrier();
        }
        self.loss();
        if spec.trains() {
            for l in (0..spec.layers.len()).rev() {
                if l > 0 {
                    self.backward(l);
                    self.barrier();
                }
                if spec.trains_layer(l) {
                    self.update(l);
                }
            }
        }
        self.line("");
        self.line("batch = next_batch(batch, samples, batch_size);");
        self.barrier();
        self.line("}");
    }

    /// The name of layer `l`'s input.
    fn input(l: usize) -> String {
        if l == 0 { "x".to_owned() } else { format!("y{}", l - 1) }
    }

    /// Four weights at a time: rows `first` and on of layer `l`, from the column `column`.
    fn weights(&mut self, l: usize, first: &str, column: &str) {
        let outputs = columns(self.spec.layers[l].outputs);
        for (k, w) in (0..).zip(["w_x", "w_y", "w_z", "w_w"]) {
            self.line(format!("let {w} = w{l}[{}];", element(&plus(first, k), outputs, column)));
        }
    }

    fn forward(&mut self, l: usize) {
        let spec = self.spec;
        let layer = &spec.layers[l];
        let (inputs, outputs) = (columns(layer.inputs), columns(layer.outputs));
        let input = Self::input(l);
        self.phase(&format!("layer {l}"));
        self.share_tiles(outputs, inputs.into());
        self.line(format!("for (var i = 0u; i < {inputs}u; i++) {{"));
        self.weights(l, "4u * i", "column");
        for r in 0..tile_rows(spec) {
            self.line(format!("let x_{r} = {input}[{}];", element(&plus("row", r), inputs, "i")));
            self.line(format!("sum_{r} += x_{r}.x * w_x + x_{r}.y * w_y + x_{r}.z * w_z + x_{r}.w * w_w;"));
        }
        self.line("}");
        let has_loss = l == spec.last() && !spec.head.is_of_rows();
        if has_loss {
            self.line("var loss = 0.0;");
        }
        for r in 0..tile_rows(spec) {
            self.output(l, layer, r);
        }
        if has_loss {
            self.line("partial_losses[tile] = LOSS_FACTOR * loss;");
        }
        self.line("}");
    }

    /// A row of a tile of layer `l`'s outputs; of the last layer's pre-activations, the loss and its gradient.
    fn output(&mut self, l: usize, layer: &Layer, r: u32) {
        let (spec, outputs) = (self.spec, columns(layer.outputs));
        let index = element(&plus("row", r), outputs, "column");
        let bias = if layer.bias { format!(" + b{l}[column]") } else { String::new() };
        self.line(format!("let z_{r} = sum_{r}{bias};"));
        if l == spec.last() {
            return self.head(&index, r);
        }
        self.line(format!("var y_{r} = {};", value(layer.activation, "", 4, &format!("z_{r}"))));
        self.mask(&format!("y_{r}"), "column", layer.outputs, layer.activation);
        self.line(format!("y{l}[{index}] = y_{r};"));
        let kept = derivative(layer.activation, 4, &format!("z_{r}"), "");
        if let Some(kept) = kept.filter(|_| spec.trains() && layer.activation.keeps_derivative()) {
            self.line(format!("f{l}[{index}] = {kept};"));
        }
    }

    /// The gradient with respect to the pre-activations of the layer before, by the weights as they are before the update.
    fn backward(&mut self, l: usize) {
        let spec = self.spec;
        let (layer, before) = (&spec.layers[l], &spec.layers[l - 1]);
        let (inputs, outputs) = (columns(layer.inputs), columns(layer.outputs));
        self.phase(&format!("backward through layer {l}, by the weights as they are before the update"));
        self.share_tiles(inputs, outputs.into());
        self.line(format!("for (var i = 0u; i < {outputs}u; i++) {{"));
        self.weights(l, "4u * column", "i");
        for r in 0..tile_rows(spec) {
            self.line(format!("let d_{r} = d{l}[{}];", element(&plus("row", r), outputs, "i")));
            self.line(format!("sum_{r} += vec4(dot(w_x, d_{r}), dot(w_y, d_{r}), dot(w_z, d_{r}), dot(w_w, d_{r}));"));
        }
        self.line("}");
        let b = l - 1;
        for r in 0..tile_rows(spec) {
            let index = element(&plus("row", r), inputs, "column");
            let (y, kept) = (format!("y{b}[{index}]"), format!("f{b}[{index}]"));
            let derivative = times_derivative(before.activation, 4, &y, &kept);
            self.line(format!("d{b}[{index}] = sum_{r}{derivative};"));
        }
        self.line("}");
    }

    #[inline(never)]
    fn update(&mut self, l: usize) {
        let layer = &self.spec.layers[l];
        let (inputs, outputs) = (columns(layer.inputs), columns(layer.outputs));
        let input = Self::input(l);
        self.phase(&format!("the update of layer {l}"));
        self.share("tile", inputs * outputs, self.iterations_over_rows());
        self.line(format!("let input = {};", divided("tile", outputs)));
        self.line(format!("let column = {};", remainder("tile", outputs)));
        self.sum_rows(&["g_x", "g_y", "g_z", "g_w"], &|source| {
            source.line(format!("let x_row = {input}[{}];", element("row", inputs, "input")));
            source.line(format!("let d_row = d{l}[{}];", element("row", outputs, "column")));
            ["x_row.x * d_row", "x_row.y * d_row", "x_row.z * d_row", "x_row.w * d_row"].map(str::to_owned).to_vec()
        });
        for (k, name) in (0..).zip(["x", "y", "z", "w"]) {
            let row = plus("4u * input", k);
            let (weights, gradient) = (format!("w{l}[{}]", element(&row, outputs, "column")), format!("g_{name}"));
            self.descend(l, (&weights, &gradient), &row, k > 0 && !layer.inputs.is_multiple_of(4));
        }
        self.line("}");
        if layer.bias {
            self.share("column", outputs, self.iterations_over_rows());
            self.sum_rows(&["g"], &|_| vec![format!("d{l}[row * {outputs}u + column]")]);
            self.descend(l, (&format!("b{l}[column]"), "g"), &format!("{}u", layer.inputs), false);
            self.line("}");
        }
    }

    /// The change of four weights of a row of layer `l`'s parameters, by the sum of their gradients; of a row that may be past
    /// the last, if it exists.
    fn descend(&mut self, l: usize, (weights, gradient): (&str, &str), row: &str, may_be_past: bool) {
        let (spec, layer) = (self.spec, &self.spec.layers[l]);
        if spec.folds_rate() {
            return self.line(format!("{weights} -= {gradient};"));
        }
        let kept = spec.kept().into_iter().map(str::to_owned).collect::<Vec<_>>();
        self.line(if may_be_past { format!("if {row} < {}u {{", layer.inputs) } else { "{".to_owned() });
        self.line(format!("var weights = {weights};"));
        let place = |i: usize| {
            let offset = format!("{} + {}", plus(&format!("kept{i}"), layer.offset), times(row, layer.outputs));
            format!("{offset}, column, {}u", layer.outputs)
        };
        for (i, name) in kept.iter().enumerate() {
            self.line(format!("var {name} = read_moments({});", place(i)));
        }
        self.line(Descent::descend(4, "weights", &kept, gradient));
        self.line(format!("{weights} = weights;"));
        for (i, name) in kept.iter().enumerate() {
            self.line(format!("write_moments({}, {name});", place(i)));
        }
        self.line("}");
    }

    /// The iterations of the loops that sum a term over the batch's rows.
    fn iterations_over_rows(&self) -> u64 {
        let (blocks, rows) = blocks(self.spec);
        u64::from(blocks) * u64::from(rows) + if blocks > 1 { u64::from(blocks) } else { 0 }
    }

    /// Sums a term each over the batch's rows, in blocks if they are many.
    fn sum_rows(&mut self, sums: &[&str], terms: &dyn Fn(&mut Source) -> Vec<String>) {
        let (blocks, rows) = blocks(self.spec);
        let levels = [Level { variable: "block", rows }, Level { variable: "row", rows: 1 }];
        let levels = &levels[usize::from(blocks == 1)..];
        let prefix = |level: usize| if level + 1 == levels.len() && blocks > 1 { "block_" } else { "" };
        let begin = |source: &mut Source, level: usize| {
            sums.iter().for_each(|sum| source.line(format!("var {}{sum} = vec4<f32>();", prefix(level))));
        };
        let body = |source: &mut Source| {
            let terms = terms(source);
            let inner = prefix(levels.len() - 1);
            sums.iter().zip(terms).for_each(|(sum, term)| source.line(format!("{inner}{sum} += {term};")));
        };
        let end = |source: &mut Source, level: usize| {
            if level + 1 < levels.len() {
                sums.iter().for_each(|sum| source.line(format!("{sum} += {}{sum};", prefix(level + 1))));
            }
        };
        let nest = Nest { levels, first: "0u", end: &format!("{}u", blocks * rows), named_ends: false };
        nest.write(&mut self.source, &begin, &body, &end);
    }
}
