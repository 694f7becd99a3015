//! The change of a parameter by its gradient: weight decay, the optimizer, and the average, at the learning rate that the
//! schedule gives.
//!
//! Every plan calls the same functions, written here: `descent_of`, once a step, for what is the same for all parameters, the
//! struct `Descent`; and for vectors of its widths `descend`, of pointers to the parameters and to what is kept of each.

use super::functions::{Call, constant};
use super::source::Source;
use super::vectors::vector;
use crate::optimizer::Optimizer;
use crate::schedule::{Argument, Function, Schedule, logarithm};

/// How parameters are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Descent {
    pub optimizer: Optimizer,
    /// Whether weights decay.
    pub decays: bool,
    pub schedule: Schedule,
    /// The factor of the average over the steps, if there is one.
    pub average: Option<f64>,
    /// The largest norm of the gradient with respect to all parameters, if there is one.
    pub clip_norm: Option<f32>,
}

impl Descent {
    /// Whether it is `w -= learning_rate · g`, and nothing else.
    #[inline(never)]
    pub fn is_plain(&self) -> bool {
        *self == Descent::default()
    }

    /// The names of what is kept of each parameter from step to step: the optimizer's moments, then the average.
    #[inline(never)]
    pub fn kept(&self) -> Vec<&'static str> {
        self.optimizer.formula().moments.iter().copied().chain(self.average.map(|_| "a")).collect()
    }

    /// The β of the corrections, the optimizer's and then the average's.
    #[inline(never)]
    fn betas(&self) -> Vec<f64> {
        self.optimizer.betas().into_iter().chain(self.average).collect()
    }

    /// The functions of the tables that these call, for vectors of these widths.
    pub(super) fn calls(&self, widths: &[u32]) -> Vec<Call> {
        let call = |name: &str, width: u32| Call { name: name.to_owned(), width };
        let (_, warm_up, decay) = self.schedule.functions();
        let mut calls = Vec::new();
        calls.extend([warm_up, decay].into_iter().flatten().map(|function| call(function.name, 1)));
        if !self.betas().is_empty() {
            calls.push(call("one_minus_power", 1));
        }
        let vectors = [Some(self.optimizer.formula().name), self.average.map(|_| "average")];
        for name in vectors.into_iter().flatten() {
            calls.extend(widths.iter().map(|&width| call(name, width)));
        }
        calls
    }

    /// Writes the functions for vectors of these widths, after those that they call.
    pub(super) fn write(&self, source: &mut Source, widths: &[u32]) {
        let corrections = (0..self.betas().len()).map(|i| format!("c{i}: f32, // 1 / (1 - β^t) of step t, from 1"));
        source.lines(&["", "// What is the same for all parameters in a step.", "struct Descent {", "rate: f32,"]);
        if self.decays {
            source.line("decay: f32,");
        }
        corrections.for_each(|correction| source.line(correction));
        source.line("}");
        self.write_of_step(source);
        widths.iter().for_each(|&width| self.write_width(source, width));
    }

    /// `descent_of`: from the learning rate, the weight decay, and how many steps were done, low and high word.
    fn write_of_step(&self, source: &mut Source) {
        source.lines(&["", "fn descent_of(learning_rate: f32, decay: f32, step: vec2<u32>) -> Descent {"]);
        let (warm_up_steps, warm_up, decay) = self.schedule.functions();
        if warm_up.is_some() || decay.is_some() {
            source.line("let done = select(step.x, 0xffffffffu, step.y > 0u);");
        }
        let mut rate = "learning_rate".to_owned();
        if let Some(function) = warm_up {
            rate += &format!(" * {}", schedule_call(&function, "done"));
        }
        if let Some(function) = decay {
            let since = match warm_up_steps {
                0 => "done".to_owned(),
                steps => format!("max(done, {steps}u) - {steps}u"),
            };
            rate += &format!(" * {}", schedule_call(&function, &since));
        }
        let mut members = vec![rate];
        members.extend(self.decays.then(|| "decay".to_owned()));
        if !self.betas().is_empty() {
            source.line("let t = f32(step.x) + 4294967296.0 * f32(step.y) + 1.0;");
        }
        members.extend(self.betas().into_iter().map(correction));
        source.line(format!("return Descent({});", members.join(", ")));
        source.line("}");
    }

    /// Writes `descent_of_entry`: the same with the optimizer's corrections of step t, from 1, of an entry that counts its own.
    pub(super) fn write_of_entry(&self, source: &mut Source) {
        source.lines(&["", "fn descent_of_entry(of_step: Descent, t: f32) -> Descent {", "var descent = of_step;"]);
        for (i, beta) in self.optimizer.betas().into_iter().enumerate() {
            source.line(format!("descent.c{i} = {};", correction(beta)));
        }
        source.lines(&["return descent;", "}"]);
    }

    /// The statement that takes parameters into their average, as [`Descent::descend`] does after it changed them.
    pub(super) fn average(&self, parameters: &str) -> Option<String> {
        let factor = self.average?;
        let (correction, rest) = (self.optimizer.betas().len(), 1.0 - factor);
        Some(format!("average1(&a, {parameters}, descent.c{correction} * {});", constant(rest, 1)))
    }

    fn write_width(&self, source: &mut Source, width: u32) {
        let ty = vector(width);
        let formula = self.optimizer.formula();
        let kept = self.kept();
        let pointers =
            |names: &[&str]| names.iter().map(|name| format!("{name}: ptr<function, {ty}>, ")).collect::<String>();
        source.lines(&[
            "",
            &format!(
                "fn descend{width}({}gradient: {ty}, descent: Descent) {{",
                pointers(&[&["w"][..], &kept].concat())
            ),
        ]);
        let gradient = match (self.decays, self.optimizer.decouples_decay()) {
            (true, false) => "gradient + descent.decay * *w",
            _ => "gradient",
        };
        if self.decays && self.optimizer.decouples_decay() {
            source.line("*w -= descent.rate * descent.decay * *w;");
        }
        let optimizer_betas = self.optimizer.betas().len();
        let mut arguments = vec!["w".to_owned()];
        arguments.extend(formula.moments.iter().map(|&moment| moment.to_owned()));
        arguments.extend([gradient.to_owned(), format!("{ty}(descent.rate)")]);
        arguments.extend((0..optimizer_betas).map(|i| format!("{ty}(descent.c{i})")));
        arguments.extend(self.optimizer.constants().into_iter().map(|value| constant(value, width)));
        source.line(format!("{}{width}({});", formula.name, arguments.join(", ")));
        if let Some(factor) = self.average {
            let rest = 1.0 - factor;
            let share = format!("{ty}(descent.c{optimizer_betas} * {})", constant(rest, 1));
            source.line(format!("average{width}(a, *w, {share});"));
        }
        source.line("}");
    }

    /// The statement that changes `parameters` by `gradient`, all names of variables or expressions; `kept` are the variables of
    /// what is kept of these parameters.
    pub(super) fn descend(width: u32, parameters: &str, kept: &[String], gradient: &str) -> String {
        let kept = kept.iter().map(|name| format!("&{name}, ")).collect::<String>();
        format!("descend{width}(&{parameters}, {kept}{gradient}, descent);")
    }
}

/// The expression 1 / (1 - β^t).
fn correction(beta: f64) -> String {
    if beta == 0.0 {
        return "1.0".to_owned();
    }
    let [high, low] = logarithm(beta).map(|part| constant(part, 1));
    format!("1.0 / one_minus_power1(t, {high}, {low})")
}

/// A call of a schedule's function for a step.
fn schedule_call(function: &Function, step: &str) -> String {
    let arguments = function.arguments.iter().map(|argument| match *argument {
        Argument::Count(count) => format!(", {count}u"),
        Argument::Number(number) => format!(", {}", constant(number, 1)),
    });
    format!("{}1({step}{})", function.name, arguments.collect::<String>())
}
