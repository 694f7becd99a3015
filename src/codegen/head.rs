//! The head of a network: its last activation and the loss together, from the last layer's pre-activations `z` and the targets
//! `t` to the loss and its gradient with respect to `z`.
//!
//! Every plan calls the same functions, written here for vectors of its widths: `loss_output` gives from `z` the outputs `y` that
//! the loss is of, `loss_terms` their losses, whose sum is to be multiplied by `LOSS_FACTOR`, `loss_gradient` the gradient. Of a
//! loss that takes a row's outputs together, these are the pre-activations, and the row's [`STATISTICS`] are one argument more.

use super::functions::{self, Call, constant, derivative, last_argument, value};
use super::source::Source;
use super::vectors::vector;
use crate::activation::Activation;
use crate::loss::Loss;
use crate::mlp::Mlp;

/// The struct of a row's statistics, in WGSL.
const STATISTICS: [&str; 5] = ["struct Statistics {", "maximum: f32,", "sum: f32,", "total: f32,", "}"];

/// The last activation and the loss of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub loss: Loss,
    /// The activation that the loss is of the outputs of; the identity, if it is of the pre-activations themselves.
    activation: Activation,
    outputs: usize,
}

impl Head {
    /// The loss must have been checked for these outputs.
    pub fn new(last: Activation, loss: Loss, outputs: usize) -> Self {
        // The losses of probabilities are computed from the pre-activations, whether the network ends with these or not.
        let activation = if loss.probabilities().is_some() { Activation::Identity } else { last };
        Head { loss, activation, outputs }
    }

    /// The head of a network.
    pub fn of(mlp: &Mlp, loss: Loss) -> Self {
        Head::new(mlp.last_activation(), loss, mlp.output_width())
    }

    /// Whether the loss takes a row's outputs together.
    pub fn is_of_rows(self) -> bool {
        self.loss.is_of_rows()
    }

    /// Whether the padding of rows, pre-activations and targets of 0, adds nothing to the loss, and has no gradient.
    pub fn keeps_zero(self) -> bool {
        self.activation.keeps_zero() && self.loss.keeps_zero()
    }

    /// Writes the functions for vectors of these widths, after those that they call: of the loss, and if it `trains`, of its
    /// gradient.
    pub(super) fn write(self, source: &mut Source, trains: bool, widths: &[u32]) {
        let factor = constant(self.loss.factors(self.outputs)[0], 1);
        source.lines(&["", &format!("const LOSS_FACTOR = {factor}; // of a sum of loss_terms")]);
        if self.is_of_rows() {
            source.line("");
            source.comment(&["Of a row's outputs: the largest z, and the sums of e^(z - maximum) and of the targets."]);
            source.lines(&STATISTICS);
        }
        for &width in widths {
            self.write_width(source, trains, width);
        }
    }

    /// The functions of the tables that these call.
    pub(super) fn calls(self, trains: bool, widths: &[u32]) -> Vec<Call> {
        let uses = widths.iter().map(|&width| (self.activation, width)).collect::<Vec<_>>();
        let mut calls = functions::calls(trains, &uses);
        for &width in widths {
            calls.extend(functions::calls_of(self.loss.formula().name, trains, width));
            if self.is_of_rows() {
                calls.push(Call { name: "softmax_share".to_owned(), width });
            }
        }
        calls
    }

    fn write_width(self, source: &mut Source, trains: bool, width: u32) {
        let ty = vector(width);
        let name = self.loss.formula().name;
        let [value_arguments, derivative_arguments] = match self.is_of_rows() {
            true => [&["maximum", "sum"][..], &["maximum", "sum", "total"]]
                .map(|members| members.iter().map(|member| format!(", {ty}(statistics.{member})")).collect::<String>()),
            false => [(), ()].map(|()| last_argument(self.loss.parameter(), width)),
        };
        let statistics = if self.is_of_rows() { ", statistics: Statistics" } else { "" };
        let factor = match self.loss.factors(self.outputs)[1] {
            1.0 => String::new(),
            factor => format!("{} * ", constant(factor, width)),
        };
        source.lines(&[
            "",
            &format!("fn loss_output{width}(z: {ty}) -> {ty} {{"),
            &format!("return {};", value(self.activation, "", width, "z")),
            "}",
            "",
            &format!("fn loss_terms{width}(y: {ty}, t: {ty}{statistics}) -> {ty} {{"),
            &format!("return {name}_value{width}(y, t{value_arguments});"),
            "}",
        ]);
        if trains {
            let derivative = derivative(self.activation, width, "z", "y");
            let derivative = derivative.map_or(String::new(), |derivative| format!(" * {derivative}"));
            source.lines(&[
                "",
                &format!("fn loss_gradient{width}(rate: f32, z: {ty}, y: {ty}, t: {ty}{statistics}) -> {ty} {{"),
                &format!("return rate * {factor}{name}_derivative{width}(y, t{derivative_arguments}){derivative};"),
                "}",
            ]);
        }
    }

    /// The expression of a vector of the outputs that the loss is of.
    pub(super) fn output(self, width: u32, z: &str) -> String {
        format!("loss_output{width}({z})")
    }

    /// The expression of a vector of the losses of outputs `y`.
    #[inline(never)]
    pub(super) fn terms(self, width: u32, y: &str, t: &str) -> String {
        format!("loss_terms{width}({y}, {t}{})", self.statistics())
    }

    /// The expression of a vector of the gradient with respect to pre-activations `z`, times a rate: the loss's own derivative is
    /// multiplied by it first, while the activation's is not known yet.
    #[inline(never)]
    pub(super) fn gradient(self, width: u32, rate: &str, [z, y]: [&str; 2], t: &str) -> String {
        format!("loss_gradient{width}({rate}, {z}, {y}, {t}{})", self.statistics())
    }

    fn statistics(self) -> &'static str {
        if self.is_of_rows() { ", statistics" } else { "" }
    }

    /// The expression of a vector of targets as the loss takes them: smoothed, if they are to be.
    pub(super) fn targets(self, width: u32, t: &str) -> String {
        match self.loss.smoothing(self.outputs) {
            Some([factor, summand]) => format!("{t} * {} + {}", constant(factor, width), constant(summand, width)),
            None => t.to_owned(),
        }
    }
}

/// The expression of a vector of shares of a softmax, from pre-activations and a scalar, their maximum.
pub(super) fn share(width: u32, z: &str, maximum: &str) -> String {
    match width {
        1 => format!("softmax_share1({z}, {maximum})"),
        _ => format!("softmax_share{width}({z}, {}({maximum}))", vector(width)),
    }
}
