//! The matmul family at speed: products whose tiles stay in registers, with what comes before and after them fused in.
//!
//! | kernel | computes | takes the place of |
//! | --- | --- | --- |
//! | `tiled_forward` | `y = sigmoid(x · w)`, and for a network's last layer the error and its derivative | `gather`, `matmul`, `sigmoid`, `squared_error`, `sigmoid_backward` |
//! | `tiled_backward` | `d_input = (d_output · wᵀ) · y · (1 - y)` | `matmul_transposed`, `sigmoid_backward` |
//! | `tiled_update` | `w -= learning_rate · xᵀ · d_output / batch size`, or only the derivatives | `outer_product`, `weight_update` |
//!
//! A tile is some rows by a few times four columns; an invocation accumulates one, or several share the terms of its sum
//! where there would be too few invocations. The texts are written for the tile's shape and for how the operands lie
//! ([`Layout`]), not for their sizes: networks share them.

mod shape;
#[cfg(test)]
mod tests;
mod text;

use super::gather::seed_words;
use super::{Dispatch, LONGEST_LOOP, Parameters, TrainingState, dispatches_of};
use crate::data::{Coding, Numbers};
use crate::error::Result;
use crate::gpu::{Access, Gpu, Shader};
use crate::matrix::{Operand, Rows};
use crate::mlp::{Mlp, Stage};
use shape::{Device, Tile};

/// How four numbers side by side are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Layout {
    /// As a vector: every row begins at a multiple of four numbers, and has room for whole fours.
    Quads,
    /// One by one.
    Numbers,
    /// As a word of four bytes.
    Bytes,
}

impl Layout {
    fn of(operand: &Operand<'_>) -> Self {
        if operand.at_once() == 4 { Layout::Quads } else { Layout::Numbers }
    }
}

/// What a forward text does with its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    /// Writes the output.
    Output(Layout),
    /// Compares it with the targets, and writes the derivative of the error by the sums.
    Error(Target),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    Floats,
    Class,
}

/// What a forward text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Forward {
    tile: Tile,
    x: Layout,
    w: Layout,
    end: End,
    /// Whether the rows are samples of a data set: the first layer of a training step.
    first: bool,
    shuffle: bool,
    bias: bool,
    sigmoid: bool,
    /// Whether the terms are no whole fours.
    tail: bool,
}

impl Forward {
    fn heading(&self) -> [&'static str; 3] {
        let formula = match (self.sigmoid, self.end) {
            (true, End::Output(_)) => "tiled_forward   y = sigmoid(x · w)     reference: matmul, sigmoid",
            (false, End::Output(_)) => "tiled_forward   y = x · w     reference: matmul",
            (true, End::Error(_)) => {
                "tiled_forward   y = (o - t) · o · (1 - o), o = sigmoid(x · w)     reference: matmul, sigmoid, squared_error, sigmoid_backward"
            }
            (false, End::Error(_)) => "tiled_forward   y = x · w - t     reference: matmul, squared_error",
        };
        let shapes = "  x [rows, inputs], w [inputs, outputs] and with a bias one row more, y and t [rows, outputs]";
        [formula, "", shapes]
    }
}

/// What a backward text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Backward {
    tile: Tile,
    d_output: Layout,
    w: Layout,
    d_input: Layout,
    tail: bool,
    /// Whether the input was the output of a sigmoid layer.
    sigmoid: bool,
    /// Whether the weights are updated too, once they were read.
    updates: bool,
    /// Whether the weights have a bias row: only an update asks.
    bias: bool,
}

impl Backward {
    fn heading(&self) -> Vec<&'static str> {
        let formula = match self.sigmoid {
            true => {
                "tiled_backward   d_input = (d_output · wᵀ) · y · (1 - y)     reference: matmul_transposed, sigmoid_backward"
            }
            false => "tiled_backward   d_input = d_output · wᵀ     reference: matmul_transposed",
        };
        let update =
            "  then   w -= learning_rate · yᵀ · d_output / batch size     reference: outer_product, weight_update";
        let shapes = "  d_output [rows, outputs], w [inputs, outputs], d_input and y [rows, inputs]";
        let lines = [Some(formula), self.updates.then_some(update), Some(""), Some(shapes)];
        lines.into_iter().flatten().collect()
    }
}

/// What an update text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Update {
    tile: Tile,
    x: Layout,
    d_output: Layout,
    w: Layout,
    /// Whether the weights are updated, or the derivatives written.
    trains: bool,
    /// Whether the rows are a training step's batch, which may be a smaller one.
    batch: bool,
    /// Whether the rows of x are samples of a data set.
    ordered: bool,
    bias: bool,
    /// Whether derivatives are added to those that earlier rows left.
    adds: bool,
    /// Whether one workgroup more ends the training step.
    ends_step: bool,
    /// How many tiles an invocation takes, one below the other.
    turns: u32,
    /// How deep the sums are nested: 0 for one row, 1, or 2 with blocks of rows, or 3 with blocks of blocks.
    levels: u32,
}

impl Update {
    fn heading(&self) -> [&'static str; 3] {
        let formula = match self.trains {
            true => {
                "tiled_update   w -= learning_rate · xᵀ · d_output / batch size     reference: outer_product, weight_update"
            }
            false => "tiled_update   w = xᵀ · d_output     reference: outer_product",
        };
        let shapes = "  x [rows, inputs], d_output [rows, outputs], w [inputs, outputs] and with a bias one row more";
        [formula, "", shapes]
    }
}

/// The rows that a layer takes: an activation, or the samples of a training step's batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    Rows(&'a Rows),
    /// Of a data set, as many as a batch has: the first layer's kernel notes which, in order.
    Samples(&'a Numbers),
}

impl<'a> Input<'a> {
    fn operand(&self, gpu: &Gpu, operation: &'static str) -> Result<(Operand<'a>, Layout, u32)> {
        let (rows, width) = match *self {
            Input::Rows(rows) => (rows, rows.shape().columns as u32),
            Input::Samples(numbers) => (&numbers.rows, numbers.width as u32),
        };
        let operand = rows.operand(gpu, operation, "x")?;
        let layout = match *self {
            Input::Samples(Numbers { coding: Coding::Bytes { .. }, .. }) => Layout::Bytes,
            _ => Layout::of(&operand),
        };
        Ok((operand, layout, width))
    }

    fn scale(&self) -> [u32; 2] {
        match *self {
            Input::Samples(Numbers { coding: Coding::Bytes { scale, offset }, .. }) => {
                [scale.to_bits(), offset.to_bits()]
            }
            _ => [0; 2],
        }
    }
}

/// Where a batch is: what a training step's kernels share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub state: &'a TrainingState,
    pub shuffle: Option<u64>,
    /// How many samples the current batch has, and which: `[1 + batch_size]` words.
    pub order: &'a wgpu::Buffer,
}

/// The parts of a layer forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    pub x: Input<'a>,
    pub w: &'a Rows,
    pub bias: bool,
    pub sigmoid: bool,
    pub rows: u32,
    /// Of a training step.
    pub batch: Option<Batch<'a>>,
}

/// What becomes of a layer's sums.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    /// The output.
    Rows(&'a Rows),
    /// The error: the derivative by the sums, to rows in quads, and the partial errors.
    Error { d_output: &'a Rows, targets: &'a Numbers, partial_errors: &'a Rows },
}

/// The most partial errors that an update's workgroup of eight lanes adds up within the longest loop.
pub(crate) const MOST_PARTIALS: u64 = 8 * (LONGEST_LOOP as u64 - 1024); // with a loop over blocks of 64 around

/// How many partial errors a layer's forward kernel leaves, one a workgroup.
pub(crate) fn partial_errors(gpu: &Gpu, rows: u32, inputs: u32, outputs: u32) -> u64 {
    let (_, [x, y]) = Device::of(gpu).product([rows, outputs], inputs);
    u64::from(x) * u64::from(y)
}

/// The rows of an update's dispatch for each slice: whole squares of blocks, so few that their loops stay within the
/// longest. A batch of more dispatches would round the weights with each.
pub(crate) const ROWS_OF_A_SLICE: u32 = 30 * 1024;

/// What [`stages`] asks for, in words.
pub(crate) const LIMITS: &str = "for linear layers up to 126,976 wide, each with one sigmoid layer after it at most, and for \
                                 no more rows than the device's workgroups take";

/// The network as stages, if the tiled kernels can compute it for so many rows; otherwise the plain kernels can.
pub(crate) fn stages(gpu: &Gpu, mlp: &Mlp, rows: u32) -> Option<Vec<Stage>> {
    let device = Device::of(gpu);
    let (leading_sigmoids, stages) = mlp.stages();
    let takes = |stage: &Stage| stage.sigmoids <= 1 && device.takes(stage, rows);
    Some(stages).filter(|stages| leading_sigmoids == 0 && !stages.is_empty() && stages.iter().all(takes))
}

/// `y = x · w`, where `layer` says so followed by a sigmoid, and for the last layer of a training step by the error.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn forward(gpu: &Gpu, layer: Layer<'_>, output: Output<'_>) -> Result<Dispatch> {
    let operation = "tiled_forward";
    let (x, x_layout, inputs) = layer.x.operand(gpu, operation)?;
    let w = layer.w.operand(gpu, operation, "w")?;
    let outputs = w.width;
    let (tile, grid) = Device::of(gpu).product([layer.rows, outputs], inputs);
    let first = matches!(layer.x, Input::Samples(_));
    let shuffle = first && layer.batch.is_some_and(|batch| batch.shuffle.is_some());

    let y_rows = match output {
        Output::Rows(y) => y,
        Output::Error { d_output, .. } => d_output,
    };
    let y = y_rows.operand(gpu, operation, "y")?;
    let end = match output {
        Output::Rows(_) => End::Output(Layout::of(&y)),
        Output::Error { targets, .. } => End::Error(match targets.coding {
            Coding::Class { .. } => Target::Class,
            _ => Target::Floats,
        }),
    };
    let kernel = Forward {
        tile,
        x: x_layout,
        w: Layout::of(&w),
        end,
        first,
        shuffle,
        bias: layer.bias,
        sigmoid: layer.sigmoid,
        tail: !inputs.is_multiple_of(4),
    };

    let mut parameters = Parameters::default()
        .pair("x_view", x.view)
        .pair("x_scale", layer.x.scale())
        .pair("w_view", w.view)
        .pair("y_view", y.view);
    let mut storage = vec![x.binding(), w.binding(), y.binding()];
    let mut accesses = vec![Access::Read, Access::Read, Access::ReadWrite];
    let targets = match output {
        Output::Error { targets, partial_errors, .. } => {
            let t = targets.rows.operand(gpu, operation, "t")?;
            Some((t, targets.coding, partial_errors.operand(gpu, operation, "partial_errors")?))
        }
        _ => None,
    };
    if let Some((t, coding, partial_errors)) = &targets {
        let scale = match *coding {
            Coding::Class { off, on } => [on.to_bits(), off.to_bits()],
            _ => [0; 2],
        };
        parameters = parameters.pair("t_view", t.view).pair("t_scale", scale);
        storage.extend([t.binding(), partial_errors.binding()]);
        accesses.extend([Access::Read, Access::ReadWrite]);
    }
    if let Some(batch) = &layer.batch {
        if first {
            storage.extend([batch.order.as_entire_binding(), batch.state.batch()]);
            accesses.extend([Access::ReadWrite, Access::Read]);
            if shuffle {
                parameters = parameters.pair("seed", seed_words(batch.shuffle));
                storage.push(batch.state.samples().binding());
                accesses.push(Access::Read);
            }
        } else if targets.is_some() {
            storage.push(batch.order.as_entire_binding());
            accesses.push(Access::Read);
        }
    }
    let parameters =
        parameters.word("rows", layer.rows).word("inputs", inputs).word("outputs", outputs).word("workgroups", grid[0]);
    let source = text::forward(&kernel, parameters.names());
    dispatch(gpu, operation, &source, tile.lanes, parameters, (&storage, &accesses), grid)
}

/// What is fused into a layer's pass backwards.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fused<'a> {
    /// The layer's input, in quads, if one of these asks for it.
    pub y: Option<&'a Rows>,
    /// The input is the output of a sigmoid layer: the derivative goes back through that too.
    pub sigmoid: bool,
    /// The weights are updated for this batch, once they were read; and whether they have a bias row. Only where
    /// [`update_fits_in_backward`].
    pub update: Option<(Batch<'a>, bool)>,
}

/// Whether one row of workgroups takes all rows, so that each reads weights that no other does and may update them.
pub(crate) fn update_fits_in_backward(gpu: &Gpu, stage: &Stage, rows: u32) -> bool {
    // Both fit in 32 bits, since the network was checked.
    let (_, [_, down]) = Device::of(gpu).product([rows, stage.inputs], stage.outputs);
    down == 1 && rows <= 32
}

/// `d_input = d_output · wᵀ`, with what is fused in.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn backward(gpu: &Gpu, d_output: &Rows, w: &Rows, d_input: &Rows, fused: Fused<'_>) -> Result<Dispatch> {
    let operation = "tiled_backward";
    let d_output = d_output.operand(gpu, operation, "d_output")?;
    let w = w.operand(gpu, operation, "w")?;
    let d_input = d_input.operand(gpu, operation, "d_input")?;
    let (rows, inputs, outputs) = (d_input.rows, d_input.width, d_output.width);
    let (tile, mut grid) = Device::of(gpu).product([rows, inputs], outputs);
    let y = fused.y.map(|y| y.operand(gpu, operation, "y")).transpose()?;
    let bias = fused.update.is_some_and(|(_, bias)| bias);
    // The bias row may begin another workgroup.
    grid[0] = tile.grid(rows, inputs + u32::from(bias))[0];
    let kernel = Backward {
        tile,
        d_output: Layout::of(&d_output),
        w: Layout::of(&w),
        d_input: Layout::of(&d_input),
        tail: !outputs.is_multiple_of(4),
        sigmoid: fused.sigmoid,
        updates: fused.update.is_some(),
        bias,
    };
    let mut parameters = Parameters::default()
        .pair("d_output_view", d_output.view)
        .pair("w_view", w.view)
        .pair("d_input_view", d_input.view);
    let of_w = if kernel.updates { Access::ReadWrite } else { Access::Read };
    let mut storage = vec![d_output.binding(), w.binding(), d_input.binding()];
    let mut accesses = vec![Access::Read, of_w, Access::ReadWrite];
    if let Some(y) = &y {
        parameters = parameters.pair("y_view", y.view);
        storage.push(y.binding());
        accesses.push(Access::Read);
    }
    if let Some((batch, _)) = &fused.update {
        storage.extend([batch.order.as_entire_binding(), batch.state.learning_rate().as_entire_binding()]);
        accesses.extend([Access::Read, Access::Read]);
    }
    let parameters = parameters.word("rows", rows).word("inputs", inputs).word("outputs", outputs);
    let source = text::backward(&kernel, parameters.names());
    dispatch(gpu, operation, &source, tile.lanes, parameters, (&storage, &accesses), grid)
}

/// What an update changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights<'a> {
    /// The weights, by gradient descent. The training step ends with it where it is given the partial errors.
    Descend { w: &'a Rows, ends_step: Option<&'a Rows> },
    /// The derivatives by the weights are written here.
    Derivatives(&'a Rows),
}

/// `w -= learning_rate · xᵀ · d_output / batch size`, or only the derivatives: `rows` is how many rows there are at most.
/// The weights are updated for a batch of a training step.
///
/// # Errors
/// Those of [`Rows`].
pub(crate) fn update(
    gpu: &Gpu,
    [x, d_output]: [Input<'_>; 2],
    weights: Weights<'_>,
    bias: bool,
    rows: u32,
    batch: Option<Batch<'_>>,
) -> Result<Vec<Dispatch>> {
    let operation = "tiled_update";
    let ordered = matches!(x, Input::Samples(_));
    let scale = x.scale();
    let (x, x_layout, inputs) = x.operand(gpu, operation)?;
    let (d_output, d_output_layout, outputs) = d_output.operand(gpu, operation)?;
    let (w, trains, partial_errors) = match weights {
        Weights::Descend { w, ends_step } => (w, true, ends_step),
        Weights::Derivatives(d_weights) => (d_weights, false, None),
    };
    let partial_errors = partial_errors.map(|rows| rows.operand(gpu, operation, "partial_errors")).transpose()?;
    let ends = batch.map(|batch| batch.state).zip(partial_errors);
    let w = w.operand(gpu, operation, "w")?;
    let (tile, turns, grid) = Device::of(gpu).update([w.rows, outputs], rows);
    let levels = match rows.div_ceil(tile.slices) {
        _ if rows == 1 && tile.slices == 1 => 0,
        0..=32 => 1,
        33..=1024 => 2,
        _ => 3,
    };
    let kernel = Update {
        tile,
        x: x_layout,
        d_output: d_output_layout,
        w: Layout::of(&w),
        trains,
        batch: batch.is_some(),
        ordered,
        bias,
        adds: false,
        ends_step: false,
        turns,
        levels,
    };
    let mut storage = vec![x.binding(), d_output.binding(), w.binding()];
    let mut accesses = vec![Access::Read, Access::Read, Access::ReadWrite];
    if let Some(batch) = &batch {
        storage.push(batch.order.as_entire_binding());
        accesses.push(Access::Read);
        if trains {
            storage.push(batch.state.learning_rate().as_entire_binding());
            accesses.push(Access::Read);
        }
    }
    let dispatch = |range: std::ops::Range<u32>| {
        let mut parameters = Parameters::default()
            .pair("x_view", x.view)
            .pair("x_scale", scale)
            .pair("d_output_view", d_output.view)
            .pair("w_view", w.view)
            .word("first", range.start)
            .word("last", range.end)
            .word("inputs", inputs)
            .word("outputs", outputs);
        let (mut storage, mut accesses, mut grid) = (storage.clone(), accesses.clone(), grid);
        let ends = ends.as_ref().filter(|_| range.end == rows);
        if let Some((state, partial_errors)) = ends {
            parameters =
                parameters.word("workgroups", grid[1]).word("partials", partial_errors.rows).word("batch_size", rows);
            storage.extend([partial_errors.binding(), state.buffer().as_entire_binding(), state.samples().binding()]);
            accesses.extend([Access::Read, Access::ReadWrite, Access::Read]);
            grid[1] += 1;
        }
        let kernel = Update { adds: range.start > 0, ends_step: ends.is_some(), ..kernel };
        let source = text::update(&kernel, parameters.names());
        dispatch(gpu, operation, &source, tile.lanes, parameters, (&storage, &accesses), grid)
    };
    dispatches_of(rows, tile.slices * ROWS_OF_A_SLICE).map(dispatch).collect()
}

fn dispatch(
    gpu: &Gpu,
    entry_point: &'static str,
    source: &str,
    lanes: u32,
    parameters: Parameters,
    (storage, accesses): (&[wgpu::BindingResource<'_>], &[Access]),
    grid: [u32; 2],
) -> Result<Dispatch> {
    let names = parameters.names().to_vec();
    let shader = Shader { entry_point, source, workgroup: Some(lanes), parameters: &names, storage: accesses };
    Dispatch::of_workgroups(gpu, &shader, parameters, storage, grid)
}
