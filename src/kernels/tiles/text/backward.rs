//! The text of `tiled_backward`.

use super::{Bindings, begin, entry_point, finish, first_row, over_quads, row_of, storage, zeros};
use crate::kernels::tiles::{Backward, Layout};
use crate::wgsl::Text;

pub(in crate::kernels::tiles) fn backward(kernel: &Backward, parameters: &[&'static str]) -> String {
    let &Backward { tile, d_output, w, d_input, tail, sigmoid, updates, bias } = kernel;
    let mut text = begin(tile, &kernel.heading());
    text.line("override WORKGROUP: u32;");
    text.line("");
    let of_w = if updates { "read_write" } else { "read" };
    let mut bindings =
        vec![storage("read", "d_output", d_output), storage(of_w, "w", w), storage("read_write", "d_input", d_input)];
    if sigmoid || updates {
        bindings.push(storage("read", "y", Layout::Quads));
    }
    if updates {
        bindings.push(("read", "order", "array<u32>".to_owned()));
        bindings.push(("read", "learning_rate", "array<f32>".to_owned()));
    }
    Bindings { members: parameters, storage: &bindings }.write(&mut text);
    d_output.read(&mut text, "d_output");
    w.read(&mut text, "w");
    d_input.write(&mut text, "d_input", "=");
    if updates {
        w.write(&mut text, "w", "-=");
    }

    entry_point(&mut text, "tiled_backward", tile, true);
    text.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
    text.line("");
    text.line("let inputs = p.inputs;");
    text.line("let outputs = p.outputs;");
    text.line("let rows = p.rows;");
    d_output.constants(&mut text, "d_output");
    w.constants(&mut text, "w");
    d_input.constants(&mut text, "d_input");
    if sigmoid || updates {
        Layout::Quads.constants(&mut text, "y");
    }
    for row in 0..tile.rows {
        let number = format!("min(first_row + {row}u, rows - 1u)");
        text.line(format!("let d{row}_first = {};", row_of("d_output", &number)));
    }
    for input in 0..4 * tile.quads {
        let number = format!("min(4u * first_quad + {input}u, inputs - 1u)");
        text.line(format!("let w{input}_first = {};", row_of("w", &number)));
    }
    zeros(&mut text, "sum", tile);
    over_quads(&mut text, tile, ("outputs", "inputs"), tail, |text, rest| {
        let place = |layout: Layout| if rest { layout.quad_inside("k", "outputs") } else { layout.quad("k") };
        for quad in 0..tile.quads {
            text.line(format!("let w{quad} = mat4x4("));
            for i in 0..4 {
                text.line(format!("w_at(w{}_first + {}),", 4 * quad + i, place(w)));
            }
            text.line(");");
        }
        for row in 0..tile.rows {
            let numbers = format!("d_output_at(d{row}_first + {})", place(d_output));
            text.line(match rest {
                true => format!("let d{row} = select(vec4(0.0), {numbers}, inside);"),
                false => format!("let d{row} = {numbers};"),
            });
            for quad in 0..tile.quads {
                text.line(format!("sum{row}_{quad} += d{row} * w{quad};"));
            }
        }
    });
    finish(&mut text, tile, "rows", "inputs", &|text| {
        if sigmoid {
            text.line(format!("let output = y[{} + quad];", row_of("y", "row")));
            text.line("sum *= output * (1.0 - output);");
        }
        text.line(format!("write_d_input({}, quad, inputs, sum);", row_of("d_input", "row")));
    });
    if updates {
        update_after_backward(&mut text, kernel, bias);
    }
    text.line("}");
    text.finish()
}

/// The update of the weights that a workgroup has read, which no other reads.
fn update_after_backward(text: &mut Text, kernel: &Backward, bias: bool) {
    let &Backward { tile, d_output, .. } = kernel;
    let inputs = 4 * tile.quads * tile.across;
    text.line("");
    text.line("// The weights of these inputs: nobody reads them any more.");
    text.line("workgroupBarrier();");
    text.line("let batch_rows = order[0];");
    text.line("let rate = learning_rate[0] / f32(batch_rows);");
    text.line("let fours = (outputs + 3u) / 4u;");
    text.line(format!("for (var i = lane; i < {inputs}u * fours; i += {}u) {{", tile.lanes));
    text.line(format!("let input = id.x * {inputs}u + i / fours;"));
    text.line("let quad = i % fours;");
    text.line(format!("if input < {} {{", if bias { "inputs + 1u" } else { "inputs" }));
    text.line(format!("let place = {};", d_output.quad_inside("quad", "outputs")));
    text.line("var d_weights = vec4<f32>();");
    text.line("for (var row = 0u; row < batch_rows; row++) {");
    // The input of a bias row is 1; what is read for it is another's.
    let number = "y[y_first + row * y_stride + min(input, inputs - 1u) / 4u][min(input, inputs - 1u) % 4u]";
    text.line(match bias {
        true => format!("let x = select({number}, 1.0, input == inputs);"),
        false => format!("let x = {number};"),
    });
    text.line(format!("d_weights += x * d_output_at({} + place);", row_of("d_output", "row")));
    text.line("}");
    text.line(format!("write_w({}, quad, outputs, rate * d_weights);", row_of("w", "input")));
    text.line("}");
    text.line("}");
}
