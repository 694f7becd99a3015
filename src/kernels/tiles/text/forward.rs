//! The text of `tiled_forward`.

use super::{Bindings, SIGMOID, begin, entry_point, finish, first_row, over_quads, row_of, storage, zeros};
use crate::kernels::tiles::{End, Forward, Layout, Target};

pub(in crate::kernels::tiles) fn forward(kernel: &Forward, parameters: &[&'static str]) -> String {
    let &Forward { tile, x, w, end, .. } = kernel;
    let mut text = begin(tile, &kernel.heading());
    if kernel.first {
        text.paste(include_str!("../../../../shaders/state.wgsl"));
        if kernel.shuffle {
            text.paste(include_str!("../../../../shaders/permutation.wgsl"));
        }
    }
    text.line("override WORKGROUP: u32;");
    text.line("");
    let mut bindings = vec![storage("read", "x", x), storage("read", "w", w)];
    match end {
        End::Output(y) => bindings.push(storage("read_write", "y", y)),
        End::Error(target) => {
            let layout = match target {
                Target::Floats => "array<f32>".to_owned(),
                Target::Class => "array<u32>".to_owned(),
            };
            bindings.push(storage("read_write", "y", Layout::Quads));
            bindings.push(("read", "t", layout));
            bindings.push(("read_write", "partial_errors", "array<f32>".to_owned()));
        }
    }
    if kernel.first {
        bindings.push(("read_write", "order", "array<u32>".to_owned()));
        bindings.push(("read", "batch", "Batch".to_owned()));
        if kernel.shuffle {
            bindings.push(("read", "sample_count", "array<u32>".to_owned()));
        }
    } else if let End::Error(_) = end {
        bindings.push(("read", "order", "array<u32>".to_owned()));
    }
    Bindings { members: parameters, storage: &bindings }.write(&mut text);

    x.read(&mut text, "x");
    w.read(&mut text, "w");
    match end {
        End::Output(y) => y.write(&mut text, "y", "="),
        End::Error(_) => Layout::Quads.write(&mut text, "y", "="),
    }
    if kernel.sigmoid {
        text.paste(SIGMOID.trim_end());
    }
    let with_samples = kernel.first || matches!(end, End::Error(_));
    if with_samples {
        text.line("");
        text.line("// The samples of the tiles' rows.");
        text.line(format!("var<workgroup> samples: array<u32, {}>;", tile.rows * tile.down()));
    }

    entry_point(&mut text, "tiled_forward", tile, true);
    text.line(format!("let first_row = {};", first_row(tile, "tile", 1)));
    if with_samples {
        text.line(format!("let top = id.y * {}u; // the workgroup's first row", tile.rows * tile.down()));
    }
    if kernel.first {
        text.line("");
        text.line("// Rows past the batch's end take its last sample once more.");
        text.line("let batch_rows = batch.rows;");
        text.line(format!("for (var i = lane; i < {}u; i += {}u) {{", tile.rows * tile.down(), tile.lanes));
        text.line("var sample = batch.position + min(top + i, batch_rows - 1u);");
        if kernel.shuffle {
            text.line("sample = permutation(sample, sample_count[0], p.seed, batch.epoch);");
        }
        text.line("samples[i] = sample;");
        text.line("if id.x == 0u && top + i < p.rows {");
        text.line("order[1u + top + i] = sample; // for the kernels that follow");
        text.line("}");
        text.line("}");
        text.line("if id.x == 0u && id.y == 0u && lane == 0u {");
        text.line("order[0] = batch_rows;");
        text.line("}");
        text.line("workgroupBarrier();");
    } else if with_samples {
        text.line("");
        text.line("let batch_rows = order[0];");
        text.line(format!("for (var i = lane; i < {}u; i += {}u) {{", tile.rows * tile.down(), tile.lanes));
        text.line("samples[i] = order[1u + min(top + i, p.rows - 1u)];");
        text.line("}");
        text.line("workgroupBarrier();");
    }

    text.line("");
    text.line("let inputs = p.inputs;");
    text.line("let outputs = p.outputs;");
    text.line("let rows = p.rows;");
    x.constants(&mut text, "x");
    w.constants(&mut text, "w");
    let y = match end {
        End::Output(y) => y,
        End::Error(_) => Layout::Quads,
    };
    y.constants(&mut text, "y");
    if let End::Error(target) = end {
        text.line("let t_view = p.t_view;");
        if target == Target::Class {
            text.line("let t_scale = p.t_scale;");
        }
    }
    for row in 0..tile.rows {
        let number = match kernel.first {
            true if tile.down() == 1 => format!("samples[{row}]"),
            true => format!("samples[first_row - top + {row}u]"),
            false => format!("min(first_row + {row}u, rows - 1u)"),
        };
        text.line(format!("let x{row}_first = {};", row_of("x", &number)));
    }
    for quad in 0..tile.quads {
        let place = w.quad_inside(&format!("first_quad + {quad}u"), "outputs");
        text.line(format!("let w{quad}_first = w_first + {place};"));
    }
    zeros(&mut text, "sum", tile);
    if kernel.bias {
        text.line("if slice == 0u {");
        for quad in 0..tile.quads {
            text.line(format!("let bias{quad} = w_at(w{quad}_first + inputs * w_stride);"));
            for row in 0..tile.rows {
                text.line(format!("sum{row}_{quad} = bias{quad};"));
            }
        }
        text.line("}");
    }
    over_quads(&mut text, tile, ("inputs", "outputs"), kernel.tail, |text, rest| {
        for quad in 0..tile.quads {
            let columns = (0..4).map(|i| match rest {
                true => format!("w_at(w{quad}_first + min(4u * k + {i}u, inputs - 1u) * w_stride)"),
                false => format!("w_at(w{quad}_first + (4u * k + {i}u) * w_stride)"),
            });
            text.line(format!("let w{quad} = mat4x4("));
            columns.for_each(|column| text.line(format!("{column},")));
            text.line(");");
        }
        for row in 0..tile.rows {
            let four = if rest { x.quad_inside("k", "inputs") } else { x.quad("k") };
            let numbers = x.at("x", &format!("x{row}_first + {four}"));
            text.line(match rest {
                true => format!("let x{row} = select(vec4(0.0), {numbers}, inside);"),
                false => format!("let x{row} = {numbers};"),
            });
            for quad in 0..tile.quads {
                text.line(format!("sum{row}_{quad} += w{quad} * x{row};"));
            }
        }
    });

    if let End::Error(_) = end {
        text.line("");
        text.line("var error = 0.0;");
    }
    finish(&mut text, tile, "rows", "outputs", &|text| {
        text.line(format!("let output = {};", if kernel.sigmoid { "sigmoid(sum)" } else { "sum" }));
        let End::Error(target) = end else {
            return text.line(format!("write_y({}, quad, outputs, output);", row_of("y", "row")));
        };
        text.line("let sample = samples[row - top];");
        text.line("let columns = 4u * quad + vec4(0u, 1u, 2u, 3u);");
        match target {
            Target::Floats => {
                text.line("let t_first = t_view.x + sample * t_view.y;");
                text.line("let t_at = t_first + min(columns, vec4(outputs - 1u));");
                text.line("let wanted = vec4(t[t_at.x], t[t_at.y], t[t_at.z], t[t_at.w]);");
            }
            Target::Class => {
                text.line("let own = t[t_view.x + sample * t_view.y];");
                text.line("let wanted = select(vec4(t_scale.y), vec4(t_scale.x), columns == vec4(own));");
            }
        }
        text.line("let counts = columns < vec4(select(0u, outputs, row < batch_rows));");
        text.line("let difference = select(vec4(0.0), output - wanted, counts);");
        text.line("error += 0.5 * dot(difference, difference);");
        let slope = if kernel.sigmoid { " * output * (1.0 - output)" } else { "" };
        let place = row_of("y", "row");
        text.line(format!("write_y({place}, quad, outputs, difference{slope}); // the derivative by the sums"));
    });
    if let End::Error(_) = end {
        text.line("workgroupBarrier();");
        text.line("sums[lane] = vec4(error);");
        text.line("workgroupBarrier();");
        text.line("if lane == 0u {");
        text.line(format!("for (var i = 1u; i < {}u; i++) {{", tile.lanes));
        text.line("error += sums[i].x;");
        text.line("}");
        text.line("partial_errors[id.y * p.workgroups + id.x] = error;");
        text.line("}");
    }
    text.line("}");
    text.finish()
}
