//! Epochs of training, with a progress bar and one line printed per epoch.

use std::error::Error;
use std::time::Instant;

use wgrad::{Classification, Dataset, Loss, Network, Trainer};

use crate::common::chart::{Chart, Series};
use crate::common::progress;
use crate::common::say::say;

/// The results of the training.
pub struct Trained {
    /// The final classification of the test digits; or why there is none.
    pub tested: Result<Classification, String>,
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
    let text = "epoch {prefix}, {pos} of {len} samples, {rate}/s, {eta} left, loss {msg}";
    let bar = progress::bar(epochs.saturating_mul(samples), text)?;

    let mut losses = Series::new("loss, mean of the epoch's steps");
    let mut test_losses = Series::new("loss on test digits");
    let mut accuracies = Series::new("accuracy on test digits");
    let mut last = None;
    let mut seconds = 0.0;
    for epoch in 1..=epochs {
        let before = (epoch - 1) * samples;
        let (batch_size, steps_per_epoch) = (trainer.config().batch_size as u64, trainer.steps_per_epoch());
        bar.set_prefix(format!("{epoch}/{epochs}"));
        let start = Instant::now();
        let mut epoch_loss = None;
        trainer.train(1, |progress| {
            let loss = progress.report.loss;
            epoch_loss = Some(loss);
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
        let tested = classify(network, test, trainer.config().loss);
        if let Ok(tested) = &tested {
            test_losses.points.push(((before + samples) as f64, f64::from(tested.loss())));
            accuracies.points.push(((before + samples) as f64, tested.accuracy()));
        }
        let tested_on = described(&tested, about);
        let loss = epoch_loss.map_or_else(String::new, |loss| format!("loss {loss:.4}, "));
        let rate = samples as f64 / took;
        // Printed to standard output while the bar is hidden.
        bar.suspend(|| _ = say!("epoch {epoch}/{epochs}  {loss}{tested_on}; {rate:.0} samples per second"));
        last = Some(tested);
    }
    bar.finish_and_clear();

    let chart = Chart {
        title: format!("{} {about}", network.mlp()),
        x: "samples trained".to_owned(),
        losses: vec![losses, test_losses],
        accuracies: vec![accuracies],
    };
    Ok(Trained { tested: last.ok_or("no epoch was trained")?, chart, seconds })
}

/// A test's result as text. A test that failed does not end the training.
fn described(tested: &Result<Classification, String>, about: &str) -> String {
    match tested {
        Ok(tested) => format!("tested {about}: loss {:.4}, accuracy {:.4}", tested.loss(), tested.accuracy()),
        Err(error) => format!("not tested {about}: {error}"),
    }
}

/// Tests the network. One that has diverged has no score: what is not a number may be counted for any class.
pub fn classify(network: &Network, test: &Dataset, loss: Loss) -> Result<Classification, String> {
    let tested = network.classify(test, loss).map_err(|error| error.to_string())?;
    if tested.loss().is_finite() {
        Ok(tested)
    } else {
        Err("the network's outputs are not numbers any more: try a lower --learning-rate".to_owned())
    }
}
