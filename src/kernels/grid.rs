//! A hash grid: the values at the inputs, and the gradients with respect to the inputs and to the features.

use std::borrow::Cow;

use super::{Dispatch, Shader, WORKGROUP};
use crate::codegen::{self, Access, Uniform, UniformType};
use crate::error::Result;
use crate::gpu::{Gpu, words_as_bytes};
use crate::hash_grid::HashGrid;
use crate::rows::Rows;
use crate::shaders::shader;

const READ: Access = Access::Read;
const WRITE: Access = Access::ReadWrite;

const X_VIEW: (&str, UniformType) = ("x_view", UniformType::Vec2U32);
const E_VIEW: (&str, UniformType) = ("e_view", UniformType::Vec2U32);
const D_E_VIEW: (&str, UniformType) = ("d_e_view", UniformType::Vec2U32);
const D_X_VIEW: (&str, UniformType) = ("d_x_view", UniformType::Vec2U32);
const ROWS: (&str, UniformType) = ("rows", UniformType::U32);

pub(super) const LARGEST: Shader<'static> = Shader {
    entry_point: "grid_largest",
    source: Cow::Borrowed(shader!("grid_largest")),
    workgroup: Some(WORKGROUP),
    uniform: &[D_E_VIEW, ROWS, ("width", UniformType::U32)],
    storage: &[READ, WRITE],
};

pub(super) const GRADIENT: Shader<'static> = Shader {
    entry_point: "grid_gradient",
    source: Cow::Borrowed(shader!("grid_gradient")),
    workgroup: Some(WORKGROUP),
    uniform: &[("values", UniformType::U32)],
    storage: &[WRITE; 3],
};

pub(super) const GRADIENT_CLEAR: Shader<'static> = Shader { entry_point: "grid_gradient_clear", ..GRADIENT };

/// A kernel of a grid, in front of whose file stands what the grid is.
fn shader(
    grid: HashGrid,
    inputs: u32,
    (entry_point, file): (&'static str, &str),
    uniform: &'static [(&'static str, UniformType)],
    storage: &'static [Access],
    of_samples: bool,
) -> Shader<'static> {
    // The samples of the batch are the last binding.
    let storage = if of_samples { storage } else { &storage[..storage.len() - 1] };
    let source = codegen::grid::kernel(grid, inputs, of_samples.then_some(storage.len() as u32), file);
    Shader { entry_point, source: Cow::Owned(source), workgroup: Some(WORKGROUP), uniform, storage }
}

/// The values of the rows of `x`, or of samples that `order` names.
pub(super) fn encode(grid: HashGrid, inputs: u32, of_samples: bool) -> Shader<'static> {
    let file = ("grid_encode", shader!("grid_encode"));
    shader(grid, inputs, file, &[X_VIEW, E_VIEW, ROWS], &[READ, READ, READ, WRITE, READ], of_samples)
}

/// The gradient with respect to the inputs.
pub(super) fn encode_backward(grid: HashGrid, inputs: u32) -> Shader<'static> {
    let file = ("grid_encode_backward", shader!("grid_encode_backward"));
    let storage = &[READ, READ, READ, READ, WRITE, READ];
    shader(grid, inputs, file, &[X_VIEW, D_E_VIEW, D_X_VIEW, ROWS], storage, false)
}

/// The sums of the gradient with respect to the features: of all levels but the coarse ones, and of these.
pub(super) fn sums(grid: HashGrid, inputs: u32, of_samples: bool, coarse: Coarse) -> [Shader<'static>; 2] {
    ["grid_sum", "grid_sum_coarse"].map(|entry_point| {
        let file = format!(
            "const ROWS = {COARSE_ROWS}u;\nconst COARSE_FEATURES = {}u;\n\n{}",
            coarse.features.max(1),
            shader!("grid_sum")
        );
        let storage = &[WRITE, WRITE, READ, READ, READ, READ, READ];
        let uniform = &[X_VIEW, D_E_VIEW, ROWS, ("coarse", UniformType::U32)];
        shader(grid, inputs, (entry_point, &file), uniform, storage, of_samples)
    })
}

/// The rows that a workgroup of `grid_sum_coarse` takes.
const COARSE_ROWS: u32 = 2048;

/// The first levels of a grid, whose gradients are summed in workgroup memory first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coarse {
    /// How many levels.
    levels: u32,
    /// The features of the largest of them.
    features: u32,
}

impl Coarse {
    /// The levels whose sums, two words a feature, fit in that many bytes.
    pub fn of(grid: HashGrid, inputs: u32, bytes: u32) -> Self {
        let features = grid.levels_of(inputs as usize).into_iter().map(|level| level.entries * grid.features);
        let fitting = features.take_while(|&features| features <= bytes / 8);
        fitting
            .fold(Coarse { levels: 0, features: 0 }, |coarse, features| Coarse { levels: coarse.levels + 1, features })
    }
}

/// A hash grid on the GPU: its levels; its features are the first of the network's parameters.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    grid: HashGrid,
    inputs: u32,
    levels: wgpu::Buffer,
}

/// Rows of points, or the samples of a data set that a batch has: a word for their number, then one for each row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Points<'a> {
    pub x: &'a Rows,
    pub order: Option<&'a wgpu::Buffer>,
}

/// The gradient with respect to a grid's features, as it is summed.
#[derive(Clone, Debug)]
pub(crate) struct GridGradient {
    pub dispatches: Vec<Dispatch>,
    /// The bits of the largest gradient with respect to a value: if they are not of a finite number, the sums are 0.
    pub largest: wgpu::Buffer,
    /// The bytes of its own buffers.
    pub bytes: u64,
}

impl Grid {
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(gpu: &Gpu, operation: &'static str, grid: HashGrid, inputs: usize) -> Result<Self> {
        let words = grid
            .levels_of(inputs)
            .into_iter()
            .flat_map(|level| [level.scale.to_bits(), level.dense_resolution(), level.entries, level.first]);
        let words = words.collect::<Vec<_>>();
        let levels = gpu.storage_buffer(operation, "levels of the hash grid", 4 * words.len() as u64)?;
        gpu.write_buffer(&levels, 0, words_as_bytes(&words))?;
        Ok(Grid { grid, inputs: inputs as u32, levels })
    }

    /// `e`, `[rows, levels · features]`: the values at the points, by the features at the beginning of `parameters`.
    ///
    /// Source: [`reference::encode_grid`](crate::reference::encode_grid).
    ///
    /// # Errors
    /// Those of [`Rows`].
    pub fn encode(&self, gpu: &Gpu, points: Points<'_>, parameters: &wgpu::Buffer, e: &Rows) -> Result<Dispatch> {
        let operation = "grid_encode";
        let x = points.x.operand(gpu, operation, "x")?;
        let e = e.operand(gpu, operation, "e")?;
        let uniform = Uniform::default().vec2_u32("x_view", x.view).vec2_u32("e_view", e.view).u32("rows", e.rows);
        let mut storage =
            vec![x.binding(), self.levels.as_entire_binding(), parameters.as_entire_binding(), e.binding()];
        storage.extend(points.order.map(wgpu::Buffer::as_entire_binding));
        let shader = encode(self.grid, self.inputs, points.order.is_some());
        Dispatch::new(gpu, &shader, uniform, &storage, u64::from(e.rows) * u64::from(self.grid.levels))
    }

    /// `d_x`, `[rows, inputs]`: the gradient with respect to the points, from `d_e`, that with respect to the values.
    ///
    /// Source: [`reference::encode_grid_backward`](crate::reference::encode_grid_backward).
    ///
    /// # Errors
    /// Those of [`Rows`].
    pub fn encode_backward(
        &self,
        gpu: &Gpu,
        x: &Rows,
        parameters: &wgpu::Buffer,
        [d_e, d_x]: [&Rows; 2],
    ) -> Result<Dispatch> {
        let operation = "grid_encode_backward";
        let x = x.operand(gpu, operation, "x")?;
        let d_e = d_e.operand(gpu, operation, "d_e")?;
        let d_x = d_x.operand(gpu, operation, "d_x")?;
        let uniform = Uniform::default()
            .vec2_u32("x_view", x.view)
            .vec2_u32("d_e_view", d_e.view)
            .vec2_u32("d_x_view", d_x.view)
            .u32("rows", d_x.rows);
        let storage = [
            x.binding(),
            self.levels.as_entire_binding(),
            parameters.as_entire_binding(),
            d_e.binding(),
            d_x.binding(),
        ];
        Dispatch::new(gpu, &encode_backward(self.grid, self.inputs), uniform, &storage, d_x.rows)
    }

    /// The gradient with respect to the features, from `d_e`, that with respect to the values: to the beginning of `d_parameters`, where
    /// the low words of the sums are until they are done.
    ///
    /// Source: [`reference::encode_grid_backward`](crate::reference::encode_grid_backward).
    ///
    /// # Errors
    /// Those of [`Rows`]; [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn gradient(
        &self,
        gpu: &Gpu,
        points: Points<'_>,
        d_e: &Rows,
        d_parameters: &wgpu::Buffer,
    ) -> Result<GridGradient> {
        let operation = "grid_gradient";
        let x = points.x.operand(gpu, operation, "x")?;
        let d_e = d_e.operand(gpu, operation, "d_e")?;
        let values = self.grid.parameter_count(self.inputs as usize) as u32;
        let high = gpu.storage_buffer(operation, "high words of a hash grid's gradient", 4 * u64::from(values))?;
        let largest = gpu.storage_buffer(operation, "largest gradient with respect to encoded inputs", 4)?;

        let words = [d_parameters, &high, &largest].map(wgpu::Buffer::as_entire_binding);
        let of_words = |shader| {
            let uniform = Uniform::default().u32("values", values);
            Dispatch::new(gpu, shader, uniform, &words, values)
        };
        let uniform = Uniform::default().vec2_u32("d_e_view", d_e.view).u32("rows", d_e.rows).u32("width", d_e.width);
        let of_largest = [d_e.binding(), largest.as_entire_binding()];
        let find_largest = Dispatch::new(gpu, &LARGEST, uniform, &of_largest, d_e.rows)?;

        let mut storage = words.to_vec();
        storage.extend([x.binding(), self.levels.as_entire_binding(), d_e.binding()]);
        storage.extend(points.order.map(wgpu::Buffer::as_entire_binding));
        let coarse = Coarse::of(self.grid, self.inputs, gpu.limits().max_compute_workgroup_storage_size);
        let shaders = sums(self.grid, self.inputs, points.order.is_some(), coarse);
        let rows = u64::from(d_e.rows);
        let invocations = [
            rows * u64::from(self.grid.levels - coarse.levels),
            rows.div_ceil(COARSE_ROWS.into()) * u64::from(coarse.levels * WORKGROUP),
        ];
        let mut dispatches = vec![of_words(&GRADIENT_CLEAR)?, find_largest];
        for (shader, invocations) in shaders.iter().zip(invocations).filter(|&(_, invocations)| invocations > 0) {
            let uniform = Uniform::default().vec2_u32("x_view", x.view).vec2_u32("d_e_view", d_e.view);
            let uniform = uniform.u32("rows", d_e.rows).u32("coarse", coarse.levels);
            dispatches.push(Dispatch::new(gpu, shader, uniform, &storage, invocations)?);
        }
        dispatches.push(of_words(&GRADIENT)?);
        Ok(GridGradient { dispatches, bytes: high.size() + largest.size(), largest })
    }
}
