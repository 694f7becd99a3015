//! How fast networks train here: microseconds per step, by network, batch size, number of networks and plan.
//!
//! cargo bench --bench throughput -- --help

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};
use wgrad::{Activation, Dataset, Gpu, Loss, Mlp, Network, Optimizer, Plan, TrainConfig, Trainer};

use crate::common::{Outcome, choices, join, median, options, progress, xor};

/// Measures training on this machine's adapter, and prints the table as Markdown.
///
/// Each figure is the median of several runs after a warm-up. Without options, a list of jobs is measured; with
/// --network, that one, in each of the batch sizes by each of the plans.
#[derive(Parser)]
struct Options {
    /// Prints JSON instead
    #[arg(long)]
    json: bool,
    /// The runs of each job; the median is reported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The approximate seconds per run, unless --steps is given
    #[arg(long, default_value_t = 0.2)]
    seconds: f64,
    /// One network to measure, by its widths: 2-30-2. Linear layers, an activation after each
    #[arg(long)]
    network: Option<String>,
    /// Its linear layers have biases
    #[arg(long, requires = "network")]
    bias: bool,
    /// The samples per step: one number, or several with commas between them
    #[arg(long, default_value = "1", value_delimiter = ',', requires = "network")]
    batch_size: Vec<usize>,
    /// The number of networks that train at once
    #[arg(long, default_value_t = 1, requires = "network")]
    networks: usize,
    /// The steps per run
    #[arg(long, requires = "network", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    #[arg(long, default_values_t = [Plan::Auto], value_delimiter = ',', help = options::PLANS, requires = "network")]
    plan: Vec<Plan>,
    /// The activation of the hidden layers; of the last layer what suits the loss
    #[arg(long, default_value_t = Activation::Sigmoid, requires = "network")]
    activation: Activation,
    /// The loss
    #[arg(long, default_value_t = Loss::SquaredError, requires = "network")]
    loss: Loss,
    /// The optimizer
    #[arg(long, default_value_t = Optimizer::Sgd, requires = "network")]
    optimizer: Optimizer,
}

/// After this many steps every 2-30-2 network must have a loss below `XOR_LEARNED` on XOR: the time of a training that
/// fails says nothing.
const XOR_STEPS: u64 = 100_000;
const XOR_LEARNED: f32 = 0.06;

/// What is measured.
struct Job {
    widths: Vec<usize>,
    bias: bool,
    batch_size: usize,
    networks: usize,
    plan: Plan,
    steps: Option<u64>,
    training: Training,
}

/// How a network is trained.
#[derive(Clone, Copy)]
struct Training {
    /// Of the hidden layers.
    activation: Activation,
    loss: Loss,
    optimizer: Optimizer,
}

/// The learning rates of gradient descent and of Adam.
const RATES: [f32; 2] = [0.1, 0.001];

/// The notebook's way.
const NOTEBOOK: Training =
    Training { activation: Activation::Sigmoid, loss: Loss::SquaredError, optimizer: Optimizer::Sgd };

impl Training {
    fn mlp(self, widths: &[usize], bias: bool) -> Mlp {
        choices::layers(widths, self.activation, choices::last_activation(self.activation, self.loss), bias)
    }

    fn name(self) -> String {
        format!("{}, {}, {}", self.activation, self.loss, self.optimizer.name())
    }
}

impl Job {
    fn new(widths: &[usize], batch_size: usize, networks: usize, plan: Plan) -> Self {
        Job { widths: widths.to_vec(), bias: false, batch_size, networks, plan, steps: None, training: NOTEBOOK }
    }

    fn by_adam(self) -> Self {
        Job { training: Training { optimizer: Optimizer::adam(), ..self.training }, ..self }
    }

    fn name(&self) -> String {
        join(&self.widths) + if self.bias { " with bias" } else { "" }
    }
}

/// The jobs of the default table.
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
    // Today's usual training.
    jobs.extend(persistent.iter().map(|&plan| Job::new(&xor, 1, 1, plan).by_adam()));
    jobs.push(Job::new(&xor, 1, 64, Plan::Auto).by_adam());
    let (activation, loss) = (Activation::Relu, Loss::CrossEntropy { label_smoothing: 0.0 });
    let training = Training { activation, loss, optimizer: Optimizer::adam() };
    jobs.push(Job { training, ..Job::new(&[784, 200, 10], 64, 1, Plan::Layered) });
    // How the time grows with the steps per run, and with the number of networks.
    for steps in [1_000, 10_000, 100_000, 1_000_000] {
        jobs.push(Job { steps: Some(steps), ..Job::new(&xor, 1, 1, Plan::Auto) });
    }
    for networks in [1, 4, 16, 64, 256, 1_024, 4_096] {
        jobs.push(Job { steps: Some(20_000), ..Job::new(&xor, 1, networks, Plan::Auto) });
    }
    jobs
}

fn main() -> ExitCode {
    common::main(run)
}

fn run(options: &Options) -> Outcome {
    let gpu = Gpu::headless()?;
    let jobs = match &options.network {
        None => jobs(),
        Some(network) => chosen(options, &widths_of(network)?),
    };

    let bar = progress::bar(jobs.len() as u64, "{pos}/{len} {msg}")?;
    if !options.json {
        print_head(&gpu);
    }
    let mut rows = Vec::new();
    for job in &jobs {
        bar.set_message(format!("{} by {}, {} networks, {}", job.name(), job.batch_size, job.networks, job.plan));
        match measure(&gpu, job, options) {
            Ok(figures) => {
                let row = figures.row(job);
                if !options.json {
                    bar.suspend(|| print_row(&row));
                }
                rows.push(row);
            }
            // A plan that this device cannot run does not fail the table.
            Err(error) if jobs.len() > 1 && is_unavailable(&*error) => {
                let job = format!("{} by {}, {} networks", job.name(), job.batch_size, job.networks);
                bar.suspend(|| eprintln!("left out, {job}: {error}"));
            }
            Err(error) => return Err(error),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if options.json { print_json(&gpu, &rows) } else { Ok(()) }
}

/// The jobs that the options choose.
fn chosen(options: &Options, widths: &[usize]) -> Vec<Job> {
    let Options { activation, loss, optimizer, bias, steps, .. } = *options;
    let training = Training { activation, loss, optimizer };
    let job = |plan: Plan, batch_size: usize| Job {
        bias,
        steps,
        training,
        ..Job::new(widths, batch_size, options.networks, plan)
    };
    let of_plan = |&plan: &Plan| options.batch_size.iter().map(move |&batch_size| job(plan, batch_size));
    options.plan.iter().flat_map(of_plan).collect()
}

/// The widths of a network such as `2-30-2`.
fn widths_of(network: &str) -> Result<Vec<usize>, String> {
    let widths = network.split('-').map(str::parse).collect::<Result<Vec<_>, _>>();
    let widths = widths.map_err(|error| format!("--network {network}: {error}; give widths as in 2-30-2"))?;
    match widths.len() {
        0..2 => Err(format!("--network {network}: at least two widths, as in 2-30-2")),
        _ => Ok(widths),
    }
}

/// What was measured.
struct Figures {
    plan: String,
    /// The library's estimate of a step's time, by which it chooses among plans; `plain` has none.
    estimated_microseconds: Option<f64>,
    /// Until the first epoch was trained: what the shaders take to compile.
    seconds_to_begin: f64,
    steps: u64,
    /// The median over the runs.
    seconds: f64,
}

impl Figures {
    fn row(self, job: &Job) -> Value {
        let Figures { plan, estimated_microseconds, seconds_to_begin, steps, seconds } = self;
        let per_step = seconds * 1e6 / steps as f64;
        json!({
            "network": job.name(),
            "batch_size": job.batch_size,
            "networks": job.networks,
            "training": job.training.name(),
            "plan": plan,
            "seconds_to_begin": seconds_to_begin,
            "steps": steps,
            "microseconds_per_step": per_step,
            "estimated_microseconds_per_step": estimated_microseconds,
            "microseconds_per_network_step": per_step / job.networks as f64,
            "network_steps_per_second": job.networks as f64 * steps as f64 / seconds,
        })
    }
}

fn measure(gpu: &Gpu, job: &Job, options: &Options) -> Outcome<Figures> {
    let training = job.training;
    let mlp = training.mlp(&job.widths, job.bias);
    let network = match job.networks {
        1 => Network::new(gpu, &mlp, 1)?,
        networks => Network::population(gpu, &mlp, networks, 1)?,
    };
    let config = TrainConfig {
        loss: training.loss,
        batch_size: job.batch_size,
        plan: job.plan,
        ..choices::Descent::default().config(training.optimizer, RATES)
    };
    let data = data(gpu, job)?;
    let start = Instant::now();
    let mut trainer = Trainer::new(&network, &data, config)?;
    let per_epoch = trainer.steps_per_epoch();
    let mut run = |epochs: u64| -> wgrad::Result<f64> {
        let start = Instant::now();
        trainer.train(epochs, |_| ())?;
        Ok(start.elapsed().as_secs_f64())
    };

    // The warm-up compiles the shaders, and finds the steps per submission and the length of a run.
    run(1)?;
    let seconds_to_begin = start.elapsed().as_secs_f64();
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
    check_learned(job, &mut trainer)?;
    let description = trainer.plan();
    let plan = description.split([',', ':', ';']).next().unwrap_or_default().to_owned();
    let estimate = description.split("; estimated at ").nth(1).and_then(|text| text.split(' ').next());
    let nanoseconds = estimate.and_then(|number| number.parse::<f64>().ok());
    let estimated_microseconds = nanoseconds.map(|nanoseconds| nanoseconds / 1e3);
    Ok(Figures {
        plan,
        estimated_microseconds,
        seconds_to_begin,
        steps: epochs * per_epoch,
        seconds: median(&mut seconds),
    })
}

/// Whether a job's network has XOR's two inputs and two outputs.
fn is_xor(job: &Job) -> bool {
    job.widths.first() == Some(&2) && job.widths.last() == Some(&2)
}

/// The notebook's four samples, repeated to fill a larger batch; for other networks, arbitrary values from 0 to 1.
fn data(gpu: &Gpu, job: &Job) -> wgrad::Result<Dataset> {
    if is_xor(job) {
        let times = job.batch_size.div_ceil(4);
        return Dataset::new(gpu, &xor::INPUTS.repeat(times), &xor::TARGETS.repeat(times));
    }
    let samples = 8 * job.batch_size;
    let values = |width: Option<&usize>, factor: usize| {
        let count = samples * width.copied().unwrap_or_default();
        (0..count).map(|i| (i * factor % 101) as f32 / 101.0).collect::<Vec<_>>()
    };
    Dataset::from_slices(gpu, samples, &values(job.widths.first(), 37), &values(job.widths.last(), 53))
}

/// Refuses 2-30-2 networks that have not learned XOR by [`XOR_STEPS`].
fn check_learned(job: &Job, trainer: &mut Trainer) -> Outcome {
    let reports = trainer.read_losses()?;
    let is_notebooks = job.training.loss == NOTEBOOK.loss && job.training.activation == NOTEBOOK.activation;
    if is_notebooks && job.widths == [2, 30, 2] && reports.iter().any(|report| report.step >= XOR_STEPS) {
        let learned = reports.iter().filter(|report| report.loss < XOR_LEARNED).count();
        if learned < reports.len() {
            return Err(format!("{learned} of {} networks learned XOR: training goes wrong", reports.len()).into());
        }
    }
    Ok(())
}

fn print_json(gpu: &Gpu, rows: &[Value]) -> Outcome {
    let info = gpu.adapter_info();
    let report = json!({
        "adapter": info.name,
        "backend": info.backend.to_string(),
        "driver": format!("{} {}", info.driver, info.driver_info),
        "wgpu": wgpu_version(),
        "rows": rows,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// The head of the table.
fn print_head(gpu: &Gpu) {
    println!("### {}, wgpu {}\n", gpu.description(), wgpu_version());
    println!(
        "| network | batch | networks | training | plan | seconds to begin | steps | µs per step | estimated | µs per network-step | network-steps per second |"
    );
    println!("| --- | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
}

fn print_row(row: &Value) {
    let number = |name: &str| row[name].as_f64().unwrap_or_default();
    let text = |name: &str| row[name].as_str().map_or_else(|| Value::to_string(&row[name]), str::to_owned);
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2e} |",
        text("network"),
        text("batch_size"),
        text("networks"),
        text("training"),
        text("plan"),
        significant(number("seconds_to_begin")),
        text("steps"),
        significant(number("microseconds_per_step")),
        row["estimated_microseconds_per_step"].as_f64().map_or_else(|| "–".to_owned(), significant),
        significant(number("microseconds_per_network_step")),
        number("network_steps_per_second"),
    );
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

/// The wgpu version that this was built with.
fn wgpu_version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let package = lock.split("[[package]]").find(|package| package.contains("name = \"wgpu\"\n"));
    let version = package.and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = ")));
    version.unwrap_or("unknown").trim_matches('"')
}
