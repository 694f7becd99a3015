//! The matmul family at speed: kernels whose tiles stay in registers, with what comes before and after them fused in.
//!
//! All three accumulate a tile of the result in registers over the terms of a sum, four terms per iteration as 4 × 4 matrices;
//! then they add the slices of the sum, and finish each chunk of four values. A source depends on the tile's shape and on how
//! the operands lie, not on their sizes: networks share them.

pub(crate) mod backward;
pub(crate) mod forward;
mod layout;
mod tile;
pub(crate) mod update;

use super::source::Source;
pub(crate) use layout::Layout;
use layout::row_of;
#[cfg(test)]
pub(crate) use tile::FEW_ROWS;
pub(crate) use tile::{Device, INVOCATIONS_OF_A_GPU, Tile, WIDEST};

/// A matrix that a kernel binds: its offset in the binding and its row stride, in values, and its buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix<R> {
    pub view: [u32; 2],
    pub buffer: R,
}

/// The heading, with a description of the tile.
fn begin(tile: Tile, heading: &dyn Fn() -> Vec<String>) -> Source {
    let mut source = Source::default();
    source.heading(heading);
    let Tile { rows, chunks, slices, invocations, .. } = tile;
    source.heading(|| {
        let who = match slices {
            1 => format!("an invocation accumulates it in registers, {invocations} are a workgroup."),
            _ => format!(
                "{slices} of a workgroup's {invocations} invocations accumulate it in registers, a slice of the sums each."
            ),
        };
        vec![String::new(), format!("A tile is {rows} rows by {} columns; {who}", 4 * chunks)]
    });
    source.line("");
    source
}

fn entry_point(source: &mut Source, name: &str, tile: Tile, with_sums: bool) {
    let Tile { slices, invocations, .. } = tile;
    source.line("");
    if with_sums {
        source.line(format!("var<workgroup> sums: array<vec4<f32>, {}>;", invocations * tile.size()));
        source.line("");
    }
    let [slice, number] = match slices {
        1 => ["0u".to_owned(), "invocation".to_owned()],
        _ => [format!("invocation % {slices}u"), format!("invocation / {slices}u")],
    };
    source.lines(&[
        "@compute @workgroup_size(WORKGROUP)",
        &format!(
            "fn {name}(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {{"
        ),
        &format!("let slice = {slice};"),
        &format!("let tile = {number};"),
        &format!("let first_chunk = {};", first_chunk(tile, "tile")),
    ]);
}

/// The first chunk of columns of a workgroup's tile.
fn first_chunk(tile: Tile, number: &str) -> String {
    format!("(id.x * {across}u + {number} % {across}u) * {}u", tile.chunks, across = tile.across)
}

/// The first row of a workgroup's tile; an invocation takes `repeats` tiles, one below the other.
fn first_row(tile: Tile, number: &str, repeats: u32) -> String {
    match tile.down() {
        1 => format!("id.y * {}u", tile.rows * repeats),
        down => format!("(id.y * {down}u + {number} / {}u) * {}u", tile.across, tile.rows * repeats),
    }
}

/// The tile's accumulators, by row and chunk.
fn accumulators(tile: Tile) -> impl Iterator<Item = (u32, u32)> {
    (0..tile.rows).flat_map(move |row| (0..tile.chunks).map(move |chunk| (row, chunk)))
}

fn zeros(source: &mut Source, prefix: &str, tile: Tile) {
    for (row, chunk) in accumulators(tile) {
        source.line(format!("var {prefix}{row}_{chunk} = vec4<f32>();"));
    }
}

/// After the sums: adds the slices through workgroup memory; `finish` writes what is done with each chunk of the result.
fn finish(source: &mut Source, tile: Tile, rows: &str, columns: &str, finish: &dyn Fn(&mut Source)) {
    let (size, slices, tiles) = (tile.size(), tile.slices, tile.invocations / tile.slices);
    source.line("");
    for (row, chunk) in accumulators(tile) {
        source.line(format!("sums[invocation * {size}u + {}u] = sum{row}_{chunk};", row * tile.chunks + chunk));
    }
    source.lines(&[
        "workgroupBarrier();",
        &format!("for (var i = invocation; i < {}u; i += {}u) {{", tiles * size, tile.invocations),
        &format!("let owner = i / {size}u;"),
        &format!("let part = i % {size}u;"),
        &format!("let row = {} + part / {}u;", first_row(tile, "owner", 1), tile.chunks),
        &format!("let chunk = {} + part % {}u;", first_chunk(tile, "owner"), tile.chunks),
        &format!("if row < {rows} && 4u * chunk < {columns} {{"),
        &format!("var sum = sums[owner * {}u + part];", slices * size),
    ]);
    if slices > 1 {
        source.lines(&[
            &format!("for (var slice = 1u; slice < {slices}u; slice++) {{"),
            &format!("sum += sums[(owner * {slices}u + slice) * {size}u + part];"),
            "}",
        ]);
    }
    finish(source);
    source.lines(&["}", "}"]);
}

/// The loop of a slice over the chunks of `terms`; if the last chunk is not whole, a `tail` after the loop. `body` writes one
/// iteration, given whether it is the tail.
fn over_chunks(
    source: &mut Source,
    tile: Tile,
    (terms, columns): (&str, &str),
    tail: bool,
    body: &dyn Fn(&mut Source, bool),
) {
    source.line("");
    source.line(format!("let chunks = select(0u, {terms} / 4u, 4u * first_chunk < {columns});"));
    source.line(format!("for (var k = slice; k < chunks; k += {}u) {{", tile.slices));
    body(source, false);
    source.line("}");
    if tail {
        source.line("");
        source.comment(&["The last terms: the values past them are 0."]);
        source.line(format!("let inside = vec4(0u, 1u, 2u, 3u) < vec4({terms} % 4u);"));
        source.line(format!("if slice == 0u && 4u * first_chunk < {columns} {{"));
        source.line(format!("let k = {terms} / 4u;"));
        body(source, true);
        source.line("}");
    }
}

/// Reads the chunk of a row that an iteration of [`over_chunks`] multiplies; in the tail, values past the end are 0.
fn read_terms(source: &mut Source, name: &str, values: &str, is_tail: bool) {
    source.line(match is_tail {
        true => format!("let {name} = select(vec4(0.0), {values}, inside);"),
        false => format!("let {name} = {values};"),
    });
}

/// `let name = mat4x4(columns)`.
fn matrix(source: &mut Source, name: &str, columns: impl Iterator<Item = String>) {
    source.line(format!("let {name} = mat4x4("));
    columns.for_each(|column| source.line(format!("{column},")));
    source.line(");");
}
