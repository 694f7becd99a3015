//! The confusion matrix: counts of samples per class and predicted class.

use std::borrow::Cow;

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, LONGEST_LOOP, Uniform, UniformType};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::Rows;
use crate::shaders::shader;

pub(super) const CONFUSION: Shader<'static> = Shader {
    entry_point: "confusion",
    source: Cow::Borrowed(shader!("state", "confusion")),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("y_view", UniformType::Vec2U32),
        ("t_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("outputs", UniformType::U32),
        ("classes", UniformType::U32),
        ("threshold", UniformType::F32),
    ],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The number of classes of a network with this many outputs: one per output, but two for a single output.
pub(crate) fn classes(outputs: usize) -> usize {
    outputs.max(2)
}

/// Adds each sample of the current batch of `state` to the confusion matrix `counts`: u32 `[classes, classes]`, one row
/// per class of `t`, one column per class of `y`. `y` and `t` are `[rows, outputs]`. The class of a row is the index of
/// its largest value, the first if several are equal, and there are as many classes as outputs. With one output there
/// are two classes: of `y` 1 from `threshold` on, else 0, and of `t` from 0.5 on.
///
/// Source: [`reference::confusion`](crate::reference::confusion).
///
/// # Errors
/// [`Error::Shapes`] for operands whose shapes do not match; [`Error::TooLarge`] for more than 32,768 outputs; the errors
/// of invalid [`Rows`].
pub fn confusion(
    gpu: &Gpu,
    state: &TrainingState,
    [y, t]: [&Rows; 2],
    threshold: f32,
    counts: &Rows,
) -> Result<Dispatch> {
    let operation = "confusion";
    let y = y.operand(gpu, operation, "y")?;
    let t = t.operand(gpu, operation, "t")?;
    let counts = counts.operand(gpu, operation, "counts")?;
    y.check_fit(operation, &t, y.shape() == t.shape(), "both must have the same shape")?;
    let classes = classes(y.width as usize) as u32;
    let fits = counts.rows == classes && counts.width == classes && counts.view == [0, classes];
    counts.check_fit(operation, &y, fits, "the counts must have one row and one column per class, without gaps")?;
    counts.check_written_alone(operation, &[&y, &t])?;
    state.check_batch(operation, &y)?;
    state.check_apart(operation, &[&y, &t, &counts])?;
    if y.width > LONGEST_LOOP {
        return Err(Error::TooLarge {
            operation,
            what: "a row of y",
            needed: u64::from(y.width) * 4,
            limit: "the longest loop of a shader",
            allowed: u64::from(LONGEST_LOOP) * 4,
            way_out: "use fewer outputs",
        });
    }

    let uniform = Uniform::default()
        .vec2_u32("y_view", y.view)
        .vec2_u32("t_view", t.view)
        .u32("rows", y.rows)
        .u32("outputs", y.width)
        .u32("classes", classes)
        .f32("threshold", threshold);
    let storage = [state.batch(), y.binding(), t.binding(), counts.binding()];
    Dispatch::new(gpu, &CONFUSION, uniform, &storage, y.rows)
}
