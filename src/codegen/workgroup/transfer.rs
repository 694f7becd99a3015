//! Transfers between the buffers and a workgroup's memory: the network before and after the steps, the samples in each.

use super::Workgroup;
use super::memory::{columns, memory, padded_rows};
use crate::activation::Activation;
use crate::codegen::encoding;
use crate::codegen::persistent::{begin, constants, functions, load_moments_offsets, load_rates};
use crate::codegen::spec::LONGEST_WALK;
use crate::codegen::vectors::{clamped, columns_of, divided, load_four, plus, remainder, times};

impl Workgroup<'_> {
    pub(super) fn begin(&mut self) {
        let spec = self.spec;
        self.source = begin(spec, &format!("batch size {}", spec.batch_size), &|| {
            let lines = [
                "One workgroup has one network in its memory. Matrices are rows of vec4, padded with zeros to whole ones:",
                "w0 and b0 are layer 0's weights and bias, x the batch's inputs, y0 layer 0's outputs, d0 the gradient with",
                "respect to layer 0's pre-activations, divided by the batch's rows. An invocation computes one",
                "tile after the other: some rows by four values of activations, or four by four weights.",
            ];
            lines.map(str::to_owned).to_vec()
        });
        let uses = spec.layers.iter().map(|layer| (layer.activation, 4)).collect::<Vec<_>>();
        functions(&mut self.source, spec, &uses, [&[4], &[4]]);
        self.parameter_functions();
        self.line("");
        for (name, ty, _) in memory(spec) {
            self.line(format!("var<workgroup> {name}: {ty};"));
        }
        self.source.lines(&[
            "",
            "@compute @workgroup_size(WORKGROUP)",
            "fn persistent(",
            "@builtin(workgroup_id) id: vec3<u32>,",
            "@builtin(num_workgroups) grid: vec3<u32>,",
            "@builtin(local_invocation_index) invocation: u32,",
            ") {",
            "let network = id.y * grid.x + id.x;",
            "if network >= p.networks {",
            "return;",
            "}",
            "",
        ]);
        self.load();
        self.line("");
        self.line("for (var step = 0u; step < steps; step++) {");
    }

    /// The functions that read and write four consecutive values.
    fn parameter_functions(&mut self) {
        let [inputs, targets] = self.spec.load_widths;
        let moments = (!self.spec.kept().is_empty()).then_some(("moments", 1));
        for (matrix, load_width) in
            [("parameters", 1), ("inputs", inputs), ("targets", targets)].into_iter().chain(moments)
        {
            if load_width == 4 {
                continue; // each load is four of them
            }
            if let Some(encoding) = self.spec.encoding.filter(|_| matrix == "inputs") {
                encoding::value_function(&mut self.source, encoding, matrix);
                continue;
            }
            self.line("");
            self.source.comment(&["Four of the `width` values from `offset` on; 0 for those past the end."]);
            self.source.lines(&[
                &format!("fn read_{matrix}(offset: u32, column: u32, width: u32) -> vec4<f32> {{"),
                &format!("let columns = {};", columns_of("column")),
                &format!("let indices = offset + {};", clamped("columns", "width")),
                &format!("let values = {};", load_four(matrix, "indices")),
                "return select(vec4<f32>(), values, columns < vec4(width));",
                "}",
            ]);
        }
        if moments.is_some() {
            self.source.lines(&["", "fn write_moments(offset: u32, column: u32, width: u32, values: vec4<f32>) {"]);
            self.source.lines(&["let first = offset + 4u * column;", "moments[first] = values.x;"]);
            for (i, component) in [(1, "y"), (2, "z"), (3, "w")] {
                self.source.lines(&[
                    &format!("if 4u * column + {i}u < width {{"),
                    &format!("moments[first + {i}u] = values.{component};"),
                    "}",
                ]);
            }
            self.line("}");
        }
        if self.spec.trains() {
            self.source.lines(&[
                "",
                "fn write_parameters(offset: u32, column: u32, width: u32, w: vec4<f32>) {",
                "for (var i = 0u; i < min(4u, width - 4u * column); i++) {",
                "parameters[offset + 4u * column + i] = w[i];",
                "}",
                "}",
            ]);
        }
    }

    /// The network and its state, from the buffers.
    fn load(&mut self) {
        let spec = self.spec;
        self.line(format!("let first = network * {}u; // its first parameter", spec.parameters));
        for (l, layer) in spec.layers.iter().enumerate() {
            let (count, width) = (columns(layer.outputs), layer.outputs);
            self.share("i", 4 * columns(layer.inputs) * count, 0);
            self.line(format!("let input = {};", divided("i", count)));
            let index = format!("{} + {}", plus("first", layer.offset), times("input", width));
            let read = format!("read_parameters({index}, {}, {width}u)", remainder("i", count));
            self.line(if layer.inputs.is_multiple_of(4) {
                format!("w{l}[i] = {read};")
            } else {
                format!("w{l}[i] = select(vec4<f32>(), {read}, input < {}u);", layer.inputs)
            });
            self.line("}");
            if layer.bias {
                self.share("i", count, 0);
                let index = plus("first", layer.row(layer.inputs));
                self.line(format!("b{l}[i] = read_parameters({index}, i, {width}u);"));
                self.line("}");
            }
        }
        load_moments_offsets(&mut self.source, spec);
        load_rates(&mut self.source, spec);
        self.source.lines(&[
            "var losses: Losses; // the first invocation's",
            "if invocation == 0u {",
            "first_batch = states[network].batch;",
            "losses = states[network].losses;",
            "}",
            "var batch = workgroupUniformLoad(&first_batch);",
        ]);
        constants(&mut self.source, spec);
        self.line("let steps = p.steps;");
    }

    /// Reads the batch's samples; rows past its end are zeros.
    pub(super) fn gather(&mut self) {
        let spec = self.spec;
        self.source.comment(&["the batch: rows past its end are zeros"]);
        if spec.shuffle {
            self.share("row", spec.batch_size, LONGEST_WALK);
            self.line("if row < batch.rows {");
            self.line(format!("order[row] = {};", spec.sample("batch.position + row")));
            self.line("}");
            self.line("}");
            self.barrier();
        }
        let width = spec.encoded_inputs();
        let count = columns(width);
        self.share("i", padded_rows(spec) * count, 0);
        self.line(format!("let row = {};", divided("i", count)));
        self.line(format!("let column = {};", remainder("i", count)));
        self.line("var values = vec4<f32>();");
        self.line("if row < batch.rows {");
        self.line(format!("let offset = inputs_view.x + {} * inputs_view.y;", self.sample("row")));
        if spec.encoding.is_some() {
            let value = |i: &str| format!("encoded_value(offset, inside.{i})");
            self.line(format!("let columns = {};", columns_of("column")));
            self.line(format!("let inside = {};", clamped("columns", &format!("{width}u"))));
            self.line(format!("let encoded = vec4<f32>({});", ["x", "y", "z", "w"].map(value).join(", ")));
            self.line(format!("values = select(values, encoded, columns < vec4({width}u));"));
        } else {
            self.line(format!("values = {};", self.read(0, "column", width)));
        }
        self.line("}");
        self.line("x[i] = values;");
        self.line("}");
        self.barrier();
    }

    /// Four values from `offset` on, of the inputs or the targets.
    pub(super) fn read(&self, matrix: usize, column: &str, width: u32) -> String {
        let name = ["inputs", "targets"][matrix];
        match self.spec.load_widths[matrix] {
            4 => format!("{name}[offset + {column}]"),
            _ => format!("read_{name}(offset, {column}, {width}u)"),
        }
    }

    /// The sample of one of the batch's rows.
    pub(super) fn sample(&self, row: &str) -> String {
        if self.spec.shuffle { format!("order[{row}]") } else { format!("(batch.position + {row})") }
    }

    /// Sets the values past a row's end to 0, if the activation of padding is something else.
    pub(super) fn mask(&mut self, name: &str, column: &str, width: u32, activation: Activation) {
        if !activation.keeps_zero() && !width.is_multiple_of(4) {
            let columns = columns_of(column);
            self.line(format!("{name} = select(vec4<f32>(), {name}, {columns} < vec4({width}u));"));
        }
    }

    /// The network and its state, back to the buffers.
    pub(super) fn finish(&mut self) {
        let spec = self.spec;
        self.line("");
        if spec.trains() {
            for (l, layer) in spec.layers.iter().enumerate() {
                let (count, width) = (columns(layer.outputs), layer.outputs);
                self.share("i", layer.inputs * count, 4);
                let index = format!("{} + {}", plus("first", layer.offset), times(&divided("i", count), width));
                self.line(format!("write_parameters({index}, {}, {width}u, w{l}[i]);", remainder("i", count)));
                self.line("}");
                if layer.bias {
                    self.share("i", count, 4);
                    let index = plus("first", layer.row(layer.inputs));
                    self.line(format!("write_parameters({index}, i, {width}u, b{l}[i]);"));
                    self.line("}");
                }
            }
        }
        self.line("if invocation == 0u {");
        self.line("states[network] = State(batch, losses);");
        self.line("}");
        self.line("}");
    }
}
