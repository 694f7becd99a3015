//! WGSL source that is being written, line by line.

use std::fmt::Write;

/// WGSL that is being written, indented by its braces.
#[derive(Default)]
pub(super) struct Source {
    text: String,
    depth: usize,
}

impl Source {
    /// A line. One that begins with `}` or `)` ends a block, one that ends with `{` or `(` begins one.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.push(line.as_ref());
    }

    #[inline(never)]
    fn push(&mut self, line: &str) {
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

    /// These lines, in order.
    #[inline(never)]
    pub fn lines(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.push(line));
    }

    /// Lines of a comment; none in a program for a browser, as in `shader!`.
    #[inline]
    pub fn comment(&mut self, lines: &[&str]) {
        if cfg!(not(target_family = "wasm")) {
            lines.iter().for_each(|line| self.push(format!("// {line}").trim_end()));
        }
    }

    /// A comment that is made only where it is written.
    #[inline]
    pub fn heading(&mut self, lines: impl FnOnce() -> Vec<String>) {
        if cfg!(not(target_family = "wasm")) {
            self.comment(&lines().iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    /// Source that is complete.
    #[inline(never)]
    pub fn paste(&mut self, source: &str) {
        self.text.push_str(source);
        self.text.push('\n');
    }

    /// `target = term + term + …`, four terms a line.
    pub fn assign(&mut self, target: &str, terms: &[String]) {
        self.sum(4, &format!("{target} ="), terms);
    }

    /// The statement `begin term + term + …`, with `terms_per_line` terms a line.
    pub fn sum(&mut self, terms_per_line: usize, begin: &str, terms: &[String]) {
        let lines = terms.chunks(terms_per_line).map(|terms| terms.join(" + ")).collect::<Vec<_>>();
        let Some((last, before)) = lines.split_last() else { return };
        for (i, line) in before.iter().enumerate() {
            self.line(if i == 0 { format!("{begin} {line}") } else { format!("    + {line}") });
        }
        self.line(if before.is_empty() { format!("{begin} {last};") } else { format!("    + {last};") });
    }

    pub fn finish(self) -> String {
        self.text
    }
}
