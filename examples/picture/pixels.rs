//! Pictures on the host: read, drawn, compared, written.

use std::error::Error;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use wgrad::Network;

/// The rows of pixels that the network is asked for at once.
const ROWS: usize = 128;

/// A picture of red, green and blue from 0 to 1, as they are stored in a file: not light, but what the eye takes for even steps.
#[derive(Clone)]
pub struct Pixels {
    pub name: String,
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<f32>,
}

impl Pixels {
    /// # Errors
    /// For a file that is no PNG.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let refused = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| refused(&error))?;
        let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png).map_err(|error| refused(&error))?;
        let image = image.to_rgb8();
        let rgb = image.as_raw().iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let (width, height) = (image.width() as usize, image.height() as usize);
        Ok(Pixels { name: path.display().to_string(), width, height, rgb })
    }

    /// A picture full of edges and fine structure: rings that become finer, a checkerboard, spokes, a fractal.
    pub fn draw(side: usize) -> Self {
        let pixel = |i: usize| {
            let [x, y] = [i % side, i / side].map(|place| (place as f32 + 0.5) / side as f32);
            match (x < 0.5, y < 0.5) {
                (true, true) => rings(x * 2.0, y * 2.0),
                (false, true) => checkers(x * 2.0 - 1.0, y * 2.0),
                (true, false) => spokes(x * 2.0, y * 2.0 - 1.0),
                (false, false) => fractal(x * 2.0 - 1.0, y * 2.0 - 1.0),
            }
        };
        Pixels { name: "drawn".to_owned(), width: side, height: side, rgb: (0..side * side).flat_map(pixel).collect() }
    }

    /// What a network has learned: its outputs at the pixels' centres, from 0 to 1.
    ///
    /// # Errors
    /// Those of the network.
    pub fn learned(&self, network: &Network) -> wgrad::Result<Self> {
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for first in (0..self.height).step_by(ROWS) {
            let rows = first..(first + ROWS).min(self.height);
            let centre = |place: usize, side: usize| (place as f32 + 0.5) / side as f32;
            let points = rows.flat_map(|y| (0..self.width).flat_map(move |x| [(x, self.width), (y, self.height)]));
            let points = points.map(|(place, side)| centre(place, side)).collect::<Vec<_>>();
            rgb.extend(network.predict(&points)?.into_iter().map(|value| value.clamp(0.0, 1.0)));
        }
        Ok(Pixels { name: "learned".to_owned(), rgb, ..*self })
    }

    /// The peak signal-to-noise ratio of another picture of the same size, in decibels.
    pub fn psnr(&self, other: &Self) -> f64 {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let squares = self.rgb.iter().zip(&other.rgb).map(square).sum::<f64>();
        -10.0 * (squares / self.rgb.len() as f64).log10()
    }

    /// What is wrong with another picture: four times the absolute differences.
    pub fn error(&self, other: &Self) -> Self {
        let difference = |(a, b): (&f32, &f32)| (4.0 * (a - b).abs()).min(1.0);
        Pixels { name: "error".to_owned(), rgb: self.rgb.iter().zip(&other.rgb).map(difference).collect(), ..*self }
    }

    /// Pictures of the same size, side by side.
    pub fn side_by_side(pictures: &[Self]) -> Self {
        let (width, height) = pictures.first().map_or((0, 0), |first| (first.width, first.height));
        let row = |y: usize| pictures.iter().flat_map(move |picture| &picture.rgb[3 * y * width..][..3 * width]);
        let rgb = (0..height).flat_map(row).copied().collect();
        Pixels { name: "strip".to_owned(), width: width * pictures.len(), height, rgb }
    }

    fn image(&self) -> RgbImage {
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let first = 3 * (y as usize * self.width + x as usize);
            Rgb([0, 1, 2].map(|channel| (self.rgb[first + channel] * 255.0).round() as u8))
        })
    }

    /// The size of the picture as a PNG file.
    ///
    /// # Errors
    /// For a picture that PNG cannot hold.
    pub fn png_bytes(&self) -> Result<usize, Box<dyn Error>> {
        let mut bytes = Cursor::new(Vec::new());
        self.image().write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner().len())
    }

    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        self.image()
            .save_with_format(path, ImageFormat::Png)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(())
    }
}

/// Rings that become finer outwards, up to two pixels each.
fn rings(x: f32, y: f32) -> [f32; 3] {
    let square = x * x + y * y;
    let wave = 0.5 + 0.5 * (100.0 * square).sin();
    [wave, wave * (1.0 - 0.5 * x), 1.0 - wave * y]
}

/// A checkerboard in the colours of a slope.
fn checkers(x: f32, y: f32) -> [f32; 3] {
    let is_dark = ((x * 12.0) as u32 + (y * 12.0) as u32).is_multiple_of(2);
    if is_dark { [0.1, 0.1, 0.2] } else { [0.9 - 0.6 * y, 0.5 + 0.4 * x, 0.3 + 0.5 * y] }
}

/// Spokes with sharp edges, and a disc.
fn spokes(x: f32, y: f32) -> [f32; 3] {
    let (x, y) = (x - 0.5, y - 0.5);
    let is_bright = (y.atan2(x) * 18.0).sin() > 0.0;
    match x.hypot(y) {
        radius if radius < 0.08 => [0.9, 0.2, 0.15],
        radius if radius > 0.48 => [0.15, 0.3, 0.35],
        _ if is_bright => [0.95, 0.9, 0.75],
        _ => [0.2, 0.25, 0.5],
    }
}

/// A Julia set, coloured by how fast points escape.
fn fractal(x: f32, y: f32) -> [f32; 3] {
    let (mut a, mut b) = (3.0 * x - 1.5, 3.0 * y - 1.5);
    let mut steps = 0;
    while steps < 96 && a * a + b * b < 16.0 {
        (a, b) = (a * a - b * b - 0.74, 2.0 * a * b + 0.13);
        steps += 1;
    }
    let speed = (steps as f32 / 96.0).sqrt();
    [speed, speed * speed, 0.3 + 0.5 * (1.0 - speed)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_survives_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drawn.png");
        let drawn = Pixels::draw(48);
        drawn.write(&path).unwrap();
        let read = Pixels::read(&path).unwrap();
        assert_eq!((read.width, read.height), (48, 48));
        // Rounded to 8 bits: 1 / 255 / √12.
        assert!((drawn.psnr(&read) - 58.9).abs() < 1.5, "{}", drawn.psnr(&read));
        assert!(Pixels::read(&folder.path().join("none.png")).is_err());
        std::fs::write(&path, "no picture").unwrap();
        let error = Pixels::read(&path).err().unwrap().to_string();
        assert!(error.contains("drawn.png cannot be read"), "{error}");
    }

    #[test]
    fn errors_are_differences_and_pictures_stand_side_by_side() {
        let black = Pixels { name: String::new(), width: 2, height: 1, rgb: vec![0.0; 6] };
        let gray = Pixels { rgb: vec![0.1; 6], ..black.clone() };
        assert!((black.psnr(&gray) - 20.0).abs() < 1e-6);
        assert!(black.error(&gray).rgb.iter().all(|value| (value - 0.4).abs() < 1e-6));
        let strip = Pixels::side_by_side(&[black, gray]);
        assert_eq!((strip.width, strip.height, &strip.rgb[3..9]), (4, 1, &[0.0, 0.0, 0.0, 0.1, 0.1, 0.1][..]));
    }
}
