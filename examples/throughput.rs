//! How fast networks train here: microseconds a step, by network, batch size, number of networks and plan.
//!
//! cargo run --release --example throughput -- --help

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use wgrad::{Dataset, Gpu, Mlp, Network, Plan, TrainConfig, Trainer};

/// Measures training on the adapter at hand, and prints the table as Markdown.
///
/// Each figure is the median of several runs after a warm-up. Without options, a list of jobs is measured; with
/// --network, that one.
#[derive(Parser)]
struct Options {
    /// Prints JSON instead
    #[arg(long)]
    json: bool,
    /// The runs of each job, of which the median is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// About how long each run takes, unless --steps is given
    #[arg(long, default_value_t = 0.2)]
    seconds: f64,
    /// One network to measure, by its widths: 2-30-2. Linear layers without bias, a sigmoid after each
    #[arg(long)]
    network: Option<String>,
    /// The samples of a step
    #[arg(long, default_value_t = 1, requires = "network")]
    batch_size: usize,
    /// How many networks train at once
    #[arg(long, default_value_t = 1, requires = "network")]
    networks: usize,
    /// The steps of a run
    #[arg(long, requires = "network", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// How training steps become dispatches: auto, layered, persistent, persistent-subgroup, persistent-invocation,
    /// persistent-workgroup
    #[arg(long, default_value_t = Plan::Auto, requires = "network")]
    plan: Plan,
}

/// The notebook's data: the second output stands for 1.
const XOR: ([f32; 8], [f32; 8]) =
    ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0.99, 0.01, 0.01, 0.99, 0.01, 0.99, 0.99, 0.01]);

/// After so many steps, every network 2-30-2 must have a lower loss than this one on XOR: the time of a training that
/// goes wrong is worth nothing.
const XOR_STEPS: u64 = 100_000;
const XOR_LEARNED: f32 = 0.06;

/// What is measured.
struct Job {
    widths: Vec<usize>,
    batch_size: usize,
    networks: usize,
    plan: Plan,
    steps: Option<u64>,
}

impl Job {
    fn new(widths: &[usize], batch_size: usize, networks: usize, plan: Plan) -> Self {
        Job { widths: widths.to_vec(), batch_size, networks, plan, steps: None }
    }

    fn name(&self) -> String {
        self.widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }
}

/// The jobs of the table.
fn jobs() -> Vec<Job> {
    let xor = [2, 30, 2];
    let wider = [8, 32, 32, 4];
    let persistent = [Plan::PersistentSubgroup, Plan::PersistentInvocation, Plan::PersistentWorkgroup];
    let all = [&[Plan::Plain, Plan::Layered], &persistent[..]].concat();
    let mut jobs = Vec::new();
    for batch_size in [1, 4] {
        jobs.extend(all.iter().map(|&plan| Job::new(&xor, batch_size, 1, plan)));
    }
    for networks in [64, 4_096] {
        jobs.extend(persistent.iter().map(|&plan| Job::new(&xor, 1, networks, plan)));
    }
    for batch_size in [1, 8] {
        jobs.extend(all.iter().map(|&plan| Job::new(&wider, batch_size, 1, plan)));
    }
    // Networks of real size.
    for batch_size in [1, 64, 1_024] {
        jobs.extend([Plan::Plain, Plan::Layered].map(|plan| Job::new(&[784, 200, 10], batch_size, 1, plan)));
    }
    jobs.push(Job::new(&[64, 64, 64, 64, 16], 16_384, 1, Plan::Layered));
    // How it grows: with the steps of a run, and with the networks.
    for steps in [1_000, 10_000, 100_000, 1_000_000] {
        jobs.push(Job { steps: Some(steps), ..Job::new(&xor, 1, 1, Plan::Auto) });
    }
    for networks in [1, 4, 16, 64, 256, 1_024, 4_096] {
        jobs.push(Job { steps: Some(20_000), ..Job::new(&xor, 1, networks, Plan::Auto) });
    }
    jobs
}

/// What was measured.
struct Figures {
    plan: String,
    steps: u64,
    /// Of one run, the median.
    seconds: f64,
}

fn measure(gpu: &Gpu, job: &Job, options: &Options) -> Result<Figures, Box<dyn Error>> {
    let (&inputs, layers) = job.widths.split_first().ok_or("a network has no widths")?;
    let mlp = layers.iter().fold(Mlp::inputs(inputs), |mlp, &width| mlp.linear(width).sigmoid());
    let network = match job.networks {
        1 => Network::new(gpu, &mlp, 1)?,
        networks => Network::population(gpu, &mlp, networks, 1)?,
    };
    // The notebook's four samples, over and over for a larger batch; for other networks, any numbers from 0 to 1.
    let xor = (inputs, mlp.output_width()) == (2, 2);
    let samples = if xor { job.batch_size.next_multiple_of(4) } else { 8 * job.batch_size };
    let numbers = |width: usize, factor: usize| {
        (0..samples * width).map(|i| (i * factor % 101) as f32 / 101.0).collect::<Vec<_>>()
    };
    let (x, t) = match xor {
        true => (XOR.0.repeat(samples / 4), XOR.1.repeat(samples / 4)),
        false => (numbers(inputs, 37), numbers(mlp.output_width(), 53)),
    };
    let data = Dataset::from_slices(gpu, samples, &x, &t)?;
    let config = TrainConfig { batch_size: job.batch_size, plan: job.plan, ..Default::default() };
    let mut trainer = Trainer::new(&network, &data, config)?;
    let per_epoch = trainer.steps_per_epoch();
    let mut run = |epochs: u64| -> Result<f64, wgrad::Error> {
        let start = Instant::now();
        trainer.train(epochs, |_| ())?;
        Ok(start.elapsed().as_secs_f64())
    };

    // The warm-up compiles the shaders, finds out how many steps a submission can take, and how long a run must be.
    run(1)?;
    let epochs = match job.steps.or(options.steps) {
        Some(steps) => {
            run(steps.div_ceil(per_epoch))?;
            steps.div_ceil(per_epoch)
        }
        None => {
            let mut epochs = 1;
            let mut seconds = run(epochs)?;
            while seconds < options.seconds {
                epochs = (epochs as f64 * (options.seconds / seconds).clamp(1.5, 8.0)).ceil() as u64;
                seconds = run(epochs)?;
            }
            epochs
        }
    };
    let mut seconds = (0..options.runs).map(|_| run(epochs)).collect::<Result<Vec<_>, _>>()?;
    seconds.sort_by(f64::total_cmp);
    let readings = trainer.read_losses()?;
    if xor && job.widths == [2, 30, 2] && readings.iter().any(|reading| reading.step >= XOR_STEPS) {
        let learned = readings.iter().filter(|reading| reading.loss < XOR_LEARNED).count();
        if learned < readings.len() {
            return Err(format!("{learned} of {} networks learned XOR: training goes wrong", readings.len()).into());
        }
    }
    let plan = trainer.plan();
    let plan = plan.split([',', ':']).next().unwrap_or_default().to_owned();
    Ok(Figures { plan, steps: epochs * per_epoch, seconds: seconds[seconds.len() / 2] })
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::headless()?;
    let jobs = match &options.network {
        None => jobs(),
        Some(network) => {
            let widths = network.split('-').map(str::parse).collect::<Result<Vec<_>, _>>();
            let widths = widths.map_err(|error| format!("--network {network}: {error}; give widths as in 2-30-2"))?;
            if widths.len() < 2 {
                return Err(format!("--network {network}: at least two widths, as in 2-30-2").into());
            }
            vec![Job { steps: options.steps, ..Job::new(&widths, options.batch_size, options.networks, options.plan) }]
        }
    };

    let bar =
        ProgressBar::new(jobs.len() as u64).with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    let mut rows = Vec::new();
    for job in &jobs {
        bar.set_message(format!("{} by {}, {} networks, {}", job.name(), job.batch_size, job.networks, job.plan));
        let Figures { plan, steps, seconds } = match measure(&gpu, job, options) {
            Ok(figures) => figures,
            // A plan that this device does not have is no failure of the table.
            Err(error) if options.network.is_none() && is_unavailable(&*error) => {
                bar.suspend(|| eprintln!("{} by {}, {}: {error}", job.name(), job.batch_size, job.plan));
                bar.inc(1);
                continue;
            }
            Err(error) => return Err(error),
        };
        let a_step = seconds * 1e6 / steps as f64;
        rows.push(json!({
            "network": job.name(),
            "batch_size": job.batch_size,
            "networks": job.networks,
            "plan": plan,
            "steps": steps,
            "microseconds_a_step": a_step,
            "microseconds_a_network_step": a_step / job.networks as f64,
            "network_steps_a_second": job.networks as f64 * steps as f64 / seconds,
        }));
        bar.inc(1);
    }
    bar.finish_and_clear();

    let info = gpu.adapter_info();
    if options.json {
        let report = json!({
            "adapter": info.name,
            "backend": info.backend.to_string(),
            "driver": format!("{} {}", info.driver, info.driver_info),
            "wgpu": wgpu_version(),
            "rows": rows,
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("### {}, wgpu {}\n", gpu.description(), wgpu_version());
    println!("| network | batch | networks | plan | steps | µs a step | µs a network-step | network-steps a second |");
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |");
    for row in &rows {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        let text = |name: &str| row[name].as_str().map_or_else(|| Value::to_string(&row[name]), str::to_owned);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {:.2e} |",
            text("network"),
            text("batch_size"),
            text("networks"),
            text("plan"),
            text("steps"),
            significant(number("microseconds_a_step")),
            significant(number("microseconds_a_network_step")),
            number("network_steps_a_second"),
        );
    }
    Ok(())
}

/// Whether the device or the network does not allow the plan.
fn is_unavailable(error: &(dyn Error + 'static)) -> bool {
    use wgrad::Error::{PlanUnavailable, TooLarge};
    matches!(error.downcast_ref(), Some(PlanUnavailable { .. } | TooLarge { .. }))
}

/// Three significant digits.
fn significant(number: f64) -> String {
    let decimals = (2.0 - number.abs().max(1e-9).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{number:.decimals$}")
}

/// The version of wgpu that this was built with.
fn wgpu_version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let package = lock.split("[[package]]").find(|package| package.contains("name = \"wgpu\"\n"));
    let version = package.and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = ")));
    version.unwrap_or("unknown").trim_matches('"')
}
