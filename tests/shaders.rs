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

#[test]
fn every_entry_point_of_every_file_is_a_kernel() {
    let files = files();
    assert_eq!(files.len(), 7);
    let mut entry_points = BTreeSet::new();
    for (name, text) in &files {
        let module =
            naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
        assert!(!module.entry_points.is_empty(), "{name} has no entry point");
        for entry_point in &module.entry_points {
            assert!(name.strip_suffix(".wgsl").is_some_and(|family| entry_point.name.starts_with(family)), "{name}");
            assert!(entry_points.insert((entry_point.name.clone(), text.clone())));
        }
    }
    let kernels = SHADERS.iter().map(|shader| (shader.entry_point.to_owned(), shader.source.to_owned())).collect();
    assert_eq!(entry_points, kernels);
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

#[test]
fn the_batch_is_one_struct_in_every_file() {
    let layout = |text: &str| {
        let module = naga::front::wgsl::parse_str(text).unwrap();
        let batch = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Batch"))?.1.inner.clone();
        let TypeInner::Struct { members, span } = batch else { panic!("Batch is no struct") };
        let members = members.into_iter().map(|member| (member.name.unwrap(), member.offset)).collect::<Vec<_>>();
        Some((members, span))
    };
    let layouts = files().iter().filter_map(|(_, text)| layout(text)).collect::<Vec<_>>();
    assert_eq!(layouts.len(), 4);
    let members = [("rows", 0), ("position", 4), ("epoch", 8)].map(|(name, offset)| (name.to_owned(), offset));
    assert!(layouts.iter().all(|layout| *layout == (members.to_vec(), 16)), "{layouts:?}");
}

/// The compiler of Chromium, where it is installed: stricter than naga in some things, barriers among them.
#[test]
fn every_file_passes_tint_where_it_is_installed() {
    if Command::new("tint").arg("--help").output().is_err() {
        say("tint is not installed: naga alone validated the shaders");
        return;
    }
    for (name, _) in files() {
        let path = format!("{}/shaders/{name}", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("tint").args(["-f", "wgsl", &path]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    say("naga and tint validated the shaders");
}
