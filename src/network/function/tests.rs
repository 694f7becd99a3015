//! The texts: valid, readable, their loops counted; and the names that a function can have.

use super::check_name;
use super::text::write;
use crate::mlp::Mlp;
use crate::wgsl::tests::{assert_checked_in, assert_valid};

include!("../../../tests/common/networks.rs");

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
                Mlp::inputs(3).sigmoid().linear(width).linear(17).bias().sigmoid().sigmoid().linear(width).bias(),
            ]
        })
        .collect()
}

#[test]
fn every_text_passes_naga_and_where_it_is_installed_tint() {
    let mut networks = networks();
    networks.extend(wide_networks());
    networks.push(Mlp::inputs(6).sigmoid().sigmoid());
    for mlp in &networks {
        let calls = CALLS.replace("INPUTS", &mlp.input_width().to_string());
        // Two networks in one shader.
        let texts = [("mlp_forward", [0, 0]), ("other", [3, 999])]
            .map(|(name, place)| write(mlp, name, place).0 + &calls.replace("NAME", name));
        let [first, second] = &texts;
        let second = second.replace("fn fragment", "fn other_fragment").replace("fn compute", "fn other_compute");
        assert_valid(&mlp.to_string(), &format!("{first}{second}"));
    }
    assert_eq!(networks.len(), 30 + 4 * 14 + 1);
}

#[test]
fn every_word_that_wgsl_reserves_is_refused() {
    // Those that naga knows, which has built-in functions and types among them; and what the text itself says.
    let mlp = Mlp::inputs(40).linear(40).bias().sigmoid();
    let own = write(&mlp, "f", [0, 0]).0;
    let own = own.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| *word != "f");
    let mut refused = 0;
    for name in naga::keywords::wgsl::RESERVED.iter().copied().chain(own) {
        match check_name(name) {
            Ok(()) => assert_valid(name, &write(&mlp, name, [0, 0]).0),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
    for name in ["mlp_forward", "f", "F", "x0", "network_of_the_app_2"] {
        assert_eq!(check_name(name), Ok(()));
    }
}

#[test]
fn the_texts_checked_in_are_those_that_are_written() {
    let text = |mlp: Mlp| write(&mlp, "mlp_forward", [0, 1]).0;
    assert_checked_in(
        "function_written_out.wgsl",
        include_str!("../../../tests/samples/function_written_out.wgsl"),
        &text(Mlp::inputs(2).linear(6).bias().sigmoid().linear(1).sigmoid()),
    );
    assert_checked_in(
        "function_in_loops.wgsl",
        include_str!("../../../tests/samples/function_in_loops.wgsl"),
        &text(Mlp::inputs(9).linear(130).sigmoid().linear(18).bias().sigmoid().linear(3)),
    );
}

/// The loops of a text that is indented by its blocks, counted by who knows nothing of how it was written.
#[test]
fn a_call_goes_through_the_iterations_that_its_text_says() {
    for mlp in networks().into_iter().chain(wide_networks()) {
        let (text, said) = write(&mlp, "f", [0, 0]);
        let (mut total, mut blocks) = (0, Vec::<u64>::new());
        for line in text.lines().map(str::trim) {
            if line.starts_with('}') {
                blocks.pop();
            }
            if line.ends_with('{') {
                let times = line.strip_prefix("for (var ").map(|header| {
                    let bound = header.split(" < ").nth(1).and_then(|rest| rest.split("u;").next());
                    bound.unwrap().parse::<u64>().unwrap()
                });
                blocks.push(times.unwrap_or(1));
                total += if times.is_some() { blocks.iter().product() } else { 0 };
            }
        }
        assert_eq!(total, said, "{mlp}");
        assert!(text.contains(&format!("goes through {said} loop iterations")), "{mlp}");
    }
    assert_eq!(write(&Mlp::inputs(256).linear(256), "f", [0, 0]).1, 64 + 64 * 64);
}
