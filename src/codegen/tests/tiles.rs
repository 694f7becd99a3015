//! The tiled kernels' sources: validated for whatever they can be written for, and readable.

use super::{assert_bindings, assert_checked_in, assert_valid};
use crate::activation::Activation;
use crate::codegen::head::Head;
use crate::codegen::tiles::backward::{self, Backward};
use crate::codegen::tiles::forward::{self, End, Forward, Target};
use crate::codegen::tiles::update::{self, ROWS_PER_SLICE, Update};
use crate::codegen::tiles::{Device, FEW_ROWS, Layout, Tile, WIDEST};
use crate::codegen::{LONGEST_LOOP, Layer};
use crate::loss::Loss;

/// A tile that makes a short source, with what the larger ones have: several rows, chunks and slices.
const SMALL: Tile = Tile { rows: 4, chunks: 2, slices: 2, across: 2, invocations: 8 };

const TILES: [Tile; 7] = [
    Tile { rows: 1, chunks: 1, slices: 8, across: 1, invocations: 8 },
    Tile { rows: 32, chunks: 3, slices: 8, across: 1, invocations: 8 },
    Tile { rows: 16, chunks: 4, slices: 1, across: 8, invocations: 8 },
    Tile { rows: 8, chunks: 2, slices: 1, across: 32, invocations: 32 },
    Tile { rows: 8, chunks: 2, slices: 1, across: 1, invocations: 32 },
    Tile { rows: 8, chunks: 2, slices: 32, across: 1, invocations: 32 },
    Tile { rows: 4, chunks: 1, slices: 1, across: 4, invocations: 8 },
];

const BOOLEANS: [bool; 2] = [false, true];

fn forwards() -> Vec<Forward> {
    let mut kernels = Vec::new();
    let ends = [
        End::Output(Layout::Vectors),
        End::Output(Layout::Values),
        End::Loss(Target::Values, Head::new(Activation::Sigmoid, Loss::SquaredError, 3)),
        End::Loss(Target::Class, Head::new(Activation::Identity, Loss::BinaryCrossEntropy, 3)),
    ];
    for end in ends {
        for (samples, shuffle) in [(false, false), (true, false), (true, true)] {
            for x in [Layout::Vectors, Layout::Values, Layout::Bytes] {
                for w in [Layout::Vectors, Layout::Values] {
                    for bias in BOOLEANS {
                        for (activation, tail) in [(Activation::Identity, false), (Activation::Silu, true)] {
                            let keeps = activation.keeps_derivative() && bias && matches!(end, End::Output(_));
                            let activation =
                                if matches!(end, End::Output(_)) { activation } else { Activation::Identity };
                            if x != Layout::Bytes || samples {
                                kernels.push(Forward {
                                    tile: SMALL,
                                    x,
                                    w,
                                    end,
                                    samples,
                                    shuffle,
                                    bias,
                                    activation,
                                    keeps,
                                    tail,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    let widest = kernels[kernels.len() - 1];
    kernels.extend(TILES.map(|tile| Forward { tile, ..widest }));
    kernels
}

fn backwards() -> Vec<Backward> {
    let mut kernels = Vec::new();
    for d_output in [Layout::Vectors, Layout::Values] {
        for w in [Layout::Vectors, Layout::Values] {
            for d_input in [Layout::Vectors, Layout::Values] {
                for (tail, activation) in
                    [(false, Activation::Identity), (true, Activation::Sigmoid), (true, Activation::Silu)]
                {
                    for (updates, bias) in [(false, false), (true, false), (true, true)] {
                        kernels.push(Backward { tile: SMALL, d_output, w, d_input, tail, activation, updates, bias });
                    }
                }
            }
        }
    }
    let last = kernels[kernels.len() - 1];
    kernels.extend(TILES.map(|tile| Backward { tile, ..last }));
    kernels
}

fn updates() -> Vec<Update> {
    let mut kernels = Vec::new();
    for (x, samples) in [(Layout::Vectors, false), (Layout::Values, true), (Layout::Bytes, true)] {
        for d_output in [Layout::Vectors, Layout::Values] {
            for w in [Layout::Vectors, Layout::Values] {
                for (trains, adds, ends_step) in
                    [(false, false, false), (false, true, false), (true, false, false), (true, false, true)]
                {
                    for (bias, depth) in [(false, 1), (true, 2), (false, 3)] {
                        let samples = samples && !adds;
                        let tile = SMALL;
                        let repeats = 1;
                        kernels.push(Update {
                            tile,
                            x,
                            d_output,
                            w,
                            trains,
                            batch: trains || samples,
                            samples,
                            bias,
                            adds,
                            ends_step,
                            repeats,
                            depth,
                        });
                    }
                }
            }
        }
    }
    let last = kernels[kernels.len() - 1];
    kernels.extend(TILES.into_iter().filter(|tile| tile.rows > 1).map(|tile| Update { tile, ..last }));
    for depth in [0, 1] {
        kernels.extend(BOOLEANS.map(|bias| Update { tile: TILES[6], repeats: 16, depth, bias, ..last }));
    }
    kernels
}

#[test]
fn every_source_passes_naga_and_where_it_is_installed_tint() {
    let forwards = forwards();
    let backwards = backwards();
    let updates = updates();
    assert_eq!((forwards.len(), backwards.len(), updates.len()), (4 * 8 * (2 + 3 + 3) + 7, 72 + 7, 144 + 6 + 4));
    for kernel in &forwards {
        let source = kernel.source();
        let valid = assert_valid(&format!("{kernel:?}"), &source);
        assert_bindings("tiled_forward", &kernel.bindings(forward::Operands::<()>::default()), &valid);
    }
    for kernel in &backwards {
        let source = kernel.source();
        let valid = assert_valid(&format!("{kernel:?}"), &source);
        assert_bindings("tiled_backward", &kernel.bindings(backward::Operands::<()>::default()), &valid);
    }
    for kernel in &updates {
        let source = kernel.source();
        let valid = assert_valid(&format!("{kernel:?}"), &source);
        assert_bindings("tiled_update", &kernel.bindings(update::Operands::<()>::default()), &valid);
    }
}

#[test]
fn the_sources_checked_in_are_those_that_are_written() {
    let tile = Tile { rows: 4, chunks: 1, slices: 2, across: 4, invocations: 8 };
    let [vectors, values] = [Layout::Vectors, Layout::Values];
    let forward = Forward {
        tile,
        x: vectors,
        w: values,
        end: End::Loss(Target::Values, Head::new(Activation::Sigmoid, Loss::SquaredError, 4)),
        samples: false,
        shuffle: false,
        bias: true,
        activation: Activation::Identity,
        keeps: false,
        tail: true,
    };
    let backward = Backward {
        tile,
        d_output: vectors,
        w: values,
        d_input: vectors,
        tail: true,
        activation: Activation::Sigmoid,
        updates: true,
        bias: true,
    };
    let update = Update {
        tile: Tile { slices: 1, across: 8, ..tile },
        x: Layout::Bytes,
        d_output: vectors,
        w: vectors,
        trains: true,
        batch: true,
        samples: true,
        bias: true,
        adds: false,
        ends_step: false,
        repeats: 1,
        depth: 2,
    };
    macro_rules! check {
        ($name:literal, $text:expr) => {
            assert_checked_in($name, include_str!(concat!("../../../tests/samples/", $name)), &$text);
        };
    }
    check!("tiled_forward.wgsl", forward.source());
    check!("tiled_backward.wgsl", backward.source());
    check!("tiled_update.wgsl", update.source());
}

/// Whatever the sizes and the device: what is taken is within the limits, and on the usual sizes it is taken.
#[test]
fn tiles_stay_within_the_devices_limits() {
    let sizes = [1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 31, 33, 64, 65, 200, 784, 1_000, 4_097, 65_535, WIDEST, WIDEST + 1];
    let rows = [1, 2, 3, 5, 8, 16, 64, 257, 1_024, 30_721, 262_140, 262_141, 524_280, 524_281, 3_000_000];
    let (mut taken, mut refused) = (0, 0);
    for is_cpu in BOOLEANS {
        for (workgroup_bytes, workgroups) in [(16_384, 65_535), (8_192, 65_535), (16_384, 1_024)] {
            let device = Device { is_cpu, workgroup_bytes, workgroups };
            for inputs in sizes {
                for outputs in sizes {
                    for rows in rows {
                        let activation = Activation::Sigmoid;
                        let layer = Layer { inputs, outputs, bias: true, activation, offset: 0 };
                        if !device.takes(&layer, rows) {
                            let modest = inputs.max(outputs) <= 1_000 && rows <= 4_000;
                            assert!(!modest, "{device:?} refuses {layer:?} for {rows} rows");
                            refused += 1;
                            continue;
                        }
                        taken += 1;
                        let what = format!("{device:?}, {layer:?}, {rows} rows");
                        let (forward, forward_grid) = device.product([rows, outputs], inputs);
                        let (backward, backward_grid) = device.product([rows, inputs], outputs);
                        let (update, repeats, update_grid) = device.update([inputs + 1, outputs], rows);
                        for (tile, grid) in [(forward, forward_grid), (backward, backward_grid), (update, update_grid)]
                        {
                            assert!(tile.workgroup_bytes() <= workgroup_bytes, "{what}: {tile:?}");
                            assert!(grid[0].max(grid[1]) <= workgroups, "{what}: {grid:?}");
                            assert_eq!(tile.invocations, tile.slices * tile.across * tile.down(), "{what}: {tile:?}");
                        }
                        // The loops over the terms, and what else an invocation counts: samples and their walks, chunks.
                        let beside = 65 * forward.rows * forward.down() / forward.invocations + 65 + 64;
                        let longest = inputs.max(outputs).div_ceil(4) + beside;
                        assert!(longest <= LONGEST_LOOP, "{what}: {longest} iterations");
                        let rows = rows.div_ceil(update.slices).min(ROWS_PER_SLICE);
                        let blocks = rows + rows.div_ceil(32) + rows.div_ceil(1_024) + repeats + 32;
                        assert!(blocks <= LONGEST_LOOP, "{what}: {blocks} iterations");
                        assert!(repeats == 1 || rows <= FEW_ROWS, "{what}: {repeats} repeats");
                    }
                }
            }
        }
    }
    assert!(taken > 20_000 && refused > 5_000, "{taken} taken, {refused} refused");
}
