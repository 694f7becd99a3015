//! What the benchmarks share, among themselves and with the examples.
#![allow(dead_code, unused_imports, unused_macros)] // each benchmark is its own crate and uses only some items

#[path = "../../examples/common/choices.rs"]
pub mod choices;
#[path = "../../examples/common/device.rs"]
pub mod device;
#[path = "../../examples/common/exit.rs"]
pub mod exit;
#[path = "../../examples/common/options.rs"]
pub mod options;
#[path = "../../examples/common/progress.rs"]
pub mod progress;
#[path = "../../examples/common/say.rs"]
pub mod say;
#[path = "../../examples/common/xor.rs"]
pub mod xor;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Arg, ArgAction, Parser};
use wgrad::{Gpu, wgpu};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A benchmark's `main`. It measures only with `--bench`, which `cargo bench` passes and `cargo test --all-targets`
/// does not: that would otherwise run for minutes.
pub fn main<Options: Parser>(run: impl FnOnce(&Options) -> Outcome) -> ExitCode {
    if !std::env::args_os().any(|argument| argument == "--bench") {
        println!("nothing is measured without --bench, which `cargo bench` passes");
        return ExitCode::SUCCESS;
    }
    let bench = Arg::new("bench").long("bench").hide(true).action(ArgAction::SetTrue);
    let name = concat!("cargo bench --bench ", env!("CARGO_CRATE_NAME"), " --");
    let matches = Options::command().bin_name(name).arg(bench).get_matches();
    let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    exit::exit(run(&options))
}

/// The median; for an even count the upper of the two middle values. Sorts the values.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A network's widths, such as `2-30-2`.
pub fn join(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// Submits the commands and waits for them; returns the seconds since the submission.
pub fn submit(gpu: &Gpu, commands: wgpu::CommandBuffer) -> Outcome<f64> {
    let start = Instant::now();
    gpu.queue().submit([commands]);
    gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    Ok(start.elapsed().as_secs_f64())
}
