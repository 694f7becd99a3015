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

    /// `target = term + term + …`, four terms a line.
    pub fn assign(&mut self, target: &str, terms: Vec<String>) {
        self.sum(4, &format!("{target} ="), &terms);
    }

    /// The statement `begin term + term + …`, so many terms a line.
    pub fn sum(&mut self, a_line: usize, begin: &str, terms: &[String]) {
        let lines = terms.chunks(a_line).map(|terms| terms.join(" + ")).collect::<Vec<_>>();
        let Some((last, before)) = lines.split_last() else { return };
        for (i, line) in before.iter().enumerate() {
            self.line(if i == 0 { format!("{begin} {line}") } else { format!("    + {line}") });
        }
        self.line(if before.is_empty() { format!("{begin} {last};") } else { format!("    + {last};") });
    }

    /// The sigmoid of parts of these widths; e is never raised to a positive power, which could overflow.
    ///
    /// Their names begin with `prefix`: `sigmoid4`.
    pub fn sigmoids(&mut self, prefix: &str, widths: impl IntoIterator<Item = u32>) {
        for width in distinct(widths) {
            let ty = vector(width);
            self.line("");
            self.line(format!("fn {prefix}sigmoid{width}(x: {ty}) -> {ty} {{"));
            self.line("let z = exp(-abs(x));");
            self.line(format!("return select({ty}(1.0), z, x < {ty}(0.0)) / (1.0 + z);"));
            self.line("}");
        }
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// Up to four of a layer's numbers, which one variable holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Which part it is.
    pub index: u32,
    /// The place of its first number.
    pub first: u32,
    /// How many numbers it has.
    pub width: u32,
}

/// A layer's numbers, four by four.
pub(crate) fn parts(width: u32) -> impl Iterator<Item = Part> + Clone {
    (0..width.div_ceil(4)).map(move |index| Part { index, first: 4 * index, width: (width - 4 * index).min(4) })
}

impl Part {
    /// The WGSL type.
    pub fn ty(&self) -> &'static str {
        vector(self.width)
    }

    /// The name of one of a part's numbers, if `name` is the part's.
    pub fn number(&self, name: &str, index: u32) -> String {
        if self.width == 1 { name.to_owned() } else { format!("{name}.{}", ["x", "y", "z", "w"][index as usize]) }
    }

    /// A part of these numbers, or vectors of them.
    pub fn of(&self, numbers: impl IntoIterator<Item = String>) -> String {
        let numbers = numbers.into_iter().collect::<Vec<_>>();
        if numbers.len() == 1 { numbers[0].clone() } else { format!("{}({})", self.ty(), numbers.join(", ")) }
    }

    /// The sum of the products of two parts' numbers.
    pub fn dot(&self, left: &str, right: &str) -> String {
        if self.width == 1 { format!("{left} * {right}") } else { format!("dot({left}, {right})") }
    }
}

/// The WGSL type of this many numbers.
pub(crate) fn vector(width: u32) -> &'static str {
    ["f32", "vec2<f32>", "vec3<f32>", "vec4<f32>"][width as usize - 1]
}

/// The place `offset` after `base`.
pub(crate) fn place(base: &str, offset: u32) -> String {
    if offset == 0 { base.to_owned() } else { format!("{base} + {offset}u") }
}

/// Terms with plus signs between.
pub(crate) fn sum(terms: impl IntoIterator<Item = String>) -> String {
    terms.into_iter().collect::<Vec<_>>().join(" + ")
}

/// Each width once, the smallest first.
pub(crate) fn distinct(widths: impl IntoIterator<Item = u32>) -> std::collections::BTreeSet<u32> {
    widths.into_iter().collect()
}

#[cfg(test)]
pub(crate) mod tests {
    //! What all texts that Rust writes must be: valid, and readable where they are checked in.

    use std::fs;
    use std::io::Write;
    use std::process::Command;
    use std::sync::LazyLock;

    use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};

    /// Fails unless naga, and where it is installed Chromium's compiler, take the text.
    pub fn assert_valid(what: &str, text: &str) {
        validate(what, text, Capabilities::empty(), "");
    }

    /// The same for a text that uses subgroups: browsers want that named, which naga does not know yet.
    pub fn assert_valid_with_subgroups(what: &str, text: &str) {
        validate(what, text, Capabilities::SUBGROUP, "enable subgroups;\n");
    }

    fn validate(what: &str, text: &str, capabilities: Capabilities, enable: &str) {
        let module = naga::front::wgsl::parse_str(text)
            .unwrap_or_else(|error| panic!("{what}: {}\n{text}", error.emit_to_string(text)));
        Validator::new(ValidationFlags::all(), capabilities)
            .subgroup_stages(ShaderStages::COMPUTE)
            .subgroup_operations(SubgroupOperationSet::all())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{what}: {}", error.emit_to_string(text)));
        assert!(module.overrides.iter().all(|(_, constant)| constant.init.is_none()), "{what}");
        if let Some(error) = tint(&format!("{enable}{text}")) {
            panic!("{what}: {error}");
        }
    }

    /// What Chromium's compiler says against a text, if it is installed.
    fn tint(text: &str) -> Option<String> {
        static INSTALLED: LazyLock<bool> = LazyLock::new(|| {
            let installed = Command::new("tint").arg("--help").output().is_ok();
            let words =
                if installed { "naga and tint validate" } else { "tint is not installed: naga alone validates" };
            // Past the test harness, which would swallow it.
            writeln!(std::io::stderr(), "{words} the texts that are written").unwrap();
            installed
        });
        if !*INSTALLED {
            return None;
        }
        let mut file = tempfile::Builder::new().suffix(".wgsl").tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let output = Command::new("tint").args(["-f", "wgsl"]).arg(file.path()).output().unwrap();
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Fails where a text is another than the sample that is checked in, the files of `shaders/` in it named only.
    pub fn assert_checked_in(name: &str, checked_in: &str, text: &str) {
        macro_rules! parts {
            ($($part:literal),*) => {
                [$(($part, include_str!(concat!("../shaders/", $part, ".wgsl")))),*]
            };
        }
        let mut text = text.to_owned();
        for (part, whole) in parts!("state", "permutation", "persistent", "tree_sum", "end_step") {
            text = text.replace(whole, &format!("// Here stands shaders/{part}.wgsl.\n"));
        }
        if checked_in != text {
            let path = std::env::temp_dir().join(name);
            fs::write(&path, &text).unwrap();
            panic!("tests/samples/{name} is another text; the one written now is in {}", path.display());
        }
    }
}
