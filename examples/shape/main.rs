//! A network learns a surface in space, as the distance of each point from it, and the app's own shader asks the network along each
//! pixel's ray where the surface is: sphere tracing. Distances are not cut off: sphere tracing takes long steps by long ones.
//!
//! cargo run --release --example shape -- --help
//!
//! Modules: `shape` is a `form` (a formula) or a `mesh` (of a file, with its `tree`), `points` are drawn from it, `frame` draws by
//! `trace.wgsl`, which calls the network, and `forms.wgsl`.

#[path = "../common/mod.rs"]
mod common;
mod form;
mod frame;
mod mesh;
mod points;
#[path = "../common/save.rs"]
mod save;
mod shape;
mod tree;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use wgrad::{
    Dataset, Decay, Encoding, Gpu, HashGrid, Init, Loss, Mlp, Network, Optimizer, Schedule, TrainConfig, Trainer,
};

use crate::common::exit::exit;
use crate::common::options::at_least_one;
use crate::common::progress;
use crate::common::say::say;
use crate::form::Form;
use crate::frame::Frame;
use crate::mesh::Mesh;
use crate::points::{Points, Spread};
use crate::save::{rehearse_network, save};
use crate::shape::Shape;

/// The points to train on, drawn once: a mesh's distances take longer than the training steps. There are more of them than the
/// network has parameters to learn them by heart.
const POINTS: usize = 1 << 19;

/// The points to measure by, which are not trained on.
const FRESH: usize = 1 << 16;

/// After these steps it is measured how it goes.
const LOOKS: [u64; 4] = [10, 30, 100, 300];

/// Learns the signed distance from a surface, and writes a picture of what was learned; of a form with the true one to the right.
#[derive(Parser)]
struct Options {
    /// A mesh of triangles, an OBJ or STL file; without one, a form that is a formula
    #[arg(value_name = "FILE", conflicts_with = "form")]
    mesh: Option<PathBuf>,
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Torus)]
    form: Form,
    /// What the network makes of the coordinates
    #[arg(long, value_enum, default_value_t = Kind::Grid)]
    encoding: Kind,
    /// The number of training steps
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// The number of points per step
    #[arg(long, default_value_t = 1 << 13, value_parser = at_least_one)]
    batch: usize,
    /// The seed of the weights and of the points
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The side of the picture, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=1024))]
    size: u32,
    /// The folder for shape.png
    #[arg(long, value_name = "FOLDER", default_value = "target/shape")]
    out: PathBuf,
    /// Saves the network to this file (needs the feature `files`)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A hash grid of 8 levels
    Grid,
    /// Five frequencies
    Frequency,
    /// The coordinates alone
    None,
}

impl Kind {
    /// Layers of 32 are unrolled in the shader that calls the network a hundred times per ray; wider ones would be loops.
    fn mlp(self) -> Mlp {
        let grid = HashGrid {
            levels: 8,
            table_log2: 14,
            base_resolution: 8,
            per_level_scale: 1.5,
            smoothstep: true,
            ..Default::default()
        };
        let mlp = match self {
            Kind::Grid => Mlp::inputs(3).encoding(Encoding::HashGrid(grid)),
            Kind::Frequency => Mlp::inputs(3).encoding(Encoding::Frequency(5)),
            Kind::None => Mlp::inputs(3),
        };
        mlp.linear(32).bias().relu().linear(32).bias().relu().linear(1).bias()
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let shape = match &options.mesh {
        Some(path) => Shape::Mesh(Mesh::read(path)?),
        None => Shape::Form(options.form),
    };
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let gpu = Gpu::headless()?;
    let network = Network::new_by(&gpu, &options.encoding.mlp(), Init::HeUniform, options.seed)?;
    rehearse_network(&network, options.save.as_deref())?;
    say!("adapter  {}", gpu.description())?;
    describe(&shape, options)?;

    let start = Instant::now();
    let points = Points::draw(&shape, POINTS, Spread::NearSurface, options.seed);
    let fresh = Points::draw(&shape, FRESH, Spread::Even, !options.seed);
    say!("points   {POINTS} to train on, {FRESH} to measure by, in {:.1} s", start.elapsed().as_secs_f64())?;
    let data = Dataset::from_slices(&gpu, POINTS, &points.places, &points.distances)?;
    let mut trainer = Trainer::new(&network, &data, config(options))?;
    let mlp = network.mlp();
    say!("network  {mlp}")?;
    say!("         {} parameters, {:.1} MB to train", mlp.parameter_count(), trainer.memory().total() as f64 / 1e6)?;
    say!("plan     {}", trainer.plan())?;
    learn(&mut trainer, &fresh, options)?;

    let frame = Frame::new(&network, shape.form(), shape.floor(), options.size)?;
    let (picture, took) = frame.draw()?;
    say!("frame    {} × {} in {:.2} s", picture.width(), picture.height(), took.as_secs_f64())?;
    let path = options.out.join("shape.png");
    frame::write(&picture, &path)?;
    say!("written  {}", path.display())?;
    save(&network, options.save.as_deref())
}

fn config(options: &Options) -> TrainConfig {
    TrainConfig {
        loss: Loss::L1,
        optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-15 },
        learning_rate: 0.01,
        schedule: Schedule::new(Decay::Cosine { steps: options.steps, floor: 0.01 }),
        batch_size: options.batch,
        ..Default::default()
    }
}

fn describe(shape: &Shape, options: &Options) -> io::Result<()> {
    match (shape, &options.mesh) {
        (Shape::Mesh(mesh), Some(path)) => {
            let triangles = mesh.triangles();
            say!("mesh     {}, {triangles} triangles", path.display())?;
            match mesh.open_edges {
                0 => Ok(()),
                open => say!("         not closed: {open} edges have no neighbour; what is inside is a guess there"),
            }
        }
        _ => say!("form     {}", options.form.name()),
    }
}

/// Trains, and measures from time to time.
fn learn(trainer: &mut Trainer, fresh: &Points, options: &Options) -> Result<(), Box<dyn Error>> {
    let steps = u64::from(options.steps);
    let bar = progress::bar(steps, "step {pos}/{len}, {rate} per second; {msg}")?;
    let mut trained = Duration::ZERO;
    let (device, queue) = (trainer.network().gpu().device().clone(), trainer.network().gpu().queue().clone());
    let mut done = 0;
    for stop in LOOKS.into_iter().filter(|&step| step < steps).chain([steps]) {
        let begun = Instant::now();
        while done < stop {
            let some = trainer.steps_within(Duration::from_millis(100))?.clamp(1, stop - done);
            let mut encoder = device.create_command_encoder(&Default::default());
            trainer.record_steps(&mut encoder, some);
            queue.submit([encoder.finish()]);
            trainer.read_loss()?;
            done += some;
            bar.set_position(done);
        }
        trained += begun.elapsed();
        let score = fresh.score(&trainer.network().predict(&fresh.places)?);
        bar.set_message(format!("error {:.5} after {stop}", score.error));
        let overlap =
            score.overlap.map_or("no point is inside".to_owned(), |part| format!("overlap {:.2} %", 100.0 * part));
        let milliseconds = 1e3 * trained.as_secs_f64() / stop as f64;
        bar.suspend(|| say!("step     {stop}: error {:.5}, {overlap}, {milliseconds:.1} ms a step", score.error))?;
    }
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
        let parse = |arguments: &str| Options::try_parse_from(format!("shape {arguments}").split_whitespace());
        assert!(parse("--form box --encoding none --steps 3 --batch 100 --size 64").is_ok());
        for refused in ["a.obj --form box", "--steps 0", "--batch 0", "--size 15", "--size 1025", "--form cone"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
