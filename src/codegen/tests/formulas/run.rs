//! Functions of formulas at many points at once, by a kernel of the tests' own.

use crate::codegen::functions::{self, Call};
use crate::codegen::source::Source;
use crate::codegen::vectors::vector;
use crate::gpu::Gpu;

/// How many points there are: a multiple of every width.
pub const POINTS: usize = 1_008;

/// The names of the arguments in expressions; the results before have `r0`, `r1`, …
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What a kernel computes: expressions, and the functions that these call.
pub struct Computed {
    pub calls: Vec<Call>,
    pub expressions: Vec<String>,
}

/// Computes at these points, a column for each argument, by vectors of each width, which must give the same bits. Gives a column
/// for each expression.
pub fn compute(gpu: &Gpu, what: &str, arguments: &[&[f32]], computed: impl Fn(u32) -> Computed) -> Vec<Vec<f32>> {
    let [scalars, vectors @ ..] = [1, 2, 3, 4].map(|width| {
        let computed = computed(width);
        run(gpu, &source(&computed, arguments.len(), width), arguments, computed.expressions.len())
    });
    for (width, found) in (2..).zip(vectors) {
        assert!(found == scalars, "{what}: vectors of {width} give other bits");
    }
    scalars.chunks(POINTS).map(|column| column.iter().map(|&word| f32::from_bits(word)).collect()).collect()
}

/// A function of a file of formulas, whose arguments are these columns.
pub fn function(gpu: &Gpu, name: &str, arguments: &[&[f32]]) -> Vec<f32> {
    let names = NAMES[..arguments.len()].join(", ");
    let mut found = compute(gpu, name, arguments, |width| Computed {
        calls: vec![Call { name: name.to_owned(), width }],
        expressions: vec![format!("{name}{width}({names})")],
    });
    found.remove(0)
}

fn source(computed: &Computed, arguments: usize, width: u32) -> String {
    let mut source = Source::default();
    functions::write(&mut source, "", &computed.calls);
    source.lines(&[
        "",
        "@group(0) @binding(0) var<storage, read> arguments: array<f32>;",
        "@group(0) @binding(1) var<storage, read_write> results: array<f32>;",
        "",
        "@compute @workgroup_size(64)",
        "fn at_points(@builtin(global_invocation_id) id: vec3<u32>) {",
        &format!("let i = {width}u * id.x;"),
        &format!("if i >= {POINTS}u {{"),
        "return;",
        "}",
    ]);
    let (ty, lanes) = (vector(width), 0..width as usize);
    for (column, name) in NAMES.iter().enumerate().take(arguments) {
        let values = lanes.clone().map(|lane| format!("arguments[i + {}u]", column * POINTS + lane));
        source.line(format!("let {name} = {ty}({});", values.collect::<Vec<_>>().join(", ")));
    }
    for (column, expression) in computed.expressions.iter().enumerate() {
        source.line(format!("let r{column} = {ty}({expression});"));
        for lane in lanes.clone() {
            let component = if width == 1 { String::new() } else { format!("[{lane}]") };
            source.line(format!("results[i + {}u] = r{column}{component};", column * POINTS + lane));
        }
    }
    source.line("}");
    source.finish()
}

fn run(gpu: &Gpu, source: &str, arguments: &[&[f32]], results: usize) -> Vec<u32> {
    let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let pipeline = gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    });
    let buffer = |columns: usize| gpu.storage_buffer("a test", "points", (columns * POINTS * 4) as u64).unwrap();
    let [given, computed] = [arguments.len(), results].map(buffer);
    gpu.write_buffer(&given, 0, bytemuck::cast_slice(&arguments.concat())).unwrap();
    let entries = [(0, &given), (1, &computed)]
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
    let group = gpu.bind_group("a test", &pipeline.get_bind_group_layout(0), &entries).unwrap();
    let record = |encoder: &mut wgpu::CommandEncoder| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(POINTS.div_ceil(64) as u32, 1, 1);
    };
    pollster::block_on(gpu.read("a test", &computed, &record).unwrap().words()).unwrap()
}
