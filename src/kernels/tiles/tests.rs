//! The texts: validated for whatever they can be written for, and readable.

use super::{Backward, End, Forward, Layout, Target, Tile, Update, text};
use crate::wgsl::tests::{assert_checked_in, assert_valid};

/// A tile that makes a short text, with what the larger ones have: several rows, quads and slices.
const SMALL: Tile = Tile { rows: 4, quads: 2, slices: 2, lanes: 8 };

const TILES: [Tile; 5] = [
    Tile { rows: 1, quads: 1, slices: 8, lanes: 8 },
    Tile { rows: 32, quads: 4, slices: 8, lanes: 8 },
    Tile { rows: 8, quads: 2, slices: 1, lanes: 64 },
    Tile { rows: 8, quads: 2, slices: 64, lanes: 64 },
    Tile { rows: 4, quads: 1, slices: 1, lanes: 8 },
];

const BOOLEANS: [bool; 2] = [false, true];

/// The bytes of workgroup memory that a tile's sums take, and the samples of its rows and what ends a step.
fn workgroup_bytes(tile: Tile) -> u32 {
    tile.lanes * tile.parts() * 16
}

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
                    kernels.push(Backward { tile: SMALL, d_output, w, d_input, tail, sigmoid });
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
                        let ordered = ordered && trains;
                        let tile = SMALL;
                        let turns = 1;
                        kernels.push(Update {
                            tile,
                            x,
                            d_output,
                            w,
                            trains,
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
    kernels.push(Update { tile: TILES[4], turns: 16, ..last });
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
    assert_eq!((forwards.len(), backwards.len(), updates.len()), (4 * 8 * (2 + 3 + 3) + 5, 24 + 5, 144 + 5));
    let tiles = forwards.iter().map(|kernel| kernel.tile).chain(updates.iter().map(|kernel| kernel.tile));
    let largest = tiles.map(workgroup_bytes).max().unwrap();
    assert!(largest <= wgpu::Limits::default().max_compute_workgroup_storage_size, "{largest} bytes");
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
    let tile = Tile { rows: 4, quads: 1, slices: 2, lanes: 8 };
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
    let backward = Backward { tile, d_output: quads, w: numbers, d_input: quads, tail: true, sigmoid: true };
    let update = Update {
        tile: Tile { slices: 1, ..tile },
        x: Layout::Bytes,
        d_output: quads,
        w: quads,
        trains: true,
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
