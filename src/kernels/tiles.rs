//! The fast matmul family: products with tiles in registers, fused with the operations before and after them.
//!
//! | kernel | computes | replaces |
//! | --- | --- | --- |
//! | `tiled_forward` | `y = f(x · w)`, and for a network's last layer the loss and its gradient | `gather`, `matmul`, `activation`, `loss` |
//! | `tiled_backward` | `d_input = (d_output · wᵀ) · f'(z)` | `matmul_transposed`, `activation_backward` |
//! | `tiled_update` | `w -= learning_rate · xᵀ · d_output / batch size`, or only the gradients | `outer_product`, `weight_update` |
//!
//! A tile is a few rows by a few `vec4` chunks of columns. One invocation accumulates one tile; where that gives too few
//! invocations, several split the terms of its sums.

use super::gather::seed_words;
use super::{Dispatch, TrainingState, matrix, term_ranges};
use crate::activation::Activation;
use crate::codegen::head::Head;
use crate::codegen::tiles::backward::{self, Backward};
use crate::codegen::tiles::forward::{self, End, Forward, Target};
use crate::codegen::tiles::update::{self, ROWS_PER_SLICE, Update};
use crate::codegen::tiles::{Device, Layout, WIDEST};
use crate::codegen::{LONGEST_SUM, Layer};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::rows::{Operand, Rows};
use crate::samples::{Format, SampleRows};

/// The device properties that the choice of a tile depends on.
pub(crate) fn device(gpu: &Gpu) -> Device {
    Device {
        is_cpu: gpu.is_cpu(),
        workgroup_bytes: gpu.limits().max_compute_workgroup_storage_size,
        workgroups: gpu.limits().max_compute_workgroups_per_dimension,
    }
}

/// The memory layout of an operand's values.
fn layout(operand: &Operand<'_>) -> Layout {
    if operand.load_width() == 4 { Layout::Vectors } else { Layout::Values }
}

/// The rows that a layer takes: an activation, or the samples of a training step's batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    Rows(&'a Rows),
    /// The samples of a batch of this data set: the first layer's kernel writes their indices to [`Batch::order`].
    Samples(&'a SampleRows),
}

impl<'a> Input<'a> {
    /// The operand, its layout, and its values per row.
    fn operand(&self, gpu: &Gpu, operation: &'static str) -> Result<(Operand<'a>, Layout, u32)> {
        let (rows, width) = match *self {
            Input::Rows(rows) => (rows, rows.shape().columns as u32),
            Input::Samples(samples) => (&samples.rows, samples.width as u32),
        };
        let operand = rows.operand(gpu, operation, "x")?;
        let layout = match *self {
            Input::Samples(SampleRows { format: Format::Bytes { .. }, .. }) => Layout::Bytes,
            _ => layout(&operand),
        };
        Ok((operand, layout, width))
    }

    fn scale(&self) -> [f32; 2] {
        match *self {
            Input::Samples(&SampleRows { format: Format::Bytes { scale, offset }, .. }) => [scale, offset],
            _ => [0.0; 2],
        }
    }
}

/// The batch of a training step, for all its kernels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub state: &'a TrainingState,
    pub shuffle: Option<u64>,
    /// The number of samples in the current batch, then their indices: `[1 + batch_size]` words.
    pub order: &'a wgpu::Buffer,
}

/// The operands of a layer's forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForwardLayer<'a> {
    pub x: Input<'a>,
    pub w: &'a Rows,
    pub bias: bool,
    pub activation: Activation,
    pub rows: u32,
    /// For a training step.
    pub batch: Option<Batch<'a>>,
}

/// What a forward kernel writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    /// The layer's output, and in rows padded to `vec4`, its derivative with respect to the pre-activations.
    Rows { y: &'a Rows, kept: Option<&'a Rows> },
    /// The gradient of the loss with respect to the pre-activations, in rows padded to `vec4`, and the partial losses. The loss
    /// is not one of rows.
    Loss { head: Head, d_output: &'a Rows, targets: &'a SampleRows, partial_losses: &'a Rows },
}

/// The most partial losses that a workgroup of eight invocations can sum within the longest loop.
pub(crate) const MOST_PARTIALS: u64 = 8 * LONGEST_SUM as u64;

/// The number of partial losses that a layer's forward kernel writes, one per workgroup.
pub(crate) fn partial_losses(gpu: &Gpu, rows: u32, layer: &Layer) -> u64 {
    let (_, [x, y]) = device(gpu).product([rows, layer.outputs], layer.inputs);
    u64::from(x) * u64::from(y)
}

/// The conditions of [`takes`], as a description.
pub(crate) fn limits() -> String {
    format!("for layers up to {WIDEST} wide, and for no more rows than the device's workgroups take")
}

/// Whether the tiled kernels can compute these layers for this many rows. The plain kernels always can.
pub(crate) fn takes(gpu: &Gpu, layers: &[Layer], rows: u32) -> bool {
    layers.iter().all(|layer| device(gpu).takes(layer, rows))
}

/// `y = f(x · w)`; for the last layer of a training step, the loss and its gradient.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn forward(gpu: &Gpu, layer: ForwardLayer<'_>, output: Output<'_>) -> Result<Dispatch> {
    let operation = "tiled_forward";
    let (x, x_layout, inputs) = layer.x.operand(gpu, operation)?;
    let w = layer.w.operand(gpu, operation, "w")?;
    let (tile, grid) = device(gpu).product([layer.rows, w.width], inputs);
    let samples = matches!(layer.x, Input::Samples(_));
    let shuffle = layer.batch.and_then(|batch| batch.shuffle).filter(|_| samples);

    let (y_rows, kept_rows) = match output {
        Output::Rows { y, kept } => (y, kept),
        Output::Loss { d_output, .. } => (d_output, None),
    };
    let y = y_rows.operand(gpu, operation, "y")?;
    let kept = kept_rows.map(|kept| kept.operand(gpu, operation, "kept")).transpose()?;
    let mut operands = forward::Operands {
        x: matrix(&x),
        x_scale: layer.x.scale(),
        w: matrix(&w),
        y: matrix(&y),
        kept: kept.as_ref().map(matrix).unwrap_or_default(),
        seed: seed_words(shuffle),
        order: layer.batch.map(|batch| batch.order.as_entire_binding()),
        batch: layer.batch.as_ref().map(|batch| batch.state.batch()),
        sample_count: layer.batch.as_ref().map(|batch| batch.state.samples().binding()),
        rows: layer.rows,
        inputs,
        outputs: w.width,
        workgroups: grid[0],
        ..Default::default()
    };
    let mut end = End::Output(layout(&y));
    let (t, losses);
    if let Output::Loss { head, targets, partial_losses, .. } = output {
        t = targets.rows.operand(gpu, operation, "t")?;
        losses = partial_losses.operand(gpu, operation, "partial_losses")?;
        (operands.t, operands.partial_losses) = (matrix(&t), Some(losses.binding()));
        end = End::Loss(Target::Values, head);
        if let Format::Class { off, on } = targets.format {
            (operands.t_scale, end) = ([on, off], End::Loss(Target::Class, head));
        }
    }
    let kernel = Forward {
        tile,
        x: x_layout,
        w: layout(&w),
        end,
        samples,
        shuffle: shuffle.is_some(),
        bias: layer.bias,
        activation: layer.activation,
        keeps: kept.is_some(),
        tail: !inputs.is_multiple_of(4),
    };
    let source = kernel.source();
    Dispatch::generated(gpu, (operation, &source, tile.invocations), kernel.bindings(operands), grid)
}

/// The operations fused into a layer's backward pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fused<'a> {
    /// The layer's input, in rows padded to `vec4`, which the activation or the update may read.
    pub y: Option<&'a Rows>,
    /// The activation's derivative, as the forward pass kept it, in rows padded to `vec4`.
    pub kept: Option<&'a Rows>,
    /// The activation whose output is the layer's input: `d_input` is with respect to its pre-activations.
    pub activation: Activation,
    /// The weights' update after they were read: the batch, and whether there is a bias row. Only where
    /// [`update_fits_in_backward`].
    pub update: Option<(Batch<'a>, bool)>,
}

/// Whether each workgroup covers all rows: then no other workgroup reads its weights, and it may update them.
pub(crate) fn update_fits_in_backward(gpu: &Gpu, layer: &Layer, rows: u32) -> bool {
    let (_, [_, down]) = device(gpu).product([rows, layer.inputs], layer.outputs);
    down == 1 && rows <= 32
}

/// `d_input = d_output · wᵀ`, with the fused operations.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn backward(gpu: &Gpu, d_output: &Rows, w: &Rows, d_input: &Rows, fused: Fused<'_>) -> Result<Dispatch> {
    let operation = "tiled_backward";
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let w = w.operand(gpu, operation, "w")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    let (rows, inputs, outputs) = (d_input.rows, d_input.width, d_output.width);
    let (tile, mut grid) = device(gpu).product([rows, inputs], outputs);
    let y = fused.y.map(|y| y.operand(gpu, operation, "y")).transpose()?;
    let kept = fused.kept.map(|kept| kept.operand(gpu, operation, "kept")).transpose()?;
    let bias = fused.update.is_some_and(|(_, bias)| bias);
    // The bias row may need one more workgroup.
    grid[0] = tile.grid(rows, inputs + u32::from(bias))[0];
    let kernel = Backward {
        tile,
        d_output: layout(&d_output),
        w: layout(&w),
        d_input: layout(&d_input),
        tail: !outputs.is_multiple_of(4),
        activation: fused.activation,
        updates: fused.update.is_some(),
        bias,
    };
    let batch = fused.update.as_ref().map(|(batch, _)| batch);
    let bindings = kernel.bindings(backward::Operands {
        d_output: matrix(&d_output),
        w: matrix(&w),
        d_input: matrix(&d_input),
        y: y.as_ref().map(matrix).unwrap_or_default(),
        kept: kept.as_ref().map(matrix).unwrap_or_default(),
        order: batch.map(|batch| batch.order.as_entire_binding()),
        learning_rate: batch.map(|batch| batch.state.learning_rate().as_entire_binding()),
        rows,
        inputs,
        outputs,
    });
    Dispatch::generated(gpu, (operation, &kernel.source(), tile.invocations), bindings, grid)
}

/// What an update kernel writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights<'a> {
    /// The weights, by gradient descent. Given the partial losses, the kernel also ends the training step.
    Descend { w: &'a Rows, ends_step: Option<&'a Rows> },
    /// The gradient with respect to the weights, to these rows.
    Gradients(&'a Rows),
}

/// `w -= learning_rate · xᵀ · d_output / batch size`, or only the gradient `xᵀ · d_output`, over at most `rows` rows.
/// Updating the weights needs a `batch`.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn update(
    gpu: &Gpu,
    [x_input, d_output]: [Input<'_>; 2],
    weights: Weights<'_>,
    bias: bool,
    rows: u32,
    batch: Option<Batch<'_>>,
) -> Result<Vec<Dispatch>> {
    let operation = "tiled_update";
    let (x, x_layout, inputs) = x_input.operand(gpu, operation)?;
    let (d_output, d_output_layout, outputs) = d_output.operand(gpu, operation)?;
    let (w, trains, partial_losses) = match weights {
        Weights::Descend { w, ends_step } => (w, true, ends_step),
        Weights::Gradients(d_weights) => (d_weights, false, None),
    };
    let partial_losses = partial_losses.map(|rows| rows.operand(gpu, operation, "partial_losses")).transpose()?;
    let w = w.operand(gpu, operation, "w")?;
    let (tile, repeats, grid) = device(gpu).update([w.rows, outputs], rows);
    let kernel = Update {
        tile,
        x: x_layout,
        d_output: d_output_layout,
        w: layout(&w),
        trains,
        batch: batch.is_some(),
        samples: matches!(x_input, Input::Samples(_)),
        bias,
        adds: false,
        ends_step: false,
        repeats,
        depth: Update::depth(tile, rows),
    };
    let state = batch.map(|batch| batch.state);
    let operands = update::Operands {
        x: matrix(&x),
        x_scale: x_input.scale(),
        d_output: matrix(&d_output),
        w: matrix(&w),
        inputs,
        outputs,
        workgroups: grid[1],
        partials: partial_losses.as_ref().map_or(0, |partial_losses| partial_losses.rows),
        batch_size: rows,
        order: batch.map(|batch| batch.order.as_entire_binding()),
        learning_rate: state.map(|state| state.learning_rate().as_entire_binding()),
        partial_losses: partial_losses.as_ref().map(Operand::binding),
        state: state.map(|state| state.buffer().as_entire_binding()),
        sample_count: state.map(|state| state.samples().binding()),
        ..Default::default()
    };
    let dispatch = |range: std::ops::Range<u32>| {
        let ends_step = partial_losses.is_some() && range.end == rows;
        let kernel = Update { adds: range.start > 0, ends_step, ..kernel };
        let bindings = kernel.bindings(update::Operands { rows: range, ..operands.clone() });
        let grid = [grid[0], grid[1] + u32::from(ends_step)];
        Dispatch::generated(gpu, (operation, &kernel.source(), tile.invocations), bindings, grid)
    };
    term_ranges(rows, tile.slices * ROWS_PER_SLICE).map(dispatch).collect()
}
