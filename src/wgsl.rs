//! Texts in WGSL that Rust writes, where a kernel must be made for the task at hand.

use std::fmt::Write;

/// WGSL that is being written, indented by its braces.
#[derive(Default)]
pub(crate) struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// A line. One that begins with `}` or `)` ends a block, one that ends with `{` or `(` begins one.
    pub fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if line.starts_with(['}', ')']) {
            self.depth -= 1;
        }
        if line.is_empty() {
            self.text.push('\n');
        } else {
            // Writing to a string cannot fail.
            _ = writeln!(self.text, "{:indent$}{line}", "", indent = 4 * self.depth);
        }
        if line.ends_with(['{', '(']) {
            self.depth += 1;
        }
    }

    /// A text that is complete.
    pub fn paste(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub fn finish(self) -> String {
        self.text
    }
}
