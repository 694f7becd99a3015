//! Pictures on the host: compared and written.

use std::error::Error;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use wgrad::Network;

// Not in `common/mod.rs`: it needs a crate that not all have that use that.
#[path = "../common/pixels.rs"]
mod stored;

pub use stored::Pixels;

/// The rows of pixels that the network is asked for at once.
const ROWS: usize = 128;

impl Pixels {
    /// Reads a file.
    ///
    /// # Errors
    /// For a file that cannot be read; those of [`Pixels::read`].
    pub fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Pixels::read(&path.display().to_string(), &bytes, |_| Ok(()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_survives_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drawn.png");
        let drawn = Pixels::draw(48);
        drawn.write(&path).unwrap();
        let read = Pixels::open(&path).unwrap();
        assert_eq!((read.width, read.height), (48, 48));
        // Rounded to 8 bits: 1 / 255 / √12.
        assert!((drawn.psnr(&read) - 58.9).abs() < 1.5, "{}", drawn.psnr(&read));
        for nothing in [folder.path(), &folder.path().join("none.png")] {
            let error = Pixels::open(nothing).err().unwrap().to_string();
            assert!(error.starts_with(&format!("{} cannot be read: ", nothing.display())), "{error}");
        }
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
