//! `tiled_update`: the gradients with respect to a layer's weights, summed over a batch, and gradient descent.

use super::{Layout, Matrix, Tile, accumulators, begin, entry_point, finish, first_row, row_of, zeros};
use crate::codegen::bindings::{Bindings, Uniform};
use crate::codegen::source::Source;
use crate::codegen::sums::{Level, Nest};
use crate::shaders::shader;

/// Products are summed in blocks of this many rows, and blocks of blocks: rounding grows by no more than twice this, and
/// one for each square of it, instead of with the rows.
const BLOCK: u32 = 32;

/// The most rows per slice and dispatch: whole squares of blocks whose loops stay within the longest. A batch of several
/// dispatches would round the weights after each.
pub(crate) const ROWS_PER_SLICE: u32 = 30 * 1024;

/// What an update kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Update {
    pub tile: Tile,
    pub x: Layout,
    pub d_output: Layout,
    pub w: Layout,
    /// Whether the weights are updated, or the gradients written.
    pub trains: bool,
    /// Whether the rows are a training step's batch, which may be a smaller one.
    pub batch: bool,
    /// Whether the rows of x are samples of a data set.
    pub samples: bool,
    pub bias: bool,
    /// Whether gradients are added to those of earlier rows.
    pub adds: bool,
    /// Whether one workgroup more ends the training step.
    pub ends_step: bool,
    /// How many tiles an invocation takes, one below the other.
    pub repeats: u32,
    /// How deep the sums are nested: 0 for one row, 1, or 2 with blocks of rows, or 3 with blocks of blocks.
    pub depth: u32,
}

/// What an update kernel binds. `R` is the type of a buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands<R> {
    pub x: Matrix<R>,
    pub x_scale: [f32; 2],
    pub d_output: Matrix<R>,
    pub w: Matrix<R>,
    /// The rows of this dispatch.
    pub rows: std::ops::Range<u32>,
    pub inputs: u32,
    pub outputs: u32,
    /// The rows of workgroups, but for the one that ends the step.
    pub workgroups: u32,
    pub partials: u32,
    pub batch_size: u32,
    /// How many samples the current batch has, and which: `[1 + batch_size]` words.
    pub order: R,
    pub learning_rate: R,
    pub partial_losses: R,
    pub state: R,
    pub sample_count: R,
}

impl Update {
    /// How deep the sums over `rows` rows are nested.
    pub fn depth(tile: Tile, rows: u32) -> u32 {
        match rows.div_ceil(tile.slices) {
            _ if rows == 1 && tile.slices == 1 => 0,
            0..=BLOCK => 1,
            rows if rows <= BLOCK * BLOCK => 2,
            _ => 3,
        }
    }

    pub fn bindings<R>(&self, operands: Operands<R>) -> Bindings<R> {
        let Operands { x, d_output, w, rows, .. } = operands;
        let mut uniform = Uniform::default()
            .vec2_u32("x_view", x.view)
            .vec2_f32("x_scale", operands.x_scale)
            .vec2_u32("d_output_view", d_output.view)
            .vec2_u32("w_view", w.view)
            .u32("first", rows.start)
            .u32("last", rows.end)
            .u32("inputs", operands.inputs)
            .u32("outputs", operands.outputs);
        if self.ends_step {
            let workgroups = uniform.u32("workgroups", operands.workgroups);
            uniform = workgroups.u32("partials", operands.partials).u32("batch_size", operands.batch_size);
        }
        let mut bindings = Bindings::new(uniform);
        bindings.read("x", self.x.array(), x.buffer);
        bindings.read("d_output", self.d_output.array(), d_output.buffer);
        bindings.read_write("w", self.w.array(), w.buffer);
        if self.batch {
            bindings.read("order", "array<u32>", operands.order);
        }
        if self.trains {
            bindings.read("learning_rate", "array<f32>", operands.learning_rate);
        }
        if self.ends_step {
            bindings.read("partial_losses", "array<f32>", operands.partial_losses);
            bindings.read_write("state", "State", operands.state);
            bindings.read("sample_count", "array<u32>", operands.sample_count);
        }
        bindings
    }

    /// The kernel's source.
    pub fn source(&self) -> String {
        let &Update { tile, x, d_output, w, repeats, .. } = self;
        let mut source = begin(tile, &|| self.heading().map(str::to_owned).to_vec());
        if self.ends_step {
            source.paste(shader!("state"));
            source.paste(shader!("tree_sum"));
            source.paste(shader!("end_step"));
        } else {
            source.line("override WORKGROUP: u32;");
            source.line("");
        }
        self.bindings(Operands::<()>::default()).declare(&mut source, "Tiles");
        x.read_function(&mut source, "x");
        d_output.read_function(&mut source, "d_output");
        w.write_function(
            &mut source,
            "w",
            match (self.trains, self.adds) {
                (true, _) => "-=",
                (false, true) => "+=",
                (false, false) => "=",
            },
        );
        entry_point(&mut source, "tiled_update", tile, tile.slices > 1);
        if self.ends_step {
            source.lines(&[
                "if id.y == p.workgroups {",
                "if id.x == 0u {",
                "end_step_of_partials(invocation, p.partials, p.batch_size);",
                "}",
                "return;",
                "}",
            ]);
        }
        self.constants(&mut source);
        if repeats > 1 {
            source.line("");
            source.comment(&[&format!("{repeats} tiles, one below the other.")]);
            source.line(format!("let top = {};", first_row(tile, "tile", repeats)));
            source.line(format!("let bottom = min(top + {}u, height);", tile.rows * repeats));
            source.line(format!("for (var first_row = top; first_row < bottom; first_row += {}u) {{", tile.rows));
        } else {
            source.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
        }
        self.tile(&mut source);
        if repeats > 1 {
            source.line("}");
        }
        source.line("}");
        source.finish()
    }

    fn heading(&self) -> [&'static str; 3] {
        let formula = match self.trains {
            true => {
                "tiled_update   w -= learning_rate · xᵀ · d_output / batch size     reference: outer_product, weight_update"
            }
            false => "tiled_update   w = xᵀ · d_output     reference: outer_product",
        };
        let shapes = "  x [rows, inputs], d_output [rows, outputs], w [inputs, outputs] and with a bias one row more";
        [formula, "", shapes]
    }

    fn constants(&self, source: &mut Source) {
        let &Update { tile, x, d_output, w, .. } = self;
        source.lines(&["", "let inputs = p.inputs;", "let outputs = p.outputs;"]);
        if self.depth > 0 {
            source.line(if self.batch { "let last = min(order[0], p.last);" } else { "let last = p.last;" });
        }
        x.constants(source, "x");
        d_output.constants(source, "d_output");
        w.constants(source, "w");
        for chunk in 0..tile.chunks {
            let index = d_output.clamped_chunk(&format!("first_chunk + {chunk}u"), "outputs");
            source.line(format!("let d{chunk}_index = {index};"));
        }
        let height = if self.bias { "inputs + 1u" } else { "inputs" };
        source.line(format!("let height = {height};"));
        if self.trains {
            source.line("let rate = learning_rate[0] / f32(order[0]);");
        }
        if self.depth == 0 {
            source.line(format!("let x_row = {};", row_of("x", if self.samples { "order[1]" } else { "0u" })));
            for chunk in 0..tile.chunks {
                source.line(format!("let d{chunk} = d_output_at(d_output_first + d{chunk}_index);"));
            }
        }
    }

    /// One tile: its sums, and what becomes of them.
    fn tile(&self, source: &mut Source) {
        let &Update { tile, x, .. } = self;
        for four in 0..tile.rows / 4 {
            let index = x.clamped_chunk(&format!("first_row / 4u + {four}u"), "inputs");
            source.line(format!("let x{four}_index = {index};"));
            if self.bias {
                let columns = format!("first_row + {}u + vec4(0u, 1u, 2u, 3u)", 4 * four);
                source.line(format!("let x{four}_is_bias = {columns} == vec4(inputs);"));
            }
        }
        if self.depth == 0 {
            self.products(source);
        } else {
            self.sums(source);
        }
        source.line("");
        let factor = if self.trains && self.depth > 0 { "rate * " } else { "" };
        if tile.slices > 1 {
            return finish(source, tile, "height", "outputs", &|source| {
                source.line(format!("write_w({}, chunk, outputs, {factor}sum);", row_of("w", "row")));
            });
        }
        for (row, chunk) in accumulators(tile) {
            source.line(format!("if first_row + {row}u < height && 4u * (first_chunk + {chunk}u) < outputs {{"));
            let w_row = row_of("w", &format!("(first_row + {row}u)"));
            source.line(format!("write_w({w_row}, first_chunk + {chunk}u, outputs, {factor}sum{row}_{chunk});"));
            source.line("}");
        }
    }

    /// The products of one row: there is nothing to add up.
    fn products(&self, source: &mut Source) {
        let factor = if self.trains { "rate * " } else { "" };
        for (row, chunk) in accumulators(self.tile) {
            let component = ["x", "y", "z", "w"][row as usize % 4];
            if row % 4 == 0 && chunk == 0 {
                self.read_inputs(source, row / 4);
            }
            source.line(format!("let sum{row}_{chunk} = {factor}(x{}.{component} * d{chunk});", row / 4));
        }
    }

    /// Four inputs of a row of x, the bias's among them being 1.
    fn read_inputs(&self, source: &mut Source, four: u32) {
        let values = self.x.read("x", &format!("x_row + x{four}_index"));
        source.line(match self.bias {
            true => format!("let x{four} = select({values}, vec4(1.0), x{four}_is_bias);"),
            false => format!("let x{four} = {values};"),
        });
    }

    /// The sums over the rows, in blocks, and blocks of blocks.
    fn sums(&self, source: &mut Source) {
        let &Update { tile, depth, .. } = self;
        let depth = depth as usize;
        let prefixes = ["sum", "block_sum", "rows_sum"];
        let levels = [("blocks", BLOCK * BLOCK), ("block", BLOCK), ("row", 1)];
        let levels = levels.map(|(variable, rows)| Level { variable, rows: rows * tile.slices });
        let levels = &levels[levels.len() - depth..];
        let begin = |source: &mut Source, level: usize| {
            zeros(source, prefixes[level], tile);
            if level == 0 {
                source.line("");
            }
        };
        let end = |source: &mut Source, level: usize| {
            for (row, chunk) in accumulators(tile).filter(|_| level + 1 < depth) {
                source.line(format!("{}{row}_{chunk} += {}{row}_{chunk};", prefixes[level], prefixes[level + 1]));
            }
        };
        let nest = Nest { levels, first: "p.first + slice", end: "last", named_ends: true };
        nest.write(source, &begin, &|source| self.add_row(source, prefixes[depth - 1]), &end);
    }

    /// Adds the products of one row to the innermost sums.
    fn add_row(&self, source: &mut Source, sum: &str) {
        let tile = self.tile;
        let row = if self.samples { "order[1u + row]" } else { "row" };
        source.line(format!("let x_row = {};", row_of("x", row)));
        source.line(format!("let d_row = {};", row_of("d_output", "row")));
        for chunk in 0..tile.chunks {
            source.line(format!("let d{chunk} = d_output_at(d_row + d{chunk}_index);"));
        }
        for four in 0..tile.rows / 4 {
            self.read_inputs(source, four);
            for (i, component) in (0..).zip(["x", "y", "z", "w"]) {
                for chunk in 0..tile.chunks {
                    source.line(format!("{sum}{}_{chunk} += x{four}.{component} * d{chunk};", 4 * four + i));
                }
            }
        }
    }
}
