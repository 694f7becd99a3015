//! Epochs of training, with a progress bar and one line printed per epoch.

use std::error::Error;
use std::time::Instant;

use wgrad::{Classification, Dataset, Network, Trainer};

use crate::common::chart::{Chart, Series};
use crate::common::progress;

/// The results of the training.
pub struct Trained {
    /// The final classification of the test digits.
    pub classification: Classification,
    pub chart: Chart,
    pub seconds: f64,
}

/// Trains for `epochs` epochs, at least one, and tests after each. `about` says which digits the figures are about.
pub fn train(
    network: &Network,
    trainer: &mut Trainer,
    training: &Dataset,
    test: &Dataset,
    epochs: u64,
    about: &str,
) -> Result<Trained, Box<dyn Error>> {
    let samples = training.samples() as u64;
    let bar =
        progress::bar(epochs * samples, "epoch {prefix}, {pos} of {len} samples, {rate}/s, {eta} left, loss {msg}")?;

    let mut losses = Series::new("loss, mean of the epoch's steps");
    let mut test_losses = Series::new("loss on test digits");
    let mut accuracies = Series::new("accuracy on test digits");
    let mut classification = None;
    let mut seconds = 0.0;
    for epoch in 1..=epochs {
        let before = (epoch - 1) * samples;
        let batch_size = trainer.config().batch_size as u64;
        let steps_per_epoch = trainer.steps_per_epoch();
        bar.set_prefix(format!("{epoch}/{epochs}"));
        let start = Instant::now();
        let mut loss = f32::NAN;
        trainer.train(1, |progress| {
            loss = progress.report.loss;
            // An epoch's last batch may be smaller.
            let steps = progress.report.step - (epoch - 1) * steps_per_epoch;
            let position = before + (steps * batch_size).min(samples);
            bar.set_message(format!("{loss:.4}"));
            bar.set_position(position);
            // From the second epoch on, the loss reported during an epoch is that of the epoch before, already drawn.
            if epoch == 1 || steps == steps_per_epoch {
                losses.points.push((position as f64, f64::from(loss)));
            }
        })?;
        let took = start.elapsed().as_secs_f64();
        seconds += took;

        let tested = network.classify(test, trainer.config().loss)?;
        let trained = (before + samples) as f64;
        test_losses.points.push((trained, f64::from(tested.loss())));
        accuracies.points.push((trained, tested.accuracy()));
        // Printed to standard output while the bar is hidden.
        let (test_loss, accuracy, rate) = (tested.loss(), tested.accuracy(), samples as f64 / took);
        let tested_on = format!("tested {about}: loss {test_loss:.4}, accuracy {accuracy:.4}");
        bar.suspend(|| println!("epoch {epoch}/{epochs}  loss {loss:.4}, {tested_on}; {rate:.0} samples per second"));
        classification = Some(tested);
    }
    bar.finish_and_clear();

    let chart = Chart {
        title: format!("{} {about}", network.mlp()),
        x: "samples trained".to_owned(),
        losses: vec![losses, test_losses],
        accuracies: vec![accuracies],
    };
    Ok(Trained { classification: classification.ok_or("no epoch was trained")?, chart, seconds })
}
