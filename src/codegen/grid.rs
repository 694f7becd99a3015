//! Hash grids in WGSL: what stands before the kernels in `shaders/`, and the values in an exported function.

use super::functions::{self, Call};
use super::source::Source;
use super::vectors::{Chunk, plus};
use crate::hash_grid::HashGrid;
use crate::shaders::shader;

/// The functions of the table that a grid calls.
fn calls(grid: HashGrid, dimensions: u32, derivatives: bool) -> Vec<Call> {
    let mut names = vec!["coordinate", of_cell(dimensions)];
    if grid.smoothstep {
        names.push("smooth");
        names.extend(derivatives.then_some("smooth_derivative"));
    }
    names.into_iter().map(|name| Call { name: format!("hash_grid_{name}"), width: 1 }).collect()
}

/// The end of the name of the function for a cell's entry.
fn of_cell(dimensions: u32) -> &'static str {
    if dimensions == 2 { "plane" } else { "space" }
}

/// The components of a point.
fn components(dimensions: u32) -> &'static [&'static str] {
    &["x", "y", "z"][..dimensions as usize]
}

/// A vector of f32, of an expression for each component of a point.
fn point(dimensions: u32, of_each: &dyn Fn(&str) -> String) -> String {
    let values = components(dimensions).iter().map(|component| of_each(component)).collect::<Vec<_>>();
    format!("vec{dimensions}<f32>({})", values.join(", "))
}

/// The source of a kernel of a grid: the grid, `shaders/grid.wgsl`, and the kernel's file. `order` is the binding of the batch's
/// samples, if the rows of `x` are a data set's.
pub(crate) fn kernel(grid: HashGrid, dimensions: u32, order: Option<u32>, file: &str) -> String {
    let mut source = Source::default();
    functions::write(&mut source, "", &calls(grid, dimensions, true));
    let axes = (0..dimensions).map(|axis| format!("{axis}u")).collect::<Vec<_>>().join(", ");
    source.lines(&[
        "",
        &format!("alias Point = vec{dimensions}<f32>;"),
        &format!("alias Cell = vec{dimensions}<u32>;"),
        &format!("const AXES = Cell({axes});"),
        &format!("const DIMENSIONS = {dimensions}u;"),
        &format!("const CORNERS = {}u;", 1 << dimensions),
        &format!("const LEVELS = {}u;", grid.levels),
        &format!("const FEATURES = {}u;", grid.features),
        "",
        "fn entry_of_cell(cell: Cell, resolution: u32, entries: u32) -> u32 {",
        &format!("return hash_grid_{}1(cell, resolution, entries);", of_cell(dimensions)),
        "}",
    ]);
    let smooth = |name: &str| point(dimensions, &|component| format!("hash_grid_{name}1(f.{component})"));
    let [weights, derivatives] = match grid.smoothstep {
        true => ["smooth", "smooth_derivative"].map(smooth),
        false => ["f".to_owned(), "Point(1.0)".to_owned()],
    };
    let others = if dimensions == 2 { "v.yx" } else { "v.yzx * v.zxy" };
    let product =
        components(dimensions).iter().map(|component| format!("v.{component}")).collect::<Vec<_>>().join(" * ");
    let (sample, binding) = match order {
        Some(binding) => {
            ("order[1u + row]", format!("@group(0) @binding({binding}) var<storage, read> order: array<u32>;"))
        }
        None => ("row", String::new()),
    };
    let coordinates = (0..dimensions).map(|i| format!("hash_grid_coordinate1(x[{}])", plus("first", i)));
    let coordinates = coordinates.collect::<Vec<_>>().join(", ");
    for (signature, result) in [
        ("upper_weights(f: Point) -> Point", weights),
        ("upper_derivatives(f: Point) -> Point", derivatives),
        ("product(v: Point) -> f32", product),
        ("others(v: Point) -> Point", others.to_owned()),
        ("point_at(first: u32) -> Point", format!("Point({coordinates})")),
        ("sample_of(row: u32) -> u32", sample.to_owned()),
    ] {
        source.lines(&["", &format!("fn {signature} {{"), &format!("return {result};"), "}"]);
    }
    source.lines(&["", &binding]);
    source.paste(shader!("grid"));
    source.paste(file);
    source.finish()
}

/// The type of an entry's features.
fn entry_type(features: u32) -> &'static str {
    match features {
        1 => "f32",
        2 => "vec2<f32>",
        4 => "vec4<f32>",
        _ => "mat2x4<f32>",
    }
}

/// Writes the functions of a grid for an exported function of this name, whose parameters are an array of `vec4`.
pub(super) fn functions_of(source: &mut Source, grid: HashGrid, dimensions: u32, name: &str) {
    let ty = entry_type(grid.features);
    functions::write(source, &format!("{name}_"), &calls(grid, dimensions, false));
    let entry = match grid.features {
        1 => format!("return {name}_parameters[entry / 4u][entry % 4u];"),
        2 => format!("let two = {name}_parameters[entry / 2u];\nreturn select(two.xy, two.zw, entry % 2u == 1u);"),
        4 => format!("return {name}_parameters[entry];"),
        _ => format!("return {ty}({name}_parameters[2u * entry], {name}_parameters[2u * entry + 1u]);"),
    };
    source.lines(&["", &format!("fn {name}_entry(entry: u32) -> {ty} {{")]);
    entry.lines().for_each(|line| source.line(line));
    source.lines(&[
        "}",
        "",
        "// The features of a point in a level, between the corners of its cell.",
        &format!("fn {name}_level(point: vec{dimensions}<f32>, scale: f32, resolution: u32, entries: u32, first: u32) -> {ty} {{"),
        "let position = scale * point + 0.5;",
        "let below = floor(position);",
        &format!("let cell = vec{dimensions}<u32>(below);"),
        "let f = position - below;",
    ]);
    source.line(match grid.smoothstep {
        true => {
            let smooth = point(dimensions, &|component| format!("{name}_hash_grid_smooth1(f.{component})"));
            format!("let upper = {smooth};")
        }
        false => "let upper = f;".to_owned(),
    });
    source.line("let lower = 1.0 - upper;");
    let terms = (0..1u32 << dimensions).map(|corner| {
        let sides = (0..dimensions).map(|axis| corner >> axis & 1).collect::<Vec<_>>();
        let factors = sides.iter().zip(components(dimensions));
        let factors = factors.map(|(side, component)| format!("{}.{component}", ["lower", "upper"][*side as usize]));
        let sides = sides.iter().map(|side| format!("{side}u")).collect::<Vec<_>>().join(", ");
        let of_cell = of_cell(dimensions);
        let entry = format!("{name}_hash_grid_{of_cell}1(cell + vec{dimensions}({sides}), resolution, entries)");
        format!("{} * {name}_entry(first + {entry})", factors.collect::<Vec<_>>().join(" * "))
    });
    source.sum(1, "return", &terms.collect::<Vec<_>>());
    source.line("}");
}

/// Writes the variables `level_0`, `level_1`, … of an exported function, from its argument `input`.
pub(super) fn levels(source: &mut Source, grid: HashGrid, dimensions: u32, name: &str) {
    let coordinate = |i: u32| format!("{name}_hash_grid_coordinate1(input[{i}])");
    let coordinates = (0..dimensions).map(coordinate).collect::<Vec<_>>().join(", ");
    source.line(format!("let point = vec{dimensions}<f32>({coordinates});"));
    for (l, level) in grid.levels_of(dimensions as usize).iter().enumerate() {
        source.line(format!(
            "let level_{l} = {name}_level(point, {}, {}u, {}u, {}u);",
            functions::constant(level.scale.into(), 1),
            level.dense_resolution(),
            level.entries,
            level.first
        ));
    }
}

/// Value number `column` of the grid, of those variables.
pub(super) fn value(grid: HashGrid, column: u32) -> String {
    let (level, feature) = (format!("level_{}", column / grid.features), column % grid.features);
    match grid.features {
        1 => level,
        8 => Chunk { index: 0, first: 0, width: 4 }.component(&format!("{level}[{}]", feature / 4), feature % 4),
        features => Chunk { index: 0, first: 0, width: features }.component(&level, feature),
    }
}
