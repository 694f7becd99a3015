//! A browser's compiler, where one is installed: Dawn, which is Chromium's WebGPU, by Node (`tests/web`), one process for all
//! tests; else the program `tint`, which is Dawn's parser, one for each text.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::codegen::Access;
use crate::shaders::short;

/// What a text is compiled to.
pub(super) enum Compile<'a> {
    Module,
    /// A kernel's pipeline, as the crate makes it.
    Kernel {
        entry_point: &'a str,
        /// The value of the constant `WORKGROUP`, if the kernel has it.
        workgroup: Option<u32>,
        /// Of bindings 1, 2, …
        accesses: &'a [Access],
    },
    /// The pipeline of an app's compute shader, whose layout is what its text says.
    Shader(&'a str),
}

enum Compiler {
    Dawn(Mutex<Dawn>),
    Tint,
    None,
}

/// The first of them that is installed.
static COMPILER: LazyLock<Compiler> = LazyLock::new(|| {
    let is_installed = |program: &str, argument: &str| Command::new(program).arg(argument).output().is_ok();
    let has_dawn = std::path::Path::new(WEB).join("node_modules/webgpu").is_dir() && is_installed("node", "--version");
    let (compiler, words) = match (has_dawn, is_installed("tint", "--help")) {
        (true, _) => (Compiler::Dawn(Mutex::new(Dawn::start())), "naga and Dawn (npm's webgpu) compile"),
        (_, true) => (Compiler::Tint, "Dawn is not installed (npm ci --prefix tests/web): naga and tint validate"),
        _ => (Compiler::None, "neither Dawn (npm ci --prefix tests/web) nor tint is installed: naga alone validates"),
    };
    // Past the test harness, which would swallow it.
    writeln!(std::io::stderr(), "{words} the shaders").unwrap();
    compiler
});

/// What the browser's compiler says against a text.
pub(super) fn refusal(label: &str, code: &str, compile: &Compile) -> Option<String> {
    // As a page has it.
    let code = &short(code);
    match &*COMPILER {
        Compiler::Dawn(dawn) => {
            let refusal = dawn.lock().unwrap_or_else(PoisonError::into_inner).refusal(&request(label, code, compile));
            refusal.map(|words| format!("Dawn: {words}"))
        }
        Compiler::Tint => tint(code).map(|words| format!("tint: {words}")),
        Compiler::None => None,
    }
}

/// The folder of what Node runs.
const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/web");

/// A process of Node that compiles one text after the other. It ends with its input, which is when the tests end.
struct Dawn {
    node: Child,
    answers: BufReader<ChildStdout>,
}

impl Dawn {
    fn start() -> Self {
        let mut node = Command::new("node");
        node.arg(format!("{WEB}/compile.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut node = node.spawn().unwrap();
        let answers = BufReader::new(node.stdout.take().unwrap());
        Dawn { node, answers }
    }

    fn refusal(&mut self, request: &Value) -> Option<String> {
        let requests = self.node.stdin.as_mut().unwrap();
        writeln!(requests, "{request}").unwrap_or_else(|error| panic!("{ENDED}: {error}"));
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "{ENDED}");
            if let Some(answer) = line.strip_prefix("answer ") {
                return serde_json::from_str(answer).unwrap();
            }
        }
    }
}

const ENDED: &str = "Node has ended, and its words are above: it may help to run `npm ci --prefix tests/web`";

/// As `tests/web/compile.mjs` reads it.
fn request(label: &str, code: &str, compile: &Compile) -> Value {
    let mut request = json!({ "label": label, "code": code });
    match *compile {
        Compile::Module => {}
        Compile::Kernel { entry_point, workgroup, accesses } => {
            let storage = accesses.iter().map(|access| match access {
                Access::Read => "read-only-storage",
                Access::ReadWrite => "storage",
                Access::Texture => "texture",
            });
            request["entryPoint"] = entry_point.into();
            request["constants"] = workgroup.map_or_else(|| json!({}), |workgroup| json!({ "WORKGROUP": workgroup }));
            request["bindings"] = std::iter::once("uniform").chain(storage).collect();
        }
        Compile::Shader(entry_point) => request["entryPoint"] = entry_point.into(),
    }
    request
}

fn tint(code: &str) -> Option<String> {
    let mut file = tempfile::Builder::new().suffix(".wgsl").tempfile().unwrap();
    file.write_all(code.as_bytes()).unwrap();
    let output = Command::new("tint").args(["-f", "wgsl"]).arg(file.path()).output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
