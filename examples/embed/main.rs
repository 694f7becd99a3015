//! Networks that learn inside an app: on its device, from its buffers, in its encoder. The app's own shader calls them
//! for the colour of every pixel.
//!
//! cargo run --release --example embed -- --help
//!
//! Modules: `points` has the data, `panel` a network with its buffers and pipelines, `surface.wgsl` the shader,
//! `canvas` the texture in place of a window, `movie` the picture files.

mod canvas;
#[path = "../common/mod.rs"]
mod common;
mod movie;
mod panel;
mod points;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use wgrad::{Gpu, Mlp, TrainConfig, wgpu};

use crate::canvas::Canvas;
use crate::common::exit::exit;
use crate::common::say::say;
use crate::common::{device, progress};
use crate::movie::Movie;
use crate::panel::{Panel, Problem};

/// After this many steps both networks have learned their points.
const STEPS: u64 = 20_000;

/// Trains two networks, on exclusive or and on two spirals, some steps per frame, and draws how their decisions form:
/// an animated picture, and its last frame.
#[derive(Parser)]
struct Options {
    /// A folder for the pictures, surface.png (animated: APNG) and last.png; created if it does not exist
    #[arg(long, value_name = "FOLDER", default_value = "target/embed")]
    out: PathBuf,
    /// The number of frames
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u32).range(1..=240))]
    frames: u32,
    /// The side of each of the two panels, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 320, value_parser = clap::value_parser!(u32).range(16..=512))]
    size: u32,
    /// The training steps of each network over all frames: few in the first frames, more and more later
    #[arg(long, default_value_t = STEPS, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    steps: u64,
    /// Instead, the GPU time per frame for training; what is learned then depends on the GPU's speed
    #[arg(long, conflicts_with = "steps", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    milliseconds: Option<u64>,
    /// The seed of the initial weights, and of the order of the spirals' points
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    // With timestamps `steps_within` measures how long steps take; nothing else here needs a feature.
    let (device, queue) = device::open(wgpu::Features::TIMESTAMP_QUERY)?;
    let gpu = Gpu::from_wgpu(&device, &queue)?;
    say!("adapter  {}", gpu.description())?;

    let gap = options.size / 32;
    let (width, height) = (2 * options.size + gap, options.size);
    let mut panels = [
        Panel::new(&gpu, xor(), options.seed, [0, options.size])?,
        Panel::new(&gpu, spirals(options.seed), options.seed, [options.size + gap, options.size])?,
    ];
    panels.iter().try_for_each(describe)?;
    let mut canvas = Canvas::new(&device, width, height);
    let mut movie = Movie::new(width, height);

    let bar = progress::bar(options.frames.into(), "{pos}/{len} frames, {eta} left, loss {msg}")?;
    let start = Instant::now();
    for frame in 0..options.frames {
        let mut encoder = device.create_command_encoder(&Default::default());

        // Train.
        for panel in &mut panels {
            let steps = match options.milliseconds {
                Some(milliseconds) => panel.trainer.steps_within(Duration::from_millis(milliseconds) / 2)?,
                None => steps_by(frame + 1, options) - steps_by(frame, options),
            };
            panel.trainer.record_steps(&mut encoder, steps);
        }
        // Draw, with the weights after these steps.
        let mut pass = canvas.begin_pass(&mut encoder);
        panels.iter().for_each(|panel| panel.draw(&mut pass));
        drop(pass);
        // Copy, where a window would present, and submit everything together.
        canvas.record_copy(&mut encoder);
        let submission = queue.submit([encoder.finish()]);

        // Meanwhile the frame before has finished. Show the losses that have arrived.
        if let Some(finished) = canvas.submitted(submission)? {
            movie.push(finished);
        }
        bar.set_message(losses(&mut panels)?);
        bar.inc(1);
    }
    movie.push(canvas.last()?);
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let learned = report(&mut panels)?;
    say!("frames   {} in {seconds:.1} s, including the driver's compiling of the shaders", options.frames)?;
    let [moving, still] = ["surface.png", "last.png"].map(|name| options.out.join(name));
    movie.save(&moving, &still)?;
    say!("written  {} and {}", moving.display(), still.display())?;
    if !learned && options.milliseconds.is_none() && options.steps >= STEPS {
        return Err(format!("not all points are on the right side, and after {STEPS} steps they should be").into());
    }
    Ok(())
}

fn describe(panel: &Panel) -> io::Result<()> {
    say!("{:8} {}\n         {}", panel.problem.name, panel.problem.mlp, panel.trainer.plan())
}

fn xor() -> Problem {
    Problem {
        name: "xor",
        points: points::xor(),
        unseen: Default::default(),
        mlp: Mlp::inputs(2).linear(30).sigmoid().linear(1).sigmoid(),
        config: TrainConfig { learning_rate: 0.3, ..Default::default() },
        middle: 0.5,
        half_side: 0.75,
        disc: 0.05,
    }
}

fn spirals(seed: u64) -> Problem {
    Problem {
        name: "spirals",
        points: points::spirals(80),
        unseen: points::between_spirals(80),
        mlp: Mlp::inputs(2).linear(32).bias().sigmoid().linear(32).bias().sigmoid().linear(1).bias().sigmoid(),
        config: TrainConfig { learning_rate: 4.0, batch_size: 16, shuffle: true, seed, ..Default::default() },
        middle: 0.0,
        half_side: 2.3,
        disc: 0.027,
    }
}

/// The steps done after this many frames: most changes happen early, so the steps grow with the square of the frames.
fn steps_by(frames: u32, options: &Options) -> u64 {
    let [frames, all] = [frames, options.frames].map(u64::from);
    options.steps * frames * frames / (all * all)
}

/// The losses that have arrived from the GPU so far, without waiting.
fn losses(panels: &mut [Panel]) -> wgrad::Result<String> {
    let mut losses = Vec::new();
    for panel in panels {
        if let Some(report) = panel.trainer.latest_loss()? {
            losses.push(format!("{} {:.4}", panel.problem.name, report.loss));
        }
    }
    Ok(losses.join(", "))
}

/// Prints how well each network does at the end. Returns whether all training points are on the right side of one half.
fn report(panels: &mut [Panel]) -> Result<bool, Box<dyn Error>> {
    let mut learned = true;
    for Panel { problem, network, trainer, .. } in panels {
        let points = &problem.points;
        let right = points.right(&network.predict(points.points.as_flattened())?);
        learned &= right == points.points.len();
        let mut line = format!("{:8} {right} of {} points on the right side", problem.name, points.points.len());
        let unseen = &problem.unseen;
        if !unseen.points.is_empty() {
            let right = unseen.right(&network.predict(unseen.points.as_flattened())?);
            line += &format!(", and {right} of {} between them, not trained on", unseen.points.len());
        }
        if let Some(report) = trainer.read_loss()? {
            line += &format!(", loss {:.6} after {} steps", report.loss, report.step);
        }
        say!("{line}")?;
    }
    Ok(learned)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(format!("embed {arguments}").split_whitespace())
    }

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn options_that_make_no_picture_are_refused() {
        assert!(parse("--frames 6 --size 96 --seed 3").is_ok());
        assert!(parse("--milliseconds 4").is_ok());
        for refused in ["--frames 0", "--frames 241", "--size 0", "--size 513", "--steps 0", "--steps 1000000"]
            .into_iter()
            .chain(["--milliseconds 0", "--milliseconds 4 --steps 100", "--size -1"])
        {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn all_steps_are_done_in_the_last_frame_and_later_frames_have_no_fewer() {
        for arguments in ["", "--frames 1", "--frames 7 --steps 100", "--frames 240 --steps 200000"] {
            let options = parse(arguments).expect("valid options");
            let done = (0..=options.frames).map(|frames| steps_by(frames, &options)).collect::<Vec<_>>();
            let steps = done.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
            assert_eq!((done[0], steps.iter().sum::<u64>()), (0, options.steps), "{arguments}");
            // Except for rounding to whole steps.
            assert!(steps.windows(2).all(|pair| pair[1] + 1 >= pair[0]), "{arguments}: {steps:?}");
        }
    }
}
