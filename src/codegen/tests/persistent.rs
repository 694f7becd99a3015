//! The persistent kernels' sources: validated, readable, and their loops within bounds.

use super::{Compile, assert_bindings, assert_checked_in, losses_of, networks, networks_of_tables, validate};
use crate::codegen::descent::Descent;
use crate::codegen::persistent::Operands;
use crate::codegen::{LONGEST_LOOP, LONGEST_WALK, PersistentSpec, Work, registers, workgroup};
use crate::loss::Loss;
use crate::mlp::Mlp;
use crate::optimizer::Optimizer;
use crate::reference;
use crate::schedule::{Decay, Schedule};

/// How many values can be read at once where rows lie one right after the other.
fn dense(mlp: &Mlp) -> [u32; 2] {
    [mlp.input_width(), mlp.output_width()].map(|width| match width % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    })
}

/// A variant's source for a network.
struct Variant {
    name: &'static str,
    source: String,
    invocations: u32,
    uses_subgroups: bool,
}

/// Each variant's for a network.
fn variants(spec: &PersistentSpec) -> Vec<Variant> {
    let subgroup = |name, lanes| {
        let source = registers::source(spec, lanes);
        Variant { name, source, invocations: lanes, uses_subgroups: true }
    };
    let source = registers::source(spec, 1);
    let invocation = Variant { name: "invocation", source, invocations: 64, uses_subgroups: false };
    let mut variants =
        vec![subgroup("subgroup 4", 4), subgroup("subgroup 8", 8), subgroup("subgroup 32", 32), invocation];
    // A batch of thousands fits in no device's workgroup memory.
    if spec.batch_size < 1_000 {
        variants.extend([("workgroup 8", 8), ("workgroup 64", 64)].map(|(name, invocations)| {
            let source = workgroup::kernel(spec, invocations).source;
            Variant { name, source, invocations, uses_subgroups: false }
        }));
    }
    variants
}

/// Fails unless the source of each variant is valid, and where the default limits allow it, a pipeline. Returns how many there are.
fn assert_compiles(mlp: &Mlp, spec: &PersistentSpec) -> usize {
    let variants = variants(spec);
    let bindings = Operands::<()>::default().bindings(spec);
    let accesses = bindings.accesses();
    for Variant { name, source, invocations, uses_subgroups } in &variants {
        let what = format!("{mlp}, {name}, {}, batch size {}, {:?}", spec.head.loss, spec.batch_size, spec.work);
        let fits = !name.starts_with("workgroup")
            || workgroup::bytes(spec) <= wgpu::Limits::defaults().max_compute_workgroup_storage_size.into();
        let compile = match fits {
            true => Compile::Kernel { entry_point: "persistent", workgroup: Some(*invocations), accesses: &accesses },
            false => Compile::Module,
        };
        assert_bindings("persistent", &bindings, &validate(&what, source, *uses_subgroups, &compile));
    }
    variants.len()
}

/// Each optimizer, with and without decay, a schedule and an average.
pub(super) fn descents() -> Vec<Descent> {
    let schedules = Decay::ALL.iter().map(|&decay| Schedule::new(decay).warm_up(3)).cycle();
    let all = Optimizer::ALL.iter().zip(schedules).flat_map(|(&optimizer, schedule)| {
        let plain = Descent { optimizer, ..Descent::default() };
        [plain, Descent { decays: true, schedule, average: Some(0.9), ..plain }]
    });
    all.collect()
}

#[test]
fn every_source_compiles() {
    let mut count = 0;
    for (i, mlp) in networks().iter().enumerate() {
        for (batch_size, shuffle, work) in [
            (1, false, Work::Train),
            (1, true, Work::Train),
            (7, true, Work::Train),
            (200, false, Work::Train),
            (20_000, true, Work::Train),
            (1, false, Work::Evaluate),
            (5, true, Work::Evaluate),
        ] {
            // Each loss and descent comes with some of the networks.
            let (loss, descent) = (Loss::ALL[i % Loss::ALL.len()], descents()[i % descents().len()]);
            let spec = PersistentSpec { descent, ..PersistentSpec::new(mlp, loss, batch_size, shuffle, work) };
            // Rows that lie dense, and rows whose values must be read one by one.
            let spec = if shuffle { PersistentSpec { load_widths: dense(mlp), ..spec } } else { spec };
            count += assert_compiles(mlp, &spec);
        }
    }
    assert_eq!(count, 30 * (6 * 6 + 4));
}

/// Every activation with every loss that suits it last, and every encoding; some with a frozen layer.
#[test]
fn every_source_of_the_tables_compiles() {
    let networks = networks_of_tables().into_iter().filter(|mlp| mlp.grid().is_none());
    let of_losses = networks.flat_map(|mlp| losses_of(mlp.last_activation()).map(move |loss| (mlp.clone(), loss)));
    for (i, (mlp, loss)) in of_losses.enumerate() {
        let spec = |batch_size, work| PersistentSpec::new(&mlp, loss, batch_size, true, work);
        let (descent, frozen) = (descents()[i % descents().len()], if i % 2 == 1 { vec![0] } else { Vec::new() });
        assert_compiles(&mlp, &PersistentSpec { descent, frozen, ..spec(7, Work::Train) });
        assert_compiles(&mlp, &spec(1, Work::Evaluate));
        assert_compiles(&mlp, &spec(9, Work::Classify));
    }
}

/// The iterations of an invocation's loops, read off a source of the workgroup variant: of a dispatch whatever its steps,
/// and of each step. A reader of loops that knows nothing of how the source was written.
fn iterations(source: &str, invocations: u64) -> (u64, u64) {
    let (mut outside, mut per_step) = (0, 0);
    // For each open brace, how often its block runs, if it is a loop's.
    let mut blocks = Vec::<Option<u64>>::new();
    let mut in_step = false;
    let entry_point = &source[source.find("fn persistent(").unwrap()..];
    for line in entry_point.lines().map(str::trim) {
        let outer = blocks.iter().flatten().product::<u64>();
        let sum = if in_step { &mut per_step } else { &mut outside };
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
        clauses.next();
        let end = clauses.next().unwrap().split(" < ").nth(1).unwrap();
        if end == "steps" {
            blocks.push(Some(1));
            in_step = true;
            per_step += 1;
            continue;
        }
        // Of rows in blocks, as many as a block has.
        let number = |text: &str| text.trim_end_matches([' ', '{', ')', 'u']).parse::<u64>().unwrap();
        let end = end
            .strip_prefix("min(block + ")
            .map_or_else(|| number(end), |rest| number(rest.split(", ").next().unwrap()));
        let step = clauses
            .next()
            .unwrap()
            .split(" += ")
            .nth(1)
            .map_or(1, |step| if step.starts_with("WORKGROUP") { invocations } else { number(step) });
        let count = end.div_ceil(step);
        *sum += outer * count;
        // A loop of one iteration must not be taken for the steps'.
        blocks.push((count != 1).then_some(count));
    }
    assert!(blocks.is_empty(), "{blocks:?}");
    (outside, per_step)
}

#[test]
fn loops_are_as_long_as_planned() {
    for mlp in &networks() {
        for (batch_size, shuffle, work) in
            [(1, false, Work::Train), (7, true, Work::Train), (30, true, Work::Evaluate), (300, false, Work::Train)]
        {
            let spec = PersistentSpec::new(mlp, Loss::SquaredError, batch_size, shuffle, work);
            for invocations in [4, 8, 64, 256] {
                let kernel = workgroup::kernel(&spec, invocations);
                let planned = (kernel.iterations, kernel.iterations_per_step);
                assert_eq!(iterations(&kernel.source, invocations.into()), planned, "{mlp}, batch size {batch_size}");
                if let Some(steps) = kernel.most_steps() {
                    assert!(kernel.iterations + u64::from(steps) * kernel.iterations_per_step <= LONGEST_LOOP.into());
                }
            }
        }
    }
}

/// The iterations of a step's loops over a batch's rows, read off a source of the variants in registers.
fn iterations_over_rows(source: &str, batch_size: u64) -> u64 {
    let in_step = source.split("step < steps; step++) {").nth(1).unwrap();
    let headers = in_step.lines().filter_map(|line| line.trim().strip_prefix("for ("));
    let iterations = headers.map(|header| {
        let rows = header.split(" += ").nth(1).unwrap().trim_end_matches("u) {").parse::<u64>().unwrap();
        // Taken together, a loop's iterations take every row of the batch once.
        assert!(header.contains("batch.rows"), "{header}");
        batch_size.div_ceil(rows)
    });
    iterations.sum()
}

#[test]
fn loops_over_a_batchs_rows_are_as_long_as_planned() {
    for mlp in &networks()[..5] {
        for (batch_size, loops) in [(1, 0), (2, 1), (128, 1), (129, 2), (16_384, 2), (16_385, 3), (30_000, 3)] {
            let spec = PersistentSpec::new(mlp, Loss::SquaredError, batch_size, false, Work::Train);
            for source in [registers::source(&spec, 1), registers::source(&spec, 8)] {
                let rows = iterations_over_rows(&source, batch_size.into());
                assert_eq!(source.matches("batch.rows; ").count() + source.matches("batch.rows); ").count(), loops);
                assert_eq!(spec.iterations_over_rows(), rows, "batch size {batch_size}");
            }
        }
    }
}

#[test]
fn the_shader_walks_as_far_as_the_reference_and_as_planned() {
    assert_eq!(LONGEST_WALK, u64::from(reference::LONGEST_WALK));
    let constant = format!("const LONGEST_WALK = {LONGEST_WALK}u;");
    assert!(include_str!("../../../shaders/permutation.wgsl").contains(&constant));
}

/// The sources that are checked in, for a network small enough to be read: name, what is checked in, and the source as it
/// is written now.
fn samples() -> [(&'static str, &'static str, String); 3] {
    let mlp = Mlp::inputs(2).linear(6).bias().sigmoid().linear(1).sigmoid();
    let spec = |batch_size| PersistentSpec {
        load_widths: dense(&mlp),
        ..PersistentSpec::new(&mlp, Loss::SquaredError, batch_size, batch_size > 1, Work::Train)
    };
    macro_rules! sample {
        ($name:literal, $source:expr) => {
            ($name, include_str!(concat!("../../../tests/samples/", $name)), $source)
        };
    }
    [
        sample!("persistent_subgroup.wgsl", registers::source(&spec(1), 4)),
        sample!("persistent_invocation.wgsl", registers::source(&spec(1), 1)),
        sample!("persistent_workgroup.wgsl", workgroup::kernel(&spec(2), 8).source),
    ]
}

#[test]
fn the_sources_checked_in_are_those_that_are_written() {
    for (name, checked_in, source) in samples() {
        assert_checked_in(name, checked_in, &source);
    }
}
