//! Pictures on the host: read and drawn.

use std::error::Error;
use std::fmt::Display;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

/// The formats that are read, if `image` was built with them.
const FORMATS: [(ImageFormat, &str); 2] = [(ImageFormat::Png, "PNG"), (ImageFormat::Jpeg, "JPEG")];

/// A picture of red, green and blue from 0 to 1, as they are stored in a file: not light, but what the eye takes for even steps.
#[derive(Clone)]
pub struct Pixels {
    pub name: String,
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<f32>,
}

impl Pixels {
    /// Reads a file's bytes, upright as the camera was held. `check_size` may refuse its width and height, in words, before it
    /// takes any memory.
    ///
    /// # Errors
    /// For bytes of no format that is read; those of `check_size`.
    pub fn read(
        name: &str,
        bytes: &[u8],
        check_size: impl FnOnce([usize; 2]) -> Result<(), String>,
    ) -> Result<Self, Box<dyn Error>> {
        let refused = |reason: &dyn Display| format!("{name} cannot be read as a picture: {reason}");
        if bytes.is_empty() {
            return Err(refused(&"the file is empty").into());
        }
        let formats = FORMATS.iter().filter(|(format, _)| format.reading_enabled()).map(|(_, name)| *name);
        let formats = formats.collect::<Vec<_>>().join(" or ");
        let no_picture = |error: &dyn Display| refused(&format_args!("it is not a whole {formats} file ({error})"));
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let mut decoder = reader.into_decoder().map_err(|error| no_picture(&error))?;
        let (width, height) = decoder.dimensions();
        check_size([width, height].map(|side| side as usize)).map_err(|reason| refused(&reason))?;
        let orientation = decoder.orientation().map_err(|error| no_picture(&error))?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(|error| no_picture(&error))?;
        image.apply_orientation(orientation);
        let image = image.into_rgb8();
        let [width, height] = [image.width(), image.height()].map(|side| side as usize);
        let rgb = image.as_raw().iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Ok(Pixels { name: name.to_owned(), width, height, rgb })
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
        let refused = |bytes: &[u8]| Pixels::read("a.png", bytes, |_| Ok(())).err().unwrap().to_string();
        assert_eq!(refused(b""), "a.png cannot be read as a picture: the file is empty");
        assert!(refused(b"no picture").contains("not a whole PNG"));
        let mut file = Cursor::new(Vec::new());
        image::RgbImage::new(31, 7).write_to(&mut file, ImageFormat::Png).unwrap();
        let bytes = file.into_inner();
        assert_eq!(Pixels::read("", &bytes, |_| Ok(())).map(|read| (read.width, read.height)).unwrap(), (31, 7));
        let too_wide = |[width, height]: [usize; 2]| Err(format!("{width} by {height} is too wide"));
        let error = Pixels::read("a.png", &bytes, too_wide).err().unwrap().to_string();
        assert_eq!(error, "a.png cannot be read as a picture: 31 by 7 is too wide");
        // Cut short: its header is whole, its pixels are not.
        assert!(refused(&bytes[..bytes.len() - 20]).contains("not a whole PNG"));
    }
}
