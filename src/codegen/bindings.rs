//! What a kernel binds, as one list: it gives the declarations in WGSL, the layout of the uniform, and the bind group.

use super::source::Source;

/// How a kernel uses what it binds: a storage buffer, or a texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The kernel only reads it.
    Read,
    /// The kernel writes it, and may read it.
    ReadWrite,
    /// The kernel reads it, a texture in two dimensions.
    Texture,
}

/// The type of a member of a kernel's uniform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniformType {
    /// `u32`.
    U32,
    /// `f32`.
    F32,
    /// `vec2<u32>`.
    Vec2U32,
    /// `vec2<f32>`.
    Vec2F32,
}

impl UniformType {
    /// The type's name in WGSL.
    pub fn wgsl(self) -> &'static str {
        match self {
            UniformType::U32 => "u32",
            UniformType::F32 => "f32",
            UniformType::Vec2U32 => "vec2<u32>",
            UniformType::Vec2F32 => "vec2<f32>",
        }
    }
}

/// The uniform of a kernel: its members in order, with their values. Pairs come first, so that there are no gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uniform {
    members: Vec<(&'static str, UniformType)>,
    words: Vec<u32>,
}

impl Uniform {
    #[inline(never)]
    pub fn u32(self, name: &'static str, value: u32) -> Self {
        self.member(name, UniformType::U32, &[value])
    }

    #[inline(never)]
    pub fn f32(self, name: &'static str, value: f32) -> Self {
        self.member(name, UniformType::F32, &[value.to_bits()])
    }

    #[inline(never)]
    pub fn vec2_u32(self, name: &'static str, value: [u32; 2]) -> Self {
        self.member(name, UniformType::Vec2U32, &value)
    }

    #[inline(never)]
    pub fn vec2_f32(self, name: &'static str, value: [f32; 2]) -> Self {
        self.member(name, UniformType::Vec2F32, &value.map(f32::to_bits))
    }

    #[inline(never)]
    fn member(mut self, name: &'static str, ty: UniformType, words: &[u32]) -> Self {
        self.members.push((name, ty));
        self.words.extend(words);
        self
    }

    /// The members' names and types, in order.
    pub fn members(&self) -> &[(&'static str, UniformType)] {
        &self.members
    }

    /// The words of the buffer, a multiple of 16 bytes.
    pub fn words(&self) -> Vec<u32> {
        let mut words = self.words.clone();
        words.resize(words.len().next_multiple_of(4), 0);
        words
    }
}

/// A storage buffer that a kernel binds. `R` is the type of the buffer: a resource of wgpu's, or `()` if only the source is
/// asked for.
#[derive(Clone, Debug)]
pub(crate) struct Storage<R> {
    pub name: &'static str,
    pub access: Access,
    /// The WGSL type.
    pub ty: &'static str,
    pub resource: R,
}

/// All that a kernel binds: the uniform is binding 0, the storage buffers follow.
#[derive(Clone, Debug)]
pub(crate) struct Bindings<R> {
    pub uniform: Uniform,
    pub storage: Vec<Storage<R>>,
}

impl<R> Bindings<R> {
    pub fn new(uniform: Uniform) -> Self {
        Bindings { uniform, storage: Vec::new() }
    }

    #[inline(never)]
    pub fn read(&mut self, name: &'static str, ty: &'static str, resource: R) {
        self.storage.push(Storage { name, access: Access::Read, ty, resource });
    }

    #[inline(never)]
    pub fn read_write(&mut self, name: &'static str, ty: &'static str, resource: R) {
        self.storage.push(Storage { name, access: Access::ReadWrite, ty, resource });
    }

    /// Binds a buffer by the access that the kernel needs.
    #[inline(never)]
    pub fn bind(&mut self, access: Access, name: &'static str, ty: &'static str, resource: R) {
        self.storage.push(Storage { name, access, ty, resource });
    }

    pub fn accesses(&self) -> Vec<Access> {
        self.storage.iter().map(|storage| storage.access).collect()
    }

    /// The declarations in WGSL; the uniform `p` is of a struct of this name.
    pub(super) fn declare(&self, source: &mut Source, uniform: &str) {
        source.line(format!("struct {uniform} {{"));
        for (name, ty) in self.uniform.members() {
            source.line(format!("{name}: {},", ty.wgsl()));
        }
        source.line("}");
        source.line("");
        source.line(format!("@group(0) @binding(0) var<uniform> p: {uniform};"));
        for (binding, Storage { name, access, ty, .. }) in (1..).zip(&self.storage) {
            let space = match access {
                Access::Read => "<storage, read>",
                Access::ReadWrite => "<storage, read_write>",
                Access::Texture => "",
            };
            source.line(format!("@group(0) @binding({binding}) var{space} {name}: {ty};"));
        }
    }
}
