//! Compiling kernels.

/// What a pipeline is compiled from.
#[derive(Debug)]
pub(crate) struct Kernel<'a> {
    pub entry_point: &'static str,
    /// The WGSL source.
    pub source: &'a str,
    /// The value of the override constant `WORKGROUP`, if the source has it.
    pub workgroup: Option<u32>,
    /// Whether each storage buffer (bindings 1, 2, …) is read-only; binding 0 is a uniform.
    pub read_only: &'a [bool],
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

impl Kernel<'_> {
    pub(super) fn compile(&self, device: &wgpu::Device, label: &str) -> Pipeline {
        let label = Some(label);
        let buffer_types = std::iter::once(wgpu::BufferBindingType::Uniform)
            .chain(self.read_only.iter().map(|&read_only| wgpu::BufferBindingType::Storage { read_only }));
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
