//! What stands where in a workgroup's memory: matrices as rows of `vec4`, padded with zeros to whole ones.

use super::super::task::{BLOCK, Task};
use crate::trainer::Work;

/// The rows of a tile of activations.
pub(super) fn tile_rows(task: &Task) -> u32 {
    task.batch_size.min(4)
}

/// The blocks of rows whose derivatives are added up in a row, and the rows of each, in whole tiles.
pub(super) fn blocks(task: &Task) -> (u32, u32) {
    let blocks = task.batch_size.div_ceil(BLOCK);
    (blocks, task.batch_size.div_ceil(blocks).next_multiple_of(tile_rows(task)))
}

/// The batch's rows in whole blocks.
pub(super) fn padded_rows(task: &Task) -> u32 {
    let (blocks, rows) = blocks(task);
    blocks * rows
}

/// The `vec4` of a row of this many numbers.
pub(super) fn columns(width: u32) -> u32 {
    width.div_ceil(4)
}

/// A variable of workgroup memory: its name, its type, and its bytes.
pub(super) fn memory(task: &Task) -> Vec<(String, String, u64)> {
    let matrix = |name: String, rows: u32, width: u32| {
        let count = u64::from(rows) * u64::from(columns(width));
        (name, format!("array<vec4<f32>, {count}>"), 16 * count)
    };
    let rows = padded_rows(task);
    let train = task.work == Work::Train;
    let mut memory = vec![("first_batch".to_owned(), "Batch".to_owned(), 32)];
    memory.push(matrix("x".to_owned(), rows, task.inputs));
    for (s, stage) in task.stages.iter().enumerate() {
        memory.push(matrix(format!("w{s}"), 4 * columns(stage.inputs), stage.outputs));
        if stage.bias {
            memory.push(matrix(format!("b{s}"), 1, stage.outputs));
        }
        if s < task.last() {
            memory.push(matrix(format!("y{s}"), rows, stage.outputs));
            if stage.sigmoids > 1 && train {
                memory.push(matrix(format!("slopes{s}"), rows, stage.outputs));
            }
        }
        if train {
            memory.push(matrix(format!("d{s}"), rows, stage.outputs));
        }
    }
    let tiles = tiles(task, task.outputs());
    memory.push(("tile_errors".to_owned(), format!("array<f32, {tiles}>"), 4 * u64::from(tiles)));
    if task.shuffle {
        memory.push(("order".to_owned(), format!("array<u32, {rows}>"), 4 * u64::from(rows)));
    }
    memory
}

/// The bytes of workgroup memory, each variable at a multiple of 16.
pub(in super::super) fn bytes(task: &Task) -> u64 {
    memory(task).iter().map(|(.., bytes)| bytes.next_multiple_of(16)).sum()
}

/// The tiles of a matrix of activations of this width.
pub(super) fn tiles(task: &Task, width: u32) -> u32 {
    padded_rows(task) / tile_rows(task) * columns(width)
}

/// The most invocations that any phase of a step has work for.
pub(in super::super) fn widest_phase(task: &Task) -> u32 {
    let products = task.stages.iter().map(|stage| columns(stage.inputs) * columns(stage.outputs));
    let activations = task.stages.iter().map(|stage| tiles(task, stage.outputs));
    products.chain(activations).max().unwrap_or(1)
}
