// Checks that a kernel's source binds what Rust says. For the kernels of `shaders/` and for generated ones.

/// A kernel's bindings according to Rust.
struct Bound<'a> {
    entry_point: &'a str,
    /// The members of the uniform, binding 0: names and WGSL types.
    uniform: Vec<(&'a str, &'a str)>,
    /// Whether each storage buffer (bindings 1, 2, …) is written.
    written: Vec<bool>,
    /// Whether the constant `WORKGROUP` is set.
    workgroup: bool,
}

/// Fails unless the entry point's bindings are what Rust says. In a source with several entry points, only the
/// variables that it uses count.
fn assert_binds(kernel: &Bound, module: &naga::Module, info: &naga::valid::ModuleInfo) {
    use naga::valid::GlobalUse;
    use naga::{AddressSpace, ScalarKind, StorageAccess, TypeInner, VectorSize};
    let name = kernel.entry_point;
    let index = module.entry_points.iter().position(|entry_point| entry_point.name == name).expect(name);
    let used = info.get_entry_point(index);
    let alone = module.entry_points.len() == 1;
    let mut bindings = module
        .global_variables
        .iter()
        .filter(|(handle, _)| alone || used[*handle] != GlobalUse::empty())
        .filter_map(|(_, variable)| variable.binding.map(|binding| (binding.group, binding.binding, variable)))
        .collect::<Vec<_>>();
    bindings.sort_by_key(|&(group, binding, _)| (group, binding));
    let indices = bindings.iter().map(|&(group, binding, _)| (group, binding)).collect::<Vec<_>>();
    let expected = (0..=kernel.written.len() as u32).map(|binding| (0, binding)).collect::<Vec<_>>();
    assert_eq!(indices, expected, "{name}: the bindings");

    let (_, _, uniform) = bindings[0];
    assert_eq!(uniform.space, AddressSpace::Uniform, "{name}");
    let TypeInner::Struct { members, .. } = &module.types[uniform.ty].inner else {
        panic!("{name}: the uniform is not a struct");
    };
    let ty = |ty: &TypeInner| match *ty {
        TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Uint => "u32",
        TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Float => "f32",
        TypeInner::Vector { size: VectorSize::Bi, scalar } if scalar.kind == ScalarKind::Uint => "vec2<u32>",
        TypeInner::Vector { size: VectorSize::Bi, scalar } if scalar.kind == ScalarKind::Float => "vec2<f32>",
        _ => "another type",
    };
    let found = members.iter().map(|member| (member.name.as_deref().unwrap(), ty(&module.types[member.ty].inner)));
    assert_eq!(found.collect::<Vec<_>>(), kernel.uniform, "{name}: the uniform's members");
    let mut end = 0;
    for member in members {
        assert_eq!(member.offset, end, "{name}: there is a gap before {:?}, which Rust does not leave", member.name);
        end += module.types[member.ty].inner.size(module.to_ctx());
    }
    for (&(_, binding, variable), &written) in bindings[1..].iter().zip(&kernel.written) {
        let writable = match variable.space {
            AddressSpace::Storage { access } => access.contains(StorageAccess::STORE),
            AddressSpace::Handle => false, // a texture
            space => panic!("{name}: binding {binding} is in {space:?}"),
        };
        assert_eq!(writable, written, "{name}: binding {binding}");
    }
    let constants = module.overrides.iter().map(|(_, constant)| constant.name.as_deref().unwrap()).collect::<Vec<_>>();
    assert_eq!(constants, Vec::from_iter(kernel.workgroup.then_some("WORKGROUP")), "{name}: the constants");
    let has_default = module.overrides.iter().any(|(_, constant)| constant.init.is_some());
    assert!(!has_default, "{name}: a constant has a default");
}
