//! `tiled_forward`: a dense layer, and for a network's last layer the loss and its gradient.

use super::{
    Layout, Matrix, Tile, begin, entry_point, finish, first_row, matrix, over_chunks, read_terms, row_of, zeros,
};
use crate::activation::Activation;
use crate::codegen::bindings::{Bindings, Uniform};
use crate::codegen::functions::{self, derivative, value};
use crate::codegen::head::Head;
use crate::codegen::source::Source;
use crate::codegen::vectors::{clamped, columns_of, load_four};
use crate::shaders::shader;

/// What a forward kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forward {
    pub tile: Tile,
    pub x: Layout,
    pub w: Layout,
    pub end: End,
    /// Whether the rows are samples of a data set: the first layer of a training step.
    pub samples: bool,
    pub shuffle: bool,
    pub bias: bool,
    pub activation: Activation,
    /// Whether the activation's derivative is written too.
    pub keeps: bool,
    /// Whether the last chunk of terms is not whole.
    pub tail: bool,
}

/// What becomes of a layer's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// It is written.
    Output(Layout),
    /// It is compared with the targets, and the gradient of the loss with respect to the pre-activations written. The loss
    /// is not one of rows, and the head has the activation.
    Loss(Target, Head),
}

/// What the targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Values,
    Class,
}

/// What a forward kernel binds. `R` is the type of a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands<R> {
    pub x: Matrix<R>,
    pub x_scale: [f32; 2],
    pub w: Matrix<R>,
    pub y: Matrix<R>,
    /// The activation's derivative: rows padded to `vec4`.
    pub kept: Matrix<R>,
    pub t: Matrix<R>,
    pub t_scale: [f32; 2],
    pub partial_losses: R,
    pub seed: [u32; 2],
    /// How many samples the current batch has, and which: `[1 + batch_size]` words.
    pub order: R,
    pub batch: R,
    pub sample_count: R,
    pub rows: u32,
    pub inputs: u32,
    pub outputs: u32,
    /// The workgroups side by side.
    pub workgroups: u32,
}

impl Forward {
    /// Whether the output is compared with targets, and how.
    fn loss(&self) -> Option<(Target, Head)> {
        match self.end {
            End::Output(_) => None,
            End::Loss(target, head) => Some((target, head)),
        }
    }

    fn target(&self) -> Option<Target> {
        self.loss().map(|(target, _)| target)
    }

    /// How `y` lies.
    fn y(&self) -> Layout {
        match self.end {
            End::Output(y) => y,
            End::Loss(..) => Layout::Vectors,
        }
    }

    pub fn bindings<R>(&self, operands: Operands<R>) -> Bindings<R> {
        let Operands { x, w, y, kept, t, .. } = operands;
        let mut uniform = Uniform::default()
            .vec2_u32("x_view", x.view)
            .vec2_f32("x_scale", operands.x_scale)
            .vec2_u32("w_view", w.view)
            .vec2_u32("y_view", y.view);
        if self.keeps {
            uniform = uniform.vec2_u32("kept_view", kept.view);
        }
        if self.target().is_some() {
            uniform = uniform.vec2_u32("t_view", t.view).vec2_f32("t_scale", operands.t_scale);
        }
        if self.shuffle {
            uniform = uniform.vec2_u32("seed", operands.seed);
        }
        let sizes = uniform.u32("rows", operands.rows).u32("inputs", operands.inputs).u32("outputs", operands.outputs);
        let mut bindings = Bindings::new(sizes.u32("workgroups", operands.workgroups));
        bindings.read("x", self.x.array(), x.buffer);
        bindings.read("w", self.w.array(), w.buffer);
        bindings.read_write("y", self.y().array(), y.buffer);
        if self.keeps {
            bindings.read_write("kept", Layout::Vectors.array(), kept.buffer);
        }
        if let Some(target) = self.target() {
            let array = if target == Target::Class { "array<u32>" } else { "array<f32>" };
            bindings.read("t", array, t.buffer);
            bindings.read_write("partial_losses", "array<f32>", operands.partial_losses);
        }
        if self.samples {
            bindings.read_write("order", "array<u32>", operands.order);
            bindings.read("batch", "Batch", operands.batch);
            if self.shuffle {
                bindings.read("sample_count", "array<u32>", operands.sample_count);
            }
        } else if self.target().is_some() {
            bindings.read("order", "array<u32>", operands.order);
        }
        bindings
    }

    /// The kernel's source.
    pub fn source(&self) -> String {
        let &Forward { tile, x, w, .. } = self;
        let mut source = begin(tile, &|| self.heading().to_vec());
        if self.samples {
            source.paste(shader!("state"));
            if self.shuffle {
                source.paste(shader!("permutation"));
            }
        }
        source.line("override WORKGROUP: u32;");
        source.line("");
        self.bindings(Operands::<()>::default()).declare(&mut source, "Tiles");
        x.read_function(&mut source, "x");
        w.read_function(&mut source, "w");
        self.y().write_function(&mut source, "y", "=");
        if self.keeps {
            Layout::Vectors.write_function(&mut source, "kept", "=");
        }
        let mut calls = functions::calls(self.keeps, &[(self.activation, 4)]);
        match self.loss() {
            Some((_, head)) => {
                calls.extend(head.calls(true, &[4]));
                functions::write(&mut source, "", &calls);
                head.write(&mut source, true, &[4]);
            }
            None => functions::write(&mut source, "", &calls),
        }
        if self.with_samples() {
            source.line("");
            source.comment(&["The samples of the tiles' rows."]);
            source.line(format!("var<workgroup> samples: array<u32, {}>;", tile.rows * tile.down()));
        }
        entry_point(&mut source, "tiled_forward", tile, true);
        source.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
        if self.with_samples() {
            self.read_samples(&mut source);
        }
        self.constants(&mut source);
        self.sums(&mut source);
        if self.target().is_some() {
            source.line("");
            source.line("var loss = 0.0;");
        }
        finish(&mut source, tile, "rows", "outputs", &|source| self.finish(source));
        if self.target().is_some() {
            self.partial_loss(&mut source);
        }
        source.line("}");
        source.finish()
    }

    fn heading(&self) -> [String; 3] {
        let formula = match (self.activation, self.end) {
            (_, End::Loss(_, head)) => format!(
                "tiled_forward   y = the gradient of {} with respect to z = x · w     reference: matmul, loss",
                head.loss
            ),
            (Activation::Identity, _) => "tiled_forward   y = x · w     reference: matmul".to_owned(),
            (activation, _) => {
                let kept = if self.keeps { "; kept = dy/dz" } else { "" };
                format!("tiled_forward   y = {activation} of z = x · w{kept}     reference: matmul, activation")
            }
        };
        let shapes = "  x [rows, inputs], w [inputs, outputs] and with a bias one row more, y and t [rows, outputs]";
        [formula, String::new(), shapes.to_owned()]
    }

    /// Whether the kernel asks which samples its rows are.
    fn with_samples(&self) -> bool {
        self.samples || self.target().is_some()
    }

    /// The samples of a workgroup's rows: in the first layer from the batch's position, later as the first layer noted them.
    fn read_samples(&self, source: &mut Source) {
        let Tile { invocations, .. } = self.tile;
        let rows = self.tile.rows * self.tile.down();
        source.line(format!("let top = id.y * {rows}u; // the workgroup's first row"));
        source.line("");
        let each_row = format!("for (var i = invocation; i < {rows}u; i += {invocations}u) {{");
        if !self.samples {
            source.lines(&[
                "let batch_rows = order[0];",
                &each_row,
                "samples[i] = order[1u + min(top + i, p.rows - 1u)];",
                "}",
                "workgroupBarrier();",
            ]);
            return;
        }
        source.comment(&["Rows past the batch's end take its last sample once more."]);
        source.lines(&[
            "let batch_rows = batch.rows;",
            &each_row,
            "var sample = batch.position + min(top + i, batch_rows - 1u);",
        ]);
        if self.shuffle {
            source.line("sample = permutation(sample, sample_count[0], p.seed, batch.epoch);");
        }
        source.lines(&[
            "samples[i] = sample;",
            "if id.x == 0u && top + i < p.rows {",
            "order[1u + top + i] = sample; // for the kernels that follow",
            "}",
            "}",
            "if id.x == 0u && id.y == 0u && invocation == 0u {",
            "order[0] = batch_rows;",
            "}",
            "workgroupBarrier();",
        ]);
    }

    fn constants(&self, source: &mut Source) {
        let &Forward { tile, x, w, .. } = self;
        source.lines(&["", "let inputs = p.inputs;", "let outputs = p.outputs;", "let rows = p.rows;"]);
        x.constants(source, "x");
        w.constants(source, "w");
        self.y().constants(source, "y");
        if self.keeps {
            Layout::Vectors.constants(source, "kept");
        }
        if let Some(target) = self.target() {
            source.line("let t_view = p.t_view;");
            if target == Target::Class {
                source.line("let t_scale = p.t_scale;");
            }
        }
        for row in 0..tile.rows {
            let number = match self.samples {
                true if tile.down() == 1 => format!("samples[{row}]"),
                true => format!("samples[first_row - top + {row}u]"),
                false => format!("min(first_row + {row}u, rows - 1u)"),
            };
            source.line(format!("let x{row}_first = {};", row_of("x", &number)));
        }
        for chunk in 0..tile.chunks {
            let index = w.clamped_chunk(&format!("first_chunk + {chunk}u"), "outputs");
            source.line(format!("let w{chunk}_first = w_first + {index};"));
        }
    }

    /// The pre-activations of the tile, an invocation's slice of them.
    fn sums(&self, source: &mut Source) {
        let &Forward { tile, x, .. } = self;
        zeros(source, "sum", tile);
        if self.bias {
            source.line("if slice == 0u {");
            for chunk in 0..tile.chunks {
                source.line(format!("let bias{chunk} = w_at(w{chunk}_first + inputs * w_stride);"));
                for row in 0..tile.rows {
                    source.line(format!("sum{row}_{chunk} = bias{chunk};"));
                }
            }
            source.line("}");
        }
        over_chunks(source, tile, ("inputs", "outputs"), self.tail, &|source, is_tail| {
            for chunk in 0..tile.chunks {
                let columns = (0..4).map(|i| match is_tail {
                    true => format!("w_at(w{chunk}_first + min(4u * k + {i}u, inputs - 1u) * w_stride)"),
                    false => format!("w_at(w{chunk}_first + (4u * k + {i}u) * w_stride)"),
                });
                matrix(source, &format!("w{chunk}"), columns);
            }
            for row in 0..tile.rows {
                let k = if is_tail { x.clamped_chunk("k", "inputs") } else { x.chunk("k") };
                read_terms(source, &format!("x{row}"), &x.read("x", &format!("x{row}_first + {k}")), is_tail);
                for chunk in 0..tile.chunks {
                    source.line(format!("sum{row}_{chunk} += w{chunk} * x{row};"));
                }
            }
        });
    }

    /// A chunk of the result, from its pre-activations `sum`.
    fn finish(&self, source: &mut Source) {
        let y_row = row_of("y", "row");
        let Some((target, head)) = self.loss() else {
            source.line(format!("let output = {};", value(self.activation, "", 4, "sum")));
            source.line(format!("write_y({y_row}, chunk, outputs, output);"));
            let kept = derivative(self.activation, 4, "sum", "output").filter(|_| self.keeps);
            if let Some(kept) = kept {
                source.line(format!("write_kept({}, chunk, outputs, {kept});", row_of("kept", "row")));
            }
            return;
        };
        source.line("let sample = samples[row - top];");
        source.line(format!("let columns = {};", columns_of("chunk")));
        match target {
            Target::Values => source.lines(&[
                "let t_first = t_view.x + sample * t_view.y;",
                &format!("let t_index = t_first + {};", clamped("columns", "outputs")),
                &format!("let target_values = {};", load_four("t", "t_index")),
            ]),
            Target::Class => source.lines(&[
                "let own = t[t_view.x + sample * t_view.y];",
                "let target_values = select(vec4(t_scale.y), vec4(t_scale.x), columns == vec4(own));",
            ]),
        }
        let gradient = head.gradient(4, "1.0", ["sum", "output"], "target_values");
        source.lines(&[
            "let counts = columns < vec4(select(0u, outputs, row < batch_rows));",
            &format!("let output = {};", head.output(4, "sum")),
            &format!("let terms = select(vec4(0.0), {}, counts);", head.terms(4, "output", "target_values")),
            "loss += dot(terms, vec4(1.0));",
            &format!("let gradient = select(vec4(0.0), {gradient}, counts);"),
            &format!("write_y({y_row}, chunk, outputs, gradient);"),
        ]);
    }

    /// The loss of a workgroup's part of the result.
    fn partial_loss(&self, source: &mut Source) {
        source.lines(&[
            "workgroupBarrier();",
            "sums[invocation] = vec4(loss);",
            "workgroupBarrier();",
            "if invocation == 0u {",
            &format!("for (var i = 1u; i < {}u; i++) {{", self.tile.invocations),
            "loss += sums[i].x;",
            "}",
            "partial_losses[id.y * p.workgroups + id.x] = LOSS_FACTOR * loss;",
            "}",
        ]);
    }
}
