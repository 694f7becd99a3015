//! Compiling kernels.

use std::borrow::Cow;

/// What a pipeline is compiled from.
#[derive(Debug)]
pub(crate) struct Kernel<'a> {
    pub entry_point: &'static str,
    /// The WGSL source.
    pub source: &'a str,
    /// The value of the override constant `WORKGROUP`, if the source has it.
    pub workgroup: Option<u32>,
    /// The types of bindings 1, 2, …; binding 0 is a uniform.
    pub bindings: &'a [wgpu::BindingType],
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The type of a binding that is a whole buffer.
pub(crate) fn buffer(ty: wgpu::BufferBindingType) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
}

impl Kernel<'_> {
    pub(super) fn compile(&self, device: &wgpu::Device, label: &str) -> Pipeline {
        let label = Some(label);
        let types = std::iter::once(buffer(wgpu::BufferBindingType::Uniform)).chain(self.bindings.iter().copied());
        let visibility = wgpu::ShaderStages::COMPUTE;
        let entries = (0..)
            .zip(types)
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None })
            .collect::<Vec<_>>();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        #[cfg(test)]
        let source = &poison::with_poison(self.entry_point, self.source);
        #[cfg(not(test))]
        let source = self.source;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(match device.adapter_info().backend {
                wgpu::Backend::BrowserWebGpu => for_browsers(source),
                _ => source.into(),
            }),
        });
        let constants = self.workgroup.map(|workgroup| ("WORKGROUP", f64::from(workgroup)));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(self.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: constants.as_slice(),
                // Every kernel writes workgroup memory before it reads it. By OpenGL wgpu sets it to zero by an expression
                // as long as the memory, with which a driver compiles for seconds.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }
}

/// The source as browsers want it: those that use subgroups must say so first, which naga does not accept yet (gfx-rs/wgpu issue
/// 8202).
pub(crate) fn for_browsers(source: &str) -> Cow<'_, str> {
    match source.contains("subgroup") {
        true => format!("enable subgroups;\n{source}").into(),
        false => source.into(),
    }
}

/// Kernels of the crate's own tests begin with workgroup memory full of NaN: they show it if they read what they have not
/// written.
#[cfg(test)]
mod poison {
    /// The source with a beginning of the entry point that fills arrays in workgroup memory.
    pub fn with_poison(entry_point: &str, source: &str) -> String {
        let arrays = source.lines().filter_map(|line| line.trim().strip_prefix("var<workgroup> ")?.strip_suffix(">;"));
        let fills = arrays.filter_map(|array| {
            let (name, array) = array.split_once(": array<")?;
            let (ty, count) = array.rsplit_once(", ")?;
            let value = if ty == "u32" { "poison".to_owned() } else { format!("{ty}(bitcast<f32>(poison))") };
            Some(format!("    for (var i = 0u; i < u32({count}); i++) {{ {name}[i] = {value}; }}\n"))
        });
        let fills = fills.collect::<String>();
        if fills.is_empty() {
            return source.to_owned();
        }
        let (before, rest) = source.split_once(&format!("fn {entry_point}(")).expect("the entry point");
        let (parameters, body) = rest.split_once(") {").expect("its body");
        let index = "@builtin(local_invocation_index)";
        let (parameters, invocation) = match parameters.split_once(index) {
            Some((_, after)) => (parameters.to_owned(), after.trim().split_once(':').expect("its type").0),
            None => (format!("{index} poisoner: u32, {parameters}"), "poisoner"),
        };
        // A variable, since a constant must not be NaN.
        format!(
            "{before}fn {entry_point}({parameters}) {{\n    var poison = 0x7fc00000u;\n    if {invocation} == 0u {{\n{fills}    }}\n\
             workgroupBarrier();\n{body}"
        )
    }
}
