//! Pictures to look at, as PNG files.

use std::error::Error;
use std::path::Path;

use image::{GrayImage, Luma};

use crate::digits::{Digits, PIXELS, SIDE};

/// Writes a picture, each pixel `enlarged` times as high and as wide.
pub fn write(path: &Path, picture: &[u8; PIXELS], enlarged: u32) -> Result<(), Box<dyn Error>> {
    let side = SIDE as u32 * enlarged;
    let picture = GrayImage::from_fn(side, side, |x, y| {
        let [x, y] = [x, y].map(|position| (position / enlarged) as usize);
        Luma([picture[y * SIDE + x]])
    });
    save(path, &picture)
}

/// Writes a sheet of the first digits, one row per class.
pub fn write_sheet(path: &Path, digits: &Digits) -> Result<(), Box<dyn Error>> {
    const COLUMNS: usize = 24;
    let mut sheet = GrayImage::new((COLUMNS * SIDE) as u32, (10 * SIDE) as u32);
    let mut columns = [0; 10];
    for (picture, label) in digits.iter() {
        let Some(column) = columns.get_mut(usize::from(label)).filter(|column| **column < COLUMNS) else { continue };
        let [left, top] = [*column * SIDE, usize::from(label) * SIDE];
        for (i, &byte) in picture.iter().enumerate() {
            sheet.put_pixel((left + i % SIDE) as u32, (top + i / SIDE) as u32, Luma([byte]));
        }
        *column += 1;
    }
    save(path, &sheet)
}

fn save(path: &Path, picture: &GrayImage) -> Result<(), Box<dyn Error>> {
    let saved = picture.save_with_format(path, image::ImageFormat::Png);
    saved.map_err(|error| format!("{}: {error}", path.display()).into())
}
