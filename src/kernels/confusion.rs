//! How many samples of each class the network takes for each class.

use super::{Dispatch, Shader, TrainingState, WORKGROUP};
use crate::codegen::{Access, LONGEST_LOOP, Uniform, UniformType};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::rows::Rows;

pub(super) const CONFUSION: Shader<'static> = Shader {
    entry_point: "confusion",
    source: concat!(include_str!("../../shaders/state.wgsl"), include_str!("../../shaders/confusion.wgsl")),
    workgroup: Some(WORKGROUP),
    uniform: &[
        ("y_view", UniformType::Vec2U32),
        ("t_view", UniformType::Vec2U32),
        ("rows", UniformType::U32),
        ("outputs", UniformType::U32),
        ("classes", UniformType::U32),
    ],
    storage: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
};

/// The classes that so many outputs stand for: each for one, but a single one for two, whether it is 0.5 or more.
pub(crate) fn classes(outputs: usize) -> usize {
    outputs.max(2)
}

/// Counts each sample of the batch, as `state` says how many they are, in `counts`: u32 `[classes, classes]`, a row for
/// each class of `t` and a column for each of `y`. `y` and `t` are `[rows, outputs]`; the class of a row is the place of
/// its largest number, of equal ones the first, and there are as many classes as outputs; of one output there are two,
/// the second from 0.5 on.
///
/// Source: [`reference::confusion`](crate::reference::confusion).
///
/// # Errors
/// [`Error::Shapes`] where the operands do not fit each other, and what [`Rows`] are refused for.
pub fn confusion(gpu: &Gpu, state: &TrainingState, y: &Rows, t: &Rows, counts: &Rows) -> Result<Dispatch> {
    let operation = "confusion";
    let y = y.operand(gpu, operation, "y")?;
    let t = t.operand(gpu, operation, "t")?;
    let counts = counts.operand(gpu, operation, "counts")?;
    y.check_fit(operation, &t, y.shape() == t.shape(), "both must have one shape")?;
    let classes = classes(y.width as usize) as u32;
    let fits = counts.rows == classes && counts.width == classes && counts.view == [0, classes];
    counts.check_fit(
        operation,
        &y,
        fits,
        "the counts must have a row and a column a class, one right after the other",
    )?;
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
        .u32("classes", classes);
    let storage = [state.batch(), y.binding(), t.binding(), counts.binding()];
    Dispatch::new(gpu, &CONFUSION, uniform, &storage, y.rows)
}
