//! The data: points of two classes in the plane.

use std::f32::consts::{PI, TAU};

use wgrad::class_of;

use crate::common::xor;

/// A sigmoid never reaches 0 or 1, so the classes' targets are 0.01 and 0.99.
pub const TARGETS: [f32; 2] = [0.01, 0.99];

/// Points, and the target of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    pub points: Vec<[f32; 2]>,
    pub targets: Vec<f32>,
}

impl Points {
    fn push(&mut self, point: [f32; 2], class: usize) {
        self.points.push(point);
        self.targets.push(TARGETS[class]);
    }

    /// The number of answers on the right side of one half. NaN is on neither side.
    pub fn right(&self, answers: &[f32]) -> usize {
        let is_right = |(&answer, &target): (&f32, &f32)| if target > 0.5 { answer > 0.5 } else { answer < 0.5 };
        answers.iter().zip(&self.targets).filter(|&pair| is_right(pair)).count()
    }
}

/// Exclusive or: the four corners of a square.
pub fn xor() -> Points {
    let mut points = Points::default();
    for (point, target) in xor::INPUTS.iter().zip(&xor::TARGETS) {
        points.push(*point, class_of(target));
    }
    points
}

/// The turns of a spiral.
const TURNS: f32 = 1.5;

/// A spiral's inner and outer radius.
const RADII: [f32; 2] = [0.2, 2.0];

/// Two interleaved spirals, `count` points of each.
pub fn spirals(count: usize) -> Points {
    let fractions = (0..count).map(|i| i as f32 / (count.max(2) - 1) as f32);
    spirals_at(fractions)
}

/// Points of the same spirals, halfway between neighbouring points of [`spirals`].
pub fn between_spirals(count: usize) -> Points {
    let fractions = (1..count).map(|i| (i as f32 - 0.5) / (count.max(2) - 1) as f32);
    spirals_at(fractions)
}

/// The points of both spirals at fractions of their length from 0, the inner end, to 1.
fn spirals_at(fractions: impl Iterator<Item = f32>) -> Points {
    let mut spirals = Points::default();
    for fraction in fractions {
        // The length of a spiral grows with the square of its radius: this makes the distances equal.
        let [inner, outer] = RADII.map(|radius| radius * radius);
        let radius = (inner + (outer - inner) * fraction).sqrt();
        for class in 0..TARGETS.len() {
            let angle = TURNS * TAU * (radius - RADII[0]) / (RADII[1] - RADII[0]) + PI * class as f32;
            let (sine, cosine) = angle.sin_cos();
            spirals.push([radius * cosine, radius * sine], class);
        }
    }
    spirals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xor_is_exclusive_or() {
        let xor = xor();
        for ([x, y], target) in xor.points.into_iter().zip(xor.targets) {
            assert_eq!(target, if x == y { 0.01 } else { 0.99 }, "{x} {y}");
        }
    }

    #[test]
    fn one_spiral_is_the_other_turned_by_half_a_turn() {
        let spirals = spirals(97);
        assert_eq!((spirals.points.len(), spirals.targets.len()), (194, 194));
        for (points, targets) in spirals.points.chunks(2).zip(spirals.targets.chunks(2)) {
            assert_eq!(targets, TARGETS);
            let [[x, y], [other_x, other_y]] = [points[0], points[1]];
            assert!((x + other_x).abs() < 1e-6 && (y + other_y).abs() < 1e-6, "{points:?}");
            assert!(x.hypot(y) < RADII[1] + 1e-6);
        }
    }

    #[test]
    fn points_between_are_new_and_nearer_to_their_own_spiral_than_to_the_other() {
        let (trained, between) = (spirals(97), between_spirals(97));
        assert_eq!(between.points.len(), 192);
        for (point, target) in between.points.iter().zip(&between.targets) {
            let distance = |of: &[f32; 2]| (of[0] - point[0]).hypot(of[1] - point[1]);
            let distances = trained.points.iter().map(distance).zip(&trained.targets);
            let (nearest, class) = distances.min_by(|a, b| a.0.total_cmp(&b.0)).expect("points");
            assert!(nearest > 1e-3);
            assert_eq!(class, target);
        }
    }

    #[test]
    fn an_answer_is_right_on_its_own_side_of_one_half() {
        assert_eq!(xor().right(&[0.1, 0.9, 0.6, 0.4]), 4);
        assert_eq!(xor().right(&[0.6, 0.4, 0.5, 0.5]), 0);
        assert_eq!(xor().right(&[f32::NAN; 4]), 0);
    }
}
