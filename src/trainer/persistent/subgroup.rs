//! One subgroup trains a network: every layer's work is shared out among the lanes, each with its share of the weights
//! in registers; sums go from lane to lane without a barrier. For devices whose subgroups have one known size.

use super::task::Task;
use super::text::{Part, Text, batch, distinct, error, input, output, parts, place, slopes, sum, vector, weight};
use crate::mlp::Stage;
use crate::trainer::Work;

/// The registers of a lane, 32 bits each: its share of the parameters, where a batch has several samples their
/// derivatives, and the activations.
pub(super) fn registers(task: &Task, lanes: u32) -> u64 {
    let numbers = |s: usize, stage: &Stage| {
        let share = |width: u32| u64::from(width.div_ceil(lanes));
        if is_spread(s) {
            [u64::from(stage.rows()) * share(stage.outputs), share(stage.outputs) * stage.kept()]
        } else {
            let bias = u64::from(stage.bias);
            [(share(stage.inputs) + bias) * u64::from(stage.outputs), u64::from(stage.outputs) * stage.kept()]
        }
    };
    let stages = task.stages.iter().enumerate().map(|(s, stage)| {
        let [weights, activations] = numbers(s, stage);
        task.copies() * weights + activations
    });
    stages.sum::<u64>() + u64::from(task.inputs)
}

/// Whether a stage's outputs are spread over the lanes, each having its own; otherwise every lane has all of them.
/// Every second stage is spread: then only the others' sums go from lane to lane.
fn is_spread(s: usize) -> bool {
    s.is_multiple_of(2)
}

/// The kernel's text for subgroups of `lanes` lanes.
pub(super) fn text(task: &Task, lanes: u32) -> String {
    // Each lane reads numbers of its own.
    let task = &Task { at_once: [1, 1], ..task.clone() };
    Subgroup { task, lanes, text: Text::default() }.write()
}

struct Subgroup<'a> {
    task: &'a Task,
    lanes: u32,
    text: Text,
}

/// A part of a row of weights that a lane has.
struct Weights {
    name: String,
    /// The name of the derivative by them.
    derivative: String,
    part: Part,
    /// The place among the parameters.
    at: String,
    /// Which of its numbers exist, if not all do.
    inside: Option<String>,
    /// Whether all lanes have the same.
    everywhere: bool,
}

impl Subgroup<'_> {
    /// The numbers of a layer of this width that a lane has, where they are spread.
    fn share(&self, width: u32) -> u32 {
        width.div_ceil(self.lanes)
    }

    /// The parts of a stage's output that a lane has.
    fn outputs(&self, s: usize) -> impl Iterator<Item = Part> + Clone + use<> {
        let outputs = self.task.stages[s].outputs;
        parts(if is_spread(s) { self.share(outputs) } else { outputs })
    }

    /// The parts of a stage's input that a lane has.
    fn inputs(&self, s: usize) -> impl Iterator<Item = Part> + Clone + use<> {
        let inputs = self.task.stages[s].inputs;
        parts(if is_spread(s) { inputs } else { self.share(inputs) })
    }

    /// The name of which numbers of a part of a spread stage's output exist, if not all do.
    fn inside(&self, s: usize, part: Part) -> Option<String> {
        let outputs = self.task.stages[s].outputs;
        let partly = is_spread(s) && self.share(outputs) * self.lanes > outputs;
        partly.then(|| format!("inside{s}_{}", part.index))
    }

    fn weights(&self, s: usize) -> Vec<Weights> {
        let stage = &self.task.stages[s];
        let of = |row: u32, part: Part, at: String, inside: Option<String>| Weights {
            name: weight("w", s, stage, row, part),
            derivative: weight("g", s, stage, row, part),
            part,
            at,
            inside,
            everywhere: !is_spread(s) && row == stage.inputs,
        };
        let mut weights = Vec::new();
        if is_spread(s) {
            for row in 0..stage.rows() {
                for part in self.outputs(s) {
                    let at = format!("{} + own{s}", place("first", stage.row(row) + part.first));
                    weights.push(of(row, part, at, self.inside(s, part)));
                }
            }
            return weights;
        }
        let times = if stage.outputs == 1 { String::new() } else { format!(" * {}u", stage.outputs) };
        for units in self.inputs(s) {
            for i in 0..units.width {
                let row = units.first + i;
                for part in self.outputs(s) {
                    let at = format!("{} + own{}{times}", place("first", stage.row(row) + part.first), s - 1);
                    let inside = self.inside(s - 1, units).map(|inside| units.number(&inside, i));
                    weights.push(of(row, part, at, inside));
                }
            }
        }
        for part in self.outputs(s).filter(|_| stage.bias) {
            weights.push(of(stage.inputs, part, place("first", stage.row(stage.inputs) + part.first), None));
        }
        weights
    }

    fn write(mut self) -> String {
        let task = self.task;
        self.text = Text::begin(
            task,
            task.batch_in_words(),
            &[
                &format!(
                    "One subgroup of {} lanes has one network in its registers. Layers 0, 2, … are spread: each lane",
                    self.lanes
                ),
                "computes its own outputs, from own0, own2, … on. Layers 1, 3, … take these: each lane multiplies its own,",
                "and the subgroup adds up. Numbers stand in parts of at most four: w0_1_0 is layer 0's weights of input 1",
                "to the lane's own outputs, w1_0_2 layer 1's weights of the lane's first own input to outputs 8 to 11.",
                "The same names with b are biases, with y a layer's outputs, with d the derivatives of the error by a",
                "layer's sums, times the learning rate, with g the derivatives by the weights, summed over a batch.",
            ],
        );
        let stages = 0..task.stages.len();
        let widths = |stages: &mut dyn Iterator<Item = usize>| {
            stages.flat_map(|s| self.outputs(s)).map(|part| part.width).collect::<Vec<_>>()
        };
        let all = widths(&mut stages.clone());
        let mut sigmoids = widths(&mut stages.clone().filter(|&s| task.stages[s].sigmoids > 0));
        sigmoids.extend(parts(task.inputs).filter(|_| task.sigmoids > 0).map(|part| part.width));
        let mut sums = widths(&mut stages.filter(|&s| !is_spread(s)));
        if is_spread(task.last()) {
            sums.push(1); // the error
        }
        self.text.sigmoids("", sigmoids);
        self.text.parameters(&distinct(all), task.work);
        self.sums(sums);

        self.text.line("");
        self.text.line("var<workgroup> first_batch: Batch;");
        self.text.line("");
        self.text.line("@compute @workgroup_size(WORKGROUP)");
        self.text.line("fn persistent(");
        self.text.line("@builtin(workgroup_id) id: vec3<u32>,");
        self.text.line("@builtin(num_workgroups) grid: vec3<u32>,");
        self.text.line("@builtin(subgroup_invocation_id) lane: u32,");
        self.text.line("@builtin(subgroup_size) lanes: u32,");
        self.text.line(") {");
        self.text.line("let network = id.y * grid.x + id.x;");
        self.text.line("if network >= p.networks {");
        self.text.line("return;");
        self.text.line("}");
        self.prepare();
        self.text.line("");
        self.text.line("for (var step = 0u; step < steps; step++) {");
        self.step();
        self.text.line("}");
        self.finish();
        self.text.line("}");
        self.text.finish()
    }

    /// The sums over the lanes: a tree of fixed shape, so that the same numbers give the same bits.
    fn sums(&mut self, widths: Vec<u32>) {
        for width in distinct(widths) {
            let ty = vector(width);
            self.text.line("");
            self.text.line(format!("fn subgroup_sum{width}(share: {ty}) -> {ty} {{"));
            self.text.line("var sum = share;");
            for distance in (0..self.lanes.ilog2()).map(|bit| 1 << bit) {
                self.text.line(format!("sum += subgroupShuffleXor(sum, {distance}u);"));
            }
            self.text.line("// The same bits in every lane, even if a driver fuses a multiplication into an addition.");
            self.text.line("return subgroupBroadcast(sum, 0u);");
            self.text.line("}");
        }
    }

    fn prepare(&mut self) {
        let task = self.task;
        self.text.line("");
        self.text.line(format!("let first = network * {}u; // its place among the parameters", task.parameters));
        for s in (0..task.stages.len()).filter(|&s| is_spread(s)) {
            let outputs = task.stages[s].outputs;
            self.text.line(format!("let own{s} = lane * {}u;", self.share(outputs)));
            for part in self.outputs(s) {
                let Some(inside) = self.inside(s, part) else { continue };
                let own = format!("own{s}");
                let numbers = part.of((part.first..part.first + part.width).map(|i| place(&own, i)));
                let end = part.of((0..part.width).map(|_| format!("{outputs}u")));
                let [numbers, end] = [numbers, end].map(|text| text.replace("<f32>", "<u32>"));
                self.text.line(format!("let {inside} = {numbers} < {end};"));
            }
        }
        for s in 0..task.stages.len() {
            for Weights { name, part, at, inside, .. } in self.weights(s) {
                let read = match part.width {
                    1 => format!("parameters[{at}]"),
                    width => format!("read{width}({at})"),
                };
                self.text.line(match inside {
                    Some(inside) => format!("var {name} = select({}(), {read}, {inside});", part.ty()),
                    None => format!("var {name} = {read};"),
                });
            }
        }
        if task.work == Work::Train {
            self.text.line("let learning_rate = learning_rates[network];");
        }
        self.text.line("var errors: Errors; // the first lane's");
        self.text.line("if lane == 0u {");
        self.text.line("first_batch = states[network].batch;");
        self.text.line("errors = states[network].errors;");
        self.text.line("}");
        self.text.line("var batch = workgroupUniformLoad(&first_batch);");
        self.text.constants(task);
        self.text.line(
            "// Subgroups of another size than the device named would give wrong numbers: then no step is counted.",
        );
        self.text.line(format!("let steps = select(0u, p.steps, lanes == {}u);", self.lanes));
    }

    fn finish(&mut self) {
        self.text.line("");
        for s in 0..self.task.stages.len() {
            for Weights { name, part, at, inside, everywhere, .. } in self.weights(s) {
                if self.task.work == Work::Evaluate {
                    continue;
                }
                // Where single numbers of a part exist, each is written alone.
                let each = is_spread(s) && inside.is_some() && part.width > 1;
                for i in 0..if each { part.width } else { 1 } {
                    let write = match (each, part.width) {
                        (true, _) => {
                            format!("parameters[{}] = {};", place(&at, i), part.number(&name, i))
                        }
                        (false, 1) => format!("parameters[{at}] = {name};"),
                        (false, width) => format!("write{width}({at}, {name});"),
                    };
                    let condition = match &inside {
                        Some(inside) if each => Some(part.number(inside, i)),
                        Some(inside) => Some(inside.clone()),
                        None => everywhere.then(|| "lane == 0u".to_owned()),
                    };
                    if let Some(condition) = &condition {
                        self.text.line(format!("if {condition} {{"));
                    }
                    self.text.line(write);
                    if condition.is_some() {
                        self.text.line("}");
                    }
                }
            }
        }
        self.text.line("if lane == 0u {");
        self.text.line("states[network] = State(batch, errors);");
        self.text.line("}");
    }

    fn step(&mut self) {
        let train = self.task.work == Work::Train;
        if self.task.batch_size == 1 {
            self.sample("batch.position", "learning_rate");
            self.text.line("errors = add_error(errors, batch, samples, error);");
        } else {
            let weights = (0..self.task.stages.len()).filter(|_| train).flat_map(|s| self.weights(s));
            let weights = weights.collect::<Vec<_>>();
            let sums = weights.iter().map(|w| (w.derivative.clone(), w.part.ty())).collect::<Vec<_>>();
            if train {
                self.text.line("let rate = learning_rate / f32(batch.rows);");
            }
            let (task, lanes) = (self.task, self.lanes);
            let prefix = batch(&mut self.text, task, &sums, &|text, position| {
                let mut row = Subgroup { task, lanes, text: std::mem::take(text) };
                row.sample(position, "rate");
                *text = row.text;
            });
            for (w, (g, _)) in weights.iter().zip(&sums) {
                self.text.line(format!("{} -= {prefix}{g};", w.name));
            }
            self.text.line("errors = add_error(errors, batch, samples, batch_error);");
        }
        self.text.line("batch = next_batch(batch, samples, batch_size);");
    }

    /// A sample's numbers from `matrix`, as parts that all lanes have: each lane reads some and hands them to the others.
    fn broadcast(&mut self, matrix: &str, name: &str, width: u32, sigmoids: u32) {
        for chunk in 0..self.share(width) {
            let place = match (chunk, width >= (chunk + 1) * self.lanes) {
                (0, true) => "lane".to_owned(),
                (0, false) => format!("min(lane, {}u)", width - 1),
                (_, true) => format!("lane + {}u", chunk * self.lanes),
                (_, false) => format!("min(lane + {}u, {}u)", chunk * self.lanes, width - 1),
            };
            self.text.line(format!("let {name}_own{chunk} = {matrix}[{name}_at + {place}];"));
        }
        for part in parts(width) {
            let number = |i: u32| format!("subgroupBroadcast({name}_own{}, {}u)", i / self.lanes, i % self.lanes);
            let numbers = part.of((part.first..part.first + part.width).map(number));
            self.text.numbers(&format!("{name}_{}", part.index), numbers, part, sigmoids);
        }
    }

    /// One sample forward, its error, and backward to the weights (of a batch, to the derivatives' sums).
    fn sample(&mut self, position: &str, rate: &str) {
        let task = self.task;
        let last = task.last();
        self.text.line(format!("let sample = {};", task.sample(position)));
        self.text.line("let x_at = inputs_view.x + sample * inputs_view.y;");
        self.broadcast("inputs", "x", task.inputs, task.sigmoids);
        self.text.line("let t_at = targets_view.x + sample * targets_view.y;");
        if is_spread(last) {
            let end = task.outputs() - 1;
            for part in self.outputs(last) {
                let own = format!("own{last}");
                let target = |i| format!("targets[t_at + min({}, {end}u)]", place(&own, i));
                let mut numbers = part.of((part.first..part.first + part.width).map(target));
                if let Some(inside) = self.inside(last, part) {
                    numbers = format!("select({}(), {numbers}, {inside})", part.ty());
                }
                self.text.line(format!("let t_{} = {numbers};", part.index));
            }
        } else {
            self.broadcast("targets", "t", task.outputs(), 0);
        }
        for s in 0..task.stages.len() {
            self.forward(s);
        }
        let parts = self.outputs(last);
        error(&mut self.text, task, parts, rate, |squares| {
            if is_spread(last) { format!("subgroup_sum1({squares})") } else { format!("({squares})") }
        });
        if task.work == Work::Train {
            for s in (0..=last).rev() {
                self.backward(s);
            }
        }
    }

    fn forward(&mut self, s: usize) {
        let stage = &self.task.stages[s];
        self.text.line("");
        self.text.line(format!("// layer {s}"));
        for part in self.outputs(s) {
            let index = part.index;
            let mut terms = Vec::new();
            for units in self.inputs(s) {
                let name = input(s, units.index);
                for i in 0..units.width {
                    terms.push(format!(
                        "{} * {}",
                        units.number(&name, i),
                        weight("w", s, stage, units.first + i, part)
                    ));
                }
            }
            let bias = stage.bias.then(|| weight("w", s, stage, stage.inputs, part));
            let plain = if stage.sigmoids == 0 && self.inside(s, part).is_none() { "y" } else { "s" };
            if is_spread(s) {
                terms.extend(bias);
                self.text.assign(&format!("let {plain}{s}_{index}"), terms);
            } else {
                self.text.assign(&format!("let share{s}_{index}"), terms);
                let bias = bias.map(|bias| format!(" + {bias}")).unwrap_or_default();
                self.text.line(format!("let {plain}{s}_{index} = subgroup_sum{}(share{s}_{index}){bias};", part.width));
            }
            if plain == "y" {
                continue;
            }
            let mut name = format!("s{s}_{index}");
            for sigmoids in 1..=stage.sigmoids {
                let value = format!("sigmoid{}({name})", part.width);
                if sigmoids == stage.sigmoids {
                    name = value;
                    break;
                }
                name = output(s, stage, sigmoids, part);
                self.text.line(format!("let {name} = {value};"));
            }
            self.text.line(match self.inside(s, part) {
                Some(inside) => format!("let y{s}_{index} = select({}(), {name}, {inside});", part.ty()),
                None => format!("let y{s}_{index} = {name};"),
            });
        }
    }

    /// The derivatives by the stage before, by the weights as they are before the update; then the update, or the sums
    /// that it takes.
    fn backward(&mut self, s: usize) {
        let stage = &self.task.stages[s];
        if s > 0 {
            self.text.line("");
            for units in self.inputs(s) {
                let products = (units.first..units.first + units.width).map(|row| {
                    let terms = self
                        .outputs(s)
                        .map(|part| part.dot(&weight("w", s, stage, row, part), &format!("d{s}_{}", part.index)));
                    sum(terms)
                });
                let mut upstream = units.of(products);
                if is_spread(s) {
                    upstream = format!("subgroup_sum{}({upstream})", units.width);
                } else if units.width == 1 {
                    upstream = format!("({upstream})");
                }
                let slopes = slopes(s - 1, &self.task.stages[s - 1], units);
                self.text.line(format!("let d{}_{} = {upstream}{slopes};", s - 1, units.index));
            }
        }
        self.text.line("");
        let (operator, letter) = if self.task.batch_size == 1 { ("-=", "w") } else { ("+=", "g") };
        for units in self.inputs(s) {
            let name = input(s, units.index);
            for i in 0..units.width {
                for part in self.outputs(s) {
                    let w = weight(letter, s, stage, units.first + i, part);
                    self.text.line(format!("{w} {operator} {} * d{s}_{};", units.number(&name, i), part.index));
                }
            }
        }
        for part in self.outputs(s).filter(|_| stage.bias) {
            let w = weight(letter, s, stage, stage.inputs, part);
            self.text.line(format!("{w} {operator} d{s}_{};", part.index));
        }
    }
}
