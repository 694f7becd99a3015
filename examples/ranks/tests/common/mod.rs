//! Starting ranks, and looking at what they leave.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wgrad-ranks");

/// After this long a run is stopped: it hangs.
const HANGS: Duration = Duration::from_secs(240);

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    pub is_ok: bool,
    pub printed: String,
    /// To standard error.
    pub said: String,
    pub took: Duration,
}

impl Ended {
    /// The line that starts so; nothing if there is none.
    pub fn line(&self, start: &str) -> &str {
        self.printed.lines().find(|line| line.starts_with(start)).unwrap_or_default()
    }
}

/// That Open MPI is installed.
pub struct Mpi;

impl Mpi {
    pub fn find() -> Option<Self> {
        let found = Command::new("mpirun").arg("--version").output();
        // Others have other options.
        match found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("Open MPI")) {
            true => Some(Mpi),
            false => {
                println!("there is no mpirun of Open MPI: not tested; tools/with-mpi installs it");
                None
            }
        }
    }

    /// So many ranks, with these arguments.
    pub fn run(&self, ranks: usize, arguments: &str) -> Ended {
        self.run_groups(&[(ranks, "", arguments)])
    }

    /// Groups of ranks, each with what is before the program and its arguments.
    pub fn run_groups(&self, groups: &[(usize, &str, &str)]) -> Ended {
        let mut command = Command::new("mpirun");
        command.arg("--oversubscribe");
        for (i, (ranks, before, arguments)) in groups.iter().enumerate() {
            command.args((i > 0).then_some(":")).args(["-n", &ranks.to_string()]);
            command.args(before.split_whitespace()).arg(PROGRAM).args(arguments.split_whitespace());
        }
        run(command)
    }
}

/// The program, without `mpirun`.
pub fn alone(arguments: &str) -> Ended {
    let mut command = Command::new(PROGRAM);
    command.args(arguments.split_whitespace());
    run(command)
}

fn run(mut command: Command) -> Ended {
    let folder = folder();
    let [printed, said] = ["printed", "said"].map(|name| folder.path().join(name));
    let file = |path: &PathBuf| File::create(path).expect("a file");
    let start = Instant::now();
    command.env("LP_NUM_THREADS", "1").stdin(Stdio::null()).stdout(file(&printed)).stderr(file(&said));
    let mut child = command.spawn().expect("a process");
    let status = loop {
        match child.try_wait().expect("a status") {
            Some(status) => break Some(status),
            None if start.elapsed() > HANGS => {
                child.kill().and_then(|()| child.wait()).expect("its end");
                break None;
            }
            None => sleep(Duration::from_millis(20)),
        }
    };
    let took = start.elapsed();
    let [printed, said] =
        [printed, said].map(|path| String::from_utf8_lossy(&fs::read(path).expect("text")).into_owned());
    let status = status.unwrap_or_else(|| panic!("{command:?} hangs: {printed}\n{said}"));
    Ended { is_ok: status.success(), printed, said, took }
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The file of a rank's checkpoint, in the folder.
pub fn checkpoint(step: u64, rank: usize, ranks: usize) -> String {
    format!("step-{step:09}/rank-{rank:05}-of-{ranks:05}.training")
}

/// What a safetensors file holds after its header, which lists the configuration.
pub fn tensors(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("a checkpoint");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    bytes[8 + header..].to_vec()
}

/// Changes a bit in the middle.
pub fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a damaged file");
}

pub fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// Between two vectors, relative to the second.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let length = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>().sqrt();
    let apart = length(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    apart / length(&mut b.iter().map(|&b| f64::from(b)))
}

/// The number that follows these words.
pub fn number_after(text: &str, words: &str) -> f64 {
    let number = text.split(words).nth(1).and_then(|rest| rest.split([',', ' ']).next());
    number.and_then(|number| number.parse().ok()).expect("a number")
}
