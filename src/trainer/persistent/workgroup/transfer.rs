//! What goes between the buffers and a workgroup's memory: the network before the steps and after them, the samples in each.

use super::super::LONGEST_WALK;
use super::super::text::{Text, divided, place, remainder, times};
use super::Workgroup;
use super::memory::{columns, memory, padded_rows};
use crate::trainer::Work;

impl Workgroup<'_> {
    pub(super) fn begin(&mut self) {
        let task = self.task;
        self.text = Text::begin(
            task,
            &format!("batch size {}", task.batch_size),
            &[
                "One workgroup has one network in its memory. Matrices are rows of vec4, padded with zeros to whole ones:",
                "w0 and b0 are layer 0's weights and bias, x the batch's inputs, y0 layer 0's outputs, d0 the derivatives of",
                "the error by layer 0's sums, times the learning rate and divided by the batch's rows. An invocation computes",
                "one tile after another: some rows by four numbers of activations, or four by four weights.",
            ],
        );
        let sigmoids = task.sigmoids > 0 || task.stages.iter().any(|stage| stage.sigmoids > 0);
        self.text.sigmoids("", sigmoids.then_some(4));
        let [inputs_at_once, targets_at_once] = task.at_once;
        for (matrix, at_once) in [("parameters", 1), ("inputs", inputs_at_once), ("targets", targets_at_once)] {
            if at_once == 4 {
                continue; // each read is four of them
            }
            self.line("");
            self.line("// Four of the `width` numbers from `at` on; 0 for those past the end.");
            self.line(format!("fn read_{matrix}(at: u32, column: u32, width: u32) -> vec4<f32> {{"));
            self.line("let numbers = 4u * column + vec4(0u, 1u, 2u, 3u);");
            self.line("let places = at + min(numbers, vec4(width - 1u));");
            let read = ["x", "y", "z", "w"].map(|i| format!("{matrix}[places.{i}]")).join(", ");
            self.line(format!("let four = vec4({read});"));
            self.line("return select(vec4<f32>(), four, numbers < vec4(width));");
            self.line("}");
        }
        if task.work == Work::Train {
            self.line("");
            self.line("fn write_parameters(at: u32, column: u32, width: u32, w: vec4<f32>) {");
            self.line("for (var i = 0u; i < min(4u, width - 4u * column); i++) {");
            self.line("parameters[at + 4u * column + i] = w[i];");
            self.line("}");
            self.line("}");
        }
        self.line("");
        for (name, ty, _) in memory(task) {
            self.line(format!("var<workgroup> {name}: {ty};"));
        }
        self.line("");
        self.line("@compute @workgroup_size(WORKGROUP)");
        self.line("fn persistent(");
        self.line("@builtin(workgroup_id) id: vec3<u32>,");
        self.line("@builtin(num_workgroups) grid: vec3<u32>,");
        self.line("@builtin(local_invocation_index) lane: u32,");
        self.line(") {");
        self.line("let network = id.y * grid.x + id.x;");
        self.line("if network >= p.networks {");
        self.line("return;");
        self.line("}");
        self.line("");
        self.line(format!("let first = network * {}u; // its place among the parameters", task.parameters));
        for (s, stage) in task.stages.iter().enumerate() {
            let (count, width) = (columns(stage.outputs), stage.outputs);
            self.share("i", 4 * columns(stage.inputs) * count, 0);
            self.line(format!("let input = {};", divided("i", count)));
            let at = format!("{} + {}", place("first", stage.offset), times("input", width));
            let read = format!("read_parameters({at}, {}, {width}u)", remainder("i", count));
            self.line(if stage.inputs.is_multiple_of(4) {
                format!("w{s}[i] = {read};")
            } else {
                format!("w{s}[i] = select(vec4<f32>(), {read}, input < {}u);", stage.inputs)
            });
            self.line("}");
            if stage.bias {
                self.share("i", count, 0);
                self.line(format!(
                    "b{s}[i] = read_parameters({}, i, {width}u);",
                    place("first", stage.row(stage.inputs))
                ));
                self.line("}");
            }
        }
        if task.work == Work::Train {
            self.line("let learning_rate = learning_rates[network];");
        }
        self.line("var errors: Errors; // the first invocation's");
        self.line("if lane == 0u {");
        self.line("first_batch = states[network].batch;");
        self.line("errors = states[network].errors;");
        self.line("}");
        self.line("var batch = workgroupUniformLoad(&first_batch);");
        self.text.constants(task);
        self.line("let steps = p.steps;");
        self.line("");
        self.line("for (var step = 0u; step < steps; step++) {");
    }

    /// The batch's samples: those past its end are zeros.
    pub(super) fn gather(&mut self) {
        let task = self.task;
        self.line("// the batch: rows past its end are zeros");
        if task.shuffle {
            self.share("row", task.batch_size, LONGEST_WALK);
            self.line("if row < batch.rows {");
            self.line(format!("order[row] = {};", task.sample("batch.position + row")));
            self.line("}");
            self.line("}");
            self.barrier();
        }
        let count = columns(task.inputs);
        self.share("i", padded_rows(task) * count, 0);
        self.line(format!("let row = {};", divided("i", count)));
        self.line(format!("let column = {};", remainder("i", count)));
        self.line("var numbers = vec4<f32>();");
        self.line("if row < batch.rows {");
        self.line(format!("let at = inputs_view.x + {} * inputs_view.y;", self.sample("row")));
        self.line(format!("numbers = {};", self.read(0, "column", task.inputs)));
        for _ in 0..task.sigmoids {
            self.line("numbers = sigmoid4(numbers);");
        }
        self.mask("numbers", "column", task.inputs, task.sigmoids);
        self.line("}");
        self.line("x[i] = numbers;");
        self.line("}");
        self.barrier();
    }

    /// Four numbers from `at` on, of the inputs or the targets.
    pub(super) fn read(&self, matrix: usize, column: &str, width: u32) -> String {
        let name = ["inputs", "targets"][matrix];
        match self.task.at_once[matrix] {
            4 => format!("{name}[at + {column}]"),
            _ => format!("read_{name}(at, {column}, {width}u)"),
        }
    }

    /// The sample of one of the batch's rows.
    pub(super) fn sample(&self, row: &str) -> String {
        if self.task.shuffle { format!("order[{row}]") } else { format!("(batch.position + {row})") }
    }

    /// Sets the numbers past a row's end to 0, which a sigmoid made one half of.
    pub(super) fn mask(&mut self, name: &str, column: &str, width: u32, sigmoids: u32) {
        if sigmoids > 0 && !width.is_multiple_of(4) {
            self.line(format!(
                "{name} = select(vec4<f32>(), {name}, 4u * {column} + vec4(0u, 1u, 2u, 3u) < vec4({width}u));"
            ));
        }
    }

    pub(super) fn finish(&mut self) {
        let task = self.task;
        self.line("");
        if task.work == Work::Train {
            for (s, stage) in task.stages.iter().enumerate() {
                let (count, width) = (columns(stage.outputs), stage.outputs);
                self.share("i", stage.inputs * count, 4);
                let at = format!("{} + {}", place("first", stage.offset), times(&divided("i", count), width));
                self.line(format!("write_parameters({at}, {}, {width}u, w{s}[i]);", remainder("i", count)));
                self.line("}");
                if stage.bias {
                    self.share("i", count, 4);
                    let at = place("first", stage.row(stage.inputs));
                    self.line(format!("write_parameters({at}, i, {width}u, b{s}[i]);"));
                    self.line("}");
                }
            }
        }
        self.line("if lane == 0u {");
        self.line("states[network] = State(batch, errors);");
        self.line("}");
        self.line("}");
    }
}
