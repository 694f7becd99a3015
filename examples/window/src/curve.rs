//! A curve over the training steps: of the loss, on a logarithmic scale, or of decibels.

use eframe::egui::{Color32, Ui};
use egui_plot::{Line, Plot, PlotPoint, PlotPoints};
use wgrad::LossReport;

/// Fewer points than this are kept.
const MOST: usize = 1000;

/// The points of a curve.
pub struct Curve {
    /// The label of the y axis.
    label: &'static str,
    /// The least that the y axis spans.
    spans: [f64; 2],
    /// The text of a mark of the y axis.
    format: fn(f64) -> String,
    points: Vec<PlotPoint>,
    /// The least number of steps between two points.
    spacing: f64,
}

impl Curve {
    /// An empty curve of losses, as powers of ten.
    pub fn losses() -> Self {
        Curve { label: "loss", spans: [-2.2, -0.8], format: power_of_ten, points: Vec::new(), spacing: 0.0 }
    }

    /// An empty curve of a peak signal-to-noise ratio, in decibels.
    pub fn decibels() -> Self {
        let format = |decibels| format!("{decibels} dB");
        Curve { label: "PSNR", spans: [5.0, 25.0], format, points: Vec::new(), spacing: 0.0 }
    }

    /// Adds a loss. Leaves out the first epoch, whose loss is that of the samples so far.
    pub fn push_loss(&mut self, report: LossReport) {
        if report.epoch > 0 {
            self.push(report.step, f64::from(report.loss).max(1e-12).log10());
        }
    }

    /// Adds a point, unless it is too close to the last.
    pub fn push(&mut self, step: u64, value: f64) {
        let step = step as f64;
        if self.points.last().is_some_and(|last| step <= last.x || step < last.x + self.spacing) {
            return;
        }
        self.points.push(PlotPoint::new(step, value));
        if self.points.len() == MOST {
            let mut count = 0;
            self.points.retain(|_| {
                count += 1;
                count % 2 == 1
            });
            self.spacing = 2.0 * step / MOST as f64;
        }
    }

    /// Draws the curve in the available space.
    pub fn show(&self, ui: &mut Ui) {
        let format = self.format;
        let plot = Plot::new(self.label)
            .show_background(false)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .y_axis_min_width(44.0)
            .include_x(0.0)
            .include_x(10.0)
            .include_y(self.spans[0])
            .include_y(self.spans[1])
            .y_axis_label(self.label)
            .x_axis_label("step")
            .x_axis_formatter(|mark, _| thousands(mark.value))
            .y_axis_formatter(move |mark, _| format(mark.value))
            .label_formatter(|_| None);
        let line = Line::new(self.label, PlotPoints::Borrowed(&self.points));
        plot.show(ui, |plot| plot.line(line.color(Color32::from_rgb(230, 150, 70)).width(1.5)));
    }
}

fn thousands(number: f64) -> String {
    match number {
        1e6.. => format!("{}M", number / 1e6),
        1e3.. => format!("{}k", number / 1e3),
        _ => format!("{number}"),
    }
}

/// The label of a whole power of ten; empty for other marks.
fn power_of_ten(exponent: f64) -> String {
    match exponent {
        _ if exponent.fract() != 0.0 => String::new(),
        -2.0..=2.0 => format!("{}", 10f64.powf(exponent)),
        _ => format!("1e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_training_keeps_few_losses_evenly_spaced() {
        let mut curve = Curve::losses();
        for step in 1..1_000_000 {
            curve.push_loss(LossReport { step, epoch: 1, loss: 0.1 });
        }
        assert!((MOST / 2..MOST).contains(&curve.points.len()), "{}", curve.points.len());
        let gaps = curve.points.windows(2).map(|pair| pair[1].x - pair[0].x).collect::<Vec<_>>();
        let widest = gaps.iter().copied().fold(0.0, f64::max);
        assert!(widest <= 5_000.0 && gaps.iter().all(|&gap| gap > 0.0), "{widest}");
    }
}
