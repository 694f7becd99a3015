//! The layout of a workgroup's memory: matrices as rows of `vec4`, padded with zeros.

use crate::codegen::persistent::BLOCK;
use crate::codegen::spec::PersistentSpec;

/// The rows of a tile of activations.
#[inline(never)]
pub(super) fn tile_rows(spec: &PersistentSpec) -> u32 {
    spec.batch_size.min(4)
}

/// How many blocks the batch's rows are summed in, and the rows of each, in whole tiles.
#[inline(never)]
pub(super) fn blocks(spec: &PersistentSpec) -> (u32, u32) {
    let blocks = spec.batch_size.div_ceil(BLOCK);
    (blocks, spec.batch_size.div_ceil(blocks).next_multiple_of(tile_rows(spec)))
}

/// The batch's rows in whole blocks.
#[inline(never)]
pub(super) fn padded_rows(spec: &PersistentSpec) -> u32 {
    let (blocks, rows) = blocks(spec);
    blocks * rows
}

/// The `vec4` chunks of a row of `width` values.
#[inline(never)]
pub(super) fn columns(width: u32) -> u32 {
    width.div_ceil(4)
}

/// A variable of workgroup memory: its name, its type, and its bytes.
pub(super) fn memory(spec: &PersistentSpec) -> Vec<(String, String, u64)> {
    let matrix = |name: String, rows: u32, width: u32| {
        let count = u64::from(rows) * u64::from(columns(width));
        (name, format!("array<vec4<f32>, {count}>"), 16 * count)
    };
    let rows = padded_rows(spec);
    let train = spec.trains();
    let mut memory = vec![("first_batch".to_owned(), "Batch".to_owned(), 32)];
    memory.push(matrix("x".to_owned(), rows, spec.encoded_inputs()));
    for (l, layer) in spec.layers.iter().enumerate() {
        memory.push(matrix(format!("w{l}"), 4 * columns(layer.inputs), layer.outputs));
        if layer.bias {
            memory.push(matrix(format!("b{l}"), 1, layer.outputs));
        }
        if l < spec.last() {
            memory.push(matrix(format!("y{l}"), rows, layer.outputs));
        }
        if l < spec.last() && train && layer.activation.keeps_derivative() {
            memory.push(matrix(format!("f{l}"), rows, layer.outputs));
        }
        // A loss of rows takes the last pre-activations from there.
        if train || l == spec.last() && spec.head.is_of_rows() {
            memory.push(matrix(format!("d{l}"), rows, layer.outputs));
        }
    }
    let parts = partial_losses(spec);
    memory.push(("partial_losses".to_owned(), format!("array<f32, {parts}>"), 4 * u64::from(parts)));
    if spec.shuffle {
        memory.push(("order".to_owned(), format!("array<u32, {rows}>"), 4 * u64::from(rows)));
    }
    memory
}

/// The bytes of workgroup memory, each variable at a multiple of 16.
pub(crate) fn bytes(spec: &PersistentSpec) -> u64 {
    memory(spec).iter().map(|(.., bytes)| bytes.next_multiple_of(16)).sum()
}

/// The tiles of a matrix of activations of this width.
#[inline(never)]
pub(super) fn tiles(spec: &PersistentSpec, width: u32) -> u32 {
    padded_rows(spec) / tile_rows(spec) * columns(width)
}

/// The parts in which a batch's loss is computed: the tiles of the outputs, or their rows.
#[inline(never)]
pub(super) fn partial_losses(spec: &PersistentSpec) -> u32 {
    if spec.head.is_of_rows() { padded_rows(spec) } else { tiles(spec, spec.outputs()) }
}

/// The most invocations that any phase of a step has work for.
pub(crate) fn widest_phase(spec: &PersistentSpec) -> u32 {
    let products = spec.layers.iter().map(|layer| columns(layer.inputs) * columns(layer.outputs));
    let activations = spec.layers.iter().map(|layer| tiles(spec, layer.outputs));
    products.chain(activations).max().unwrap_or(1)
}
