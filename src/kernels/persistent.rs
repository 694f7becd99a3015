//! Persistent kernels: training steps in a loop inside the shader, in dispatches of 1, 2, 4, … steps.

use super::gather::seed_words;
use super::{Dispatch, TrainingState, grid};
use crate::codegen::PersistentSpec;
use crate::codegen::persistent::Operands;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::Operand;

/// A persistent kernel: what it is written for, its source and the sizes of its dispatches.
#[derive(Clone, Debug)]
pub(crate) struct PersistentKernel {
    pub spec: PersistentSpec,
    pub source: String,
    /// The invocations per workgroup.
    pub workgroup: u32,
    /// The invocations per network.
    pub invocations_per_network: u32,
    /// The most steps per dispatch, a power of two.
    pub most_steps: u32,
}

/// Dispatches of 1, 2, 4, … up to `kernel.most_steps` steps, which train the `parameters` of the networks of `state` on
/// batches of `state.batch_size` samples of `inputs` and `targets`, shuffled by `seed`.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) for more networks than fit in one dispatch;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(crate) fn persistent(
    gpu: &Gpu,
    kernel: &PersistentKernel,
    (parameters, moments): (&wgpu::Buffer, Option<&wgpu::Buffer>),
    [inputs, targets]: [&Operand<'_>; 2],
    state: &TrainingState,
    seed: u64,
) -> Result<Vec<Dispatch>> {
    let operation = "persistent";
    let networks = state.networks();
    let invocations = u64::from(networks) * u64::from(kernel.invocations_per_network);
    let workgroups = grid(gpu, operation, kernel.workgroup, invocations)?;
    let dispatch = |bit: u32| {
        let operands = Operands {
            inputs_view: inputs.view,
            targets_view: targets.view,
            seed: seed_words(Some(seed)),
            batch_size: state.batch_size,
            networks,
            steps: 1 << bit,
            inputs: Some(inputs.binding()),
            targets: Some(targets.binding()),
            learning_rates: Some(state.learning_rate().as_entire_binding()),
            parameters: Some(parameters.as_entire_binding()),
            states: Some(state.buffer().as_entire_binding()),
            sample_count: Some(state.samples().binding()),
            moments: moments.map(wgpu::Buffer::as_entire_binding),
        };
        let bindings = operands.bindings(&kernel.spec);
        Dispatch::generated(gpu, (operation, &kernel.source, kernel.workgroup), bindings, workgroups)
    };
    (0..=kernel.most_steps.ilog2()).map(dispatch).collect()
}
