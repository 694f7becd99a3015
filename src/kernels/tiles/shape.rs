//! The shapes of tiles, chosen by the sizes of a product and by the device, and what the device's limits allow.

use crate::gpu::Gpu;
use crate::kernels::LONGEST_LOOP;
use crate::mlp::Stage;

/// The widest layer: a sum of so many terms, four a turn, stays within the longest loop.
pub(super) const WIDEST: u32 = 4 * (LONGEST_LOOP - 1024);

/// So many invocations keep a large GPU busy; where there are fewer tiles, several share one. An estimate, not measured.
const INVOCATIONS_OF_A_GPU: u64 = 16_384;

/// The products of a layer from which on a processor's large tile pays for the time that it takes to compile.
const WORTH_A_LARGE_TILE: u64 = 1 << 20;

/// For fewer rows of x, an invocation of a processor updates many weights: the sums are short, and the text that finishes
/// them is the most of the work.
pub(super) const FEW_ROWS: u32 = 4;

/// The shape of a tile, and who accumulates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// How many rows of the result.
    pub rows: u32,
    /// How many times four columns of the result.
    pub quads: u32,
    /// The invocations that share the terms of its sums.
    pub slices: u32,
    /// The tiles of a workgroup that lie side by side; what more there are of it lie below these.
    pub across: u32,
    /// The invocations of a workgroup.
    pub lanes: u32,
}

/// What a tile is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Outputs, or derivatives by inputs: a row a sample.
    Product,
    /// Weights: a sum over the samples.
    Update,
}

impl Tile {
    /// How many times four numbers it has.
    pub fn parts(self) -> u32 {
        self.rows * self.quads
    }

    /// How many of a workgroup lie one below the other.
    pub fn down(self) -> u32 {
        self.lanes / self.slices / self.across
    }

    /// The bytes of workgroup memory: the sums, the samples of the rows, and what ends a step.
    pub fn workgroup_bytes(self) -> u32 {
        16 * self.lanes * self.parts() + 4 * self.rows * self.down() + 4 * self.lanes
    }

    /// The tile for a result of `rows` by `columns`, a sum of `terms` terms each.
    ///
    /// On a processor large tiles pay: reading a number costs more than a product, and the caches hold what registers do
    /// not. On a GPU a tile is what registers hold, and there must be many invocations.
    pub fn choose(device: Device, kind: Kind, [rows, columns]: [u32; 2], terms: u32) -> Self {
        let is_cpu = device.is_cpu;
        let tiles =
            |[height, quads]: [u32; 2]| u64::from(rows.div_ceil(height)) * u64::from(columns.div_ceil(4 * quads));
        // A large tile is a long text, and takes its time to compile.
        let is_large = u64::from(rows) * u64::from(columns) * u64::from(terms) >= WORTH_A_LARGE_TILE;
        let shapes: &[[u32; 2]] = match kind {
            Kind::Product if rows < 3 => &[[1, 2], [1, 1]],
            Kind::Product if is_cpu && is_large => &[[32, 3], [32, 1], [8, 2], [4, 1]],
            Kind::Update if is_cpu && is_large && terms > FEW_ROWS => &[[16, 4], [8, 2], [4, 1]],
            Kind::Update if is_cpu && terms <= FEW_ROWS => &[[4, 2], [4, 1]],
            _ => &[[8, 2], [4, 1]],
        };
        let lanes = if is_cpu { 8 } else { 32 };
        // Neither much higher nor much wider than the result, and no more than a workgroup's memory holds.
        let fits = |&[height, quads]: &[u32; 2]| {
            let tile = Tile { rows: height, quads, slices: 1, across: 1, lanes };
            height < 2 * rows.max(4)
                && quads < 2 * columns.div_ceil(4)
                && tile.workgroup_bytes() <= device.workgroup_bytes
        };
        let fitting = || shapes.iter().copied().filter(fits);
        let enough = |&shape: &[u32; 2]| !is_cpu || tiles(shape) >= 4;
        let smallest = shapes[shapes.len() - 1];
        let [height, quads] = fitting().find(enough).or(fitting().next_back()).unwrap_or(smallest);
        let slices = match (is_cpu, kind) {
            // Short sums are not shared where there are tiles enough for everybody.
            (true, Kind::Product) if tiles([height, quads]) >= 64 => (terms / 32).next_power_of_two().clamp(1, 8),
            (true, Kind::Product) => 8,
            (true, Kind::Update) => 1,
            // The terms are shared where there are too few tiles, but each slice has some.
            (false, _) => {
                let wanted = INVOCATIONS_OF_A_GPU / tiles([height, quads]);
                1 << wanted.min(u64::from(terms) / 8).clamp(1, lanes.into()).ilog2()
            }
        };
        let across = columns.div_ceil(4 * quads).next_power_of_two().min(lanes / slices);
        Tile { rows: height, quads, slices, across, lanes }
    }

    /// The grid for a result of `rows` by `columns`.
    pub fn grid(self, rows: u32, columns: u32) -> [u32; 2] {
        [columns.div_ceil(4 * self.quads * self.across), rows.div_ceil(self.rows * self.down())]
    }
}

/// What the choice of a tile takes into account of the device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    pub is_cpu: bool,
    /// The bytes of workgroup memory that there are.
    pub workgroup_bytes: u32,
    /// The most workgroups of a dispatch in one direction.
    pub workgroups: u32,
}

impl Device {
    pub fn of(gpu: &Gpu) -> Self {
        Device {
            is_cpu: gpu.is_cpu(),
            workgroup_bytes: gpu.limits().max_compute_workgroup_storage_size,
            workgroups: gpu.limits().max_compute_workgroups_per_dimension,
        }
    }

    /// The tile and the grid of a product.
    pub fn product(self, result: [u32; 2], terms: u32) -> (Tile, [u32; 2]) {
        let tile = Tile::choose(self, Kind::Product, result, terms);
        (tile, tile.grid(result[0], result[1]))
    }

    /// The tile of an update, how many of them an invocation takes, and the grid.
    pub fn update(self, weights: [u32; 2], rows: u32) -> (Tile, u32, [u32; 2]) {
        let tile = Tile::choose(self, Kind::Update, weights, rows);
        let turns = if tile.slices == 1 && self.is_cpu && rows <= FEW_ROWS { 16 } else { 1 };
        (tile, turns, Tile { rows: tile.rows * turns, ..tile }.grid(weights[0], weights[1]))
    }

    /// Whether a stage's dispatches are within the device's limits.
    pub fn takes(self, stage: &Stage, rows: u32) -> bool {
        // Both fit in 32 bits, since the network was checked.
        let (inputs, outputs) = (stage.inputs, stage.outputs);
        let (product, forward) = self.product([rows, outputs], inputs);
        let (backward_tile, _) = self.product([rows, inputs], outputs);
        let backward = backward_tile.grid(rows, inputs + 1);
        let (update, _, [x, y]) = self.update([inputs + u32::from(stage.bias), outputs], rows);
        // One row more ends a step.
        let grids = [forward, backward, [x, y + 1]];
        inputs.max(outputs) <= WIDEST
            && grids.as_flattened().iter().all(|&workgroups| workgroups <= self.workgroups)
            && [product, backward_tile, update].iter().all(|tile| tile.workgroup_bytes() <= self.workgroup_bytes)
    }
}
