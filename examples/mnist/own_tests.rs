//! Pictures of digits as people have them.

use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};

use super::*;
use crate::strokes;

const WIDTH: u32 = 300;
const HEIGHT: u32 = 200;

/// A seven, tall and narrow, in a corner of a large picture.
fn is_seven(x: u32, y: u32) -> bool {
    let top = (40..80).contains(&x) && (70..78).contains(&y);
    let stem = (72..80).contains(&x) && (70..150).contains(&y);
    top || stem
}

/// A ring, higher than wide: a zero by a thick pen.
fn is_zero(x: u32, y: u32) -> bool {
    let from_middle =
        |width: f64, height: f64| ((f64::from(x) - 150.0) / width).powi(2) + ((f64::from(y) - 100.0) / height).powi(2);
    from_middle(70.0, 95.0) < 1.0 && from_middle(45.0, 68.0) > 1.0
}

fn grey(value: impl Fn(u32, u32) -> u8) -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([value(x, y)])).into()
}

fn grey_16(value: impl Fn(u32, u32) -> u16) -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([value(x, y)])).into()
}

fn transparent(value: impl Fn(u32, u32) -> [u8; 4]) -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgba(value(x, y))).into()
}

fn coloured(ink: [u8; 3], paper: [u8; 3]) -> DynamicImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb(if is_seven(x, y) { ink } else { paper })).into()
}

/// What is read of a clean picture.
fn clean(is_ink: impl Fn(u32, u32) -> bool) -> [u8; PIXELS] {
    let own = prepare(&grey(|x, y| if is_ink(x, y) { 40 } else { 230 })).expect("some ink");
    assert_eq!(own.remarks, "");
    own.picture
}

/// Fails unless the seven is read of a picture as of a clean one, with nothing to remark on.
fn assert_seven(picture: &DynamicImage, what: &str) {
    assert_read(picture, what, "");
}

fn assert_read(picture: &DynamicImage, what: &str, remarks: &str) {
    let own = prepare(picture).unwrap_or_else(|| panic!("{what}: no ink"));
    assert_eq!(own.remarks, remarks, "{what}");
    assert!(own.picture == clean(is_seven), "{what}:\n{}", drawn(&own.picture));
}

fn drawn(picture: &[u8; PIXELS]) -> String {
    let row = |row: &[u8]| row.iter().map(|byte| [' ', '.', 'o', '#'][usize::from(byte / 64)]).collect::<String>();
    picture.chunks_exact(SIDE).map(row).collect::<Vec<_>>().join("\n")
}

fn inked_rows(prepared: &[u8; PIXELS]) -> usize {
    prepared.chunks_exact(SIDE).filter(|row| row.iter().any(|&byte| byte > 0)).count()
}

fn inked_columns(prepared: &[u8; PIXELS]) -> usize {
    (0..SIDE).filter(|x| prepared.iter().skip(*x).step_by(SIDE).any(|&byte| byte > 0)).count()
}

#[test]
fn a_prepared_picture_is_light_on_dark_centred_and_20_pixels_high() {
    let prepared = clean(is_seven);
    let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, prepared.to_vec()).expect("28×28 bytes");
    for centre in centre_of_mass(&picture).expect("some ink") {
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
    assert_seven(&grey(|x, y| if is_seven(x, y) { 215 } else { 25 }), "light on dark");
}

#[test]
fn a_heavy_edge_stays_in_the_picture() {
    // A thick bar with a thin line far to its side.
    let is_ink = |x: u32, y: u32| x >= 10 && (x < 30 || (x < 110 && y == 60)) && (10..110).contains(&y);
    assert_eq!(inked_columns(&clean(is_ink)), 20);
}

#[test]
fn ink_of_any_colour_is_read_on_transparent_paper() {
    for ink in [[0; 3], [255; 3], [128; 3], [255, 0, 0], [255, 255, 0]] {
        for hidden in [0, 255] {
            let [red, green, blue] = ink;
            let pixel = |x, y| if is_seven(x, y) { [red, green, blue, 255] } else { [hidden, hidden, hidden, 0] };
            assert_seven(&transparent(pixel), &format!("{ink:?}, {hidden} under the paper"));
            let pale = |x, y| if is_seven(x, y) { [red, green, blue, 120] } else { [hidden, hidden, hidden, 0] };
            assert_seven(&transparent(pale), &format!("pale {ink:?}, {hidden} under the paper"));
        }
        // Ink whose colour changes along the stroke.
        let shaded =
            |x: u32, y: u32| [(ink[0] / 2).wrapping_add(x as u8), y as u8, 90, if is_seven(x, y) { 255 } else { 0 }];
        assert_seven(&transparent(shaded), &format!("shaded {ink:?}"));
    }
    // Ink of two colours: the one that there is less of is not ink on the other.
    let two = |x: u32, y: u32| [if y < 78 { 0 } else { 255 }, 128, 128, if is_seven(x, y) { 255 } else { 0 }];
    assert_seven(&transparent(two), "two colours");
    assert_eq!(prepare(&transparent(|_, _| [0, 0, 0, 0])), None);
    assert_eq!(prepare(&transparent(|x, y| if is_seven(x, y) { [0; 4] } else { [255, 255, 255, 0] })), None);
}

#[test]
fn the_two_cases_are_read_alike() {
    let read = |bytes: &[u8]| prepare(&image::load_from_memory(bytes).expect("a PNG file")).expect("some ink");
    let black = read(include_bytes!("cases/black_on_transparent.png"));
    let white = read(include_bytes!("cases/white_on_transparent.png"));
    assert_eq!((&black.picture[..], black.remarks.as_str()), (&white.picture[..], ""));
    assert_eq!(white.remarks, "");
}

#[test]
fn a_card_within_transparent_margins_is_read_by_its_greys() {
    let is_card = |x: u32, y: u32| (20..180).contains(&x) && (30..170).contains(&y);
    let is_disc = |x: u32, y: u32| (f64::from(x) - 65.0).hypot(f64::from(y) - 110.0) < 65.0;
    let areas: [(&str, &dyn Fn(u32, u32) -> bool); 3] =
        [("card", &is_card), ("disc", &is_disc), ("whole", &|x, y| x + y > 40)];
    for (what, has_paper) in areas {
        for (ink, paper) in [(0, 255), (255, 0), (255, 120), (60, 150)] {
            for outside in [0, 255] {
                let card = transparent(|x, y| match (is_seven(x, y), has_paper(x, y)) {
                    (true, _) => [ink, ink, ink, 255],
                    (_, true) => [paper, paper, paper, 255],
                    _ => [outside, outside, outside, 0],
                });
                assert_seven(&card, &format!("{what}: {ink} on {paper}, {outside} under the margins"));
            }
        }
        // A stencil: the digit is what is cut out.
        let remarks = match what {
            "whole" => "; doubtful: what reaches the edge is left out",
            _ => "; read within its frame",
        };
        let is_opaque = |x: u32, y: u32| has_paper(x, y) && !is_seven(x, y);
        let stencil = transparent(|x, y| [90, 90, 90, if is_opaque(x, y) { 255 } else { 0 }]);
        assert_read(&stencil, &format!("stencil, {what}"), remarks);
    }
}

#[test]
fn coloured_ink_is_read_where_its_luma_is_the_papers() {
    assert_seven(&coloured([255, 255, 0], [255; 3]), "yellow on white");
    assert_seven(&coloured([200, 0, 0], [0, 60, 0]), "red on green");
    assert_seven(&coloured([0, 0, 160], [255; 3]), "blue on white");
}

#[test]
fn pictures_of_16_bits_are_stretched_by_the_contrast_that_is_there() {
    for white in [65_535, 4_095, 1_023] {
        let ink = |x, y| if is_seven(x, y) { white } else { white / 8 };
        assert_seven(&grey_16(ink), &format!("light on dark up to {white}"));
        assert_seven(&grey_16(|x, y| white - ink(x, y)), &format!("dark on light up to {white}"));
    }
    let alpha = |x, y| LumaA([1_000_u16, if is_seven(x, y) { 4_095 } else { 0 }]);
    assert_seven(&ImageBuffer::from_fn(WIDTH, HEIGHT, alpha).into(), "opacity in 12 bits");
    // A few defects of the camera are no ink.
    let defect = |x, y| {
        if (x, y) == (5, 5) {
            65_535
        } else if is_seven(x, y) {
            300
        } else {
            3_800
        }
    };
    assert_seven(&grey_16(defect), "defect");
}

/// A number that looks random, from 0 to 1.
fn random(x: u32, y: u32) -> f64 {
    let mut bits = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    for _ in 0..2 {
        bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
    }
    f64::from(bits ^ (bits >> 13)) / f64::from(u32::MAX)
}

#[test]
fn an_empty_picture_is_refused() {
    assert_eq!(prepare(&grey(|_, _| 200)), None);
    assert_eq!(prepare(&GrayImage::new(0, 0).into()), None);
    // The paper's grain is not a digit either, in light or in the dark.
    assert_eq!(prepare(&grey(|x, y| 190 + ((x * 7 + y * 13) % 20) as u8)), None);
    assert_eq!(prepare(&grey(|x, y| (12.0 * random(x, y)) as u8)), None);
    assert_eq!(prepare(&grey(|x, y| (200.0 * random(x, y)) as u8)), None);
    // The sum of several is as noise of a camera is.
    let noise = |x, y| (0..8).map(|shot| random(x + 1_000 * shot, y)).sum::<f64>() / 8.0;
    for (floor, white) in [(0.0, 65_535.0), (0.0, 4_095.0), (200.0, 400.0), (0.0, 40.0)] {
        assert_eq!(prepare(&grey_16(|x, y| (floor + white * noise(x, y)) as u16)), None, "{floor}, {white}");
    }
    // Nor is a stain.
    assert_eq!(prepare(&grey(|x, y| if is_seven(x, y) { 205 } else { 240 })), None);
    // Grain does not hide ink.
    let own = prepare(&grey(|x, y| (if is_seven(x, y) { 30.0 } else { 180.0 } + 30.0 * random(x, y)) as u8));
    let own = own.expect("some ink");
    assert_eq!((own.remarks.as_str(), inked_columns(&own.picture)), ("", 10));
}

#[test]
fn paper_is_read_within_a_frame() {
    let is_within = |by: u32, x: u32, y: u32| (by..WIDTH - by).contains(&x) && (by..HEIGHT - by).contains(&y);
    let framed = "; read within its frame";
    for [frame, paper, ink] in [[20, 240, 15], [100, 240, 15], [20, 240, 90], [240, 15, 230], [250, 10, 130]] {
        let sheet = |x, y| if is_seven(x, y) { ink } else { paper };
        for width in [1, 4, 30] {
            let picture = grey(|x, y| if is_within(width, x, y) { sheet(x, y) } else { frame });
            assert_read(&picture, &format!("{ink} on {paper} in {frame}, {width} wide"), framed);
            // A line within the paper; and paper on a table with a line on it.
            let is_line = |x, y| is_within(10, x, y) && !is_within(10 + width.min(20), x, y);
            let picture = grey(|x, y| if is_line(x, y) { frame } else { sheet(x, y) });
            assert_read(&picture, &format!("{ink} on {paper}, a line {frame}, {width} wide"), framed);
            let is_table = |x, y| !is_within(5, x, y);
            let picture = grey(|x, y| if is_line(x, y) || is_table(x, y) { frame } else { sheet(x, y) });
            assert_read(&picture, &format!("{ink} on {paper}, a line {frame} on a table, {width} wide"), framed);
        }
    }
}

#[test]
fn the_edge_of_a_sheet_may_be_blurred() {
    let is_paper = |x: u32, y: u32| (20..270).contains(&x) && (25..180).contains(&y);
    let sharp = grey(|x, y| if is_seven(x, y) || !is_paper(x, y) { 30 } else { 230 });
    let own = prepare(&imageops::blur(&sharp.to_luma8(), 2.0).into()).expect("some ink");
    assert_eq!((own.remarks.as_str(), inked_rows(&own.picture)), ("; read within its frame", 20));
    assert!((10..=12).contains(&inked_columns(&own.picture)), "{}", drawn(&own.picture));
}

#[test]
fn a_photograph_of_paper_on_a_table_is_read() {
    // The paper is turned, the light uneven, the table grained, all with noise; the right side is beyond the picture.
    for (turn, beyond) in [(0.0, 0.0), (0.2, 0.0), (-0.3, 0.0), (0.15, 60.0)] {
        let photograph = |seen: &dyn Fn(f64, f64) -> bool| {
            grey(|x, y| {
                let [right, down] = [f64::from(x) - 150.0, f64::from(y) - 100.0];
                let (sin, cos) = f64::sin_cos(turn);
                let [u, v] = [right * cos + down * sin - beyond, down * cos - right * sin];
                let light = 1.0 - 0.15 * f64::from(x) / 300.0;
                let grey = match u.abs() < 105.0 && v.abs() < 68.0 {
                    true if seen(u + 100.0, v + 100.0) => 50.0,
                    true => 225.0,
                    false => 70.0 + 30.0 * random(x / 9, 7),
                };
                (grey * light + 12.0 * random(x, y)) as u8
            })
        };
        let is_stroke = |u: f64, v: f64| {
            let top = (60.0..120.0).contains(&u) && (55.0..65.0).contains(&v);
            let stem = (110.0..120.0).contains(&u) && (55.0..145.0).contains(&v);
            top || stem
        };
        let own = prepare(&photograph(&is_stroke)).expect("some ink");
        let inked = own.picture.iter().filter(|&&byte| byte > 127).count();
        assert!((40..90).contains(&inked), "{turn}, {beyond}: {inked}\n{}", drawn(&own.picture));
        assert_eq!(own.remarks, "; read within its frame", "{turn}, {beyond}");
    }
}

#[test]
fn uneven_light_and_a_second_sheet_are_no_ink() {
    // From left to right three tenths of the light are lost.
    let shaded = |x: u32, y: u32| (if is_seven(x, y) { 30.0 } else { 230.0 } * (1.0 - f64::from(x) / 1_000.0)) as u8;
    let own = prepare(&grey(shaded)).expect("some ink");
    assert_eq!((own.remarks.as_str(), inked_columns(&own.picture), inked_rows(&own.picture)), ("", 10, 20));
    // Cream paper on a white table, for which its grey is weak ink.
    let is_paper = |x: u32, y: u32| (20..260).contains(&x) && (20..180).contains(&y);
    assert_seven(
        &grey(|x, y| {
            if is_seven(x, y) {
                20
            } else if is_paper(x, y) {
                202
            } else {
                255
            }
        }),
        "cream paper",
    );
}

#[test]
fn no_digit_is_taken_for_a_frame() {
    // A large ring, one of straight lines, as thick as may be, and an eight of such.
    let is_box = |x: u32, y: u32, by: u32| (95 + by..205 - by).contains(&x) && (10 + by..190 - by).contains(&y);
    let is_straight = |pen: u32| move |x: u32, y: u32| is_box(x, y, 0) && !is_box(x, y, pen);
    let is_eight =
        |pen: u32| move |x: u32, y: u32| is_box(x, y, 0) && (!is_box(x, y, pen) || y.abs_diff(100) < pen / 2 + 1);
    clean(is_zero);
    // A thick bar with a scratch.
    clean(|x, y| (95..205).contains(&x) && (10..190).contains(&y) && !((120..124).contains(&x) && y == 60));
    for pen in [2, 5, 12, 25, 30] {
        clean(is_straight(pen));
        clean(is_eight(pen));
    }
    // Light on dark without a frame, as MNIST's; dark on light; larger; and with margins.
    let mut found = 0;
    for (picture, label) in strokes::draw(100, 3).iter() {
        let original = GrayImage::from_raw(SIDE as u32, SIDE as u32, picture.to_vec()).expect("28×28 bytes");
        let mut inverted = original.clone();
        imageops::invert(&mut inverted);
        let large = imageops::resize(&original, 200, 200, FilterType::Triangle);
        let mut on_ground = GrayImage::new(120, 90);
        imageops::overlay(&mut on_ground, &original, 50, 20);
        for picture in [original, inverted, large, on_ground] {
            let own = prepare(&picture.into()).expect("some ink");
            assert!(!own.remarks.contains("frame"), "{label}{}\n{}", own.remarks, drawn(&own.picture));
            found += usize::from(own.remarks.is_empty());
        }
    }
    assert!(found == 400, "{found} of 400 read without doubts");
}

#[test]
fn what_is_doubtful_is_said() {
    let remarks = |picture: &DynamicImage| prepare(picture).expect("some ink").remarks;
    // A table that is seen at one side.
    let table = |x: u32, y: u32| if x + y < 60 || is_seven(x, y) { 20 } else { 230 };
    assert_read(&grey(table), "a table's corner", "; doubtful: what reaches the edge is left out");
    // A stroke that ends at the edge is no table.
    let apart = |x: u32, y: u32| is_seven(x, y) || (x < 30 && y.abs_diff(74) < 4);
    assert!(inked_columns(&clean(apart)) > 15);
    // No digit is so large.
    let blob = grey(|x, y| if (20..280).contains(&x) && (15..185).contains(&y) { 0 } else { 255 });
    assert!(remarks(&blob).contains("most of the picture is ink"));
    let along = grey(|x, y| if x < 40 || y < 20 { 0 } else { 255 });
    assert!(remarks(&along).contains("runs along the edge"));
    let both = grey(|x, y| {
        if is_seven(x, y) {
            10
        } else if x > 200 && y.abs_diff(100) < 50 {
            240
        } else {
            130
        }
    });
    assert!(remarks(&both).contains("darker than the edge"));
}

#[test]
fn a_large_picture_is_made_smaller_and_read_alike() {
    let large = imageops::resize(
        &grey(|x, y| if is_seven(x, y) { 40 } else { 230 }).to_luma8(),
        3_000,
        2_000,
        FilterType::Nearest,
    );
    let own = prepare(&large.into()).expect("some ink");
    let differences = own.picture.iter().zip(clean(is_seven)).map(|(&a, b)| u32::from(a.abs_diff(b)));
    assert!(differences.sum::<u32>() < 2_000);
}
