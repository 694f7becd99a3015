//! Input encodings in WGSL: the functions of the table, called for values whose number is known, or is not.

use super::functions::{self, Call};
use super::source::Source;
use super::vectors::{divided, plus, remainder};
use crate::encoding::Encoding;

/// The calls of an encoding's values, if there is one, and if `derivatives`, of these.
pub(super) fn calls(encoding: Option<Encoding>, derivatives: bool) -> impl Iterator<Item = Call> {
    encoding.into_iter().flat_map(move |encoding| functions::calls_of(encoding.name(), derivatives, 1))
}

/// Value number `column`; `x` gives an input.
#[inline(never)]
pub(super) fn value(encoding: Encoding, prefix: &str, x: &dyn Fn(u32) -> String, column: u32) -> String {
    let values = encoding.values();
    match encoding.is_of_each_input() {
        true => call(encoding, prefix, "value", &x(column / values), &format!("{}u", column % values)),
        false => call(encoding, prefix, "value", &three(x), &format!("{column}u")),
    }
}

/// Writes `encoded_value(first, column)`, of the inputs from `first` on in an array.
pub(super) fn value_function(source: &mut Source, encoding: Encoding, array: &str) {
    let values = encoding.values();
    source.lines(&["", "fn encoded_value(first: u32, column: u32) -> f32 {"]);
    source.line(match encoding.is_of_each_input() {
        true => {
            let x = format!("{array}[first + {}]", divided("column", values));
            format!("return {};", call(encoding, "", "value", &x, &remainder("column", values)))
        }
        false => format!("return {};", call(encoding, "", "value", &three_of(array), "column")),
    });
    source.line("}");
}

/// Writes `encoded_derivative(first, column, input)`, and what `shaders/encode.wgsl` needs besides.
pub(super) fn derivative_function(source: &mut Source, encoding: Encoding, array: &str) {
    let (values, is_of_each_input) = (encoding.values(), encoding.is_of_each_input());
    source.lines(&["", "fn encoded_derivative(first: u32, column: u32, input: u32) -> f32 {"]);
    source.line(match is_of_each_input {
        true => {
            let x = format!("{array}[first + input]");
            format!("return {};", call(encoding, "", "derivative", &x, &remainder("column", values)))
        }
        false => format!("return {}[input];", call(encoding, "", "derivative", &three_of(array), "column")),
    });
    source.lines(&[
        "}",
        "",
        &format!("const VALUES = {values}u;"),
        &format!("const IS_OF_EACH_INPUT = {is_of_each_input};"),
        "",
    ]);
}

fn call(encoding: Encoding, prefix: &str, function: &str, x: &str, j: &str) -> String {
    let parameter = encoding.wgsl_parameter().map_or(String::new(), |parameter| format!(", {parameter}u"));
    format!("{prefix}{}_{function}1({x}, {j}{parameter})", encoding.name())
}

fn three(x: &dyn Fn(u32) -> String) -> String {
    format!("vec3<f32>({}, {}, {})", x(0), x(1), x(2))
}

fn three_of(array: &str) -> String {
    three(&|input| format!("{array}[{}]", plus("first", input)))
}
