//! Pictures as PNG files: the user's digits, made to look like MNIST's, and pictures to look at.

use std::error::Error;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageReader, Luma};

use crate::digits::{Digits, PIXELS, SIDE};

/// MNIST's digits are scaled into a square of this side, which is then placed in the picture.
const BOX: u32 = 20;

/// Ink fainter than this, where the strongest is 255, is the paper's grain. Also the least difference from the paper's
/// grey that counts as ink.
const GRAIN: u8 = 48;

/// The user's digit from a file.
pub fn read_own(path: &Path) -> Result<[u8; PIXELS], Box<dyn Error>> {
    let read = || ImageReader::open(path)?.with_guessed_format()?.decode();
    let picture = read().map_err(|error| format!("{}: {error}", path.display()))?;
    prepare(&on_white(&picture)).ok_or_else(|| format!("{}: nothing is drawn on it", path.display()).into())
}

/// The picture in grey, on white where it is transparent.
fn on_white(picture: &DynamicImage) -> GrayImage {
    let picture = picture.to_luma_alpha8();
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [grey, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Luma([((grey * alpha + 255 * (255 - alpha)) / 255) as u8])
    })
}

/// Makes a picture of any size look like MNIST's: light on dark, cropped to the ink, scaled into 20×20 pixels keeping
/// its aspect ratio, its centre of mass in the middle of 28×28. `None` for an empty picture.
pub fn prepare(picture: &GrayImage) -> Option<[u8; PIXELS]> {
    let ink = light_on_dark(picture)?;
    let inked = ink.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] > 0).map(|(x, y, _)| [x, y]);
    let [left, top] = inked.clone().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1])])?;
    let [right, bottom] = inked.reduce(|a, b| [a[0].max(b[0]), a[1].max(b[1])])?;
    let [width, height] = [right - left + 1, bottom - top + 1];
    let cropped = imageops::crop_imm(&ink, left, top, width, height).to_image();

    let scale = f64::from(BOX) / f64::from(width.max(height));
    let [width, height] = [width, height].map(|side| (f64::from(side) * scale).round().max(1.0) as u32);
    // Scaling down makes thin strokes pale: they are made as light as MNIST's.
    let scaled = stretch(&imageops::resize(&cropped, width, height, FilterType::Triangle));

    let [centre_x, centre_y] = centre_of_mass(&scaled)?;
    // The digit must stay inside the picture, even if it is then off centre.
    let place = |centre: f64, side: u32| (SIDE as f64 / 2.0 - centre).round().clamp(0.0, f64::from(SIDE as u32 - side));
    let [left, top] = [place(centre_x, width) as u32, place(centre_y, height) as u32];
    let mut prepared = [0; PIXELS];
    for (x, y, pixel) in scaled.enumerate_pixels() {
        prepared[(top + y) as usize * SIDE + (left + x) as usize] = pixel.0[0];
    }
    Some(prepared)
}

/// The ink: each pixel's difference from the paper, the strongest 255. The paper's grey is the median of the border;
/// the ink is darker or lighter, whichever differs most. `None` if there is no ink.
fn light_on_dark(picture: &GrayImage) -> Option<GrayImage> {
    let (width, height) = picture.dimensions();
    let is_border = |x, y| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let border = picture.enumerate_pixels().filter(|&(x, y, _)| is_border(x, y));
    let mut border = border.map(|(.., pixel)| pixel.0[0]).collect::<Vec<_>>();
    border.sort_unstable();
    let paper = *border.get(border.len() / 2)?;
    let [darkest, lightest] = [picture.iter().min()?, picture.iter().max()?];
    let is_dark_on_light = paper - darkest > lightest - paper;
    let mut ink = picture.clone();
    for byte in ink.iter_mut() {
        *byte = if is_dark_on_light { paper.saturating_sub(*byte) } else { byte.saturating_sub(paper) };
    }
    if ink.iter().all(|&byte| byte < GRAIN) {
        return None;
    }
    let mut ink = stretch(&ink);
    ink.iter_mut().filter(|byte| **byte < GRAIN).for_each(|byte| *byte = 0);
    Some(ink)
}

/// Makes the lightest 255.
fn stretch(picture: &GrayImage) -> GrayImage {
    let lightest = u32::from(picture.iter().copied().max().unwrap_or(0)).max(1);
    let mut picture = picture.clone();
    picture.iter_mut().for_each(|byte| *byte = (u32::from(*byte) * 255 / lightest) as u8);
    picture
}

/// In pixels from the left and from the top. `None` for a dark picture.
fn centre_of_mass(picture: &GrayImage) -> Option<[f64; 2]> {
    let (mut sum, mut mass) = ([0.0; 2], 0.0);
    for (x, y, pixel) in picture.enumerate_pixels() {
        let light = f64::from(pixel.0[0]);
        mass += light;
        sum = [sum[0] + light * (f64::from(x) + 0.5), sum[1] + light * (f64::from(y) + 0.5)];
    }
    (mass > 0.0).then(|| sum.map(|sum| sum / mass))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A seven in dark ink on light paper, tall and narrow, in a corner of a large picture.
    fn seven() -> GrayImage {
        GrayImage::from_fn(300, 200, |x, y| {
            let top = (20..60).contains(&x) && (110..118).contains(&y);
            let stem = (52..60).contains(&x) && (110..190).contains(&y);
            Luma([if top || stem { 40 } else { 230 }])
        })
    }

    fn mass_centre(prepared: &[u8; PIXELS]) -> [f64; 2] {
        let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, prepared.to_vec()).expect("28×28 bytes");
        centre_of_mass(&picture).expect("some ink")
    }

    fn inked_rows(prepared: &[u8; PIXELS]) -> usize {
        prepared.chunks_exact(SIDE).filter(|row| row.iter().any(|&byte| byte > 0)).count()
    }

    fn inked_columns(prepared: &[u8; PIXELS]) -> usize {
        (0..SIDE).filter(|x| prepared.iter().skip(*x).step_by(SIDE).any(|&byte| byte > 0)).count()
    }

    #[test]
    fn a_prepared_picture_is_light_on_dark_centred_and_20_pixels_high() {
        let prepared = prepare(&seven()).expect("some ink");
        for centre in mass_centre(&prepared) {
            assert!((centre - 14.0).abs() <= 0.5, "{centre}");
        }
        assert_eq!(prepared[0], 0);
        assert_eq!(prepared.iter().max(), Some(&255));
        // From a height of 80 pixels and a width of 40.
        assert_eq!(inked_rows(&prepared), 20);
        assert_eq!(inked_columns(&prepared), 10);
    }

    #[test]
    fn light_ink_on_a_dark_ground_gives_the_same_picture() {
        let mut inverted = seven();
        imageops::invert(&mut inverted);
        assert_eq!(prepare(&inverted), prepare(&seven()));
    }

    #[test]
    fn transparent_paper_is_white() {
        let dark = image::ImageBuffer::from_fn(300, 200, |x, y| {
            image::LumaA(if seven().get_pixel(x, y).0[0] < 128 { [0u8, 255] } else { [0, 0] })
        });
        let prepared = prepare(&on_white(&DynamicImage::ImageLumaA8(dark))).expect("some ink");
        assert_eq!(prepared, prepare(&seven()).expect("some ink"));
    }

    #[test]
    fn an_empty_picture_is_refused() {
        assert_eq!(prepare(&GrayImage::from_pixel(50, 50, Luma([200]))), None);
        assert_eq!(prepare(&GrayImage::new(0, 0)), None);
        // The paper's grain is not a digit either.
        let grain = GrayImage::from_fn(50, 50, |x, y| Luma([190 + ((x * 7 + y * 13) % 20) as u8]));
        assert_eq!(prepare(&grain), None);
    }

    #[test]
    fn a_heavy_edge_stays_in_the_picture() {
        // A thick bar with a thin line far to its side.
        let picture = GrayImage::from_fn(120, 120, |x, y| {
            Luma([if x >= 10 && (x < 30 || (x < 110 && y == 60)) && (10..110).contains(&y) { 0 } else { 255 }])
        });
        let prepared = prepare(&picture).expect("some ink");
        assert_eq!(inked_columns(&prepared), 20);
    }
}
