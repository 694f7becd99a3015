//! The formulas of `shaders/activations` as WGSL functions of f32 and of vectors.

use super::source::Source;
use super::vectors::{distinct, vector};
use crate::activation::{Activation, Formula};

/// What a kernel calls of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Value,
    Derivative,
}

impl Function {
    /// What training calls, or measuring alone.
    pub fn needed(trains: bool) -> &'static [Self] {
        if trains { &[Function::Value, Function::Derivative] } else { &[Function::Value] }
    }

    fn suffix(self) -> &'static str {
        match self {
            Function::Value => "value",
            Function::Derivative => "derivative",
        }
    }
}

/// Writes these functions of each activation, for vectors of the widths that it is used with. Their names begin with
/// `prefix`.
pub(super) fn write(source: &mut Source, prefix: &str, functions: &[Function], uses: &[(Activation, u32)]) {
    for &activation in Activation::ALL {
        let Some(formula) = activation.formula() else { continue };
        let widths = uses.iter().filter(|(used, _)| *used == activation).map(|&(_, width)| width);
        for width in distinct(&widths.collect::<Vec<_>>()) {
            for function in functions {
                source.line("");
                definition(formula, *function, prefix, width).lines().for_each(|line| source.line(line));
            }
        }
    }
}

/// The definition in the formula's file, with the type exchanged and the name made one of many.
fn definition(formula: &Formula, function: Function, prefix: &str, width: u32) -> String {
    let name = format!("{}_{}", formula.name, function.suffix());
    let start = formula.wgsl.find(&format!("fn {name}(")).unwrap_or_default();
    let length = formula.wgsl[start..].find("\n}\n").map_or(0, |end| end + "\n}\n".len());
    formula.wgsl[start..start + length]
        .replace(&name, &format!("{prefix}{name}{width}"))
        .replace("f32", vector(width))
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

/// The expression for a vector of outputs, from the pre-activations `z`.
pub(super) fn value(activation: Activation, prefix: &str, width: u32, z: &str) -> String {
    match activation.formula() {
        Some(formula) => format!("{prefix}{}_value{width}({z})", formula.name),
        None => z.to_owned(),
    }
}

/// The factor ` * dy/dz`, from a vector of outputs `y`: nothing where the derivative is 1.
pub(super) fn times_derivative(activation: Activation, width: u32, y: &str) -> String {
    match activation.formula() {
        Some(formula) => format!(" * {}_derivative{width}({y})", formula.name),
        None => String::new(),
    }
}

/// Whether an activation of 0 is 0, so that padding stays padding.
pub(super) fn keeps_zero(activation: Activation) -> bool {
    activation.value(0.0) == 0.0
}
