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
