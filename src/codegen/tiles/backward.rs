//! `tiled_backward`: the gradient with respect to a layer's input, and where they are few, the update of its weights.

use super::{
    Layout, Matrix, Tile, begin, entry_point, finish, first_row, matrix, over_chunks, read_terms, row_of, zeros,
};
use crate::activation::Activation;
use crate::codegen::bindings::{Access, Bindings, Uniform};
use crate::codegen::functions::{self, times_derivative};
use crate::codegen::source::Source;

/// What a backward kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Backward {
    pub tile: Tile,
    pub d_output: Layout,
    pub w: Layout,
    pub d_input: Layout,
    /// Whether the last chunk of terms is not whole.
    pub tail: bool,
    /// What made the input: the gradient goes back through that too.
    pub activation: Activation,
    /// Whether the weights are updated too, once they were read.
    pub updates: bool,
    /// Whether the weights have a bias row: only an update asks.
    pub bias: bool,
}

/// What a backward kernel binds. `R` is the type of a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands<R> {
    pub d_output: Matrix<R>,
    pub w: Matrix<R>,
    pub d_input: Matrix<R>,
    /// The layer's input: rows padded to `vec4`.
    pub y: Matrix<R>,
    /// The derivative of the activation that made the input, if that was kept: rows padded to `vec4`.
    pub kept: Matrix<R>,
    /// How many samples the current batch has, and which: `[1 + batch_size]` words.
    pub order: R,
    pub learning_rate: R,
    pub rows: u32,
    pub inputs: u32,
    pub outputs: u32,
}

impl Backward {
    /// Whether the kernel reads the layer's input.
    fn reads_input(&self) -> bool {
        self.activation.formula().is_some() && !self.reads_kept() || self.updates
    }

    /// Whether the kernel reads the activation's derivative, as the forward pass kept it.
    fn reads_kept(&self) -> bool {
        self.activation.keeps_derivative()
    }

    pub fn bindings<R>(&self, operands: Operands<R>) -> Bindings<R> {
        let Operands { d_output, w, d_input, y, kept, .. } = operands;
        let mut uniform = Uniform::default()
            .vec2_u32("d_output_view", d_output.view)
            .vec2_u32("w_view", w.view)
            .vec2_u32("d_input_view", d_input.view);
        if self.reads_input() {
            uniform = uniform.vec2_u32("y_view", y.view);
        }
        if self.reads_kept() {
            uniform = uniform.vec2_u32("kept_view", kept.view);
        }
        let sizes = uniform.u32("rows", operands.rows).u32("inputs", operands.inputs).u32("outputs", operands.outputs);
        let mut bindings = Bindings::new(sizes);
        bindings.read("d_output", self.d_output.array(), d_output.buffer);
        let access = if self.updates { Access::ReadWrite } else { Access::Read };
        bindings.bind(access, "w", self.w.array(), w.buffer);
        bindings.read_write("d_input", self.d_input.array(), d_input.buffer);
        if self.reads_input() {
            bindings.read("y", Layout::Vectors.array(), y.buffer);
        }
        if self.reads_kept() {
            bindings.read("kept", Layout::Vectors.array(), kept.buffer);
        }
        if self.updates {
            bindings.read("order", "array<u32>", operands.order);
            bindings.read("learning_rate", "array<f32>", operands.learning_rate);
        }
        bindings
    }

    /// The kernel's source.
    pub fn source(&self) -> String {
        let &Backward { tile, d_output, w, d_input, .. } = self;
        let mut source = begin(tile, &|| self.heading());
        source.line("override WORKGROUP: u32;");
        source.line("");
        self.bindings(Operands::<()>::default()).declare(&mut source, "Tiles");
        d_output.read_function(&mut source, "d_output");
        w.read_function(&mut source, "w");
        d_input.write_function(&mut source, "d_input", "=");
        if self.updates {
            w.write_function(&mut source, "w", "-=");
        }
        let mut calls = functions::calls(!self.reads_kept(), &[(self.activation, 4)]);
        calls.retain(|call| call.name.ends_with("_derivative"));
        functions::write(&mut source, "", &calls);
        entry_point(&mut source, "tiled_backward", tile, true);
        source.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
        self.constants(&mut source);
        self.sums(&mut source);
        finish(&mut source, tile, "rows", "inputs", &|source| {
            let of = |name: &str| format!("{name}[{} + chunk]", row_of(name, "row"));
            let derivative = times_derivative(self.activation, 4, &of("y"), &of("kept"));
            source.line(format!("write_d_input({}, chunk, inputs, sum{derivative});", row_of("d_input", "row")));
        });
        if self.updates {
            self.update(&mut source);
        }
        source.line("}");
        source.finish()
    }

    fn heading(&self) -> Vec<String> {
        let formula = match self.activation {
            Activation::Identity => {
                "tiled_backward   d_input = d_output · wᵀ     reference: matmul_transposed".to_owned()
            }
            activation => format!(
                "tiled_backward   d_input = (d_output · wᵀ) · f'(z), f = {activation}     reference: matmul_transposed, activation_backward"
            ),
        };
        let update =
            "  then   w -= learning_rate · yᵀ · d_output / batch size     reference: outer_product, weight_update";
        let shapes =
            "  d_output [rows, outputs], w [inputs, outputs]; d_input, y = f(z) and kept = f'(z) [rows, inputs]";
        let lines = [Some(formula.as_str()), self.updates.then_some(update), Some(""), Some(shapes)];
        lines.into_iter().flatten().map(str::to_owned).collect()
    }

    fn constants(&self, source: &mut Source) {
        let &Backward { tile, d_output, w, d_input, .. } = self;
        source.lines(&["", "let inputs = p.inputs;", "let outputs = p.outputs;", "let rows = p.rows;"]);
        d_output.constants(source, "d_output");
        w.constants(source, "w");
        d_input.constants(source, "d_input");
        if self.reads_input() {
            Layout::Vectors.constants(source, "y");
        }
        if self.reads_kept() {
            Layout::Vectors.constants(source, "kept");
        }
        for row in 0..tile.rows {
            let number = format!("min(first_row + {row}u, rows - 1u)");
            source.line(format!("let d{row}_first = {};", row_of("d_output", &number)));
        }
        for input in 0..4 * tile.chunks {
            let number = format!("min(4u * first_chunk + {input}u, inputs - 1u)");
            source.line(format!("let w{input}_first = {};", row_of("w", &number)));
        }
    }

    /// The tile of `d_output · wᵀ`, an invocation's slice of the sums.
    fn sums(&self, source: &mut Source) {
        let &Backward { tile, d_output, w, .. } = self;
        zeros(source, "sum", tile);
        over_chunks(source, tile, ("outputs", "inputs"), self.tail, &|source, is_tail| {
            let k = |layout: Layout| if is_tail { layout.clamped_chunk("k", "outputs") } else { layout.chunk("k") };
            for chunk in 0..tile.chunks {
                let columns = (0..4).map(|i| format!("w_at(w{}_first + {})", 4 * chunk + i, k(w)));
                matrix(source, &format!("w{chunk}"), columns);
            }
            for row in 0..tile.rows {
                let values = format!("d_output_at(d{row}_first + {})", k(d_output));
                read_terms(source, &format!("d{row}"), &values, is_tail);
                for chunk in 0..tile.chunks {
                    source.line(format!("sum{row}_{chunk} += d{row} * w{chunk};"));
                }
            }
        });
    }

    /// The update of the weights that a workgroup has read, which no other reads.
    fn update(&self, source: &mut Source) {
        let &Backward { tile, d_output, .. } = self;
        let inputs = 4 * tile.chunks * tile.across;
        // The input of a bias row is 1; what is read for it is another's.
        let value = "y[y_first + row * y_stride + min(input, inputs - 1u) / 4u][min(input, inputs - 1u) % 4u]";
        let x = if self.bias { format!("select({value}, 1.0, input == inputs)") } else { value.to_owned() };
        source.line("");
        source.comment(&["The weights of these inputs: no invocation reads them any more."]);
        source.lines(&[
            "workgroupBarrier();",
            "let batch_rows = order[0];",
            "let rate = learning_rate[0] / f32(batch_rows);",
            "let output_chunks = (outputs + 3u) / 4u;",
            &format!("for (var i = invocation; i < {inputs}u * output_chunks; i += {}u) {{", tile.invocations),
            &format!("let input = id.x * {inputs}u + i / output_chunks;"),
            "let chunk = i % output_chunks;",
            &format!("if input < {} {{", if self.bias { "inputs + 1u" } else { "inputs" }),
            &format!("let index = {};", d_output.clamped_chunk("chunk", "outputs")),
            "var d_weights = vec4<f32>();",
            "for (var row = 0u; row < batch_rows; row++) {",
            &format!("let x = {x};"),
            &format!("d_weights += x * d_output_at({} + index);", row_of("d_output", "row")),
            "}",
            &format!("write_w({}, chunk, outputs, rate * d_weights);", row_of("w", "input")),
            "}",
            "}",
        ]);
    }
}
