//! The GPU kernels, one family a file, each beside its WGSL file in `shaders/` and its function in
//! [`reference`](crate::reference).
//!
//! A function here checks its operands, makes what a dispatch needs, and gives [`Dispatch`]es that an app can record
//! into its own compute pass as often as it likes. All operands are row-major [`Rows`](crate::Rows) of f32.
//!
//! The rest of the crate is made of these; faster ones may take their place, so expect more change here than elsewhere.
//!
//! | family | kernels |
//! | --- | --- |
//! | [`matmul`](fn@matmul) | `y = x · w`; [`matmul_transposed`]: `d_input = d_output · wᵀ` |
//! | [`sigmoid`](fn@sigmoid) | `y = 1 / (1 + e^-x)`; [`sigmoid_backward`]: `d_input = d_output · y · (1 - y)` |
//! | [`squared_error`](fn@squared_error) | `d_output = y - t`, and the batch's error |
//! | [`outer_product`](fn@outer_product) | `d_weights = xᵀ · d_output` |
//! | [`weight_update`](fn@weight_update) | `w -= learning_rate · d_weights / batch size` |
//! | [`gather`](fn@gather) | the samples of a batch |
//! | [`step`](fn@step) | the end of a training step |
//! | [`confusion`](fn@confusion) | the samples of each class that the network takes for each class |

mod confusion;
mod gather;
mod matmul;
mod outer_product;
mod sigmoid;
mod squared_error;
mod step;
pub(crate) mod tiles;
mod weight_update;

pub(crate) use confusion::classes;
pub use confusion::confusion;
pub use gather::{GatherConfig, gather};
pub(crate) use gather::{gather_numbers, seed_words};
pub use matmul::{matmul, matmul_transposed};
pub use outer_product::outer_product;
pub use sigmoid::{sigmoid, sigmoid_backward};
pub use squared_error::squared_error;
pub(crate) use step::step_of_partials;
pub use step::{TrainingState, step};
pub use weight_update::weight_update;

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
pub use crate::gpu::{Access, Shader};
use crate::gpu::{Gpu, Pipeline, words_as_bytes};
use crate::matrix::Operand;

/// All kernels: their texts and what they bind.
pub const SHADERS: [&Shader<'static>; 12] = [
    &matmul::MATMUL,
    &matmul::MATMUL_TRANSPOSED,
    &sigmoid::SIGMOID,
    &sigmoid::SIGMOID_BACKWARD,
    &squared_error::SQUARED_ERROR,
    &squared_error::SQUARED_ERROR_SUM,
    &outer_product::OUTER_PRODUCT,
    &weight_update::WEIGHT_UPDATE,
    &gather::GATHER,
    &step::STEP,
    &confusion::CONFUSION,
    &step::STEP_OF_PARTIALS,
];

/// The invocations of a workgroup in kernels that compute one number an invocation.
const WORKGROUP: u32 = 64;

/// No invocation runs a loop longer than this in one dispatch: Mesa 22.3 silently stops a shader's loops after 65,535
/// iterations, and systems kill long dispatches. A longer sum is several dispatches.
pub(crate) const LONGEST_LOOP: u32 = 32_768;

/// A kernel with its operands, ready to be recorded.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 2],
}

impl Dispatch {
    /// Records the dispatch. Dispatches of one pass run in order and see each other's writes.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y] = self.workgroups;
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }

    /// The kernel `shader` over `invocations` invocations.
    pub(crate) fn new(
        gpu: &Gpu,
        shader: &Shader<'_>,
        parameters: Parameters,
        storage: &[wgpu::BindingResource<'_>],
        invocations: impl Into<u64>,
    ) -> Result<Self> {
        let workgroups = grid(gpu, shader, invocations.into())?;
        Dispatch::of_workgroups(gpu, shader, parameters, storage, workgroups)
    }

    /// The kernel `shader` over a grid of workgroups.
    pub(crate) fn of_workgroups(
        gpu: &Gpu,
        shader: &Shader<'_>,
        parameters: Parameters,
        storage: &[wgpu::BindingResource<'_>],
        workgroups: [u32; 2],
    ) -> Result<Self> {
        debug_assert_eq!(parameters.names, shader.parameters, "{}", shader.entry_point);
        debug_assert_eq!(storage.len(), shader.storage.len(), "{}", shader.entry_point);
        let pipeline = gpu.pipeline(shader)?;
        let uniform = parameters.upload(gpu, shader.entry_point)?;
        let resources = std::iter::once(uniform.as_entire_binding()).chain(storage.iter().cloned());
        let entries = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect::<Vec<_>>();
        let bind_group = gpu.bind_group(&format!("wgrad {}", shader.entry_point), &pipeline.layout, &entries)?;
        Ok(Dispatch { pipeline, bind_group, workgroups })
    }
}

/// The uniform of a dispatch: 32-bit words, each member named as in the shader's struct.
#[derive(Default)]
pub(crate) struct Parameters {
    names: Vec<&'static str>,
    words: Vec<u32>,
}

impl Parameters {
    pub(crate) fn word(self, name: &'static str, word: u32) -> Self {
        self.words(name, &[word])
    }

    pub(crate) fn pair(self, name: &'static str, pair: [u32; 2]) -> Self {
        self.words(name, &pair)
    }

    fn names(&self) -> &[&'static str] {
        &self.names
    }

    fn words(mut self, name: &'static str, words: &[u32]) -> Self {
        self.names.push(name);
        self.words.extend(words);
        self
    }

    fn upload(mut self, gpu: &Gpu, operation: &'static str) -> Result<wgpu::Buffer> {
        self.words.resize(self.words.len().next_multiple_of(4), 0);
        let bytes = words_as_bytes(&self.words);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer(operation, "parameters of a kernel", bytes.len() as u64, usage)?;
        gpu.write_buffer(&buffer, 0, bytes)?;
        Ok(buffer)
    }
}

/// Workgroups for this many invocations: a row of them, or where the device allows no row that long, several rows.
fn grid(gpu: &Gpu, shader: &Shader<'_>, invocations: u64) -> Result<[u32; 2]> {
    let widest = u64::from(gpu.limits().max_compute_workgroups_per_dimension);
    let workgroup = u64::from(shader.workgroup.unwrap_or(1));
    let workgroups = invocations.div_ceil(workgroup);
    let x = workgroups.min(widest).max(1);
    let y = workgroups.div_ceil(x);
    if y > widest {
        return Err(Error::TooLarge {
            operation: shader.entry_point,
            what: "the result",
            needed: invocations.saturating_mul(4),
            limit: "max_compute_workgroups_per_dimension",
            allowed: widest.saturating_mul(widest).saturating_mul(workgroup * 4),
            way_out: "use fewer rows or networks at a time, or request a device with a higher limit",
        });
    }
    // Both fit in 32 bits, since the limit does.
    Ok([x as u32, y as u32])
}

/// The ranges of terms, at most `longest` each, that the dispatches of a sum of `terms` terms add up.
fn dispatches_of(terms: u32, longest: u32) -> impl Iterator<Item = Range<u32>> {
    (0..terms.div_ceil(longest)).map(move |part| {
        let first = part * longest;
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

/// Refuses weights `w` that are not as high as there are inputs, or one row higher for a bias; says whether there is a
/// bias.
fn has_bias(operation: &'static str, x: &Operand<'_>, w: &Operand<'_>) -> Result<bool> {
    let fits = w.rows == x.width || w.rows == x.width + 1;
    w.check_fit(operation, x, fits, "the weights must have one row an input, or one more for a bias")?;
    Ok(w.rows > x.width)
}
