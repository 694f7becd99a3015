//! The texts: validated, readable, and their loops within bounds.

use super::task::Task;
use super::{Candidate, LONGEST_LOOP, Persistent, invocation, subgroup, walk_iterations, workgroup};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::kernels::{TrainingState, begin_pass};
use crate::mlp::Mlp;
use crate::network::Network;
use crate::reference;
use crate::trainer::{TrainConfig, Work};
use crate::wgsl::tests::{assert_checked_in, assert_valid, assert_valid_with_subgroups};

include!("../../../tests/common/networks.rs");

/// How many numbers can be read at once where rows lie one right after the other.
fn dense(mlp: &Mlp) -> [u32; 2] {
    [mlp.input_width(), mlp.output_width()].map(|width| match width % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    })
}

/// The text of each variant for a network, named.
fn texts(task: &Task) -> Vec<(&'static str, String)> {
    let mut texts = vec![
        ("subgroup 4", subgroup::text(task, 4)),
        ("subgroup 8", subgroup::text(task, 8)),
        ("subgroup 32", subgroup::text(task, 32)),
        ("invocation", invocation::text(task)),
    ];
    // A batch of thousands fits in no device's workgroup memory.
    if task.batch_size < 1_000 {
        texts.push(("workgroup 8", workgroup::kernel(task, 8).text));
        texts.push(("workgroup 64", workgroup::kernel(task, 64).text));
    }
    texts
}

#[test]
fn every_text_passes_naga_and_where_it_is_installed_tint() {
    let mut count = 0;
    for mlp in &networks() {
        for (batch_size, shuffle, work) in [
            (1, false, Work::Train),
            (1, true, Work::Train),
            (7, true, Work::Train),
            (200, false, Work::Train),
            (20_000, true, Work::Train),
            (1, false, Work::Evaluate),
            (5, true, Work::Evaluate),
        ] {
            let task = Task::new(mlp, batch_size, shuffle, work);
            // Rows that lie dense, and rows whose numbers must be read one by one.
            let task = if shuffle { Task { at_once: dense(mlp), ..task } } else { task };
            for (variant, text) in texts(&task) {
                let what = format!("{mlp}, {variant}, batch size {batch_size}");
                if variant.starts_with("subgroup") {
                    assert_valid_with_subgroups(&what, &text);
                } else {
                    assert_valid(&what, &text);
                }
                count += 1;
            }
        }
    }
    assert_eq!(count, 30 * (6 * 6 + 4));
}

/// The iterations of an invocation's loops, read off a text of the workgroup variant: of a dispatch whatever its steps,
/// and of each step. A reader of loops that knows nothing of how the text was written.
fn iterations(text: &str, lanes: u64) -> (u64, u64) {
    let (mut outside, mut a_step) = (0, 0);
    // For each open brace, how often its block runs, if it is a loop's.
    let mut blocks = Vec::<Option<u64>>::new();
    let mut in_step = false;
    let entry_point = &text[text.find("fn persistent(").unwrap()..];
    for line in entry_point.lines().map(str::trim) {
        let outer = blocks.iter().flatten().product::<u64>();
        let sum = if in_step { &mut a_step } else { &mut outside };
        // Functions with loops of their own.
        if line.contains("permutation(") {
            *sum += outer * 64;
        }
        if line.contains("write_parameters(") {
            *sum += outer * 4;
        }
        if line.starts_with(['}', ')']) {
            blocks.pop();
            in_step = blocks.contains(&Some(1));
        }
        if !line.ends_with(['{', '(']) {
            continue;
        }
        let Some(header) = line.strip_prefix("for (") else {
            blocks.push(None);
            continue;
        };
        let mut clauses = header.split("; ");
        let first = clauses.next().unwrap();
        let end = clauses.next().unwrap().split(" < ").nth(1).unwrap();
        if end == "steps" {
            blocks.push(Some(1));
            in_step = true;
            a_step += 1;
            continue;
        }
        let end = end.trim_end_matches('u').parse::<u64>().unwrap();
        let count = if first.ends_with("= lane") { end.div_ceil(lanes) } else { end };
        *sum += outer * count;
        // A loop of one turn must not be taken for the steps'.
        blocks.push((count != 1).then_some(count));
    }
    assert!(blocks.is_empty(), "{blocks:?}");
    (outside, a_step)
}

#[test]
fn loops_are_as_long_as_planned() {
    for mlp in &networks() {
        for (batch_size, shuffle, work) in
            [(1, false, Work::Train), (7, true, Work::Train), (30, true, Work::Evaluate), (300, false, Work::Train)]
        {
            let task = Task::new(mlp, batch_size, shuffle, work);
            for lanes in [4, 8, 64, 256] {
                let kernel = workgroup::kernel(&task, lanes);
                let planned = (kernel.iterations, kernel.iterations_a_step);
                assert_eq!(iterations(&kernel.text, lanes.into()), planned, "{mlp}, batch size {batch_size}");
                if let Some(steps) = kernel.most_steps() {
                    assert!(kernel.iterations + u64::from(steps) * kernel.iterations_a_step <= LONGEST_LOOP.into());
                }
            }
        }
    }
}

/// The iterations of a step's loops over a batch's rows, read off a text of the other variants.
fn iterations_over_rows(text: &str, batch_size: u64) -> u64 {
    let in_step = text.split("step < steps; step++) {").nth(1).unwrap();
    let headers = in_step.lines().filter_map(|line| line.trim().strip_prefix("for ("));
    let turns = headers.map(|header| {
        let rows = header.split(" += ").nth(1).unwrap().trim_end_matches("u) {").parse::<u64>().unwrap();
        // Taken together, a loop's turns take every row of the batch once.
        assert!(header.contains("batch.rows"), "{header}");
        batch_size.div_ceil(rows)
    });
    turns.sum()
}

#[test]
fn loops_over_a_batchs_rows_are_as_long_as_planned() {
    for mlp in &networks()[..5] {
        for (batch_size, loops) in [(1, 0), (2, 1), (128, 1), (129, 2), (16_384, 2), (16_385, 3), (30_000, 3)] {
            let task = Task::new(mlp, batch_size, false, Work::Train);
            for text in [invocation::text(&task), subgroup::text(&task, 8)] {
                let rows = iterations_over_rows(&text, batch_size.into());
                assert_eq!(text.matches("batch.rows; ").count() + text.matches("batch.rows); ").count(), loops);
                assert_eq!(super::iterations(&task, 30_000, 1), 1 + rows, "batch size {batch_size}");
                assert_eq!(super::iterations(&task, 30_000, 64), 64 * (1 + rows), "batch size {batch_size}");
            }
            // Shuffled, the walks of a batch's positions are added.
            let shuffled = super::iterations(&Task { shuffle: true, ..task.clone() }, 30_000, 1);
            let walks = walk_iterations(30_000, batch_size.into());
            assert_eq!(shuffled, super::iterations(&task, 30_000, 1) + walks);
        }
    }
}

/// Trains 45 steps by a text of one's own.
fn train(gpu: &Gpu, mlp: &Mlp, config: &TrainConfig, candidate: &Candidate) -> (Vec<u32>, Vec<u32>) {
    let numbers = |width: usize| (0..40 * width).map(|i| (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
    let [inputs, targets] = [numbers(mlp.input_width()), numbers(mlp.output_width())];
    let data = Dataset::from_slices(gpu, 40, &inputs, &targets).unwrap();
    let network = Network::new(gpu, mlp, 1).unwrap();
    let state = TrainingState::new(gpu, 40, config.batch_size as u32, 0.5).unwrap();
    let operands = [data.inputs(), data.targets()].map(|numbers| numbers.rows.operand(gpu, "a test", "data").unwrap());
    let [inputs, targets] = &operands;
    let plan = Persistent::of(candidate, &network, [inputs, targets], &state, config).unwrap();
    gpu.submit("wgrad test", &mut |encoder| plan.record(&mut begin_pass(encoder, "wgrad test"), 45)).unwrap();
    let state = gpu.read_words("a test", state.buffer(), &|_| ()).unwrap();
    (state, network.read_parameters().unwrap().iter().map(|parameter| parameter.to_bits()).collect())
}

#[test]
fn a_subgroup_of_another_size_than_the_text_is_for_does_no_step() {
    let gpu = Gpu::headless().unwrap();
    if !gpu.device().features().contains(wgpu::Features::SUBGROUP) {
        return;
    }
    let mlp = Mlp::inputs(2).linear(6).sigmoid().linear(2);
    let config = TrainConfig::default();
    let task = Task::new(&mlp, 1, false, Work::Train);
    let lanes = gpu.adapter_info().subgroup_max_size;
    let by = |lanes: u32| {
        let text = subgroup::text(&task, lanes);
        let candidate = Candidate { text, workgroup: lanes, lanes, most_steps: 64, words: String::new() };
        let (state, parameters) = train(&gpu, &mlp, &config, &candidate);
        (TrainingState::steps(&state), parameters)
    };
    let untrained = mlp.initial_parameters(1).unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
    assert_eq!(by(2 * lanes), (0, untrained));
    assert_eq!(by(lanes).0, 45);
}

#[test]
fn the_shader_walks_no_longer_than_the_reference() {
    let constant = format!("const LONGEST_WALK = {}u;", reference::LONGEST_WALK);
    assert!(include_str!("../../../shaders/permutation.wgsl").contains(&constant));
}

/// On a processor a workgroup is one subgroup, which works in step: only a wider one needs its barriers.
#[test]
fn a_workgroup_of_any_width_gives_the_same_bits() {
    let gpu = Gpu::headless().unwrap();
    // Layers of unlike widths, so that an invocation's tiles of one need others' of the layer before.
    let unlike = Mlp::inputs(9).linear(21).bias().sigmoid().linear(13).sigmoid().linear(6).sigmoid();
    for (mlp, batch_size, shuffle) in
        [(unlike.clone(), 13, true), (unlike.clone(), 13, false), (unlike, 1, false), (networks()[22].clone(), 6, true)]
    {
        let config = TrainConfig { batch_size, shuffle, ..TrainConfig::default() };
        let task = Task::new(&mlp, batch_size as u32, shuffle, Work::Train);
        let runs = [4, 32, 64, 256].map(|lanes| {
            let workgroup::Kernel { text, .. } = workgroup::kernel(&task, lanes);
            let candidate = Candidate { text, workgroup: lanes, lanes, most_steps: 16, words: String::new() };
            train(&gpu, &mlp, &config, &candidate)
        });
        assert_eq!(TrainingState::steps(&runs[0].0), 45);
        for run in &runs[1..] {
            assert_eq!(*run, runs[0], "{mlp}");
        }
    }
}

/// The samples of texts that are checked in, for a network small enough to be read: name, what is checked in, and the
/// text as it is written now.
fn samples() -> [(&'static str, &'static str, String); 3] {
    let mlp = Mlp::inputs(2).linear(6).bias().sigmoid().linear(1).sigmoid();
    let task = |batch_size| Task { at_once: dense(&mlp), ..Task::new(&mlp, batch_size, batch_size > 1, Work::Train) };
    macro_rules! sample {
        ($name:literal, $text:expr) => {
            ($name, include_str!(concat!("../../../tests/samples/", $name)), $text)
        };
    }
    [
        sample!("persistent_subgroup.wgsl", subgroup::text(&task(1), 4)),
        sample!("persistent_invocation.wgsl", invocation::text(&task(1))),
        sample!("persistent_workgroup.wgsl", workgroup::kernel(&task(2), 8).text),
    ]
}

#[test]
fn the_texts_checked_in_are_those_that_are_written() {
    for (name, checked_in, text) in samples() {
        assert_checked_in(name, checked_in, &text);
    }
}

#[test]
fn walks_of_a_permutation_are_no_longer_than_planned() {
    for samples in [1, 2, 3, 4, 5, 7, 33, 63, 64, 65, 100, 1_000, 4_097] {
        for epoch in 0..20 {
            let walks = (0..samples)
                .map(|position| u64::from(reference::walk(position, samples, 7, epoch).1))
                .collect::<Vec<_>>();
            let walks = [walks.clone(), walks].concat();
            // Within an epoch, and across its end (into the same order, which is no better).
            for length in [1, 2, samples as usize / 2, samples as usize].into_iter().filter(|&length| length > 0) {
                let longest = walks.windows(length).map(|walks| walks.iter().sum::<u64>()).max().unwrap();
                let planned = walk_iterations(samples, length as u64);
                assert!(longest <= planned, "{length} of {samples}: {longest} iterations, {planned} planned");
            }
        }
    }
    assert_eq!(walk_iterations(4, 8_192), 8_192);
    assert_eq!(walk_iterations(60_000, 16_384), 16_384 + 2 * 5_536);
    assert_eq!(walk_iterations(33_000, 500), 64 * 500);
}
