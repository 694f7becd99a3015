//! The user's own digits: any picture of one, made to look like MNIST's.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageReader};

use crate::digits::{PIXELS, SIDE};
use crate::ink::{Grey, Ink};
use crate::part::Part;
use crate::sheet;

/// MNIST's digits are scaled into a square of this side, which is then placed in the picture.
const BOX: u32 = 20;

/// Larger pictures are made smaller first.
const LONGEST_SIDE: u32 = 1024;

/// Noise of dark pictures reaches this, in 8 bits and in 16. Many pictures of 16 bits use only the lowest 12, or 10.
const LEAST_CONTRAST: [u16; 2] = [16 * 257, 64];

/// The user's digit.
#[derive(Debug, PartialEq)]
pub struct Own {
    /// Light on dark, as MNIST's.
    pub picture: [u8; PIXELS],
    /// How it was found, and why it may not be what was meant; empty if there is nothing to say.
    pub remarks: String,
}

/// The user's digit from a file.
pub fn read(path: &Path) -> Result<Own, String> {
    let picture =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| error.to_string())?;
    let picture = picture.decode().map_err(|error| error.to_string())?;
    prepare(&picture).ok_or_else(|| "nothing is drawn on it that stands out from its paper".to_owned())
}

/// Makes a picture of any size look like MNIST's: light on dark, cropped to the ink, scaled into 20×20 pixels keeping
/// its aspect ratio, its centre of mass in the middle of 28×28. `None` for an empty picture.
pub fn prepare(picture: &DynamicImage) -> Option<Own> {
    let (grey, mut part) = visible(picture)?;
    let mut remarks = String::new();
    while let Some(sheet) = sheet::within(&grey, &part) {
        part = sheet;
        remarks = "; read within its frame".to_owned();
    }
    let ink = grey.ink(&part)?;
    if !ink.doubts.is_empty() {
        remarks += &format!("; doubtful: {}", ink.doubts.join(", "));
    }
    Some(Own { picture: centred(&grey, &ink)?, remarks })
}

/// The picture in one channel, and the part of it that is to be seen: its greys; or its opacity, if that makes the
/// drawing. `None` if nothing is to be seen.
fn visible(picture: &DynamicImage) -> Option<(Grey, Part)> {
    let color = picture.color();
    let least_contrast = LEAST_CONTRAST[usize::from(color.bytes_per_pixel() > color.channel_count())];
    let picture = match picture.width().max(picture.height()) {
        ..=LONGEST_SIDE => picture.to_rgba16(),
        _ => picture.thumbnail(LONGEST_SIDE, LONGEST_SIDE).to_rgba16(),
    };
    let [width, height] = [picture.width(), picture.height()].map(|side| side as usize);
    let channel = |values| Grey { width, height, values, least_contrast };

    let opacities = picture.pixels().map(|pixel| pixel.0[3]).collect::<Vec<_>>();
    let [least, most] = [*opacities.iter().min()?, *opacities.iter().max()?];
    let opaque = Part::new(width, height, |pixel| opacities[pixel] > most / 2);
    let grey = channel(greys(&picture.pixels().map(|pixel| pixel.0).collect::<Vec<_>>(), &opaque));
    if opaque.area() == 0 {
        None
    } else if u32::from(least) * 10 > u32::from(most) * 9 || grey.levels_of_sheet(&opaque).is_some() {
        Some((grey, opaque))
    } else {
        let opacity = channel(opacities);
        let whole = opacity.whole();
        Some((opacity, whole))
    }
}

/// The luma of a picture's pixels; or their red, green or blue, if that varies more than twice as much in the part: yellow
/// is about as light as white, but not as blue.
fn greys(pixels: &[[u16; 4]], part: &Part) -> Vec<u16> {
    let luma = |[red, green, blue, _]: [u16; 4]| {
        ((2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue)) / 10_000) as u16
    };
    let channels: [&dyn Fn([u16; 4]) -> u16; 4] = [&luma, &|pixel| pixel[0], &|pixel| pixel[1], &|pixel| pixel[2]];
    let variance = |channel: &dyn Fn([u16; 4]) -> u16| {
        let values = || part.pixels().map(|pixel| f64::from(channel(pixels[pixel])));
        let mean = values().sum::<f64>() / part.area() as f64;
        values().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let [of_luma, of_colours @ ..] = channels.map(variance);
    let most = (0..3).max_by(|&a, &b| of_colours[a].total_cmp(&of_colours[b])).unwrap_or(0);
    let chosen = if of_colours[most] > 2.0 * of_luma { channels[1 + most] } else { channels[0] };
    pixels.iter().map(|&pixel| chosen(pixel)).collect()
}

/// The ink, scaled and placed as MNIST's digits are.
fn centred(grey: &Grey, ink: &Ink) -> Option<[u8; PIXELS]> {
    let picture = GrayImage::from_raw(grey.width as u32, grey.height as u32, ink.strengths.clone())?;
    let [left, top, right, bottom] = ink.bounds.map(|place| place as u32);
    let [width, height] = [right - left + 1, bottom - top + 1];
    let cropped = imageops::crop_imm(&picture, left, top, width, height).to_image();

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

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
