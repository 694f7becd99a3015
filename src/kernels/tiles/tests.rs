//! The texts: validated for whatever they can be written for, and readable.

use super::shape::{Device, FEW_ROWS, Tile, WIDEST};
use super::{Backward, End, Forward, LONGEST_LOOP, Layout, ROWS_OF_A_SLICE, Target, Update, text};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::mlp::{Mlp, Stage};
use crate::network::Network;
use crate::trainer::{Plan, TrainConfig, Trainer};
use crate::wgsl::tests::{assert_checked_in, assert_valid};

/// A tile that makes a short text, with what the larger ones have: several rows, quads and slices.
const SMALL: Tile = Tile { rows: 4, quads: 2, slices: 2, across: 2, lanes: 8 };

const TILES: [Tile; 7] = [
    Tile { rows: 1, quads: 1, slices: 8, across: 1, lanes: 8 },
    Tile { rows: 32, quads: 3, slices: 8, across: 1, lanes: 8 },
    Tile { rows: 16, quads: 4, slices: 1, across: 8, lanes: 8 },
    Tile { rows: 8, quads: 2, slices: 1, across: 32, lanes: 32 },
    Tile { rows: 8, quads: 2, slices: 1, across: 1, lanes: 32 },
    Tile { rows: 8, quads: 2, slices: 32, across: 1, lanes: 32 },
    Tile { rows: 4, quads: 1, slices: 1, across: 4, lanes: 8 },
];

const BOOLEANS: [bool; 2] = [false, true];

fn forwards() -> Vec<Forward> {
    let mut kernels = Vec::new();
    let ends = [
        End::Output(Layout::Quads),
        End::Output(Layout::Numbers),
        End::Error(Target::Floats),
        End::Error(Target::Class),
    ];
    for end in ends {
        for (first, shuffle) in [(false, false), (true, false), (true, true)] {
            for x in [Layout::Quads, Layout::Numbers, Layout::Bytes] {
                for w in [Layout::Quads, Layout::Numbers] {
                    for bias in BOOLEANS {
                        for (sigmoid, tail) in [(false, false), (true, true)] {
                            if x != Layout::Bytes || first {
                                kernels.push(Forward { tile: SMALL, x, w, end, first, shuffle, bias, sigmoid, tail });
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
    for d_output in [Layout::Quads, Layout::Numbers] {
        for w in [Layout::Quads, Layout::Numbers] {
            for d_input in [Layout::Quads, Layout::Numbers] {
                for (tail, sigmoid) in [(false, false), (true, true), (true, false)] {
                    for (updates, bias) in [(false, false), (true, false), (true, true)] {
                        kernels.push(Backward { tile: SMALL, d_output, w, d_input, tail, sigmoid, updates, bias });
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
    for (x, ordered) in [(Layout::Quads, false), (Layout::Numbers, true), (Layout::Bytes, true)] {
        for d_output in [Layout::Quads, Layout::Numbers] {
            for w in [Layout::Quads, Layout::Numbers] {
                for (trains, adds, ends_step) in
                    [(false, false, false), (false, true, false), (true, false, false), (true, false, true)]
                {
                    for (bias, levels) in [(false, 1), (true, 2), (false, 3)] {
                        let ordered = ordered && !adds;
                        let tile = SMALL;
                        let turns = 1;
                        kernels.push(Update {
                            tile,
                            x,
                            d_output,
                            w,
                            trains,
                            batch: trains || ordered,
                            ordered,
                            bias,
                            adds,
                            ends_step,
                            turns,
                            levels,
                        });
                    }
                }
            }
        }
    }
    let last = kernels[kernels.len() - 1];
    kernels.extend(TILES.into_iter().filter(|tile| tile.rows > 1).map(|tile| Update { tile, ..last }));
    for levels in [0, 1] {
        kernels.extend(BOOLEANS.map(|bias| Update { tile: TILES[6], turns: 16, levels, bias, ..last }));
    }
    kernels
}

const FORWARD_MEMBERS: [&str; 11] =
    ["x_view", "x_scale", "w_view", "y_view", "t_view", "t_scale", "seed", "rows", "inputs", "outputs", "workgroups"];
const BACKWARD_MEMBERS: [&str; 7] = ["d_output_view", "w_view", "d_input_view", "y_view", "rows", "inputs", "outputs"];
const UPDATE_MEMBERS: [&str; 11] = [
    "x_view",
    "x_scale",
    "d_output_view",
    "w_view",
    "first",
    "last",
    "inputs",
    "outputs",
    "workgroups",
    "partials",
    "batch_size",
];

#[test]
fn every_text_passes_naga_and_where_it_is_installed_tint() {
    let forwards = forwards();
    let backwards = backwards();
    let updates = updates();
    assert_eq!((forwards.len(), backwards.len(), updates.len()), (4 * 8 * (2 + 3 + 3) + 7, 72 + 7, 144 + 6 + 4));
    for kernel in &forwards {
        assert_valid(&format!("{kernel:?}"), &text::forward(kernel, &FORWARD_MEMBERS));
    }
    for kernel in &backwards {
        assert_valid(&format!("{kernel:?}"), &text::backward(kernel, &BACKWARD_MEMBERS));
    }
    for kernel in &updates {
        assert_valid(&format!("{kernel:?}"), &text::update(kernel, &UPDATE_MEMBERS));
    }
}

#[test]
fn the_texts_checked_in_are_those_that_are_written() {
    let tile = Tile { rows: 4, quads: 1, slices: 2, across: 4, lanes: 8 };
    let [quads, numbers] = [Layout::Quads, Layout::Numbers];
    let forward = Forward {
        tile,
        x: quads,
        w: numbers,
        end: End::Error(Target::Floats),
        first: false,
        shuffle: false,
        bias: true,
        sigmoid: true,
        tail: true,
    };
    let backward = Backward {
        tile,
        d_output: quads,
        w: numbers,
        d_input: quads,
        tail: true,
        sigmoid: true,
        updates: true,
        bias: true,
    };
    let update = Update {
        tile: Tile { slices: 1, across: 8, ..tile },
        x: Layout::Bytes,
        d_output: quads,
        w: quads,
        trains: true,
        batch: true,
        ordered: true,
        bias: true,
        adds: false,
        ends_step: false,
        turns: 1,
        levels: 2,
    };
    macro_rules! check {
        ($name:literal, $text:expr) => {
            assert_checked_in($name, include_str!(concat!("../../../tests/samples/", $name)), &$text);
        };
    }
    check!("tiled_forward.wgsl", text::forward(&forward, &FORWARD_MEMBERS));
    check!("tiled_backward.wgsl", text::backward(&backward, &BACKWARD_MEMBERS));
    check!("tiled_update.wgsl", text::update(&update, &UPDATE_MEMBERS));
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
                        let stage = Stage { layer: 0, inputs, outputs, bias: true, sigmoids: 1, offset: 0 };
                        if !device.takes(&stage, rows) {
                            let modest = inputs.max(outputs) <= 1_000 && rows <= 4_000;
                            assert!(!modest, "{device:?} refuses {stage:?} for {rows} rows");
                            refused += 1;
                            continue;
                        }
                        taken += 1;
                        let what = format!("{device:?}, {stage:?}, {rows} rows");
                        let (forward, forward_grid) = device.product([rows, outputs], inputs);
                        let (backward, backward_grid) = device.product([rows, inputs], outputs);
                        let (update, turns, update_grid) = device.update([inputs + 1, outputs], rows);
                        for (tile, grid) in [(forward, forward_grid), (backward, backward_grid), (update, update_grid)]
                        {
                            assert!(tile.workgroup_bytes() <= workgroup_bytes, "{what}: {tile:?}");
                            assert!(grid[0].max(grid[1]) <= workgroups, "{what}: {grid:?}");
                            assert_eq!(tile.lanes, tile.slices * tile.across * tile.down(), "{what}: {tile:?}");
                        }
                        // The loops over the terms, and what else an invocation counts: samples and their walks, parts.
                        let beside = 65 * forward.rows * forward.down() / forward.lanes + 65 + 64;
                        let longest = inputs.max(outputs).div_ceil(4) + beside;
                        assert!(longest <= LONGEST_LOOP, "{what}: {longest} iterations");
                        let rows = rows.div_ceil(update.slices).min(ROWS_OF_A_SLICE);
                        let blocks = rows + rows.div_ceil(32) + rows.div_ceil(1_024) + turns + 32;
                        assert!(blocks <= LONGEST_LOOP, "{what}: {blocks} iterations");
                        assert!(turns == 1 || rows <= FEW_ROWS, "{what}: {turns} turns");
                    }
                }
            }
        }
    }
    assert!(taken > 20_000 && refused > 5_000, "{taken} taken, {refused} refused");
}

/// What is chosen for a GPU computes the same: run here by whatever driver there is.
#[test]
fn tiles_for_gpus_train_as_the_plain_kernels_do() {
    let gpu = Gpu::headless().unwrap().taken_for_a_gpu();
    let mut shapes = std::collections::BTreeSet::new();
    for (mlp, samples, batch_size, shuffle) in [
        (Mlp::inputs(784).linear(200).sigmoid().linear(10).sigmoid(), 100, 64, true),
        (Mlp::inputs(784).linear(33).bias().sigmoid().linear(10).bias().sigmoid(), 3, 1, false),
        (Mlp::inputs(5).linear(30).bias().sigmoid().linear(2).sigmoid(), 700, 300, true),
        (Mlp::inputs(66).linear(65).sigmoid().linear(67).bias().sigmoid().linear(3), 150, 67, false),
        (Mlp::inputs(3).linear(1).bias().sigmoid(), 2_000, 1_999, true),
    ] {
        let numbers = |count: usize, factor: usize| (0..count).map(move |i| (i * factor % 101) as f32 / 101.0);
        let x = numbers(samples * mlp.input_width(), 37).collect::<Vec<_>>();
        let t = numbers(samples * mlp.output_width(), 53).collect::<Vec<_>>();
        let data = Dataset::from_slices(&gpu, samples, &x, &t).unwrap();
        let train = |plan| {
            let network = Network::new(&gpu, &mlp, 1).unwrap();
            let config = TrainConfig { batch_size, shuffle, plan, ..Default::default() };
            let mut trainer = Trainer::new(&network, &data, config).unwrap();
            trainer.train(4, |_| ()).unwrap();
            (network.read_parameters().unwrap(), network.predict(&x).unwrap(), trainer.read_loss().unwrap().unwrap())
        };
        let (plain, plain_outputs, plain_loss) = train(Plan::Plain);
        let (layered, outputs, loss) = train(Plan::Layered);
        let square = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>();
        let difference = square(&mut plain.iter().zip(&layered).map(|(a, b)| f64::from(a - b)));
        let size = square(&mut plain.iter().map(|&number| f64::from(number)));
        // Written so that NaN fails.
        assert!((difference / size).sqrt() <= 2e-6, "{mlp} by {batch_size}: {difference:e} of {size:e}");
        let farthest = plain_outputs.iter().zip(&outputs).map(|(a, b)| (a - b).abs()).max_by(f32::total_cmp).unwrap();
        assert!(farthest <= 5e-6, "{mlp} by {batch_size}: outputs differ by {farthest:e}");
        assert!((plain_loss.loss - loss.loss).abs() <= 1e-5 * plain_loss.loss, "{mlp}: {plain_loss:?}, {loss:?}");
        for stage in mlp.stages().1 {
            let (inputs, outputs) = (stage.inputs, stage.outputs);
            let (tile, _) = Device::of(&gpu).product([batch_size as u32, outputs], inputs);
            let (update, ..) = Device::of(&gpu).update([inputs, outputs], batch_size as u32);
            shapes.extend([tile, update].map(|tile| (tile.slices, tile.across, tile.down())));
        }
    }
    // Tiles that are shared, that lie side by side, and one below the other.
    assert!(
        shapes.iter().any(|&(slices, ..)| slices == 32) && shapes.iter().any(|&(slices, ..)| slices == 1),
        "{shapes:?}"
    );
    assert!(shapes.iter().any(|&(_, across, _)| across > 1) && shapes.iter().any(|&(.., down)| down > 1), "{shapes:?}");
}
