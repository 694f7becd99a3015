//! The tiled kernels' sources: validated for whatever they can be written for, and readable.

use std::collections::HashSet;

use super::{assert_checked_in, assert_kernel, losses_of};
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

/// Widths of layers and numbers of rows, the largest too many.
const WIDTHS: [u32; 21] =
    [1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 31, 33, 64, 65, 200, 784, 1_000, 4_097, 65_535, WIDEST, WIDEST + 1];
const ROWS: [u32; 15] = [1, 2, 3, 5, 8, 16, 64, 257, 1_024, 30_721, 262_140, 262_141, 524_280, 524_281, 3_000_000];

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

fn assert_compile(forwards: &[Forward], backwards: &[Backward], updates: &[Update]) {
    for kernel in forwards {
        let text = ("tiled_forward", &*kernel.source(), kernel.tile.invocations);
        assert_kernel(&format!("{kernel:?}"), text, &kernel.bindings(forward::Operands::<()>::default()));
    }
    for kernel in backwards {
        let text = ("tiled_backward", &*kernel.source(), kernel.tile.invocations);
        assert_kernel(&format!("{kernel:?}"), text, &kernel.bindings(backward::Operands::<()>::default()));
    }
    for kernel in updates {
        let text = ("tiled_update", &*kernel.source(), kernel.tile.invocations);
        assert_kernel(&format!("{kernel:?}"), text, &kernel.bindings(update::Operands::<()>::default()));
    }
}

#[test]
fn every_source_compiles() {
    let (forwards, backwards, updates) = (forwards(), backwards(), updates());
    assert_eq!((forwards.len(), backwards.len(), updates.len()), (4 * 8 * (2 + 3 + 3) + 7, 72 + 7, 144 + 6 + 4));
    assert_compile(&forwards, &backwards, &updates);
}

/// Every activation, and last with every loss that suits it.
#[test]
fn every_source_of_the_tables_compiles() {
    let (forward, backward) = (forwards().pop().unwrap(), backwards().pop().unwrap());
    for &activation in Activation::ALL.iter().filter(|&&activation| activation != Activation::Softmax) {
        let (end, keeps) = (End::Output(Layout::Vectors), activation.keeps_derivative());
        let heads = losses_of(activation).filter(|loss| !loss.is_of_rows());
        let ends = heads.map(|loss| End::Loss(Target::Values, Head::new(activation, loss, 5)));
        let mut forwards = ends.map(|end| Forward { end, ..forward }).collect::<Vec<_>>();
        forwards.push(Forward { end, activation, keeps, ..forward });
        assert_compile(&forwards, &[Backward { activation, ..backward }], &[]);
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

/// The tiles that a device with the default limits is given, for products and for updates.
#[test]
fn every_tile_compiles() {
    let (mut products, mut tiles_of_updates) = (HashSet::new(), HashSet::new());
    for is_cpu in BOOLEANS {
        let device = Device { is_cpu, workgroup_bytes: 16_384, workgroups: 65_535 };
        for [inputs, outputs] in WIDTHS.iter().flat_map(|&inputs| WIDTHS.map(|outputs| [inputs, outputs])) {
            let layer = Layer { inputs, outputs, bias: true, activation: Activation::Sigmoid, offset: 0 };
            for rows in ROWS.into_iter().filter(|&rows| device.takes(&layer, rows)) {
                products.insert(device.product([rows, outputs], inputs).0);
                products.insert(device.product([rows, inputs], outputs).0);
                let (tile, repeats, _) = device.update([inputs + 1, outputs], rows);
                tiles_of_updates.insert((tile, repeats, Update::depth(tile, rows)));
            }
        }
    }
    let (forward, backward) = (forwards().pop().unwrap(), backwards().pop().unwrap());
    let forwards = products.iter().map(|&tile| Forward { tile, ..forward }).collect::<Vec<_>>();
    let backwards = products.iter().map(|&tile| Backward { tile, ..backward }).collect::<Vec<_>>();
    let update = updates().pop().unwrap();
    let updates = tiles_of_updates.iter().map(|&(tile, repeats, depth)| Update { tile, repeats, depth, ..update });
    assert_compile(&forwards, &backwards, &updates.collect::<Vec<_>>());
    assert!(products.len() > 90 && tiles_of_updates.len() > 120, "{} {}", products.len(), tiles_of_updates.len());
}

/// Whatever the sizes and the device: what is taken is within the limits, and on the usual sizes it is taken.
#[test]
fn tiles_stay_within_the_devices_limits() {
    let (mut taken, mut refused) = (0, 0);
    for is_cpu in BOOLEANS {
        for (workgroup_bytes, workgroups) in [(16_384, 65_535), (8_192, 65_535), (16_384, 1_024)] {
            let device = Device { is_cpu, workgroup_bytes, workgroups };
            for inputs in WIDTHS {
                for outputs in WIDTHS {
                    for rows in ROWS {
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
