//! Pictures in PNG files: one that moves (APNG), and one that does not.
//!
//! A palette, and of each frame only what is new, make the file a tenth as large as it would be otherwise.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

/// Frames a second.
const RATE: u16 = 20;

/// Seconds for which the last frame is held.
const HOLD: u16 = 3;

/// Red, green, blue and how opaque.
pub type Colour = [u8; 4];

const TRANSPARENT: Colour = [0; 4];

/// The colours of a palette, beside none at all.
const MOST_COLOURS: usize = 255;

/// Frames of one size, each row after row.
pub struct Movie {
    width: u32,
    height: u32,
    frames: Vec<Vec<Colour>>,
}

impl Movie {
    pub fn new(width: u32, height: u32) -> Self {
        Movie { width, height, frames: Vec::new() }
    }

    pub fn push(&mut self, frame: Vec<Colour>) {
        self.frames.push(frame);
    }

    /// Writes all frames to one file, and the last to another; each whole or not at all.
    pub fn save(&self, moving: &Path, still: &Path) -> Result<(), Box<dyn Error>> {
        let last = &self.frames[self.frames.len().saturating_sub(1)..];
        save(moving, &self.encode(&self.frames)?)?;
        save(still, &self.encode(last)?)
    }

    fn encode(&self, frames: &[Vec<Colour>]) -> Result<Vec<u8>, Box<dyn Error>> {
        let palette = Palette::new(frames);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette.colours.iter().flat_map(|colour| &colour[..3]).copied().collect::<Vec<_>>());
        encoder.set_trns(&TRANSPARENT[3..]);
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        encoder.validate_sequence(true);
        let moves = frames.len() > 1;
        if moves {
            encoder.set_animated(frames.len() as u32, 0)?;
            encoder.set_frame_delay(1, RATE)?;
            encoder.set_blend_op(png::BlendOp::Over)?;
        }
        let mut writer = encoder.write_header()?;
        let mut before = vec![0; self.width as usize * self.height as usize];
        for (i, frame) in frames.iter().enumerate() {
            if moves && i + 1 == frames.len() {
                writer.set_frame_delay(HOLD, 1)?;
            }
            let frame = palette.indices(frame);
            writer.write_image_data(&news(&before, &frame))?;
            before = frame;
        }
        writer.finish()?;
        Ok(bytes)
    }
}

/// The colours of frames; the first of them is none.
struct Palette {
    colours: Vec<Colour>,
    indices: HashMap<Colour, u8>,
}

impl Palette {
    /// The colours that are most often seen. For others, the nearest of them stands in.
    fn new(frames: &[Vec<Colour>]) -> Self {
        let mut counts = HashMap::<Colour, u64>::new();
        for pixel in frames.iter().flatten() {
            *counts.entry(*pixel).or_default() += 1;
        }
        counts.remove(&TRANSPARENT);
        let mut seen = counts.into_iter().collect::<Vec<_>>();
        seen.sort_by_key(|&(colour, count)| (Reverse(count), colour));
        let kept = seen.iter().map(|&(colour, _)| colour).take(MOST_COLOURS).collect::<Vec<_>>();
        let nearest = |colour: Colour| {
            let distances = kept.iter().map(|&other| distance(colour, other));
            distances.zip(1..=u8::MAX).min().map_or(0, |(_, index)| index)
        };
        let indices = seen.iter().map(|&(colour, _)| (colour, nearest(colour))).collect();
        Palette { colours: [vec![TRANSPARENT], kept].concat(), indices }
    }

    fn indices(&self, frame: &[Colour]) -> Vec<u8> {
        frame.iter().map(|colour| self.indices.get(colour).copied().unwrap_or(0)).collect()
    }
}

/// What a frame has that the one before had not. The rest is transparent, and shows what was there.
fn news(before: &[u8], frame: &[u8]) -> Vec<u8> {
    before.iter().zip(frame).map(|(before, now)| if before == now { 0 } else { *now }).collect()
}

/// As a square.
fn distance(a: Colour, b: Colour) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// Writes a new file beside it, which then takes its place.
fn save(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let part = path.with_extension("part");
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        _ = std::fs::remove_file(&part);
        format!("{}: {error}", path.display()).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUE: Colour = [20, 80, 160, 255];
    const ORANGE: Colour = [220, 110, 10, 255];

    /// What a viewer shows of each frame, one over the other, and for how long.
    fn played(bytes: &[u8]) -> Vec<(Vec<Colour>, [u16; 2])> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a header");
        let frames = reader.info().animation_control.map_or(1, |animation| animation.num_frames);
        let mut canvas = vec![TRANSPARENT; reader.info().width as usize * reader.info().height as usize];
        let mut next = || {
            let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
            reader.next_frame(&mut pixels).expect("a frame");
            let news = bytemuck::cast_slice::<u8, Colour>(&pixels);
            canvas.iter_mut().zip(news).filter(|(_, new)| new[3] > 0).for_each(|(old, new)| *old = *new);
            let control = reader.info().frame_control;
            (canvas.clone(), control.map_or([0, 1], |control| [control.delay_num, control.delay_den]))
        };
        (0..frames).map(|_| next()).collect()
    }

    fn movie(frames: &[[Colour; 4]]) -> Movie {
        Movie { width: 2, height: 2, frames: frames.iter().map(|frame| frame.to_vec()).collect() }
    }

    #[test]
    fn frames_are_shown_as_they_were_and_the_last_is_held() {
        let frames = [
            [BLUE, BLUE, TRANSPARENT, BLUE],
            [BLUE, ORANGE, TRANSPARENT, BLUE],
            [BLUE, BLUE, TRANSPARENT, BLUE],
            [BLUE, BLUE, TRANSPARENT, BLUE],
        ];
        let movie = movie(&frames);
        let played = played(&movie.encode(&movie.frames).expect("frames"));
        assert_eq!(played.len(), 4);
        for ((pixels, delay), (i, frame)) in played.iter().zip(frames.iter().enumerate()) {
            assert_eq!(pixels, frame, "frame {i}");
            assert_eq!(*delay, if i == 3 { [HOLD, 1] } else { [1, RATE] });
        }
    }

    #[test]
    fn what_was_there_already_is_not_written_again() {
        assert_eq!(news(&[0, 1, 2, 3], &[0, 1, 3, 2]), [0, 0, 3, 2]);
    }

    #[test]
    fn colours_that_are_too_many_are_taken_for_the_nearest() {
        let colour = |i: u32| [(i % 256) as u8, (i / 256 * 100) as u8, 0, 255];
        let frames = (0..75).map(|i| [0, 1, 2, 3].map(|pixel| colour(4 * i + pixel))).collect::<Vec<_>>();
        let frames = movie(&frames).frames;
        let palette = Palette::new(&frames);
        assert_eq!((palette.colours.len(), palette.indices.len()), (256, 300));
        let away = palette.indices.iter().map(|(&colour, &index)| distance(colour, palette.colours[index as usize]));
        let away = away.collect::<Vec<_>>();
        assert_eq!(away.iter().filter(|away| **away == 0).count(), 255);
        assert!(away.iter().all(|away| *away <= 45 * 45), "{away:?}");
    }

    #[test]
    fn one_frame_does_not_move() {
        let movie = movie(&[[BLUE, ORANGE, TRANSPARENT, BLUE]]);
        let bytes = movie.encode(&movie.frames).expect("a frame");
        let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a header");
        assert!(reader.info().animation_control.is_none());
        assert_eq!(played(&bytes)[0].0, movie.frames[0]);
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("picture.png");
        save(&path, b"old").expect("a file");
        save(&path, b"new").expect("a file");
        assert_eq!(std::fs::read(&path).expect("the file"), b"new");
        // A folder cannot be replaced.
        let error = save(folder.path(), b"new").expect_err("a folder");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
        assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 1);
    }
}
