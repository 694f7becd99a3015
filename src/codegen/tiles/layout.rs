//! How an operand's values lie in its buffer, and how a kernel addresses, reads and writes four of them.

use crate::codegen::source::Source;
use crate::codegen::vectors::{clamped, columns_of, load_four};

/// How four values side by side are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// As a vector: every row begins at a multiple of four values, and has room for whole chunks of four.
    Vectors,
    /// One by one.
    Values,
    /// As a word of four bytes.
    Bytes,
}

impl Layout {
    /// The buffer's type.
    pub fn array(self) -> &'static str {
        match self {
            Layout::Vectors => "array<vec4<f32>>",
            Layout::Values => "array<f32>",
            Layout::Bytes => "array<u32>",
        }
    }

    /// The type of an index of four values side by side.
    fn index_type(self) -> &'static str {
        if self == Layout::Values { "vec4<u32>" } else { "u32" }
    }

    /// The index of a chunk of a row.
    pub fn chunk(self, chunk: &str) -> String {
        match self {
            Layout::Values => columns_of(chunk),
            _ => chunk.to_owned(),
        }
    }

    /// The same, clamped to the last of `columns`.
    pub fn clamped_chunk(self, chunk: &str, columns: &str) -> String {
        match self {
            Layout::Values => clamped(&columns_of(&format!("({chunk})")), columns),
            _ => format!("min({chunk}, ({columns} - 1u) / 4u)"),
        }
    }

    /// Converts a member of the uniform, counted in values, to the unit of the indices.
    fn units(self) -> &'static str {
        if self == Layout::Vectors { " / 4u" } else { "" }
    }

    /// Defines the function that reads the four values at an index.
    pub(super) fn read_function(self, source: &mut Source, name: &str) {
        source.line("");
        let scale = if self == Layout::Bytes { ", scale: vec2<f32>" } else { "" };
        source.line(format!("fn {name}_at(index: {}{scale}) -> vec4<f32> {{", self.index_type()));
        source.line(match self {
            Layout::Vectors => format!("return {name}[index];"),
            Layout::Values => format!("return {};", load_four(name, "index")),
            Layout::Bytes => format!("return vec4<f32>(unpack4xU8({name}[index])) * scale.x + scale.y;"),
        });
        source.line("}");
    }

    /// The four values at an index.
    pub fn read(self, name: &str, index: &str) -> String {
        if self == Layout::Bytes { format!("{name}_at({index}, {name}_scale)") } else { format!("{name}_at({index})") }
    }

    /// The uniform's members that reading needs, read before the loops: inside them, Mesa's software driver reads them again
    /// for each lane.
    #[inline(never)]
    pub(super) fn constants(self, source: &mut Source, name: &str) {
        source.line(format!("let {name}_first = p.{name}_view.x{};", self.units()));
        source.line(format!("let {name}_stride = p.{name}_view.y{};", self.units()));
        if self == Layout::Bytes {
            source.line(format!("let {name}_scale = p.{name}_scale;"));
        }
    }

    /// Defines the function that stores a chunk of a row, as far as there are columns, by `=`, `+=` or `-=`.
    pub(super) fn write_function(self, source: &mut Source, name: &str, operator: &str) {
        source.line("");
        source.line(format!("fn write_{name}(row: u32, chunk: u32, columns: u32, values: vec4<f32>) {{"));
        if self == Layout::Vectors {
            source.line(format!("{name}[row + chunk] {operator} values;"));
        } else {
            source.line("let first = row + 4u * chunk;");
            source.line(format!("{name}[first] {operator} values.x;"));
            for (i, component) in [(1, "y"), (2, "z"), (3, "w")] {
                source.line(format!("if 4u * chunk + {i}u < columns {{"));
                source.line(format!("{name}[first + {i}u] {operator} values.{component};"));
                source.line("}");
            }
        }
        source.line("}");
    }
}

/// The index of a row of an operand, from its number.
#[inline(never)]
pub(super) fn row_of(name: &str, number: &str) -> String {
    format!("{name}_first + {number} * {name}_stride")
}
