//! The text of `tiled_update`.

use super::{Bindings, accumulators, begin, entry_point, finish, first_row, row_of, storage, zeros};
use crate::kernels::tiles::Update;
use crate::wgsl::Text;

/// The rows whose products are added up on their own, and so many of these sums again: rounding grows by no more than
/// twice this and one for each square of it, instead of with the rows.
const BLOCK: u32 = 32;

pub(in crate::kernels::tiles) fn update(kernel: &Update, parameters: &[&'static str]) -> String {
    let &Update { tile, x, d_output, w, trains, batch, ordered, bias, adds, ends_step, turns, levels } = kernel;
    let put = match (trains, adds) {
        (true, _) => "-=",
        (false, true) => "+=",
        (false, false) => "=",
    };
    let mut text = begin(tile, &kernel.heading());
    let mut bindings =
        vec![storage("read", "x", x), storage("read", "d_output", d_output), storage("read_write", "w", w)];
    if batch {
        bindings.push(("read", "order", "array<u32>".to_owned()));
    }
    if trains {
        bindings.push(("read", "learning_rate", "array<f32>".to_owned()));
    }
    if ends_step {
        bindings.push(("read", "partial_errors", "array<f32>".to_owned()));
        bindings.push(("read_write", "state", "State".to_owned()));
        bindings.push(("read", "sample_count", "array<u32>".to_owned()));
        text.paste(include_str!("../../../../shaders/state.wgsl"));
        text.paste(include_str!("../../../../shaders/tree_sum.wgsl"));
        text.paste(include_str!("../../../../shaders/end_step.wgsl"));
    } else {
        text.line("override WORKGROUP: u32;");
        text.line("");
    }
    Bindings { members: parameters, storage: &bindings }.write(&mut text);
    x.read(&mut text, "x");
    d_output.read(&mut text, "d_output");
    w.write(&mut text, "w", put);

    entry_point(&mut text, "tiled_update", tile, tile.slices > 1);
    if ends_step {
        text.line("if id.y == p.workgroups {");
        text.line("if id.x == 0u {");
        text.line("end_step_of_partials(lane, p.partials, p.batch_size);");
        text.line("}");
        text.line("return;");
        text.line("}");
    }
    text.line("");
    text.line("let inputs = p.inputs;");
    text.line("let outputs = p.outputs;");
    if levels > 0 {
        text.line(if batch { "let last = min(order[0], p.last);" } else { "let last = p.last;" });
    }
    x.constants(&mut text, "x");
    d_output.constants(&mut text, "d_output");
    w.constants(&mut text, "w");
    for quad in 0..tile.quads {
        let place = d_output.quad_inside(&format!("first_quad + {quad}u"), "outputs");
        text.line(format!("let d{quad}_place = {place};"));
    }
    let height = if bias { "inputs + 1u" } else { "inputs" };
    text.line(format!("let height = {height};"));
    if trains {
        text.line("let rate = learning_rate[0] / f32(order[0]);");
    }
    if levels == 0 {
        text.line(format!("let x_row = {};", row_of("x", if ordered { "order[1]" } else { "0u" })));
        for quad in 0..tile.quads {
            text.line(format!("let d{quad} = d_output_at(d_output_first + d{quad}_place);"));
        }
    }
    if turns > 1 {
        text.line("");
        text.line(format!("// {turns} tiles, one below the other."));
        text.line(format!("let top = {};", first_row(tile, "tile", turns)));
        text.line(format!("let bottom = min(top + {}u, height);", tile.rows * turns));
        text.line(format!("for (var first_row = top; first_row < bottom; first_row += {}u) {{", tile.rows));
    } else {
        text.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
    }
    for four in 0..tile.rows / 4 {
        let place = x.quad_inside(&format!("first_row / 4u + {four}u"), "inputs");
        text.line(format!("let x{four}_place = {place};"));
        if bias {
            let columns = format!("first_row + {}u + vec4(0u, 1u, 2u, 3u)", 4 * four);
            text.line(format!("let x{four}_is_bias = {columns} == vec4(inputs);"));
        }
    }

    if levels == 0 {
        // One row: there is nothing to add up.
        let factor = if trains { "rate * " } else { "" };
        for (row, quad) in accumulators(tile) {
            let number = ["x", "y", "z", "w"][row as usize % 4];
            if row % 4 == 0 && quad == 0 {
                read_inputs(&mut text, kernel, row / 4);
            }
            text.line(format!("let sum{row}_{quad} = {factor}(x{}.{number} * d{quad});", row / 4));
        }
    } else {
        sums_over_rows(&mut text, kernel);
    }

    text.line("");
    let factor = if trains && levels > 0 { "rate * " } else { "" };
    if tile.slices == 1 {
        for (row, quad) in accumulators(tile) {
            text.line(format!("if first_row + {row}u < height && 4u * (first_quad + {quad}u) < outputs {{"));
            let place = row_of("w", &format!("(first_row + {row}u)"));
            text.line(format!("write_w({place}, first_quad + {quad}u, outputs, {factor}sum{row}_{quad});"));
            text.line("}");
        }
    } else {
        finish(&mut text, tile, "height", "outputs", &|text| {
            text.line(format!("write_w({}, quad, outputs, {factor}sum);", row_of("w", "row")));
        });
    }
    if turns > 1 {
        text.line("}");
    }
    text.line("}");
    text.finish()
}

/// Four inputs of a row of x, the bias's among them being 1.
fn read_inputs(text: &mut Text, kernel: &Update, four: u32) {
    let numbers = kernel.x.at("x", &format!("x_row + x{four}_place"));
    text.line(match kernel.bias {
        true => format!("let x{four} = select({numbers}, vec4(1.0), x{four}_is_bias);"),
        false => format!("let x{four} = {numbers};"),
    });
}

/// The sums over the rows, in blocks, and blocks of blocks, as many levels as there are.
fn sums_over_rows(text: &mut Text, kernel: &Update) {
    let &Update { tile, ordered, levels, .. } = kernel;
    let prefixes = ["sum", "block_sum", "rows_sum"];
    let (top, inner) = (prefixes[0], prefixes[levels as usize - 1]);
    zeros(text, top, tile);
    text.line("");
    let stride = tile.slices;
    let mut from = "p.first + slice".to_owned();
    let mut to = "last".to_owned();
    for level in (1..levels).rev() {
        let length = BLOCK.pow(level) * stride;
        let name = ["", "block", "blocks"][level as usize];
        text.line(format!("for (var {name} = {from}; {name} < {to}; {name} += {length}u) {{"));
        text.line(format!("let {name}_end = min({name} + {length}u, {to});"));
        zeros(text, prefixes[(levels - level) as usize], tile);
        from = name.to_owned();
        to = format!("{name}_end");
    }
    text.line(format!("for (var row = {from}; row < {to}; row += {stride}u) {{"));
    let sample = if ordered { "order[1u + row]" } else { "row" };
    text.line(format!("let x_row = {};", row_of("x", sample)));
    text.line(format!("let d_row = {};", row_of("d_output", "row")));
    for quad in 0..tile.quads {
        text.line(format!("let d{quad} = d_output_at(d_row + d{quad}_place);"));
    }
    for four in 0..tile.rows / 4 {
        read_inputs(text, kernel, four);
        for (i, number) in (0..).zip(["x", "y", "z", "w"]) {
            for quad in 0..tile.quads {
                text.line(format!("{inner}{}_{quad} += x{four}.{number} * d{quad};", 4 * four + i));
            }
        }
    }
    text.line("}");
    for level in 1..levels {
        let (outer, inner) = (prefixes[(levels - level - 1) as usize], prefixes[(levels - level) as usize]);
        for (row, quad) in accumulators(tile) {
            text.line(format!("{outer}{row}_{quad} += {inner}{row}_{quad};"));
        }
        text.line("}");
    }
}
