//! One invocation trains a network: everything in registers, written out without loops over layers or numbers; no
//! barrier and no feature. A subgroup trains as many networks as it has lanes.

use std::ops::Range;

use super::task::Task;
use super::text::{Part, Text, batch, distinct, error, input, output, parts, place, slopes, sum, weight};
use crate::trainer::Work;

/// The registers of an invocation, 32 bits each: parameters, where a batch has several samples their derivatives, and
/// the activations.
pub(super) fn registers(task: &Task) -> u64 {
    let activations = task.stages.iter().map(|stage| u64::from(stage.outputs) * stage.kept()).sum::<u64>();
    task.copies() * u64::from(task.parameters) + u64::from(task.inputs) + activations + u64::from(task.outputs())
}

/// The kernel's text.
pub(super) fn text(task: &Task) -> String {
    let mut text = Text::begin(
        task,
        task.batch_in_words(),
        &[
            "One invocation has one network in its registers. Its numbers stand in parts of at most four:",
            "w0_1_2 is layer 0's weights of input 1 to outputs 8 to 11, part 2. The same names with b are biases,",
            "with y a layer's outputs, with d the derivatives of the error by a layer's sums, times the learning rate,",
            "with g the derivatives by the weights, summed over a batch.",
        ],
    );
    let widths = || task.stages.iter().flat_map(|stage| parts(stage.outputs)).map(|part| part.width);
    let sigmoids = task.stages.iter().filter(|stage| stage.sigmoids > 0).flat_map(|stage| parts(stage.outputs));
    let leading = parts(task.inputs).filter(|_| task.sigmoids > 0);
    text.sigmoids("", sigmoids.chain(leading).map(|part| part.width));
    text.parameters(&distinct(widths()), task.work);

    text.line("");
    text.line("@compute @workgroup_size(WORKGROUP)");
    text.line(
        "fn persistent(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {",
    );
    text.line("let network = id.y * grid.x * WORKGROUP + id.x;");
    text.line("if network >= p.networks {");
    text.line("return;");
    text.line("}");
    text.line("");
    text.line(format!("let first = network * {}u; // its place among the parameters", task.parameters));
    for_each_weight(task, "w", |name, part, at| text.line(format!("var {name} = {};", read(part, at))));
    if task.work == Work::Train {
        text.line("let learning_rate = learning_rates[network];");
    }
    text.line("var batch = states[network].batch;");
    text.line("var errors = states[network].errors;");
    text.constants(task);
    text.line("let steps = p.steps;");

    text.line("");
    text.line("for (var step = 0u; step < steps; step++) {");
    if task.batch_size == 1 {
        sample(&mut text, task, "batch.position", "learning_rate");
        text.line("errors = add_error(errors, batch, samples, error);");
    } else {
        whole_batch(&mut text, task);
    }
    text.line("batch = next_batch(batch, samples, batch_size);");
    text.line("}");

    text.line("");
    if task.work == Work::Train {
        for_each_weight(task, "w", |name, part, at| {
            text.line(match part.width {
                1 => format!("parameters[{at}] = {name};"),
                width => format!("write{width}({at}, {name});"),
            });
        });
    }
    text.line("states[network] = State(batch, errors);");
    text.line("}");
    text.finish()
}

fn read(part: Part, at: &str) -> String {
    match part.width {
        1 => format!("parameters[{at}]"),
        width => format!("read{width}({at})"),
    }
}

/// The name of each part of the weights and biases (with the letter `w`) or of the derivatives by them (`g`), the part,
/// and its place among the parameters.
fn for_each_weight(task: &Task, letter: &str, mut action: impl FnMut(String, Part, &str)) {
    for (s, stage) in task.stages.iter().enumerate() {
        for row in 0..stage.rows() {
            for part in parts(stage.outputs) {
                let at = place("first", stage.row(row) + part.first);
                action(weight(letter, s, stage, row, part), part, &at);
            }
        }
    }
}

/// The name of one of the numbers that a stage takes.
fn input_number(task: &Task, s: usize, number: u32) -> String {
    let width = task.stages[s].inputs;
    let part = Part { index: number / 4, first: number / 4 * 4, width: (width - number / 4 * 4).min(4) };
    part.number(&input(s, part.index), number % 4)
}

/// A batch of several samples: their derivatives added up, then the update.
fn whole_batch(text: &mut Text, task: &Task) {
    let (mut weights, mut sums) = (Vec::new(), Vec::new());
    if task.work == Work::Train {
        for_each_weight(task, "w", |name, _, _| weights.push(name));
        for_each_weight(task, "g", |name, part, _| sums.push((name, part.ty())));
        text.line("let rate = learning_rate / f32(batch.rows);");
    }
    let prefix = batch(text, task, &sums, &|text, position| sample(text, task, position, "rate"));
    for (w, (g, _)) in weights.iter().zip(&sums) {
        text.line(format!("{w} -= {prefix}{g};"));
    }
    text.line("errors = add_error(errors, batch, samples, batch_error);");
}

/// One sample forward, its error, and backward to the weights (of a batch, to the derivatives' sums).
fn sample(text: &mut Text, task: &Task, position: &str, rate: &str) {
    text.line(format!("let sample = {};", task.sample(position)));
    let [inputs_at_once, targets_at_once] = task.at_once;
    for (matrix, name, width, at_once) in
        [("inputs", "x", task.inputs, inputs_at_once), ("targets", "t", task.outputs(), targets_at_once)]
    {
        text.line(format!("let {name}_at = {matrix}_view.x + sample * {matrix}_view.y;"));
        for part in parts(width) {
            let reads = part.first / at_once..(part.first + part.width) / at_once;
            let numbers = part.of(reads.map(|read| format!("{matrix}[{}]", place(&format!("{name}_at"), read))));
            let sigmoids = if name == "x" { task.sigmoids } else { 0 };
            text.numbers(&format!("{name}_{}", part.index), numbers, part, sigmoids);
        }
    }

    for (s, stage) in task.stages.iter().enumerate() {
        text.line("");
        text.line(format!("// layer {s}"));
        for part in parts(stage.outputs) {
            let mut terms = (0..stage.inputs)
                .map(|i| format!("{} * {}", input_number(task, s, i), weight("w", s, stage, i, part)))
                .collect::<Vec<_>>();
            terms.extend(stage.bias.then(|| weight("w", s, stage, stage.inputs, part)));
            if stage.sigmoids == 0 {
                text.assign(&format!("let {}", output(s, stage, 0, part)), terms);
                continue;
            }
            text.assign(&format!("let s{s}_{}", part.index), terms);
            let mut name = format!("s{s}_{}", part.index);
            for sigmoids in 1..=stage.sigmoids {
                let y = output(s, stage, sigmoids, part);
                text.line(format!("let {y} = sigmoid{}({name});", part.width));
                name = y;
            }
        }
    }

    error(text, task, parts(task.outputs()), rate, |squares| format!("({squares})"));
    if task.work == Work::Train {
        backward(text, task);
    }
}

/// From the derivatives by the last stage's sums to those by the weights, and the update.
fn backward(text: &mut Text, task: &Task) {
    let last = task.last();
    // Part by part, so that a part's weights are still in registers when they are updated: on Mesa's software driver a
    // step takes 6 % less time than layer by layer.
    for s in (1..=last).rev() {
        let stage = &task.stages[s];
        for part in parts(stage.inputs) {
            let rows = part.first..part.first + part.width;
            let products = rows.clone().map(|i| {
                sum(parts(stage.outputs)
                    .map(|column| column.dot(&weight("w", s, stage, i, column), &format!("d{s}_{}", column.index))))
            });
            let upstream = if part.width == 1 { format!("({})", part.of(products)) } else { part.of(products) };
            text.line("");
            text.line(format!(
                "let d{}_{} = {upstream}{};",
                s - 1,
                part.index,
                slopes(s - 1, &task.stages[s - 1], part)
            ));
            update(text, task, s, rows, parts(stage.outputs));
            if s == 1 {
                // Nothing below needs the first layer's weights as they were.
                update(text, task, 0, 0..task.stages[0].rows(), std::iter::once(part));
            }
        }
        update(text, task, s, stage.inputs..stage.rows(), parts(stage.outputs));
    }
    if last == 0 {
        text.line("");
        update(text, task, 0, 0..task.stages[0].rows(), parts(task.outputs()));
    }
}

/// The update of some of a stage's weights, or the sums that it takes.
fn update(text: &mut Text, task: &Task, s: usize, rows: Range<u32>, outputs: impl Iterator<Item = Part> + Clone) {
    let stage = &task.stages[s];
    let (operator, letter) = if task.batch_size == 1 { ("-=", "w") } else { ("+=", "g") };
    for row in rows {
        let factor = if row < stage.inputs { format!("{} * ", input_number(task, s, row)) } else { String::new() };
        for part in outputs.clone() {
            let w = weight(letter, s, stage, row, part);
            text.line(format!("{w} {operator} {factor}d{s}_{};", part.index));
        }
    }
}
