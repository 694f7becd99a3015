//! The curve of the loss, on a logarithmic scale.

use eframe::egui::{Color32, Ui};
use egui_plot::{Line, Plot, PlotPoint, PlotPoints};
use wgrad::LossReport;

/// Fewer losses than this are kept.
const MOST: usize = 1000;

/// The losses of a training: step, and logarithm of the loss.
#[derive(Default)]
pub struct Curve {
    points: Vec<PlotPoint>,
    /// The least number of steps between two points.
    spacing: f64,
}

impl Curve {
    /// Adds a loss, unless it is too close to the last. Leaves out the first epoch, whose loss is that of the samples
    /// so far.
    pub fn push(&mut self, report: LossReport) {
        let (step, loss) = (report.step as f64, f64::from(report.loss).max(1e-12));
        let is_new = self.points.last().is_none_or(|last| step > last.x && step >= last.x + self.spacing);
        if report.epoch == 0 || !is_new {
            return;
        }
        self.points.push(PlotPoint::new(step, loss.log10()));
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
        let plot = Plot::new("loss curve")
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .y_axis_min_width(44.0)
            .include_x(0.0)
            .include_y(-2.2)
            .include_y(-0.8)
            .y_axis_label("loss")
            .x_axis_label("step")
            .x_axis_formatter(|mark, _| thousands(mark.value))
            .y_axis_formatter(|mark, _| power_of_ten(mark.value))
            .label_formatter(|_| None);
        plot.show(ui, |plot| {
            plot.line(
                Line::new("loss", PlotPoints::Borrowed(&self.points)).color(Color32::from_rgb(230, 150, 70)).width(1.5),
            );
        });
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
        let mut curve = Curve::default();
        for step in 1..1_000_000 {
            curve.push(LossReport { step, epoch: 1, loss: 0.1 });
        }
        assert!((MOST / 2..MOST).contains(&curve.points.len()), "{}", curve.points.len());
        let gaps = curve.points.windows(2).map(|pair| pair[1].x - pair[0].x).collect::<Vec<_>>();
        let widest = gaps.iter().copied().fold(0.0, f64::max);
        assert!(widest <= 5_000.0 && gaps.iter().all(|&gap| gap > 0.0), "{widest}");
    }
}
