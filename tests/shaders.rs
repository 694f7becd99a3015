//! Every shader parses, validates, and binds what Rust says it binds.

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::say;
use naga::valid::{Capabilities, GlobalUse, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess, TypeInner};
use wgrad::kernels::{Access, SHADERS, Shader};

fn parse(shader: &Shader) -> (Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(shader.source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(shader.source)));
    // No capabilities: what WGSL has without any extension.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(shader.source)));
    (module, info)
}

/// The files of `shaders/`, by name and text.
fn files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect::<Vec<_>>();
    files.sort();
    files
}

/// Files without a kernel: they stand before the texts of kernels.
const PARTS: [&str; 5] = ["end_step.wgsl", "permutation.wgsl", "persistent.wgsl", "state.wgsl", "tree_sum.wgsl"];

#[test]
fn every_file_is_a_kernel_family_or_a_part_of_some() {
    let files = files();
    assert_eq!(files.len(), 8 + PARTS.len());
    let mut entry_points = BTreeSet::new();
    for (name, text) in &files {
        if PARTS.contains(&name.as_str()) {
            assert!(!text.contains("@compute"), "{name} has an entry point");
            continue;
        }
        let sources = SHADERS.iter().filter(|shader| shader.source.ends_with(text.as_str())).collect::<Vec<_>>();
        assert!(!sources.is_empty(), "{name} is no kernel's text");
        for shader in sources {
            // What stands before it are the parts, whole.
            let mut before = shader.source.strip_suffix(text.as_str()).unwrap();
            let parts = files.iter().filter(|(name, _)| PARTS.contains(&name.as_str()));
            while let Some((_, part)) = parts.clone().find(|(_, part)| before.starts_with(part.as_str())) {
                before = &before[part.len()..];
            }
            assert_eq!(before, "", "{name}");
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
    assert_eq!(entry_points, SHADERS.iter().map(|shader| shader.entry_point.to_owned()).collect());
}

#[test]
fn every_kernel_binds_what_rust_says() {
    for shader in SHADERS {
        let name = shader.entry_point;
        let (module, info) = parse(shader);
        let index = module.entry_points.iter().position(|entry_point| entry_point.name == name).expect(name);
        let used = info.get_entry_point(index);
        let mut bindings = module
            .global_variables
            .iter()
            .filter(|(handle, _)| used[*handle] != GlobalUse::empty())
            .filter_map(|(_, variable)| variable.binding.map(|binding| (binding.group, binding.binding, variable)))
            .collect::<Vec<_>>();
        bindings.sort_by_key(|&(group, binding, _)| (group, binding));
        let places = bindings.iter().map(|&(group, binding, _)| (group, binding)).collect::<Vec<_>>();
        let expected = (0..=shader.storage.len() as u32).map(|binding| (0, binding)).collect::<Vec<_>>();
        assert_eq!(places, expected, "{name}: the bindings that the kernel uses");

        let (_, _, uniform) = bindings[0];
        assert_eq!(uniform.space, AddressSpace::Uniform, "{name}");
        let TypeInner::Struct { members, .. } = &module.types[uniform.ty].inner else {
            panic!("{name}: the uniform is no struct");
        };
        let names = members.iter().map(|member| member.name.as_deref().unwrap()).collect::<Vec<_>>();
        assert_eq!(names, shader.parameters, "{name}: the uniform's members");
        let mut end = 0;
        for member in members {
            assert_eq!(
                member.offset, end,
                "{name}: there is a gap before {:?}, which Rust does not leave",
                member.name
            );
            end += module.types[member.ty].inner.size(module.to_ctx());
        }

        for (&(_, binding, variable), access) in bindings[1..].iter().zip(shader.storage) {
            let writable = match variable.space {
                AddressSpace::Storage { access } => access.contains(StorageAccess::STORE),
                space => panic!("{name}: binding {binding} is in {space:?}"),
            };
            assert_eq!(writable, *access == Access::ReadWrite, "{name}: binding {binding}");
        }
        let constants =
            module.overrides.iter().map(|(_, constant)| constant.name.as_deref().unwrap()).collect::<Vec<_>>();
        assert_eq!(constants, Vec::from_iter(shader.workgroup.map(|_| "WORKGROUP")), "{name}: the constants");
        assert!(
            module.overrides.iter().all(|(_, constant)| constant.init.is_none()),
            "{name}: a constant has a default"
        );
    }
}

/// The compiler of Chromium, where it is installed: stricter than naga in some things, barriers among them.
#[test]
fn every_kernel_passes_tint_where_it_is_installed() {
    if Command::new("tint").arg("--help").output().is_err() {
        say("tint is not installed: naga alone validated the shaders");
        return;
    }
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/shaders");
    std::fs::create_dir_all(folder).unwrap();
    for shader in SHADERS {
        let path = format!("{folder}/{}.wgsl", shader.entry_point);
        std::fs::write(&path, shader.source).unwrap();
        let output = Command::new("tint").args(["-f", "wgsl", &path]).output().unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
    say("naga and tint validated the shaders");
}
