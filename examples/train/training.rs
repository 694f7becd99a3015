//! Epochs of training, with a progress bar and, where it is asked for, a chart.

use std::error::Error;
use std::time::Instant;

use wgrad::Trainer;

use crate::common::chart::{Chart, Series};
use crate::common::progress;

/// How often the held-out rows are looked at for a chart, if there are as many epochs.
const PLOTTED: u64 = 100;

/// What the held-out rows say.
pub struct Measured {
    pub loss: f64,
    /// Of classes.
    pub accuracy: Option<f64>,
}

pub struct Trained {
    /// Of the last epoch.
    pub loss: f32,
    pub seconds: f64,
    /// The time for the chart is not among the seconds.
    pub chart: Option<Chart>,
}

/// Trains for `epochs` epochs. Where `measure` is there, it is called now and then for a chart.
pub fn train(
    trainer: &mut Trainer,
    epochs: u64,
    mut measure: Option<impl FnMut() -> wgrad::Result<Measured>>,
) -> Result<Trained, Box<dyn Error>> {
    let bar = progress::bar(epochs, "{pos}/{len} epochs, {rate} epochs/s, {eta} left, loss {msg}")?;
    let mut losses = Series::new("loss, mean of the epoch's steps");
    let mut held_out_losses = Series::new("loss on rows held out");
    let mut accuracies = Series::new("accuracy on rows held out");
    // Training in pieces gives the same bits; it is cut only for a chart.
    let piece = if measure.is_some() { epochs.div_ceil(PLOTTED).max(1) } else { epochs.max(1) };
    let (mut done, mut loss, mut seconds) = (0, f32::NAN, 0.0);
    while done < epochs {
        let start = Instant::now();
        trainer.train(piece.min(epochs - done), |progress| {
            loss = progress.report.loss;
            bar.set_message(format!("{loss:.6}"));
            bar.set_position(done + progress.epoch);
        })?;
        seconds += start.elapsed().as_secs_f64();
        done += piece.min(epochs - done);
        if let Some(measure) = &mut measure {
            let measured = measure()?;
            losses.points.push((done as f64, f64::from(loss)));
            held_out_losses.points.push((done as f64, measured.loss));
            accuracies.points.extend(measured.accuracy.map(|accuracy| (done as f64, accuracy)));
        }
    }
    bar.finish_and_clear();
    let accuracies = if accuracies.points.is_empty() { Vec::new() } else { vec![accuracies] };
    let (title, x) = (trainer.network().mlp().to_string(), "epochs".to_owned());
    let chart = measure.map(|_| Chart { title, x, losses: vec![losses, held_out_losses], accuracies });
    Ok(Trained { loss, seconds, chart })
}
