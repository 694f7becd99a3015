//! The texts of the tiled products, written for a tile's shape and for how the operands lie.
//!
//! All three accumulate a tile in registers over the terms of a sum, four terms at a time where they lie side by side, as
//! 4 × 4 matrices; then they add up what the slices of the sum found, and finish each four numbers of the result.

use super::{Backward, End, Forward, Layout, Target, Tile, Update};
use crate::wgsl::Text;

/// What the texts say of an operand: how its places are written, and how a place is read.
impl Layout {
    /// The elements of its buffer.
    fn element(self) -> &'static str {
        match self {
            Layout::Quads => "vec4<f32>",
            Layout::Numbers => "f32",
            Layout::Bytes => "u32",
        }
    }

    /// The places of four numbers side by side.
    fn place(self) -> &'static str {
        if self == Layout::Numbers { "vec4<u32>" } else { "u32" }
    }

    /// The place of four columns: the `quad`-th four.
    fn quad(self, quad: &str) -> String {
        match self {
            Layout::Numbers => format!("4u * {quad} + vec4(0u, 1u, 2u, 3u)"),
            _ => quad.to_owned(),
        }
    }

    /// The same, where the four may be past the last of `columns`: then it is that of others.
    fn quad_inside(self, quad: &str, columns: &str) -> String {
        match self {
            Layout::Numbers => format!("min(4u * ({quad}) + vec4(0u, 1u, 2u, 3u), vec4({columns} - 1u))"),
            _ => format!("min({quad}, ({columns} - 1u) / 4u)"),
        }
    }

    /// What turns a member of the uniform, in numbers, to the units of the places.
    fn units(self) -> &'static str {
        if self == Layout::Quads { " / 4u" } else { "" }
    }

    /// Reads the four numbers at a place.
    fn read(self, text: &mut Text, name: &str) {
        text.line("");
        let scale = if self == Layout::Bytes { ", scale: vec2<f32>" } else { "" };
        text.line(format!("fn {name}_at(place: {}{scale}) -> vec4<f32> {{", self.place()));
        text.line(match self {
            Layout::Quads => format!("return {name}[place];"),
            Layout::Numbers => {
                format!("return vec4({name}[place.x], {name}[place.y], {name}[place.z], {name}[place.w]);")
            }
            Layout::Bytes => {
                format!("return vec4<f32>(unpack4xU8({name}[place])) * scale.x + scale.y;")
            }
        });
        text.line("}");
    }

    /// The four numbers at a place.
    fn at(self, name: &str, place: &str) -> String {
        if self == Layout::Bytes { format!("{name}_at({place}, {name}_scale)") } else { format!("{name}_at({place})") }
    }

    /// What reading takes of the uniform, read before the loops: in them, Mesa's software driver would read it anew for
    /// each lane.
    fn constants(self, text: &mut Text, name: &str) {
        text.line(format!("let {name}_first = p.{name}_view.x{};", self.units()));
        text.line(format!("let {name}_stride = p.{name}_view.y{};", self.units()));
        if self == Layout::Bytes {
            text.line(format!("let {name}_scale = p.{name}_scale;"));
        }
    }

    /// A function that puts four numbers of a row to their place, as far as there are columns: `=`, `+=` or `-=`.
    fn write(self, text: &mut Text, name: &str, operator: &str) {
        text.line("");
        if self == Layout::Quads {
            text.line(format!("fn write_{name}(row: u32, quad: u32, columns: u32, numbers: vec4<f32>) {{"));
            text.line(format!("{name}[row + quad] {operator} numbers;"));
        } else {
            text.line(format!("fn write_{name}(row: u32, quad: u32, columns: u32, numbers: vec4<f32>) {{"));
            text.line("let first = row + 4u * quad;");
            text.line(format!("{name}[first] {operator} numbers.x;"));
            for (i, number) in [(1, "y"), (2, "z"), (3, "w")] {
                text.line(format!("if 4u * quad + {i}u < columns {{"));
                text.line(format!("{name}[first + {i}u] {operator} numbers.{number};"));
                text.line("}");
            }
        }
        text.line("}");
    }
}

/// The place of a row of an operand, from its number.
fn row_of(name: &str, number: &str) -> String {
    format!("{name}_first + {number} * {name}_stride")
}

/// The members of a uniform, its struct, and the bindings after it.
struct Bindings<'a> {
    members: &'a [&'static str],
    storage: &'a [(&'static str, &'static str, String)],
}

impl Bindings<'_> {
    fn write(&self, text: &mut Text) {
        text.line("struct Tiles {");
        for member in self.members {
            let ty = match *member {
                name if name.ends_with("_scale") => "vec2<f32>",
                name if name.ends_with("_view") || name == "seed" => "vec2<u32>",
                _ => "u32",
            };
            text.line(format!("{member}: {ty},"));
        }
        text.line("}");
        text.line("");
        text.line("@group(0) @binding(0) var<uniform> p: Tiles;");
        for (binding, (access, name, ty)) in (1..).zip(self.storage) {
            text.line(format!("@group(0) @binding({binding}) var<storage, {access}> {name}: {ty};"));
        }
    }
}

fn storage(access: &'static str, name: &'static str, layout: Layout) -> (&'static str, &'static str, String) {
    (access, name, format!("array<{}>", layout.element()))
}

const SIGMOID: &str = "
// e is never raised to a positive power, which could overflow.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let z = exp(-abs(x));
    return select(vec4(1.0), z, x < vec4(0.0)) / (1.0 + z);
}
";

/// The heading, and what every text begins with.
fn begin(tile: Tile, heading: &[&str]) -> Text {
    let mut text = Text::default();
    for line in heading {
        text.line(format!("// {line}"));
    }
    let Tile { rows, quads, slices, lanes, .. } = tile;
    text.line("//");
    let who = match slices {
        1 => format!("an invocation accumulates it in registers, {lanes} are a workgroup."),
        _ => format!(
            "{slices} of a workgroup's {lanes} invocations accumulate it in registers, a slice of the sums each."
        ),
    };
    text.line(format!("// A tile is {rows} rows by {} columns; {who}", 4 * quads));
    text.line("");
    text
}

fn entry_point(text: &mut Text, name: &str, tile: Tile, with_sums: bool) {
    text.line("");
    if with_sums {
        text.line(format!("var<workgroup> sums: array<vec4<f32>, {}>;", tile.lanes * tile.parts()));
        text.line("");
    }
    text.line("@compute @workgroup_size(WORKGROUP)");
    text.line(format!(
        "fn {name}(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {{"
    ));
    text.line(format!(
        "let slice = {};",
        if tile.slices == 1 { "0u".to_owned() } else { format!("lane % {}u", tile.slices) }
    ));
    text.line(format!(
        "let tile = {};",
        if tile.slices == 1 { "lane".to_owned() } else { format!("lane / {}u", tile.slices) }
    ));
    text.line(format!("let first_quad = {};", first_quad(tile, "tile")));
}

/// The first four columns of a workgroup's tile.
fn first_quad(tile: Tile, number: &str) -> String {
    format!("(id.x * {across}u + {number} % {across}u) * {}u", tile.quads, across = tile.across)
}

/// The first row of a workgroup's tile, where an invocation takes so many of them.
fn first_row(tile: Tile, number: &str, turns: u32) -> String {
    match tile.down() {
        1 => format!("id.y * {}u", tile.rows * turns),
        down => format!("(id.y * {down}u + {number} / {}u) * {}u", tile.across, tile.rows * turns),
    }
}

/// The tile's accumulators, named by row and quad.
fn accumulators(tile: Tile) -> impl Iterator<Item = (u32, u32)> {
    (0..tile.rows).flat_map(move |row| (0..tile.quads).map(move |quad| (row, quad)))
}

fn zeros(text: &mut Text, prefix: &str, tile: Tile) {
    for (row, quad) in accumulators(tile) {
        text.line(format!("var {prefix}{row}_{quad} = vec4<f32>();"));
    }
}

/// After the sums: adds the slices up through workgroup memory, and calls `finish` for each four numbers inside.
fn finish(text: &mut Text, tile: Tile, rows: &str, columns: &str, finish: impl FnOnce(&mut Text)) {
    let (parts, slices, tiles) = (tile.parts(), tile.slices, tile.lanes / tile.slices);
    text.line("");
    for (row, quad) in accumulators(tile) {
        text.line(format!("sums[lane * {parts}u + {}u] = sum{row}_{quad};", row * tile.quads + quad));
    }
    text.line("workgroupBarrier();");
    text.line(format!("for (var i = lane; i < {}u; i += {}u) {{", tiles * parts, tile.lanes));
    text.line(format!("let owner = i / {parts}u;"));
    text.line(format!("let part = i % {parts}u;"));
    text.line(format!("let row = {} + part / {}u;", first_row(tile, "owner", 1), tile.quads));
    text.line(format!("let quad = {} + part % {}u;", first_quad(tile, "owner"), tile.quads));
    text.line(format!("if row < {rows} && 4u * quad < {columns} {{"));
    text.line(format!("var sum = sums[owner * {}u + part];", slices * parts));
    if slices > 1 {
        text.line(format!("for (var slice = 1u; slice < {slices}u; slice++) {{"));
        text.line(format!("sum += sums[(owner * {slices}u + slice) * {parts}u + part];"));
        text.line("}");
    }
    finish(text);
    text.line("}");
    text.line("}");
}

/// `for (k of the slice)` over the fours of `terms`, and where they are no whole fours, once more for the rest: `body`
/// writes one turn, given the place of the four and whether it is the rest.
fn over_quads(
    text: &mut Text,
    tile: Tile,
    (terms, columns): (&str, &str),
    tail: bool,
    mut body: impl FnMut(&mut Text, bool),
) {
    text.line("");
    text.line(format!("let quads = select(0u, {terms} / 4u, 4u * first_quad < {columns});"));
    text.line(format!("for (var k = slice; k < quads; k += {}u) {{", tile.slices));
    body(text, false);
    text.line("}");
    if tail {
        text.line("");
        text.line("// The terms that are left count, the others of the four are 0.");
        text.line(format!("let inside = vec4(0u, 1u, 2u, 3u) < vec4({terms} % 4u);"));
        text.line(format!("if slice == 0u && 4u * first_quad < {columns} {{"));
        text.line(format!("let k = {terms} / 4u;"));
        body(text, true);
        text.line("}");
    }
}

pub(super) fn forward(kernel: &Forward, parameters: &[&'static str]) -> String {
    let &Forward { tile, x, w, end, .. } = kernel;
    let mut text = begin(tile, &kernel.heading());
    if kernel.first {
        text.paste(include_str!("../../../shaders/state.wgsl"));
        if kernel.shuffle {
            text.paste(include_str!("../../../shaders/permutation.wgsl"));
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
    finish(&mut text, tile, "rows", "outputs", |text| {
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

pub(super) fn backward(kernel: &Backward, parameters: &[&'static str]) -> String {
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
    finish(&mut text, tile, "rows", "inputs", |text| {
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

/// The rows whose products are added up on their own, and so many of these sums again: rounding grows by no more than
/// twice this and one for each square of it, instead of with the rows.
const BLOCK: u32 = 32;

pub(super) fn update(kernel: &Update, parameters: &[&'static str]) -> String {
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
        text.paste(include_str!("../../../shaders/state.wgsl"));
        text.paste(include_str!("../../../shaders/tree_sum.wgsl"));
        text.paste(include_str!("../../../shaders/end_step.wgsl"));
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
        finish(&mut text, tile, "height", "outputs", |text| {
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
