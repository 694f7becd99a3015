//! Pictures as PNG files: an animated one (APNG) and a still one.
//!
//! A palette, and storing only the changed pixels of each frame, make the file a tenth as large.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

/// Frames per second.
const RATE: u16 = 20;

/// The seconds for which the last frame is shown.
const HOLD: u16 = 3;

/// Red, green, blue, alpha.
pub type Colour = [u8; 4];

const TRANSPARENT: Colour = [0; 4];

/// The most colours of a palette, besides transparent.
const MOST_COLOURS: usize = 255;

/// Frames of one size, each stored row by row.
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

    /// Writes all frames to one file and the last to another, each completely or not at all. Where animations are not shown,
    /// the first file shows the last frame too.
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
            encoder.set_sep_def_img(true)?;
            encoder.set_frame_delay(1, RATE)?;
            encoder.set_blend_op(png::BlendOp::Over)?;
        }
        let mut writer = encoder.write_header()?;
        if let Some(last) = frames.last().filter(|_| moves) {
            writer.write_image_data(&palette.indices(last))?;
        }
        let mut before = vec![0; self.width as usize * self.height as usize];
        for (i, frame) in frames.iter().enumerate() {
            if moves && i + 1 == frames.len() {
                writer.set_frame_delay(HOLD, 1)?;
            }
            let frame = palette.indices(frame);
            writer.write_image_data(&changes(&before, &frame))?;
            before = frame;
        }
        writer.finish()?;
        Ok(bytes)
    }
}

/// The colours of frames; index 0 is transparent.
struct Palette {
    colours: Vec<Colour>,
    indices: HashMap<Colour, u8>,
}

impl Palette {
    /// The most frequent colours. Each other colour is replaced by the nearest of them.
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

/// The pixels of a frame that differ from the frame before. The others are transparent, and show the frame before.
fn changes(before: &[u8], frame: &[u8]) -> Vec<u8> {
    before.iter().zip(frame).map(|(before, now)| if before == now { 0 } else { *now }).collect()
}

/// The squared distance.
fn distance(a: Colour, b: Colour) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// Writes a new file beside the old one, then replaces it.
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

    /// What a viewer shows for each frame, and for how long; what one shows that knows no animations comes before them.
    fn played(bytes: &[u8]) -> Vec<(Vec<Colour>, [u16; 2])> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a header");
        let frames = reader.info().animation_control.map_or(1, |animation| 1 + animation.num_frames);
        let mut canvas = vec![TRANSPARENT; reader.info().width as usize * reader.info().height as usize];
        let mut next = || {
            let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
            reader.next_frame(&mut pixels).expect("a frame");
            let changes = bytemuck::cast_slice::<u8, Colour>(&pixels);
            if reader.info().frame_control.is_none() {
                return (changes.to_vec(), [0, 1]);
            }
            canvas.iter_mut().zip(changes).filter(|(_, new)| new[3] > 0).for_each(|(old, new)| *old = *new);
            let control = reader.info().frame_control.expect("a frame of an animation");
            (canvas.clone(), [control.delay_num, control.delay_den])
        };
        (0..frames).map(|_| next()).collect()
    }

    fn movie(frames: &[[Colour; 4]]) -> Movie {
        Movie { width: 2, height: 2, frames: frames.iter().map(|frame| frame.to_vec()).collect() }
    }

    #[test]
    fn frames_are_shown_unchanged_and_the_last_is_held() {
        let frames = [
            [BLUE, BLUE, TRANSPARENT, BLUE],
            [BLUE, ORANGE, TRANSPARENT, BLUE],
            [BLUE, BLUE, TRANSPARENT, BLUE],
            [BLUE, BLUE, TRANSPARENT, BLUE],
        ];
        let movie = movie(&frames);
        let shown = played(&movie.encode(&movie.frames).expect("frames"));
        let (still, played) = shown.split_first().expect("frames");
        assert_eq!((&*still.0, played.len()), (&frames[3][..], 4));
        for ((pixels, delay), (i, frame)) in played.iter().zip(frames.iter().enumerate()) {
            assert_eq!(pixels, frame, "frame {i}");
            assert_eq!(*delay, if i == 3 { [HOLD, 1] } else { [1, RATE] });
        }
    }

    #[test]
    fn unchanged_pixels_are_not_written_again() {
        assert_eq!(changes(&[0, 1, 2, 3], &[0, 1, 3, 2]), [0, 0, 3, 2]);
    }

    #[test]
    fn colours_beyond_the_palette_become_the_nearest() {
        let colour = |i: u32| [(i % 256) as u8, (i / 256 * 100) as u8, 0, 255];
        let frames = (0..75).map(|i| [0, 1, 2, 3].map(|pixel| colour(4 * i + pixel))).collect::<Vec<_>>();
        let frames = movie(&frames).frames;
        let palette = Palette::new(&frames);
        assert_eq!((palette.colours.len(), palette.indices.len()), (256, 300));
        let distances =
            palette.indices.iter().map(|(&colour, &index)| distance(colour, palette.colours[index as usize]));
        let distances = distances.collect::<Vec<_>>();
        assert_eq!(distances.iter().filter(|distance| **distance == 0).count(), 255);
        assert!(distances.iter().all(|distance| *distance <= 45 * 45), "{distances:?}");
    }

    #[test]
    fn one_frame_is_not_animated() {
        let movie = movie(&[[BLUE, ORANGE, TRANSPARENT, BLUE]]);
        let bytes = movie.encode(&movie.frames).expect("a frame");
        let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a header");
        assert!(reader.info().animation_control.is_none());
        assert_eq!(played(&bytes)[0].0, movie.frames[0]);
    }

    #[test]
    fn a_file_is_written_completely_or_not_at_all() {
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
