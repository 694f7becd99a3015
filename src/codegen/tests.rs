//! What all sources that Rust writes must be: valid, with the bindings that Rust says, and readable where they are checked
//! in.

mod browser;
mod formulas;
mod function;
mod persistent;
mod plain;
mod tiles;

use std::fs;

use browser::Compile;
use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, valid::ModuleInfo};

use super::functions::{self, Call};
use super::source::Source;
use super::{Access, Bindings};
use crate::activation::Activation;
use crate::encoding::Encoding;
use crate::gpu::for_browsers;
use crate::loss::Loss;
use crate::mlp::Mlp;

include!("../../tests/common/networks.rs");
include!("../../tests/common/bindings.rs");

/// Fails unless naga, and where one is installed a browser's compiler, take the source.
pub(crate) fn assert_valid(what: &str, source: &str) -> (Module, ModuleInfo) {
    validate(what, source, false, &Compile::Module)
}

/// The same of a generated kernel, whose pipeline is made with as many invocations a workgroup, and which binds what its list says.
fn assert_kernel<R>(what: &str, (entry_point, source, invocations): (&str, &str, u32), bindings: &Bindings<R>) {
    let accesses = bindings.accesses();
    let pipeline = Compile::Kernel { entry_point, workgroup: Some(invocations), accesses: &accesses };
    assert_bindings(entry_point, bindings, &validate(what, source, false, &pipeline));
}

fn validate(what: &str, source: &str, uses_subgroups: bool, compile: &Compile) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{what}: {}\n{source}", error.emit_to_string(source)));
    let capabilities = if uses_subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{what}: {}", error.emit_to_string(source)));
    assert!(module.overrides.iter().all(|(_, constant)| constant.init.is_none()), "{what}");
    if let Some(words) = browser::refusal(what, &for_browsers(source), compile) {
        panic!("{what}: {words}");
    }
    (module, info)
}

/// Fails unless a generated kernel binds what its list says.
fn assert_bindings<R>(entry_point: &str, bindings: &Bindings<R>, valid: &(Module, ModuleInfo)) {
    let uniform = bindings.uniform.members().iter().map(|&(name, ty)| (name, ty.wgsl())).collect();
    let written = bindings.accesses().iter().map(|&access| access == Access::ReadWrite).collect();
    let kernel = Bound { entry_point, uniform, written, workgroup: true };
    assert_binds(&kernel, &valid.0, &valid.1);
}

/// The functions of each formula are found in its file, nothing else is there that kernels would miss, and they hold for
/// vectors of every width.
#[test]
fn files_of_formulas_hold_the_value_and_the_derivative() {
    let activations = Activation::ALL.iter().filter_map(|activation| activation.formula());
    let activations = activations.map(|formula| (formula.name, formula.wgsl));
    let losses = Loss::ALL.iter().map(|loss| (loss.formula().name, loss.formula().wgsl));
    let encodings = Encoding::ALL.iter().filter(|encoding| encoding.grid().is_none());
    let encodings = encodings.map(|encoding| (encoding.formula().name, encoding.formula().wgsl));
    let of_f32 = activations.chain(losses).map(|formula| (formula, 4));
    for ((name, wgsl), widths) in of_f32.chain(encodings.map(|formula| (formula, 1))) {
        let names = wgsl.lines().filter_map(|line| line.strip_prefix("fn ")?.split('(').next()).collect::<Vec<_>>();
        let entries = ["value", "derivative"].map(|suffix| format!("{name}_{suffix}"));
        // Encodings have more functions, which these call.
        assert!(
            names.ends_with(&entries.each_ref().map(String::as_str)) && (names.len() == 2 || widths == 1),
            "{names:?}"
        );
        for width in 1..=widths {
            let mut source = Source::default();
            let calls = names.iter().map(|name| Call { name: (*name).to_owned(), width });
            functions::write(&mut source, "f_", &calls.collect::<Vec<_>>());
            let (module, _) = assert_valid(name, &source.finish());
            assert!(module.constants.is_empty() && module.global_variables.is_empty(), "{name}");
        }
    }
}

/// Small networks with each activation of the table, in the middle and last, and each encoding.
fn networks_of_tables() -> Vec<Mlp> {
    let activations = Activation::ALL.iter().map(|&activation| {
        let inner = if activation == Activation::Softmax { Activation::Sigmoid } else { activation };
        Mlp::inputs(3).linear(6).bias().activation(inner).linear(5).activation(activation)
    });
    let encodings = Encoding::ALL.iter().map(|&encoding| Mlp::inputs(3).encoding(encoding).linear(5).bias().linear(2));
    let networks = activations.chain(encodings).collect::<Vec<_>>();
    networks.iter().for_each(|mlp| mlp.check("a test").unwrap());
    networks
}

/// The losses that are suitable for a last activation.
fn losses_of(last: Activation) -> impl Iterator<Item = Loss> {
    Loss::ALL.iter().copied().filter(move |loss| loss.check("a test", last, 5).is_ok())
}

/// Fails where a source is another than the sample that is checked in, the files of `shaders/` in it named only.
fn assert_checked_in(name: &str, checked_in: &str, source: &str) {
    macro_rules! parts {
        ($($part:literal),*) => {
            [$(($part, include_str!(concat!("../../shaders/", $part, ".wgsl")))),*]
        };
    }
    let mut source = source.to_owned();
    for (part, whole) in parts!("state", "permutation", "tree_sum", "end_step") {
        source = source.replace(whole, &format!("// Here stands shaders/{part}.wgsl.\n"));
    }
    if checked_in != source {
        let path = std::env::temp_dir().join(name);
        fs::write(&path, &source).unwrap();
        panic!("tests/samples/{name} is another source; the one written now is in {}", path.display());
    }
}
