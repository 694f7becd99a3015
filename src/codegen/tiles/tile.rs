//! The shapes of tiles, chosen by the sizes of a product and by the device, and what the device's limits allow.

use crate::codegen::spec::{LONGEST_SUM, Layer};

/// The widest layer: a sum of this many terms, four per iteration, stays within the longest loop.
pub(crate) const WIDEST: u32 = 4 * LONGEST_SUM;

/// The invocations that keep a large GPU busy; where there are fewer tiles, several share one. An estimate, not measured.
pub(crate) const INVOCATIONS_OF_A_GPU: u32 = 16_384;

/// From this many products on, a processor's large tile pays for the time that it takes to compile.
const WORTH_A_LARGE_TILE: u64 = 1 << 20;

/// For no more rows of x, an invocation of a processor updates many weights: the sums are short, and finishing them is most
/// of the work.
pub(crate) const FEW_ROWS: u32 = 4;

/// The shape of a tile, and who accumulates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    /// How many rows of the result.
    pub rows: u32,
    /// How many `vec4` chunks of a row of the result.
    pub chunks: u32,
    /// The invocations that share the terms of its sums, a slice each.
    pub slices: u32,
    /// The tiles of a workgroup that lie side by side; its other tiles lie below these.
    pub across: u32,
    /// The invocations of a workgroup.
    pub invocations: u32,
}

/// What a tile is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Outputs, or gradients with respect to inputs: one row per sample.
    Product,
    /// Weights: a sum over the samples.
    Update,
}

impl Tile {
    /// How many `vec4` chunks it has.
    pub fn size(self) -> u32 {
        self.rows * self.chunks
    }

    /// How many of a workgroup's tiles lie one below the other.
    pub fn down(self) -> u32 {
        self.invocations / self.slices / self.across
    }

    /// The bytes of workgroup memory: the sums, the samples of the rows, and what ends a step.
    pub fn workgroup_bytes(self) -> u32 {
        16 * self.invocations * self.size() + 4 * self.rows * self.down() + 4 * self.invocations
    }

    /// The tile for a result of `rows` by `columns`, each a sum of `terms` terms.
    ///
    /// On a processor large tiles pay: reading a value costs more than a product, and the caches hold what registers do
    /// not. On a GPU a tile is what registers hold, and there must be many invocations.
    #[inline(never)]
    pub fn choose(device: Device, kind: Kind, [rows, columns]: [u32; 2], terms: u32) -> Self {
        let is_cpu = device.is_cpu;
        let tiles =
            |[height, chunks]: [u32; 2]| u64::from(rows.div_ceil(height)) * u64::from(columns.div_ceil(4 * chunks));
        // A large tile is a long source, and takes its time to compile.
        let is_large = u64::from(rows) * u64::from(columns) * u64::from(terms) >= WORTH_A_LARGE_TILE;
        let shapes: &[[u32; 2]] = match kind {
            Kind::Product if rows < 3 => &[[1, 2], [1, 1]],
            // Sixteen columns where nothing is left over.
            Kind::Product if is_cpu && is_large && columns.div_ceil(4).is_multiple_of(4) => &[[16, 4], [8, 2], [4, 1]],
            Kind::Product if is_cpu && is_large => &[[32, 3], [32, 1], [8, 2], [4, 1]],
            Kind::Update if is_cpu && is_large && terms > FEW_ROWS => &[[16, 4], [8, 2], [4, 1]],
            Kind::Update if is_cpu && terms <= FEW_ROWS => &[[4, 2], [4, 1]],
            _ => &[[8, 2], [4, 1]],
        };
        let invocations = if is_cpu { 8 } else { 32 };
        // Neither much higher nor much wider than the result, and no more than a workgroup's memory holds.
        let fits = |&[height, chunks]: &[u32; 2]| {
            let tile = Tile { rows: height, chunks, slices: 1, across: 1, invocations };
            height < 2 * rows.max(4)
                && chunks < 2 * columns.div_ceil(4)
                && tile.workgroup_bytes() <= device.workgroup_bytes
        };
        let fitting = || shapes.iter().copied().filter(fits);
        let enough = |&shape: &[u32; 2]| !is_cpu || tiles(shape) >= 4;
        let smallest = shapes[shapes.len() - 1];
        let [height, chunks] = fitting().find(enough).or(fitting().next_back()).unwrap_or(smallest);
        let slices = match (is_cpu, kind) {
            // Short sums are not shared where there are tiles enough for everybody.
            (true, Kind::Product) if tiles([height, chunks]) >= 64 => (terms / 64).next_power_of_two().clamp(1, 8),
            (true, Kind::Product) => 8,
            (true, Kind::Update) => 1,
            // The terms are shared where there are too few tiles, but each slice has some.
            (false, _) => {
                let wanted = u64::from(INVOCATIONS_OF_A_GPU) / tiles([height, chunks]);
                1 << wanted.min(u64::from(terms) / 8).clamp(1, invocations.into()).ilog2()
            }
        };
        let across = columns.div_ceil(4 * chunks).next_power_of_two().min(invocations / slices);
        Tile { rows: height, chunks, slices, across, invocations }
    }

    /// The grid for a result of `rows` by `columns`.
    pub fn grid(self, rows: u32, columns: u32) -> [u32; 2] {
        [columns.div_ceil(4 * self.chunks * self.across), rows.div_ceil(self.rows * self.down())]
    }
}

/// What the choice of a tile takes into account of the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    pub is_cpu: bool,
    /// The bytes of workgroup memory that there are.
    pub workgroup_bytes: u32,
    /// The most workgroups of a dispatch in one direction.
    pub workgroups: u32,
}

impl Device {
    /// The tile and the grid of a product.
    pub fn product(self, result: [u32; 2], terms: u32) -> (Tile, [u32; 2]) {
        let tile = Tile::choose(self, Kind::Product, result, terms);
        (tile, tile.grid(result[0], result[1]))
    }

    /// The tile of an update, how many of them an invocation takes one after the other, and the grid.
    pub fn update(self, weights: [u32; 2], rows: u32) -> (Tile, u32, [u32; 2]) {
        let tile = Tile::choose(self, Kind::Update, weights, rows);
        let repeats = if tile.slices == 1 && self.is_cpu && rows <= FEW_ROWS { 16 } else { 1 };
        (tile, repeats, Tile { rows: tile.rows * repeats, ..tile }.grid(weights[0], weights[1]))
    }

    /// Whether a layer's dispatches for `rows` rows are within the device's limits.
    pub fn takes(self, layer: &Layer, rows: u32) -> bool {
        let (inputs, outputs) = (layer.inputs, layer.outputs);
        let (product, forward) = self.product([rows, outputs], inputs);
        let (backward_tile, _) = self.product([rows, inputs], outputs);
        let backward = backward_tile.grid(rows, inputs + 1);
        let (update, _, [x, y]) = self.update([inputs + u32::from(layer.bias), outputs], rows);
        // One row more ends a step.
        let grids = [forward, backward, [x, y + 1]];
        inputs.max(outputs) <= WIDEST
            && grids.as_flattened().iter().all(|&workgroups| workgroups <= self.workgroups)
            && [product, backward_tile, update].iter().all(|tile| tile.workgroup_bytes() <= self.workgroup_bytes)
    }
}
