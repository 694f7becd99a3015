//! What the three variants' texts share: a network's numbers as parts of vectors, and WGSL line by line.

use std::collections::BTreeSet;

use super::task::{Level, Task};
use crate::mlp::Stage;
use crate::trainer::Work;
pub(super) use crate::wgsl::{Part, Text, distinct, parts, place, sum, vector};

/// The name of a part of an input's weights, or where `row` is past the inputs, of the bias: `w0_1_2`, `b0_2`; with the
/// letter `g` of the derivatives by them, `g0_1_2`, `gb0_2`.
pub(super) fn weight(letter: &str, s: usize, stage: &Stage, row: u32, part: Part) -> String {
    match (letter, row == stage.inputs) {
        (letter, false) => format!("{letter}{s}_{row}_{}", part.index),
        ("w", true) => format!("b{s}_{}", part.index),
        (letter, true) => format!("{letter}b{s}_{}", part.index),
    }
}

/// The name of a part of what a stage takes.
pub(super) fn input(s: usize, part: u32) -> String {
    match s.checked_sub(1) {
        None => format!("x_{part}"),
        Some(before) => format!("y{before}_{part}"),
    }
}

/// The name of a part of a stage's output after so many of its sigmoid layers: `y0_2` after the last.
pub(super) fn output(s: usize, stage: &Stage, sigmoids: u32, part: Part) -> String {
    if sigmoids == stage.sigmoids { format!("y{s}_{}", part.index) } else { format!("z{s}_{sigmoids}_{}", part.index) }
}

/// The factors that a stage's sigmoid layers put to the derivative, y · (1 - y) each: in parentheses, since these can be
/// computed while the derivative is waited for.
pub(super) fn slopes(s: usize, stage: &Stage, part: Part) -> String {
    let factors = (1..=stage.sigmoids).rev().map(|sigmoids| {
        let y = output(s, stage, sigmoids, part);
        format!(" * ({y} * (1.0 - {y}))")
    });
    factors.collect()
}

/// The error of these parts of the output, and where it trains, the derivatives by the last stage's sums. `sum` writes
/// the sum over whatever has the parts.
pub(super) fn error(
    text: &mut Text,
    task: &Task,
    parts: impl Iterator<Item = Part> + Clone,
    rate: &str,
    sum_of: impl FnOnce(&str) -> String,
) {
    let last = task.last();
    text.line("");
    text.line("// the error");
    for part in parts.clone() {
        text.line(format!("let e_{0} = y{last}_{0} - t_{0};", part.index));
    }
    let e = |part: Part| format!("e_{}", part.index);
    let squares = sum(parts.clone().map(|part| part.dot(&e(part), &e(part))));
    text.line(format!("let error = 0.5 * {};", sum_of(&squares)));
    if task.work == Work::Train {
        text.line("");
        text.line("// backward, by the weights as they are before the update");
        for part in parts {
            let slopes = slopes(last, &task.stages[last], part);
            text.line(format!("let d{last}_{} = {rate} * {}{slopes};", part.index, e(part)));
        }
    }
}

/// A product; sums get parentheses.
pub(super) fn times(left: &str, right: u32) -> String {
    match right {
        1 => left.to_owned(),
        _ if left.contains('+') => format!("({left}) * {right}u"),
        _ => format!("{left} * {right}u"),
    }
}

/// A quotient, rounded down.
pub(super) fn divided(left: &str, right: u32) -> String {
    if right == 1 { left.to_owned() } else { format!("{left} / {right}u") }
}

/// What the quotient leaves.
pub(super) fn remainder(left: &str, right: u32) -> String {
    if right == 1 { "0u".to_owned() } else { format!("{left} % {right}u") }
}

/// A batch of several samples, row by row, which leaves `batch_error`: `sample` writes one row, at the position that it is
/// given, which leaves its `error` and adds to `sums`, the derivatives' names and types. Returns what stands before those
/// names where they are added up over the whole batch.
pub(super) fn batch(text: &mut Text, task: &Task, sums: &[(String, &str)], sample: &dyn Fn(&mut Text, &str)) -> String {
    let levels = task.levels();
    // What stands before the names of a level's sums: the outermost are the batch's, the derivatives' innermost `sample`'s.
    let prefix = |level: usize| match level.checked_sub(1) {
        None => "batch_".to_owned(),
        Some(outer) => format!("{}_", levels[outer].variable),
    };
    let derivatives = |level: usize| if level + 1 == levels.len() { String::new() } else { prefix(level) };
    for (level, Level { variable, rows }) in levels.iter().enumerate() {
        for (name, ty) in sums {
            text.line(format!("var {}{name} = {ty}();", derivatives(level)));
        }
        text.line(format!("var {}error = 0.0;", prefix(level)));
        let (first, last) = match level.checked_sub(1).map(|outer| &levels[outer]) {
            None => ("0u", "batch.rows".to_owned()),
            Some(outer) => (outer.variable, format!("min({} + {}u, batch.rows)", outer.variable, outer.rows)),
        };
        text.line(format!("for (var {variable} = {first}; {variable} < {last}; {variable} += {rows}u) {{"));
    }
    sample(text, "batch.position + row");
    for level in (0..levels.len()).rev() {
        if level + 1 == levels.len() {
            text.line(format!("{}error += error;", prefix(level)));
        } else {
            for (name, _) in sums {
                text.line(format!("{}{name} += {}{name};", derivatives(level), derivatives(level + 1)));
            }
            text.line(format!("{}error += {}error;", prefix(level), prefix(level + 1)));
        }
        text.line("}");
    }
    derivatives(0)
}

impl Text {
    /// The texts that every kernel begins with, under its own heading.
    pub(super) fn begin(task: &Task, batch: &str, heading: &[&str]) -> Self {
        let mut text = Text::default();
        let work = match task.work {
            Work::Train => "trains",
            Work::Evaluate | Work::Classify => "measures the loss of",
        };
        text.line(format!("// persistent   {work} {}, {batch}", task.network));
        text.line("//");
        for line in heading {
            text.line(format!("// {line}"));
        }
        text.line("");
        text.paste(include_str!("../../../shaders/state.wgsl"));
        if task.shuffle {
            text.paste(include_str!("../../../shaders/permutation.wgsl"));
        }
        text.line("// How many numbers of a row are read at once.");
        for (name, numbers) in ["Inputs", "Targets"].iter().zip(task.at_once) {
            text.line(format!("alias {name} = {};", vector(numbers)));
        }
        text.line("");
        text.paste(include_str!("../../../shaders/persistent.wgsl"));
        text.line("override WORKGROUP: u32;");
        text
    }

    /// What the steps take of the uniform, read before the loop: in it, Mesa's software driver would read each number
    /// anew for each lane, which took a sixth of a small network's step.
    pub(super) fn constants(&mut self, task: &Task) {
        for (view, numbers) in ["inputs_view", "targets_view"].iter().zip(task.at_once) {
            self.line(match numbers {
                1 => format!("let {view} = p.{view};"),
                _ => format!("let {view} = p.{view} / {numbers}u;"),
            });
        }
        self.line("let samples = sample_count[0];");
        self.line("let batch_size = p.batch_size;");
        if task.shuffle {
            self.line("let seed = p.seed;");
        }
    }

    /// A part of a sample's numbers, after the sigmoid layers that stand before the first linear one.
    pub(super) fn numbers(&mut self, name: &str, numbers: String, part: Part, sigmoids: u32) {
        if sigmoids == 0 {
            return self.line(format!("let {name} = {numbers};"));
        }
        self.line(format!("var {name} = {numbers};"));
        for _ in 0..sigmoids {
            self.line(format!("{name} = sigmoid{}({name});", part.width));
        }
    }

    /// Reading and writing parts of these widths among the parameters.
    pub(super) fn parameters(&mut self, widths: &BTreeSet<u32>, work: Work) {
        for &width in widths.iter().filter(|&&width| width > 1) {
            let part = Part { index: 0, first: 0, width };
            let places = (0..width).map(|i| place("at", i));
            let numbers = places.clone().map(|place| format!("parameters[{place}]"));
            self.line("");
            self.line(format!("fn read{width}(at: u32) -> {} {{", part.ty()));
            self.line(format!("return {};", part.of(numbers)));
            self.line("}");
            if work == Work::Train {
                self.line("");
                self.line(format!("fn write{width}(at: u32, w: {}) {{", part.ty()));
                for (i, place) in (0..).zip(places) {
                    self.line(format!("parameters[{place}] = {};", part.number("w", i)));
                }
                self.line("}");
            }
        }
    }
}
