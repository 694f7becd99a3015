//! Digits drawn by this program, for users without a file of handwritten ones.
//!
//! A digit is a few pen strokes, smooth curves through knots in the unit square (x to the right, y down). Each digit is
//! drawn differently: one of several shapes, its knots moved a little, the whole bent, slanted, rotated, scaled and
//! shifted, with a random pen width and grain. Light on dark, 28×28, as MNIST's are.

use std::f64::consts::TAU;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::digits::{Digits, PIXELS, SIDE};

type Point = [f64; 2];

/// One way to write a digit: its strokes. A stroke is a list of knots in hundredths of the unit square; a repeated knot
/// is a corner.
type Shape = &'static [&'static [[u8; 2]]];

/// The ways to write each digit.
const SHAPES: [&[Shape]; 10] = [
    // 0: from the top; from the right, with the end crossing the start.
    &[
        &[&[[52, 5], [27, 20], [18, 52], [30, 86], [53, 95], [77, 80], [83, 48], [74, 17], [50, 5]]],
        &[&[[70, 14], [45, 6], [22, 28], [20, 66], [42, 94], [68, 84], [82, 52], [74, 20], [52, 10]]],
    ],
    // 1: a stroke; with a flag; with a flag and a foot.
    &[
        &[&[[50, 4], [50, 50], [50, 96]]],
        &[&[[30, 28], [44, 17], [56, 5], [56, 5], [55, 50], [55, 96]]],
        &[&[[32, 26], [45, 16], [54, 6], [54, 6], [53, 50], [53, 95]], &[[28, 95], [53, 94], [78, 94]]],
    ],
    // 2: with a corner at the foot; with a loop there.
    &[
        &[&[[20, 25], [34, 8], [58, 6], [76, 22], [70, 45], [45, 72], [18, 93], [18, 93], [50, 92], [84, 93]]],
        &[&[
            [22, 22],
            [42, 6],
            [66, 12],
            [72, 34],
            [56, 64],
            [32, 90],
            [18, 86],
            [26, 74],
            [48, 84],
            [70, 94],
            [86, 86],
        ]],
    ],
    // 3: with two arcs; with a flat top.
    &[
        &[&[[22, 18], [42, 5], [68, 12], [70, 34], [44, 47], [44, 47], [74, 56], [78, 80], [52, 95], [20, 86]]],
        &[&[[22, 8], [50, 7], [74, 7], [74, 7], [58, 26], [44, 42], [44, 42], [70, 48], [80, 70], [60, 92], [22, 90]]],
    ],
    // 4: open; closed, in one stroke.
    &[
        &[&[[30, 8], [24, 32], [20, 56], [20, 56], [50, 57], [84, 54]], &[[68, 8], [66, 50], [62, 96]]],
        &[&[[82, 66], [50, 67], [14, 66], [14, 66], [36, 36], [62, 5], [62, 5], [62, 50], [61, 96]]],
    ],
    // 5: the top as a separate stroke; in one stroke.
    &[
        &[
            &[[28, 8], [26, 26], [24, 44], [24, 44], [52, 38], [76, 54], [74, 80], [48, 95], [18, 86]],
            &[[28, 8], [52, 8], [78, 6]],
        ],
        &[&[[80, 7], [58, 8], [36, 11], [26, 28], [34, 44], [58, 52], [72, 70], [58, 92], [20, 90]]],
    ],
    // 6: with a round stem; with a straight one.
    &[
        &[&[[68, 6], [40, 20], [22, 52], [26, 84], [52, 95], [76, 78], [70, 56], [46, 52], [26, 68]]],
        &[&[[54, 4], [38, 32], [26, 62], [30, 88], [54, 95], [74, 80], [68, 62], [48, 60], [28, 76]]],
    ],
    // 7: plain; with a bar; with a hook, bent.
    &[
        &[&[[20, 10], [50, 9], [78, 8], [78, 8], [60, 50], [44, 96]]],
        &[&[[20, 10], [50, 9], [78, 8], [78, 8], [58, 50], [42, 96]], &[[36, 52], [56, 50], [76, 49]]],
        &[&[[22, 24], [24, 10], [24, 10], [52, 12], [80, 10], [64, 40], [54, 70], [52, 96]]],
    ],
    // 8: in one stroke; two rings.
    &[
        &[&[
            [72, 18],
            [50, 5],
            [28, 20],
            [42, 42],
            [66, 60],
            [70, 84],
            [48, 95],
            [26, 82],
            [36, 58],
            [62, 40],
            [74, 20],
        ]],
        &[
            &[[52, 46], [30, 36], [32, 12], [54, 5], [72, 16], [70, 36], [50, 46]],
            &[[50, 46], [26, 60], [26, 84], [50, 95], [75, 82], [74, 60], [50, 46]],
        ],
    ],
    // 9: with a straight stem; with a tail.
    &[
        &[&[[72, 16], [48, 5], [26, 22], [32, 46], [56, 46], [73, 18], [73, 18], [70, 58], [66, 96]]],
        &[&[
            [74, 20],
            [52, 6],
            [28, 20],
            [30, 44],
            [54, 48],
            [74, 24],
            [74, 24],
            [76, 60],
            [64, 90],
            [42, 95],
            [26, 86],
        ]],
    ],
];

/// How much digits differ. Lengths are relative to the height of a digit, except those in pixels.
const KNOT_DEVIATION: f64 = 0.022;
const BEND: f64 = 0.03;
const SLANT: [f64; 2] = [0.12, 0.13]; // mean, standard deviation
const TURN_DEGREES: f64 = 4.0;
const HEIGHT_PIXELS: [f64; 2] = [18.0, 21.0];
const NARROWNESS: [f64; 2] = [0.72, 1.0];
const SHIFT_PIXELS: f64 = 0.7;
const PEN_RADIUS_PIXELS: [f64; 2] = [0.8, 1.7];
const PEN_PRESSURE: f64 = 0.25;
const INK: [f64; 2] = [0.82, 1.0];
const GRAIN: f64 = 0.03;

/// The straight segments of a curve between two knots.
const PIECES: usize = 8;

/// `count` random digits. The same seed gives the same digits.
pub fn draw(count: usize, seed: u64) -> Digits {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut digits = Digits::default();
    for _ in 0..count {
        let label = random.random_range(0..SHAPES.len());
        digits.push(draw_one(label, &mut random), label as u8);
    }
    digits
}

fn draw_one(label: usize, random: &mut Xoshiro256PlusPlus) -> [u8; PIXELS] {
    let shapes = SHAPES[label];
    let shape = shapes[random.random_range(0..shapes.len())];
    let placement = Placement::random(random);
    let mut strokes = shape.iter().map(|knots| placement.stroke(knots, random)).collect::<Vec<_>>();
    placement.centre(&mut strokes);

    let mut ink = [0f64; PIXELS];
    for stroke in &strokes {
        // The pen presses harder at one end of the stroke.
        let tilt = random.random_range(-PEN_PRESSURE..PEN_PRESSURE);
        let last = stroke.len() as f64;
        for (i, ends) in stroke.windows(2).enumerate() {
            let along = 2.0 * i as f64 / last - 1.0;
            draw_line([ends[0], ends[1]], placement.pen_radius * (1.0 + tilt * along), &mut ink);
        }
    }
    let strength = random.random_range(INK[0]..INK[1]);
    ink.map(|ink| (255.0 * (strength * ink + GRAIN * normal(random))).round() as u8) // as saturates
}

/// Draws a line with round ends. A pixel's ink depends on its distance; where lines overlap, the stronger ink counts.
fn draw_line([from, to]: [Point; 2], radius: f64, ink: &mut [f64; PIXELS]) {
    let reach = radius + 1.0;
    let pixels = |axis: usize| {
        let (low, high) = (from[axis].min(to[axis]) - reach, from[axis].max(to[axis]) + reach);
        low.floor().max(0.0) as usize..(high.ceil().max(0.0) as usize).min(SIDE)
    };
    for y in pixels(1) {
        for x in pixels(0) {
            let distance = distance_to_line([x as f64 + 0.5, y as f64 + 0.5], [from, to]);
            let covered = (radius - distance + 0.5).clamp(0.0, 1.0);
            let pixel = &mut ink[y * SIDE + x];
            *pixel = pixel.max(covered);
        }
    }
}

fn distance_to_line(point: Point, [from, to]: [Point; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let to_point = [point[0] - from[0], point[1] - from[1]];
    let length_squared = along[0] * along[0] + along[1] * along[1];
    let fraction = match length_squared > 0.0 {
        true => ((to_point[0] * along[0] + to_point[1] * along[1]) / length_squared).clamp(0.0, 1.0),
        false => 0.0,
    };
    (to_point[0] - fraction * along[0]).hypot(to_point[1] - fraction * along[1])
}

/// The random transformation of one digit.
struct Placement {
    /// From the unit square, about its centre, to pixels: one row for x and one for y.
    matrix: [[f64; 2]; 2],
    /// Waves that bend the unit square: direction, phase, and amplitude in x and y.
    waves: [([f64; 2], f64, [f64; 2]); 2],
    shift: Point,
    pen_radius: f64,
}

impl Placement {
    fn random(random: &mut Xoshiro256PlusPlus) -> Self {
        let height = random.random_range(HEIGHT_PIXELS[0]..HEIGHT_PIXELS[1]);
        let width = height * random.random_range(NARROWNESS[0]..NARROWNESS[1]);
        let slant = SLANT[0] + SLANT[1] * normal(random);
        let (sin, cos) = (TURN_DEGREES * normal(random)).to_radians().sin_cos();
        // Scaled, then slanted (the top, with the smaller y, to the right), then rotated.
        let matrix =
            [[cos * width, -cos * slant * height - sin * height], [sin * width, -sin * slant * height + cos * height]];
        let waves = std::array::from_fn(|_| {
            let direction = [random.random_range(-1.0..1.0), random.random_range(-1.0..1.0)];
            (direction, random.random_range(0.0..TAU), [BEND * normal(random), BEND * normal(random)])
        });
        let shift = [SHIFT_PIXELS * normal(random), SHIFT_PIXELS * normal(random)];
        let pen_radius = random.random_range(PEN_RADIUS_PIXELS[0]..PEN_RADIUS_PIXELS[1]);
        Placement { matrix, waves, shift, pen_radius }
    }

    /// The curve through the knots, in pixels from the centre of the unit square.
    fn stroke(&self, knots: &[[u8; 2]], random: &mut Xoshiro256PlusPlus) -> Vec<Point> {
        let mut moved = Vec::<Point>::with_capacity(knots.len());
        for (i, knot) in knots.iter().enumerate() {
            // The two knots of a corner stay together.
            if i > 0 && knots[i - 1] == *knot {
                moved.push(moved[i - 1]);
            } else {
                moved.push(knot.map(|hundredths| f64::from(hundredths) / 100.0 + KNOT_DEVIATION * normal(random)));
            }
        }
        curve(&moved).into_iter().map(|point| self.to_pixels(point)).collect()
    }

    fn to_pixels(&self, [mut x, mut y]: Point) -> Point {
        for (direction, phase, amplitude) in self.waves {
            let wave = (TAU * (direction[0] * x + direction[1] * y) + phase).sin();
            (x, y) = (x + amplitude[0] * wave, y + amplitude[1] * wave);
        }
        self.matrix.map(|row| row[0] * (x - 0.5) + row[1] * (y - 0.5))
    }

    /// Moves the strokes' centre of mass to the picture's centre, as in MNIST, plus the shift.
    fn centre(&self, strokes: &mut [Vec<Point>]) {
        let mut sum = [0.0; 2];
        let mut mass = 0.0;
        for ends in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
            let length = (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]);
            mass += length;
            for axis in 0..2 {
                sum[axis] += length * (ends[0][axis] + ends[1][axis]) / 2.0;
            }
        }
        for point in strokes.iter_mut().flatten() {
            for axis in 0..2 {
                point[axis] += SIDE as f64 / 2.0 - sum[axis] / mass + self.shift[axis];
            }
        }
    }
}

/// A Catmull-Rom spline: at each knot its direction is that from the knot before to the knot after.
fn curve(knots: &[Point]) -> Vec<Point> {
    let last = knots.len() - 1;
    let mut points = vec![knots[0]];
    for i in 0..last {
        let [before, from, to, after] = [knots[i.saturating_sub(1)], knots[i], knots[i + 1], knots[(i + 2).min(last)]];
        points.extend((1..=PIECES).map(|piece| {
            let t = piece as f64 / PIECES as f64;
            std::array::from_fn(|axis| {
                let [a, b, c, d] = [before[axis], from[axis], to[axis], after[axis]];
                let (second, third) = (2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a);
                0.5 * (2.0 * b + t * ((c - a) + t * (second + t * third)))
            })
        }));
    }
    points
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    StandardNormal.sample(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_digits_and_another_seed_others() {
        let digits = draw(50, 1);
        assert_eq!(digits, draw(50, 1));
        let others = draw(50, 2);
        assert_ne!(digits.labels(), others.labels());
        assert!(digits.iter().all(|(picture, _)| others.iter().all(|(other, _)| picture != other)));
        // A larger count begins with the same digits.
        assert_eq!(draw(60, 1).split_at(50).0, digits);
    }

    /// If the digits were too easy, a network that learned them would prove nothing.
    #[test]
    fn the_nearest_mean_is_often_wrong_and_mostly_right() {
        let (training, test) = (draw(2_000, 1), draw(500, 2));
        let mut means = vec![[0f64; PIXELS]; 10];
        let mut counts = [0f64; 10];
        for (picture, label) in training.iter() {
            counts[usize::from(label)] += 1.0;
            means[usize::from(label)].iter_mut().zip(picture).for_each(|(mean, &byte)| *mean += f64::from(byte));
        }
        for (mean, count) in means.iter_mut().zip(counts) {
            mean.iter_mut().for_each(|sum| *sum /= count);
        }
        let distance = |mean: &[f64; PIXELS], picture: &[u8; PIXELS]| {
            mean.iter().zip(picture).map(|(mean, &byte)| (mean - f64::from(byte)).powi(2)).sum::<f64>()
        };
        let right = test.iter().filter(|&(picture, label)| {
            let nearest =
                (0..10).min_by(|&a, &b| distance(&means[a], picture).total_cmp(&distance(&means[b], picture)));
            nearest == Some(usize::from(label))
        });
        let accuracy = right.count() as f64 / test.len() as f64;
        assert!((0.6..0.92).contains(&accuracy), "{accuracy}");
    }
}
