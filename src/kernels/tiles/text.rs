//! The texts of the tiled products, written for a tile's shape and for how the operands lie.
//!
//! All three accumulate a tile in registers over the terms of a sum, four terms at a time where they lie side by side, as
//! 4 × 4 matrices; then they add up what the slices of the sum found, and finish each four numbers of the result.

mod backward;
mod forward;
mod update;

use super::{Layout, Tile};
use crate::wgsl::Text;
pub(super) use backward::backward;
pub(super) use forward::forward;
pub(super) use update::update;

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
fn finish(text: &mut Text, tile: Tile, rows: &str, columns: &str, finish: &dyn Fn(&mut Text)) {
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
