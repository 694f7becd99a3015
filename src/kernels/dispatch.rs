//! Kernels with their bindings, ready to be recorded.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::codegen::tiles::Matrix;
use crate::codegen::{Access, Bindings, Uniform, UniformType};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Kernel, Pipeline, buffer, words_as_bytes};
use crate::rows::Operand;

/// The invocations per workgroup of kernels that compute one value per invocation.
pub(super) const WORKGROUP: u32 = 64;

/// A kernel of `shaders/` and what it binds: tests check the bindings against the source.
#[derive(Debug)]
pub struct Shader<'a> {
    /// The name of the entry point, and of the kernel.
    pub entry_point: &'static str,
    /// The WGSL source.
    pub source: Cow<'a, str>,
    /// The value of the override constant `WORKGROUP`, the invocations per workgroup, if the kernel has it.
    pub workgroup: Option<u32>,
    /// The members of the uniform, binding 0, in order.
    pub uniform: &'a [(&'static str, UniformType)],
    /// The accesses of the storage buffers and textures, bindings 1, 2, … of group 0.
    pub storage: &'a [Access],
}

/// A buffer for a generated kernel, if it has that binding.
pub(crate) type Resource<'a> = Option<wgpu::BindingResource<'a>>;

/// An operand as generated kernels bind it.
pub(super) fn matrix<'a>(operand: &'a Operand<'_>) -> Matrix<Resource<'a>> {
    Matrix { view: operand.view, buffer: Some(operand.binding()) }
}

/// A kernel with its operands, ready to be recorded.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 2],
}

impl Dispatch {
    /// Records the dispatch. Dispatches of one pass run in order and see each other's writes.
    #[inline(never)]
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y] = self.workgroups;
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }

    /// A dispatch of `shader` with at least this many invocations.
    pub(super) fn new(
        gpu: &Gpu,
        shader: &Shader<'_>,
        uniform: Uniform,
        storage: &[wgpu::BindingResource<'_>],
        invocations: impl Into<u64>,
    ) -> Result<Self> {
        debug_assert_eq!(uniform.members(), shader.uniform, "{}", shader.entry_point);
        debug_assert_eq!(storage.len(), shader.storage.len(), "{}", shader.entry_point);
        let &Shader { entry_point, ref source, workgroup, storage: access, .. } = shader;
        let workgroups = grid(gpu, entry_point, workgroup.unwrap_or(1), invocations.into())?;
        let kernel = Kernel { entry_point, source, workgroup, bindings: &types(access) };
        Dispatch::bind(gpu, &kernel, &uniform, storage, workgroups)
    }

    /// A dispatch of a generated kernel over a grid of workgroups, `invocations` each.
    pub(crate) fn generated(
        gpu: &Gpu,
        (entry_point, source, invocations): (&'static str, &str, u32),
        bindings: Bindings<Resource<'_>>,
        workgroups: [u32; 2],
    ) -> Result<Self> {
        let types = types(&bindings.accesses());
        let kernel = Kernel { entry_point, source, workgroup: Some(invocations), bindings: &types };
        let storage = bindings.storage.into_iter().filter_map(|storage| storage.resource).collect::<Vec<_>>();
        debug_assert_eq!(storage.len(), types.len(), "{entry_point}");
        Dispatch::bind(gpu, &kernel, &bindings.uniform, &storage, workgroups)
    }

    fn bind(
        gpu: &Gpu,
        kernel: &Kernel<'_>,
        uniform: &Uniform,
        storage: &[wgpu::BindingResource<'_>],
        workgroups: [u32; 2],
    ) -> Result<Self> {
        let pipeline = gpu.pipeline(kernel)?;
        let words = uniform.words();
        let bytes = words_as_bytes(&words);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer(kernel.entry_point, "uniform of a kernel", bytes.len() as u64, usage)?;
        gpu.write_buffer(&buffer, 0, bytes)?;
        let resources = std::iter::once(buffer.as_entire_binding()).chain(storage.iter().cloned());
        let entries = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect::<Vec<_>>();
        let bind_group = gpu.bind_group(&format!("wgrad {}", kernel.entry_point), &pipeline.layout, &entries)?;
        Ok(Dispatch { pipeline, bind_group, workgroups })
    }
}

/// The types of the bindings.
fn types(accesses: &[Access]) -> Vec<wgpu::BindingType> {
    let ty = |access: &Access| match access {
        Access::Read => buffer(wgpu::BufferBindingType::Storage { read_only: true }),
        Access::ReadWrite => buffer(wgpu::BufferBindingType::Storage { read_only: false }),
        Access::Texture => wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
    };
    accesses.iter().map(ty).collect()
}

/// The grid of workgroups for this many invocations: 1D, or 2D where 1D exceeds the device's limit per dimension.
pub(super) fn grid(gpu: &Gpu, operation: &'static str, workgroup: u32, invocations: u64) -> Result<[u32; 2]> {
    let per_dimension = u64::from(gpu.limits().max_compute_workgroups_per_dimension);
    let workgroup = u64::from(workgroup);
    let workgroups = invocations.div_ceil(workgroup);
    let x = workgroups.min(per_dimension).max(1);
    let y = workgroups.div_ceil(x);
    if y > per_dimension {
        return Err(Error::TooLarge {
            operation,
            what: "the result",
            needed: invocations.saturating_mul(4),
            limit: "max_compute_workgroups_per_dimension",
            allowed: per_dimension.saturating_mul(per_dimension).saturating_mul(workgroup * 4),
            way_out: "use fewer rows or networks at a time, or request a device with a higher limit",
        });
    }
    // Both fit in 32 bits, since the limit does.
    Ok([x as u32, y as u32])
}

/// Splits a sum of `terms` terms into ranges of at most `longest` terms, one per dispatch.
pub(super) fn term_ranges(terms: u32, longest: u32) -> impl Iterator<Item = Range<u32>> {
    (0..terms.div_ceil(longest)).map(move |dispatch| {
        let first = dispatch * longest;
        first..first.saturating_add(longest).min(terms)
    })
}

/// Begins a compute pass.
pub(crate) fn begin_pass<'encoder>(
    encoder: &'encoder mut wgpu::CommandEncoder,
    label: &'static str,
) -> wgpu::ComputePass<'encoder> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None })
}

/// Whether the weights `w` have a bias row. Refuses weights that have neither one row per input nor one more.
pub(super) fn has_bias(operation: &'static str, x: &Operand<'_>, w: &Operand<'_>) -> Result<bool> {
    let fits = w.rows == x.width || w.rows == x.width + 1;
    w.check_fit(operation, x, fits, "the weights must have one row per input, or one more for a bias")?;
    Ok(w.rows > x.width)
}
