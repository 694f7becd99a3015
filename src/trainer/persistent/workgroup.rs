//! One workgroup trains a network: everything in workgroup memory, with barriers between the phases of a step; no
//! feature. For networks and batches that outgrow registers.
//!
//! Matrices lie as rows of `vec4`, padded with zeros to whole ones, and every product is made of tiles of 4 × 4
//! numbers (of as many rows as a smaller batch has): on the software driver Mesa 22.3 that runs 2.3 times faster than
//! single numbers do, and 5 times faster than one number an invocation.

mod memory;
mod transfer;

use super::task::Task;
use super::text::{Text, divided, place, remainder, times};
use crate::kernels::LONGEST_LOOP;
use crate::mlp::Stage;
use crate::trainer::Work;
use memory::{blocks, columns, padded_rows, tile_rows, tiles};
pub(super) use memory::{bytes, widest_phase};

/// A kernel's text, and how long its loops are.
pub(super) struct Kernel {
    pub text: String,
    /// The iterations of an invocation's loops in a dispatch, whatever the steps.
    pub iterations: u64,
    /// The iterations that each step adds.
    pub iterations_a_step: u64,
}

/// The kernel for workgroups of `lanes` invocations.
pub(super) fn kernel(task: &Task, lanes: u32) -> Kernel {
    // Four numbers at once, or each alone.
    let at_once = task.at_once.map(|numbers| if numbers == 4 { 4 } else { 1 });
    let task = &Task { at_once, ..task.clone() };
    let mut workgroup = Workgroup { task, lanes, text: Text::default(), iterations: 0 };
    workgroup.begin();
    let iterations_before = std::mem::take(&mut workgroup.iterations);
    workgroup.step();
    let iterations_a_step = std::mem::take(&mut workgroup.iterations) + 1;
    workgroup.finish();
    let iterations = iterations_before + workgroup.iterations;
    Kernel { text: workgroup.text.finish(), iterations, iterations_a_step }
}

/// The place of a matrix's element, in rows of this many `vec4`.
fn element(row: &str, columns: u32, column: &str) -> String {
    match columns {
        1 => row.to_owned(), // and the column is 0
        _ => format!("{} + {column}", times(row, columns)),
    }
}

struct Workgroup<'a> {
    task: &'a Task,
    lanes: u32,
    text: Text,
    /// The iterations of the loops so far, of the steps or of what is outside them.
    iterations: u64,
}

impl Workgroup<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.line(line);
    }

    fn barrier(&mut self) {
        self.line("workgroupBarrier();");
    }

    /// Begins a phase.
    fn phase(&mut self, what: impl AsRef<str>) {
        self.line("");
        self.line(format!("// {}", what.as_ref()));
    }

    /// Begins a loop that shares `count` turns out among the invocations, each turn with loops of `inner` iterations.
    fn share(&mut self, variable: &str, count: u32, inner: u64) {
        self.iterations += u64::from(count.div_ceil(self.lanes)) * (1 + inner);
        self.line(format!("for (var {variable} = lane; {variable} < {count}u; {variable} += WORKGROUP) {{"));
    }

    /// Begins the turns over the tiles of a matrix of activations of `columns` columns.
    fn share_tiles(&mut self, columns: u32, inner: u64) {
        let rows = tile_rows(self.task);
        self.share("tile", padded_rows(self.task) / rows * columns, inner);
        self.line(format!("let row = {};", times(&divided("tile", columns), rows)));
        self.line(format!("let column = {};", remainder("tile", columns)));
        for r in 0..rows {
            self.line(format!("var sum_{r} = vec4<f32>();"));
        }
    }

    fn step(&mut self) {
        let task = self.task;
        self.gather();
        if task.work == Work::Train {
            self.line("let rate = learning_rate / f32(batch.rows);");
        }
        for s in 0..task.stages.len() {
            self.forward(s);
            self.barrier();
        }
        self.error();
        if task.work == Work::Train {
            for s in (0..task.stages.len()).rev() {
                if s > 0 {
                    self.backward(s);
                    self.barrier();
                }
                self.update(s);
            }
        }
        self.line("");
        self.line("batch = next_batch(batch, samples, batch_size);");
        self.barrier();
        self.line("}");
    }

    /// What a stage takes.
    fn input(s: usize) -> String {
        if s == 0 { "x".to_owned() } else { format!("y{}", s - 1) }
    }

    fn forward(&mut self, s: usize) {
        let task = self.task;
        let stage = &task.stages[s];
        let (inputs, outputs) = (columns(stage.inputs), columns(stage.outputs));
        let input = Self::input(s);
        self.phase(format!("layer {s}"));
        self.share_tiles(outputs, inputs.into());
        self.line(format!("for (var i = 0u; i < {inputs}u; i++) {{"));
        for (k, w) in (0..).zip(["w_x", "w_y", "w_z", "w_w"]) {
            self.line(format!("let {w} = w{s}[{}];", element(&place("4u * i", k), outputs, "column")));
        }
        for r in 0..tile_rows(task) {
            self.line(format!("let x_{r} = {input}[{}];", element(&place("row", r), inputs, "i")));
            self.line(format!("sum_{r} += x_{r}.x * w_x + x_{r}.y * w_y + x_{r}.z * w_z + x_{r}.w * w_w;"));
        }
        self.line("}");
        if s == task.last() {
            self.line("var tile_error = 0.0;");
        }
        for r in 0..tile_rows(task) {
            self.output(s, stage, r);
        }
        if s == task.last() {
            self.line("tile_errors[tile] = 0.5 * tile_error;");
        }
        self.line("}");
    }

    /// A row of a tile of a stage's sums: its sigmoids, and after the last stage its error and derivative.
    fn output(&mut self, s: usize, stage: &Stage, r: u32) {
        let (task, outputs) = (self.task, columns(stage.outputs));
        let (train, last) = (task.work == Work::Train, s == task.last());
        let at = element(&place("row", r), outputs, "column");
        let bias = if stage.bias { format!(" + b{s}[column]") } else { String::new() };
        self.line(format!("var y_{r} = sum_{r}{bias};"));
        // One sigmoid's slope can be computed from its output; that of several is kept.
        let slopes = train && stage.sigmoids > 0 && (last || stage.sigmoids > 1);
        if slopes {
            self.line(format!("var slopes_{r} = vec4<f32>(1.0);"));
        }
        for _ in 0..stage.sigmoids {
            self.line(format!("y_{r} = sigmoid4(y_{r});"));
            if slopes {
                self.line(format!("slopes_{r} *= y_{r} * (1.0 - y_{r});"));
            }
        }
        self.mask(&format!("y_{r}"), "column", stage.outputs, stage.sigmoids);
        if !last {
            self.line(format!("y{s}[{at}] = y_{r};"));
            if slopes {
                self.line(format!("slopes{s}[{at}] = slopes_{r};"));
            }
            return;
        }
        self.line(format!("var e_{r} = vec4<f32>();"));
        self.line(format!("if {} < batch.rows {{", place("row", r)));
        let sample = self.sample(&place("row", r));
        self.line(format!("let at = targets_view.x + {sample} * targets_view.y;"));
        self.line(format!("e_{r} = y_{r} - {};", self.read(1, "column", stage.outputs)));
        self.line("}");
        self.line(format!("tile_error += dot(e_{r}, e_{r});"));
        if train {
            let slopes = if slopes { format!(" * slopes_{r}") } else { String::new() };
            self.line(format!("d{s}[{at}] = rate * e_{r}{slopes};"));
        }
    }

    /// The batch's error, added up by one invocation while the others go on.
    fn error(&mut self) {
        let tiles = tiles(self.task, self.task.outputs());
        self.phase("the error, added up by one invocation while the others go on");
        self.iterations += u64::from(tiles);
        self.line("if lane == 0u {");
        self.line("var error = 0.0;");
        self.line(format!("for (var tile = 0u; tile < {tiles}u; tile++) {{"));
        self.line("error += tile_errors[tile];");
        self.line("}");
        self.line("errors = add_error(errors, batch, samples, error);");
        self.line("}");
    }

    /// The derivatives by the sums of the stage before, by the weights as they are before the update.
    fn backward(&mut self, s: usize) {
        let task = self.task;
        let (stage, before) = (&task.stages[s], &task.stages[s - 1]);
        let (inputs, outputs) = (columns(stage.inputs), columns(stage.outputs));
        self.phase(format!("backward through layer {s}, by the weights as they are before the update"));
        self.share_tiles(inputs, outputs.into());
        self.line(format!("for (var i = 0u; i < {outputs}u; i++) {{"));
        for (k, w) in (0..).zip(["w_x", "w_y", "w_z", "w_w"]) {
            self.line(format!("let {w} = w{s}[{}];", element(&place("4u * column", k), outputs, "i")));
        }
        for r in 0..tile_rows(task) {
            self.line(format!("let d_{r} = d{s}[{}];", element(&place("row", r), outputs, "i")));
            self.line(format!("sum_{r} += vec4(dot(w_x, d_{r}), dot(w_y, d_{r}), dot(w_z, d_{r}), dot(w_w, d_{r}));"));
        }
        self.line("}");
        let b = s - 1;
        for r in 0..tile_rows(task) {
            let at = element(&place("row", r), inputs, "column");
            let slopes = match before.sigmoids {
                0 => String::new(),
                1 => {
                    self.line(format!("let y_{r} = y{b}[{at}];"));
                    format!(" * y_{r} * (1.0 - y_{r})")
                }
                _ => format!(" * slopes{b}[{at}]"),
            };
            self.line(format!("d{b}[{at}] = sum_{r}{slopes};"));
        }
        self.line("}");
    }

    fn update(&mut self, s: usize) {
        let task = self.task;
        let stage = &task.stages[s];
        let (inputs, outputs) = (columns(stage.inputs), columns(stage.outputs));
        let input = Self::input(s);
        self.phase(format!("the update of layer {s}"));
        self.share("tile", inputs * outputs, self.iterations_of_rows());
        self.line(format!("let input = {};", divided("tile", outputs)));
        self.line(format!("let column = {};", remainder("tile", outputs)));
        self.sum_rows(&["g_x", "g_y", "g_z", "g_w"], |workgroup| {
            workgroup.line(format!("let x_row = {input}[{}];", element("row", inputs, "input")));
            workgroup.line(format!("let d_row = d{s}[{}];", element("row", outputs, "column")));
            ["x_row.x * d_row", "x_row.y * d_row", "x_row.z * d_row", "x_row.w * d_row"].map(str::to_owned).to_vec()
        });
        for (k, name) in (0..).zip(["x", "y", "z", "w"]) {
            self.line(format!("w{s}[{}] -= g_{name};", element(&place("4u * input", k), outputs, "column")));
        }
        self.line("}");
        if stage.bias {
            self.share("column", outputs, self.iterations_of_rows());
            self.sum_rows(&["g"], |_| vec![format!("d{s}[row * {outputs}u + column]")]);
            self.line(format!("b{s}[column] -= g;"));
            self.line("}");
        }
    }

    /// The iterations that adding the batch's rows up takes.
    fn iterations_of_rows(&self) -> u64 {
        let (blocks, rows) = blocks(self.task);
        u64::from(blocks) * u64::from(rows) + if blocks > 1 { u64::from(blocks) } else { 0 }
    }

    /// Adds an expression each up over the batch's rows, block by block where they are many: thousands of f32 added in
    /// a row lose digits.
    fn sum_rows(&mut self, sums: &[&str], terms: impl FnOnce(&mut Self) -> Vec<String>) {
        let (blocks, rows) = blocks(self.task);
        let prefix = if blocks > 1 { "block_" } else { "" };
        for sum in sums {
            self.line(format!("var {sum} = vec4<f32>();"));
        }
        if blocks == 1 {
            self.line(format!("for (var row = 0u; row < {rows}u; row++) {{"));
        } else {
            self.line(format!("for (var block = 0u; block < {blocks}u; block++) {{"));
            for sum in sums {
                self.line(format!("var {prefix}{sum} = vec4<f32>();"));
            }
            self.line(format!("for (var i = 0u; i < {rows}u; i++) {{"));
            self.line(format!("let row = block * {rows}u + i;"));
        }
        for (sum, term) in sums.iter().zip(terms(self)) {
            self.line(format!("{prefix}{sum} += {term};"));
        }
        self.line("}");
        if blocks > 1 {
            for sum in sums {
                self.line(format!("{sum} += {prefix}{sum};"));
            }
            self.line("}");
        }
    }
}

impl Kernel {
    /// The most steps of a dispatch: a power of two, or none if not even one step fits.
    pub fn most_steps(&self) -> Option<u32> {
        let left = u64::from(LONGEST_LOOP).checked_sub(self.iterations)?;
        (left / self.iterations_a_step).checked_ilog2().map(|bits| 1 << bits)
    }
}
