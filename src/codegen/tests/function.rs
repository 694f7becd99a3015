//! The exported function's source: valid, readable, its loops counted.

use super::{Compile, assert_checked_in, networks, networks_of_tables, validate};
use crate::codegen::function::write;
use crate::hash_grid::HashGrid;
use crate::mlp::Mlp;

/// Both stages call the function.
const CALLS: &str = "
@fragment
fn fragment(@builtin(position) pixel: vec4<f32>) -> @location(0) vec4<f32> {
    var input: array<f32, INPUTS>;
    input[0] = pixel.x;
    return vec4<f32>(NAME(input)[0]);
}
@compute @workgroup_size(1)
fn compute() {
    var input: array<f32, INPUTS>;
    _ = NAME(input)[0];
}
";

fn wide_networks() -> Vec<Mlp> {
    [1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 64, 127, 255, 256]
        .into_iter()
        .flat_map(|width| {
            [
                Mlp::inputs(width).linear(7).bias().sigmoid(),
                Mlp::inputs(13).linear(width).bias().sigmoid(),
                Mlp::inputs(2).linear(width).bias().sigmoid().linear(width).linear(1).sigmoid(),
                Mlp::inputs(3).linear(width).linear(17).bias().sigmoid().linear(width).bias(),
            ]
        })
        .collect()
}

/// Entries of each size, in the plane and in space.
fn networks_with_hash_grids() -> Vec<Mlp> {
    let grids = [1, 2, 4, 8].map(|features| HashGrid { features, levels: 3, ..HashGrid::default() });
    let grids = grids.into_iter().flat_map(|grid| [(2, grid), (3, HashGrid { smoothstep: true, ..grid })]);
    grids.map(|(inputs, grid)| Mlp::inputs(inputs).hash_grid(grid).linear(5).bias().sigmoid()).collect()
}

#[test]
fn every_source_compiles() {
    let mut networks = networks();
    networks.extend(wide_networks());
    networks.extend(networks_of_tables());
    networks.extend(networks_with_hash_grids());
    for mlp in &networks {
        let calls = CALLS.replace("INPUTS", &mlp.input_width().to_string());
        // Two networks in one shader.
        let sources = [("mlp_forward", [0, 0]), ("other", [3, 999])]
            .map(|(name, index)| write(mlp, name, index).0 + &calls.replace("NAME", name));
        let [first, second] = &sources;
        let second = second.replace("fn fragment", "fn other_fragment").replace("fn compute", "fn other_compute");
        validate(&mlp.to_string(), &format!("{first}{second}"), false, &Compile::Shader("compute"));
    }
    assert_eq!(networks.len(), 30 + 4 * 14 + (12 + 4) + 8);
}

#[test]
fn the_sources_checked_in_are_those_that_are_written() {
    let source = |mlp: Mlp| write(&mlp, "mlp_forward", [0, 1]).0;
    assert_checked_in(
        "function_unrolled.wgsl",
        include_str!("../../../tests/samples/function_unrolled.wgsl"),
        &source(Mlp::inputs(2).linear(6).bias().sigmoid().linear(1).sigmoid()),
    );
    assert_checked_in(
        "function_in_loops.wgsl",
        include_str!("../../../tests/samples/function_in_loops.wgsl"),
        &source(Mlp::inputs(9).linear(130).sigmoid().linear(18).bias().sigmoid().linear(3)),
    );
}

/// The loops of a source that is indented by its blocks, counted by who knows nothing of how it was written.
#[test]
fn a_call_goes_through_the_iterations_that_its_source_says() {
    for mlp in networks().into_iter().chain(wide_networks()) {
        let (source, said) = write(&mlp, "f", [0, 0]);
        let (mut total, mut blocks) = (0, Vec::<u64>::new());
        for line in source.lines().map(str::trim) {
            if line.starts_with('}') {
                blocks.pop();
            }
            if line.ends_with('{') {
                let times = line.strip_prefix("for (var ").map(|header| {
                    let bound = header.split(" < ").nth(1).and_then(|rest| rest.split("u;").next());
                    let step = header.split(" += ").nth(1).map_or("1", |rest| rest.split("u)").next().unwrap());
                    bound.unwrap().parse::<u64>().unwrap() / step.parse::<u64>().unwrap()
                });
                blocks.push(times.unwrap_or(1));
                total += if times.is_some() { blocks.iter().product() } else { 0 };
            }
        }
        assert_eq!(total, said, "{mlp}");
        assert!(source.contains(&format!("goes through {said} loop iterations")), "{mlp}");
    }
    assert_eq!(write(&Mlp::inputs(256).linear(256), "f", [0, 0]).1, 16 + 16 * 64);
}
