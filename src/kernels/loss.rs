//! The loss of a batch, and its gradient with respect to the last layer's pre-activations.

use std::borrow::Cow;

use super::activation::check_row;
use super::{Dispatch, Resource, Shader, TrainingState, WORKGROUP, grid, matrix};
use crate::activation::Activation;
use crate::codegen::head::Head;
use crate::codegen::plain::{self, Operands, RowLoss, Targets};
use crate::codegen::tiles::forward::Target;
use crate::codegen::{Access, LONGEST_SUM, Uniform, UniformType};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::loss::Loss;
use crate::rows::{Operand, Rows};
use crate::samples::{Format, SampleRows};
use crate::shaders::shader;

/// The invocations of the single workgroup that sums partial sums.
pub(super) const SUM_WORKGROUP: u32 = 256;

/// The most partial sums: per invocation, the loops over its terms and their blocks and the 8 iterations of `tree_sum`
/// together stay within the longest loop.
const MOST_PARTIALS: u32 = SUM_WORKGROUP * LONGEST_SUM;

/// The kernel of a loss that takes each output by itself.
pub(super) fn shader(head: Head) -> Shader<'static> {
    Shader {
        entry_point: "loss",
        source: Cow::Owned(plain::loss(head)),
        workgroup: Some(WORKGROUP),
        uniform: &[
            ("z_view", UniformType::Vec2U32),
            ("t_view", UniformType::Vec2U32),
            ("d_z_view", UniformType::Vec2U32),
            ("rows", UniformType::U32),
            ("outputs", UniformType::U32),
            ("partials", UniformType::U32),
        ],
        storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite, Access::ReadWrite],
    }
}

pub(super) const SUM_PARTIALS: Shader<'static> = Shader {
    entry_point: "sum_partials",
    source: Cow::Borrowed(shader!("tree_sum", "sum_partials")),
    workgroup: Some(SUM_WORKGROUP),
    uniform: &[("partials", UniformType::U32)],
    storage: &[Access::Read, Access::ReadWrite],
};

/// The loss of a network whose last activation is `last`, for its last pre-activations `z` and the targets `t`: the gradient
/// with respect to `z`, to `d_z`, each row that of a sample's loss; and the sum of the losses of the batch's samples, to
/// [`TrainingState::loss`]. All are `[rows, outputs]`.
///
/// Rows past the end of the current batch of `state` are not samples: there `d_z` becomes 0, and the loss gets no term. Two
/// dispatches. Source: [`reference::loss`](crate::reference::loss).
///
/// # Errors
/// [`Error::OutOfRange`], [`Error::UnsuitableLoss`], [`Error::Shapes`] where the operands have different shapes,
/// [`Error::TooLarge`] where `z` has more than 520,093,696 values, or for a loss that takes a row's outputs together, more
/// than 10,581 of them; and the errors of invalid [`Rows`].
pub fn loss(
    gpu: &Gpu,
    state: &TrainingState,
    loss: Loss,
    last: Activation,
    [z, t]: [&Rows; 2],
    d_z: &Rows,
) -> Result<Vec<Dispatch>> {
    let operation = "loss";
    let z = z.operand(gpu, operation, "z")?;
    let t = t.operand(gpu, operation, "t")?;
    let d_z = d_z.operand(gpu, operation, "d_z")?;
    loss.check(operation, last, z.width as usize)?;
    let head = Head::new(last, loss, z.width as usize);
    let rule = "both must have the same shape";
    z.check_fit(operation, &t, z.shape() == t.shape(), rule)?;
    z.check_fit(operation, &d_z, z.shape() == d_z.shape(), rule)?;
    d_z.check_written_alone(operation, &[&z, &t])?;
    state.check_batch(operation, &z)?;
    state.check_apart(operation, &[&z, &t, &d_z])?;

    let invocations = if head.is_of_rows() { z.rows } else { z.len() };
    let partials = invocations.div_ceil(WORKGROUP);
    check_partials(operation, "z", partials, WORKGROUP)?;
    let partial_losses = Rows::create(gpu, operation, "partial losses", partials.into(), 1)?;
    let partial_losses = partial_losses.operand(gpu, operation, "partial_losses")?;
    let gradient = if head.is_of_rows() {
        let operands = Operands { t: matrix(&t), samples: Some(state.batch()), ..Operands::default() };
        row_loss(gpu, RowLoss { head, targets: Targets::Rows }, operands, [&z, &d_z], &partial_losses)?
    } else {
        let uniform = Uniform::default()
            .vec2_u32("z_view", z.view)
            .vec2_u32("t_view", t.view)
            .vec2_u32("d_z_view", d_z.view)
            .u32("rows", z.rows)
            .u32("outputs", z.width)
            .u32("partials", partials);
        let storage = [state.batch(), z.binding(), t.binding(), d_z.binding(), partial_losses.binding()];
        Dispatch::new(gpu, &shader(head), uniform, &storage, z.len())?
    };
    Ok(vec![gradient, sum_partials(gpu, &partial_losses, state.loss())?])
}

/// The batch's loss, to the state, from partial losses, `[partials, 1]`.
pub(crate) fn loss_of_partials(gpu: &Gpu, state: &TrainingState, partial_losses: &Rows) -> Result<Dispatch> {
    let operation = "loss_of_partials";
    let partial_losses = partial_losses.operand(gpu, operation, "partial_losses")?;
    check_partials(operation, "z", partial_losses.rows, WORKGROUP)?;
    sum_partials(gpu, &partial_losses, state.loss())
}

/// The sum of partial sums, `[partials, 1]`, to `total`, one f32.
pub(super) fn sum_partials(gpu: &Gpu, partials: &Operand<'_>, total: &wgpu::Buffer) -> Result<Dispatch> {
    let uniform = Uniform::default().u32("partials", partials.rows);
    let storage = [partials.binding(), total.as_entire_binding()];
    Dispatch::new(gpu, &SUM_PARTIALS, uniform, &storage, SUM_WORKGROUP)
}

/// A loss that takes a row's outputs together, for a batch of a data set's samples, which `order` names: the gradient with
/// respect to the pre-activations `z`, to `d_z`, and the partial losses, [`row_partials`] of them.
pub(crate) fn loss_of_samples(
    gpu: &Gpu,
    head: Head,
    order: &wgpu::Buffer,
    (z, targets): (&Rows, &SampleRows),
    d_z: &Rows,
    partial_losses: &Rows,
) -> Result<Dispatch> {
    let operation = "row_loss";
    let z = z.operand(gpu, operation, "z")?;
    let t = targets.rows.operand(gpu, operation, "t")?;
    let d_z = d_z.operand(gpu, operation, "d_z")?;
    let partial_losses = partial_losses.operand(gpu, operation, "partial_losses")?;
    let (target, t_scale) = match targets.format {
        Format::Class { off, on } => (Target::Class, [on, off]),
        _ => (Target::Values, [0.0; 2]),
    };
    let order = Some(order.as_entire_binding());
    let operands = Operands { t: matrix(&t), t_scale, samples: order, ..Operands::default() };
    let kernel = RowLoss { head, targets: Targets::Samples(target) };
    row_loss(gpu, kernel, operands, [&z, &d_z], &partial_losses)
}

/// How many partial losses [`loss_of_samples`] writes.
pub(crate) fn row_partials(rows: u32) -> u64 {
    rows.div_ceil(WORKGROUP).into()
}

fn row_loss<'a>(
    gpu: &Gpu,
    kernel: RowLoss,
    operands: Operands<Resource<'a>>,
    [z, d_z]: [&'a Operand<'_>; 2],
    partial_losses: &'a Operand<'_>,
) -> Result<Dispatch> {
    let operation = "row_loss";
    check_row(operation, z)?;
    let operands = Operands {
        z: matrix(z),
        d_z: matrix(d_z),
        partial_losses: Some(partial_losses.binding()),
        rows: z.rows,
        outputs: z.width,
        partials: partial_losses.rows,
        ..operands
    };
    let workgroups = grid(gpu, operation, WORKGROUP, z.rows.into())?;
    Dispatch::generated(gpu, (operation, &kernel.source(), WORKGROUP), kernel.bindings(operands), workgroups)
}

/// Refuses more partial sums than one workgroup can sum, of as many of `what`'s values each as a workgroup has invocations.
pub(super) fn check_partials(
    operation: &'static str,
    what: &'static str,
    partials: u32,
    invocations: u32,
) -> Result<()> {
    if partials <= MOST_PARTIALS {
        return Ok(());
    }
    Err(Error::TooLarge {
        operation,
        what,
        needed: u64::from(partials) * u64::from(invocations) * 4,
        limit: "the sum of partial sums",
        allowed: u64::from(MOST_PARTIALS) * u64::from(invocations) * 4,
        way_out: "use a smaller batch",
    })
}
