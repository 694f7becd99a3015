//! Pictures on the host: read and drawn.

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder};

/// A picture of red, green and blue from 0 to 1, as they are stored in a file: not light, but what the eye takes for even steps.
#[derive(Clone)]
pub struct Pixels {
    pub name: String,
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<f32>,
}

impl Pixels {
    /// Reads a PNG file. `check_size` may refuse its width and height, in words, before it takes any memory.
    ///
    /// # Errors
    /// For a file that cannot be read, is empty or no PNG; those of `check_size`.
    pub fn read(
        path: &Path,
        check_size: impl FnOnce([usize; 2]) -> Result<(), String>,
    ) -> Result<Self, Box<dyn Error>> {
        let refused = |reason: &dyn Display| format!("{} cannot be read as a picture: {reason}", path.display());
        let file = File::open(path).map_err(|error| refused(&error))?;
        let found = file.metadata().map_err(|error| refused(&error))?;
        if found.is_dir() {
            return Err(refused(&"it is a folder").into());
        }
        if found.len() == 0 && found.is_file() {
            return Err(refused(&"the file is empty").into());
        }
        let no_png = |error: image::ImageError| refused(&format_args!("it is not a whole PNG file ({error})"));
        let decoder = PngDecoder::new(BufReader::new(file)).map_err(no_png)?;
        let (width, height) = decoder.dimensions();
        let [width, height] = [width, height].map(|side| side as usize);
        check_size([width, height]).map_err(|reason| refused(&reason))?;
        let image = DynamicImage::from_decoder(decoder).map_err(no_png)?.into_rgb8();
        let rgb = image.as_raw().iter().map(|&byte| f32::from(byte) / 255.0).collect();
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
    fn what_is_no_picture_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drawn.png");
        let refused = |path: &Path| Pixels::read(path, |_| Ok(())).err().unwrap().to_string();
        assert!(refused(&path).contains("drawn.png cannot be read"));
        assert!(refused(folder.path()).contains("a folder"));
        std::fs::write(&path, "").unwrap();
        assert!(refused(&path).contains("the file is empty"));
        std::fs::write(&path, "no picture").unwrap();
        assert!(refused(&path).contains("not a whole PNG file"));
        image::RgbImage::new(31, 7).save_with_format(&path, image::ImageFormat::Png).unwrap();
        assert_eq!(Pixels::read(&path, |_| Ok(())).map(|read| (read.width, read.height)).unwrap(), (31, 7));
        let too_wide = |[width, height]: [usize; 2]| Err(format!("{width} by {height} is too wide"));
        let error = Pixels::read(&path, too_wide).err().unwrap().to_string();
        assert!(error.ends_with("drawn.png cannot be read as a picture: 31 by 7 is too wide"), "{error}");
        // Cut short: its header is whole, its pixels are not.
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        assert!(refused(&path).contains("not a whole PNG file"));
    }
}
