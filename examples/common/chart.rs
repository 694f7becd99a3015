//! A chart of a training as an SVG file: losses on a logarithmic axis, accuracies on an axis to the right.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// Points `(x, y)` of a line, in order.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    pub fn new(name: impl Into<String>) -> Self {
        Series { name: name.into(), points: Vec::new() }
    }
}

pub struct Chart {
    pub title: String,
    /// The label of the horizontal axis, which starts at 0.
    pub x: String,
    /// Losses that are not positive and finite are left out: the axis is logarithmic.
    pub losses: Vec<Series>,
    /// From 0 to 1. Without accuracies there is no axis to the right.
    pub accuracies: Vec<Series>,
}

/// Colours that colour-blind people can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(86, 180, 233), RGBColor(213, 94, 0), RGBColor(230, 159, 0)];

/// In pixels: the whole chart, the height of title and legend, and the width of a side's labels.
const SIZE: (u32, u32) = (900, 560);
const HEAD: i32 = 64;
const LABEL_SPACE: i32 = 72;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Chart {
    /// Writes the chart; an existing file is overwritten.
    ///
    /// # Errors
    /// If there is no loss above 0 to draw, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let with_path = |error: &dyn Error| format!("{}: {error}", path.display());
        // Drawn in memory first, so that an error leaves no partial file.
        let mut text = String::new();
        self.draw(&mut text).map_err(|error| with_path(&*error))?;
        std::fs::write(path, text).map_err(|error| with_path(&error))?;
        Ok(())
    }

    fn draw(&self, text: &mut String) -> Result<(), Box<dyn Error>> {
        let losses = || self.losses.iter().flat_map(|series| &series.points).copied().filter(is_loss);
        let accuracies = || self.accuracies.iter().flat_map(|series| &series.points).copied();
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
        let last_x = most(&mut losses().chain(accuracies()).map(|(x, _)| x)).max(1.0);
        let (lowest, highest) = (least(&mut losses().map(|(_, y)| y)), most(&mut losses().map(|(_, y)| y)));
        if lowest > highest {
            return Err("there is no loss to draw".into());
        }

        let body = self.draw_head(text)?;

        let right_space = if self.accuracies.is_empty() { 16 } else { LABEL_SPACE };
        let (loss_from, loss_to) = (lowest / 1.2, highest * 1.2);
        // The next tenth below the accuracies.
        let accuracy_from = (least(&mut accuracies().map(|(_, y)| y)).clamp(0.0, 0.9) * 10.0).floor() / 10.0;
        let mut chart = ChartBuilder::on(&body)
            .margin(16)
            .set_label_area_size(LabelAreaPosition::Bottom, 48)
            .set_label_area_size(LabelAreaPosition::Left, LABEL_SPACE)
            .set_label_area_size(LabelAreaPosition::Right, right_space)
            .build_cartesian_2d(
                0.0..last_x,
                (loss_from..loss_to).log_scale().with_key_points(marks(loss_from, loss_to)),
            )?
            .set_secondary_coord(0.0..last_x, accuracy_from..1.0);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(&self.x)
            .y_desc("loss")
            .x_label_formatter(&|x| thousands(*x))
            .y_label_formatter(&|y| number(*y))
            .axis_desc_style(text_style(15))
            .label_style(text_style(13))
            .draw()?;
        if !self.accuracies.is_empty() {
            chart
                .configure_secondary_axes()
                .y_desc("accuracy")
                .y_label_formatter(&|y| number(*y))
                .axis_desc_style(text_style(15))
                .label_style(text_style(13))
                .draw()?;
        }

        let mut colours = COLOURS.into_iter().cycle();
        let mut next_style = || colours.next().unwrap_or(BLACK).stroke_width(2);
        for series in &self.losses {
            chart.draw_series(LineSeries::new(series.points.iter().copied().filter(is_loss), next_style()))?;
        }
        for series in &self.accuracies {
            let line = LineSeries::new(series.points.iter().copied(), next_style().filled()).point_size(4);
            chart.draw_secondary_series(line)?;
        }
        body.present()?;
        Ok(())
    }

    /// Draws the title and the legend, and returns the area below them.
    fn draw_head<'a>(&self, text: &'a mut String) -> Result<Area<'a>, Box<dyn Error>> {
        let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(HEAD);
        head.draw_text(&self.title, &text_style(18), (LABEL_SPACE + 16, 14))?;
        let lines = self.losses.iter().chain(&self.accuracies).zip(COLOURS.into_iter().cycle());
        draw_legend(&head, lines.map(|(series, colour)| (&*series.name, colour)))?;
        Ok(body)
    }
}

/// Draws each name beside a line in its colour, side by side below the title.
fn draw_legend<'a>(head: &Area<'_>, lines: impl Iterator<Item = (&'a str, RGBColor)>) -> Result<(), Box<dyn Error>> {
    let (mut x, y) = (LABEL_SPACE + 16, 50);
    for (name, colour) in lines {
        head.draw(&PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3)))?;
        head.draw_text(name, &text_style(14), (x + 30, y - 8))?;
        x += 60 + 8 * name.chars().count() as i32; // the text's approximate width
    }
    Ok(())
}

fn text_style(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().into()
}

/// The marks of a logarithmic axis: 1, 2 and 5 times each power of ten, or only the powers where there are many.
fn marks(from: f64, to: f64) -> Vec<f64> {
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let factors: &[f64] = if to / from > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = (first..=last).flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    all.filter(|mark| (from..=to).contains(mark)).collect()
}

fn is_loss(&(_, y): &(f64, f64)) -> bool {
    y > 0.0 && y.is_finite()
}

/// A number with at most six decimals, without trailing zeros.
fn number(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with its digits in groups of three.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(losses: &[(f64, f64)], accuracies: &[(f64, f64)]) -> Chart {
        let series = |name: &str, points: &[(f64, f64)]| Series { name: name.to_owned(), points: points.to_vec() };
        let accuracies = if accuracies.is_empty() { Vec::new() } else { vec![series("rights", accuracies)] };
        let losses = vec![series("costs", losses)];
        Chart { title: "a title".to_owned(), x: "samples".to_owned(), losses, accuracies }
    }

    #[test]
    fn a_chart_names_its_lines_and_has_an_accuracy_axis_only_for_accuracies() {
        let draw = |chart: Chart| {
            let mut text = String::new();
            chart.draw(&mut text).map(|()| text).expect("a chart")
        };
        let losses = [(1.0, 0.5), (2.0, 0.0), (3.0, f64::NAN), (4.0, 0.1)];
        let alone = draw(chart(&losses, &[]));
        assert!(alone.contains("a title") && alone.contains("costs") && alone.ends_with("</svg>\n"));
        assert!(!alone.contains("accuracy") && !alone.contains("NaN"));
        let both = draw(chart(&losses, &[(4.0, 0.95)]));
        assert!(both.contains("accuracy") && both.contains("rights"));
    }

    #[test]
    fn a_chart_of_nothing_is_refused_and_leaves_no_file() {
        let path = std::env::temp_dir().join(format!("wgrad-no-chart-{}.svg", std::process::id()));
        assert!(chart(&[(1.0, 0.0)], &[]).save(&path).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn a_logarithmic_axis_has_round_numbers() {
        assert_eq!(
            marks(0.04, 0.6).iter().map(|&mark| number(mark)).collect::<Vec<_>>(),
            ["0.05", "0.1", "0.2", "0.5"]
        );
        assert_eq!(marks(1e-5, 0.5).len(), 5);
        assert_eq!([thousands(0.0), thousands(999.0), thousands(1_234_567.0)], ["0", "999", "1,234,567"]);
    }
}
