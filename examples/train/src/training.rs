//! Epochs of training, with a progress bar and an optional chart.

use std::error::Error;
use std::time::Instant;

use wgrad::Trainer;

use crate::common::chart::{Chart, Series};
use crate::common::progress;

/// The most points of a chart: how often the held-out rows are measured.
const PLOTTED: u64 = 100;

/// Loss and accuracy on the rows held out.
pub struct Measured {
    pub loss: f64,
    /// `None` for numbers.
    pub accuracy: Option<f64>,
}

pub struct Trained {
    /// Of the last epoch.
    pub loss: f32,
    /// Of the training, without the time for the chart.
    pub seconds: f64,
    pub chart: Option<Chart>,
}

/// Trains for `epochs` epochs, at least one. With `plot` a chart is drawn, for which `measure`, if given, is called up to a
/// hundred times.
pub fn train(
    trainer: &mut Trainer,
    epochs: u64,
    plot: bool,
    mut measure: Option<impl FnMut() -> wgrad::Result<Measured>>,
) -> Result<Trained, Box<dyn Error>> {
    let bar = progress::bar(epochs, "{pos}/{len} epochs, {rate} epochs/s, {eta} left, loss {msg}")?;
    let mut losses = Series::new("loss, mean of the epoch's steps");
    let mut held_out_losses = Series::new("loss on rows held out");
    let mut accuracies = Series::new("accuracy on rows held out");
    // Training in several calls gives the same bits; it is split only for a chart.
    let epochs_per_call = if plot { epochs.div_ceil(PLOTTED).max(1) } else { epochs.max(1) };
    let (mut done, mut loss, mut seconds) = (0, 0.0, 0.0);
    while done < epochs {
        let start = Instant::now();
        trainer.train(epochs_per_call.min(epochs - done), |progress| {
            loss = progress.report.loss;
            bar.set_message(format!("{loss:.6}"));
            bar.set_position(done + progress.epoch);
        })?;
        seconds += start.elapsed().as_secs_f64();
        done += epochs_per_call.min(epochs - done);
        losses.points.push((done as f64, f64::from(loss)));
        if let Some(measure) = &mut measure {
            let measured = measure()?;
            held_out_losses.points.push((done as f64, measured.loss));
            accuracies.points.extend(measured.accuracy.map(|accuracy| (done as f64, accuracy)));
        }
    }
    bar.finish_and_clear();
    let drawn = |series: Vec<Series>| series.into_iter().filter(|series| !series.points.is_empty()).collect();
    let (title, x) = (trainer.network().mlp().to_string(), "epochs".to_owned());
    let chart = Chart { title, x, losses: drawn(vec![losses, held_out_losses]), accuracies: drawn(vec![accuracies]) };
    Ok(Trained { loss, seconds, chart: plot.then_some(chart) })
}
