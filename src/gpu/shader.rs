//! A kernel's text, and what it binds, as data: the tests hold the one against the other.

/// How a kernel uses a storage buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The kernel only reads it.
    Read,
    /// The kernel writes it, and may read it.
    ReadWrite,
}

/// A WGSL kernel and what it binds.
#[derive(Debug)]
pub struct Shader<'a> {
    /// The name of the entry point: the kernel's name everywhere.
    pub entry_point: &'static str,
    /// The WGSL text.
    pub source: &'a str,
    /// The value of the constant `WORKGROUP`, the invocations of a workgroup, if the kernel has it.
    pub workgroup: Option<u32>,
    /// The names of the uniform's members, binding 0, in order.
    pub parameters: &'a [&'static str],
    /// The storage buffers, bindings 1, 2, … of group 0.
    pub storage: &'a [Access],
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

impl Shader<'_> {
    pub(super) fn compile(&self, device: &wgpu::Device, label: &str) -> Pipeline {
        let label = Some(label);
        let buffer_types = std::iter::once(wgpu::BufferBindingType::Uniform).chain(
            self.storage.iter().map(|&access| wgpu::BufferBindingType::Storage { read_only: access == Access::Read }),
        );
        let entries = (0..)
            .zip(buffer_types)
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            })
            .collect::<Vec<_>>();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(self.source.into()),
        });
        let constants = self.workgroup.map(|workgroup| ("WORKGROUP", f64::from(workgroup)));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(self.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: constants.as_slice(),
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }
}

/// The bytes of 32-bit words, as a GPU reads them.
pub(crate) fn words_as_bytes(words: &[u32]) -> &[u8] {
    bytemuck::cast_slice(words)
}

/// The 32-bit numbers that a GPU wrote as these bytes.
pub(crate) fn numbers<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}
