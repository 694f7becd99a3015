//! Every shader parses, validates, and binds what Rust says.

use std::collections::BTreeSet;

use naga::Module;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use wgrad::kernels::{Access, Shader, shaders};

include!("common/bindings.rs");

fn parse(shader: &Shader) -> (Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(&shader.source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&shader.source)));
    // No capabilities: WGSL without extensions.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&shader.source)));
    (module, info)
}

/// The files of `shaders/` and its folders: path and source.
fn files() -> Vec<(String, String)> {
    files_below(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders"))
}

fn files_below(root: &str) -> Vec<(String, String)> {
    let root = std::path::Path::new(root);
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Files without a kernel: they are prepended to the sources of kernels, whole or function by function.
const PARTS: [&str; 7] = [
    "end_step.wgsl",
    "grid.wgsl",
    "permutation.wgsl",
    "picture_rows.wgsl",
    "picture_texture.wgsl",
    "state.wgsl",
    "tree_sum.wgsl",
];

/// Kernels whose bindings are written for the case at hand, like those of `codegen::tiles`.
const BODIES: [&str; 3] = ["grid_update.wgsl", "row_loss.wgsl", "weight_update.wgsl"];

/// Kernels that call functions of formulas, which stand before them.
const WITH_FORMULAS: [&str; 8] = [
    "activation.wgsl",
    "encode.wgsl",
    "grid_encode.wgsl",
    "grid_encode_backward.wgsl",
    "grid_sum.wgsl",
    "loss.wgsl",
    "sample_picture.wgsl",
    "softmax.wgsl",
];

#[test]
fn every_file_is_a_kernel_family_or_a_part_of_some() {
    let files = files();
    let is_formula = |name: &str| name.contains('/');
    let kernels = files.iter().filter(|(name, _)| !is_formula(name)).collect::<Vec<_>>();
    assert_eq!(kernels.len(), 19 + BODIES.len() + PARTS.len());
    // Activations, losses, optimizers, schedules, encodings, and functions that these call.
    assert_eq!(files.len() - kernels.len(), 11 + 6 + 5 + 4 + 4 + 7);
    let mut entry_points = BTreeSet::new();
    for (name, source) in &files {
        if PARTS.contains(&name.as_str()) || is_formula(name) {
            assert!(!source.contains("@compute"), "{name} has an entry point");
            continue;
        }
        if BODIES.contains(&name.as_str()) {
            continue;
        }
        let all = shaders();
        let shaders = all.iter().filter(|shader| shader.source.trim_end().ends_with(source.trim_end()));
        let shaders = shaders.collect::<Vec<_>>();
        assert!(!shaders.is_empty(), "{name} is no kernel's source");
        for shader in shaders {
            // Only whole parts come before it, and the functions of formulas.
            let mut before = shader.source.trim_end().strip_suffix(source.trim_end()).unwrap();
            let parts = files.iter().filter(|(name, _)| PARTS.contains(&name.as_str()));
            while let Some((_, part)) = parts.clone().find(|(_, part)| before.starts_with(part.as_str())) {
                before = before[part.len()..].trim_start();
            }
            assert_eq!(before.contains("fn "), WITH_FORMULAS.contains(&name.as_str()), "{name}");
            let (module, _) = parse(shader);
            for entry_point in module.entry_points {
                assert!(
                    name.strip_suffix(".wgsl").is_some_and(|family| entry_point.name.starts_with(family)),
                    "{name}"
                );
                entry_points.insert(entry_point.name);
            }
        }
    }
    assert_eq!(entry_points, shaders().iter().map(|shader| shader.entry_point.to_owned()).collect());
}

#[test]
fn every_kernel_binds_what_rust_says() {
    for shader in &shaders() {
        let (module, info) = parse(shader);
        let uniform = shader.uniform.iter().map(|&(name, ty)| (name, ty.wgsl())).collect();
        let written = shader.storage.iter().map(|&access| access == Access::ReadWrite).collect();
        let (entry_point, workgroup) = (shader.entry_point, shader.workgroup.is_some());
        assert_binds(&Bound { entry_point, uniform, written, workgroup }, &module, &info);
    }
}

/// Formulas are in files of their own, which every plan reads: neither another file of `shaders/` nor what Rust writes has an
/// exponential or the derivative of a sigmoid. And none calls a built-in function that may be far off.
#[test]
fn formulas_are_in_their_own_files_and_call_no_inexact_function() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/codegen");
    let written = files_below(root).into_iter().filter(|(name, _)| !name.starts_with("tests/"));
    let sources = written.chain(files()).collect::<Vec<_>>();
    let (formulas, others): (Vec<_>, Vec<_>) =
        sources.iter().partition(|(name, _)| name.contains('/') && name.ends_with(".wgsl"));
    assert!(others.len() > 25 && formulas.len() > 20, "{} {}", others.len(), formulas.len());
    for (name, text) in others {
        assert!(!text.contains("exp(") && !text.contains("(1.0 - "), "{name}");
    }
    for (name, text) in formulas {
        let code = text.lines().filter(|line| !line.trim().starts_with("//")).collect::<String>();
        let called = code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let mut inexact =
            called.filter(|word| ["tanh", "sinh", "cosh", "sin", "cos", "log", "log2", "pow"].contains(word));
        assert_eq!(inexact.next(), None, "{name}");
    }
}
