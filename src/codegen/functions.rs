//! The formulas of the tables as WGSL functions of f32 and of vectors, from the files of `shaders/`.

use std::sync::LazyLock;

use super::source::Source;
use super::vectors::{distinct, vector};
use crate::activation::{Activation, Derivative};
use crate::encoding::Encoding;
use crate::loss::Loss;
use crate::optimizer::{AVERAGE, Optimizer};
use crate::schedule::{Decay, Schedule};
use crate::shaders::shader;

/// Functions that formulas call.
const SHARED: [&str; 9] = [
    AVERAGE,
    shader!("functions/one_minus_power"),
    shader!("functions/power"),
    shader!("functions/log1p"),
    shader!("functions/logarithm"),
    shader!("functions/light_of_srgb"),
    shader!("functions/sine_of_remainder"),
    shader!("functions/sine_of_turns"),
    shader!("activations/softmax"),
];

/// A function of the formulas' files, and the width of the vectors that it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub name: String,
    pub width: u32,
}

/// The name and the definition of each function.
static DEFINITIONS: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| files().into_iter().flat_map(definitions).collect());

/// The name and the definition of each function of a file. Its lines may have no indentation, as in a program for a browser.
fn definitions(file: &str) -> Vec<(&str, &str)> {
    let at_line_start = |start: usize| start == 0 || file[..start].ends_with('\n');
    let starts = file.match_indices("fn ").map(|(start, _)| start).filter(|&start| at_line_start(start));
    let starts = starts.collect::<Vec<_>>();
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    let mut definitions = Vec::new();
    for (&start, end) in starts.iter().zip(ends) {
        let name = file[start + "fn ".len()..end].split('(').next();
        // Between two functions there are only comments.
        let end = file[start..end].rfind("}\n").map(|brace| start + brace + "}\n".len());
        definitions.extend(name.zip(end).map(|(name, end)| (name, &file[start..end])));
    }
    definitions
}

/// Each file of formulas.
fn files() -> Vec<&'static str> {
    let mut files = SHARED.to_vec();
    files.extend(Encoding::ALL.iter().map(|encoding| encoding.formula().wgsl));
    files.extend(Activation::ALL.iter().filter_map(|activation| activation.formula()).map(|formula| formula.wgsl));
    files.extend(Loss::ALL.iter().map(|loss| loss.formula().wgsl));
    files.extend(Optimizer::ALL.iter().map(|optimizer| optimizer.formula().wgsl));
    for &decay in Decay::ALL {
        let (_, warm_up, decay) = Schedule::new(decay).warm_up(1).functions();
        files.extend([warm_up, decay].into_iter().flatten().map(|function| function.wgsl));
    }
    files
}

/// The definition of a function, if that is the name of one.
#[inline(never)]
fn definition(name: &str) -> Option<&'static str> {
    DEFINITIONS.iter().find(|(of, _)| *of == name).map(|&(_, definition)| definition)
}

/// Writes a function as it stands in its file.
pub(super) fn paste(source: &mut Source, name: &str) {
    source.paste(definition(name).unwrap_or_default());
}

/// Writes the functions that are called, and what these call, each once. Their names begin with `prefix` and end with the
/// width.
pub(super) fn write(source: &mut Source, prefix: &str, calls: &[Call]) {
    let mut written = Vec::new();
    calls.iter().for_each(|call| write_once(source, prefix, call, &mut written));
}

fn write_once(source: &mut Source, prefix: &str, call: &Call, written: &mut Vec<Call>) {
    let Some(definition) = definition(&call.name).filter(|_| !written.contains(call)) else { return };
    written.push(call.clone());
    for (word, is_identifier) in words(definition) {
        if is_identifier && word != call.name {
            write_once(source, prefix, &Call { name: word.to_owned(), width: call.width }, written);
        }
    }
    source.line("");
    with_vectors(definition, prefix, call.width).lines().for_each(|line| source.line(line.trim_start()));
}

/// A definition for vectors: the types are exchanged, and the functions' names made one of many.
fn with_vectors(text: &str, prefix: &str, width: u32) -> String {
    let mut exchanged = String::new();
    for (word, is_identifier) in words(text) {
        match (word, width) {
            ("f32", _) => exchanged += vector(width),
            ("u32", 2..) => exchanged += &format!("vec{width}<u32>"),
            _ if is_identifier && definition(word).is_some() => exchanged += &format!("{prefix}{word}{width}"),
            _ => exchanged += word,
        }
    }
    exchanged
}

/// The identifiers of a text, and what is between them.
fn words(text: &str) -> Vec<(&str, bool)> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_identifier = rest.starts_with(is_letter);
        let end = rest.find(|letter| is_letter(letter) != is_identifier).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push((word, is_identifier));
        rest = after;
    }
    words
}

/// The calls of an activation's value, and if it `trains`, of its derivative, at each of these widths.
pub(super) fn calls(trains: bool, uses: &[(Activation, u32)]) -> Vec<Call> {
    let mut calls = Vec::new();
    for (i, &(activation, _)) in uses.iter().enumerate() {
        let Some(formula) = activation.formula() else { continue };
        if uses[..i].iter().any(|(earlier, _)| *earlier == activation) {
            continue;
        }
        let widths = uses.iter().filter(|(used, _)| *used == activation).map(|&(_, width)| width);
        for width in distinct(&widths.collect::<Vec<_>>()) {
            calls.extend(calls_of(formula.name, trains, width));
        }
    }
    calls
}

/// The calls of an entry's value, and if it `trains`, of its derivative.
pub(super) fn calls_of(name: &str, trains: bool, width: u32) -> impl Iterator<Item = Call> {
    let suffixes: &[&str] = if trains { &["value", "derivative"] } else { &["value"] };
    suffixes.iter().map(move |suffix| Call { name: format!("{name}_{suffix}"), width })
}

/// An f32 as an expression of a vector of this width.
#[inline(never)]
pub(super) fn constant(value: f64, width: u32) -> String {
    // The shortest digits that are this f32.
    format!("{}({:?})", vector(width), value as f32)
}

/// A function's last argument: the parameter of an entry, if it has one.
pub(super) fn last_argument(parameter: Option<f32>, width: u32) -> String {
    parameter.map_or(String::new(), |parameter| format!(", {}", constant(parameter.into(), width)))
}

/// The expression for a vector of outputs, from the pre-activations `z`.
#[inline(never)]
pub(super) fn value(activation: Activation, prefix: &str, width: u32, z: &str) -> String {
    match activation.formula() {
        Some(formula) => {
            format!("{prefix}{}_value{width}({z}{})", formula.name, last_argument(activation.parameter(), width))
        }
        None => z.to_owned(),
    }
}

/// The derivative of an activation, from a vector of pre-activations `z` and of outputs `y`; none where it is 1.
#[inline(never)]
pub(super) fn derivative(activation: Activation, width: u32, z: &str, y: &str) -> Option<String> {
    let formula = activation.formula()?;
    let of = match formula.derivative {
        Derivative::OfOutput => y,
        Derivative::OfPreActivation => z,
    };
    Some(format!("{}_derivative{width}({of}{})", formula.name, last_argument(activation.parameter(), width)))
}

/// The factor ` * dy/dz` of a hidden layer: from its outputs `y`, or as the forward pass `kept` it. Nothing where it is 1.
#[inline(never)]
pub(super) fn times_derivative(activation: Activation, width: u32, y: &str, kept: &str) -> String {
    if activation.keeps_derivative() {
        return format!(" * {kept}");
    }
    derivative(activation, width, "", y).map_or(String::new(), |derivative| format!(" * {derivative}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shaders::short;

    #[test]
    fn a_program_for_a_browser_finds_the_same_functions() {
        for file in files() {
            let expected = definitions(file).into_iter().map(|(name, definition)| (name.to_owned(), short(definition)));
            let expected = expected.collect::<Vec<_>>();
            assert_eq!(expected.len(), file.matches("\nfn ").count(), "{file}");
            let file = short(file);
            let found =
                definitions(&file).into_iter().map(|(name, definition)| (name.to_owned(), definition.to_owned()));
            assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }
}
