//! The data: points of two classes in the square from -1 to 1.

use std::f32::consts::TAU;
use std::fmt::Write;

use wgrad::Loss;

/// The two classes, by the colours that they are shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The network should answer 0.
    Blue,
    /// The network should answer 1.
    Orange,
}

impl Class {
    /// Both classes.
    pub const ALL: [Class; 2] = [Class::Blue, Class::Orange];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Class::Blue => "blue",
            Class::Orange => "orange",
        }
    }

    /// The other class.
    pub fn other(self) -> Self {
        match self {
            Class::Blue => Class::Orange,
            Class::Orange => Class::Blue,
        }
    }

    /// The network's target: not 0 or 1, which a sigmoid never reaches, but for the loss that is of probabilities.
    pub fn target(self, loss: Loss) -> f32 {
        let [blue, orange] = if loss == Loss::BinaryCrossEntropy { [0.0, 1.0] } else { [0.01, 0.99] };
        match self {
            Class::Blue => blue,
            Class::Orange => orange,
        }
    }
}

/// A point and its class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From left to right, and from the bottom up, both from -1 to 1.
    pub position: [f32; 2],
    /// The class that the network should give it.
    pub class: Class,
}

/// The sets of points to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointSet {
    /// Four points: blue where both coordinates have the same sign.
    Xor,
    /// Two spirals, one inside the other.
    Spirals,
    /// A disc in a ring.
    Ring,
    /// No points, for drawing your own.
    Empty,
}

impl PointSet {
    /// All sets.
    pub const ALL: [PointSet; 4] = [PointSet::Xor, PointSet::Spirals, PointSet::Ring, PointSet::Empty];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            PointSet::Xor => "XOR",
            PointSet::Spirals => "Two spirals",
            PointSet::Ring => "Ring",
            PointSet::Empty => "Empty",
        }
    }

    /// Its points.
    pub fn points(self) -> Vec<Point> {
        match self {
            PointSet::Xor => [[-1, -1], [-1, 1], [1, -1], [1, 1]].map(xor).to_vec(),
            PointSet::Spirals => (0..100).flat_map(|i| Class::ALL.map(|class| spiral(i, class))).collect(),
            PointSet::Ring => (0..100).flat_map(|i| Class::ALL.map(|class| ring(i, class))).collect(),
            PointSet::Empty => Vec::new(),
        }
    }
}

fn xor([x, y]: [i8; 2]) -> Point {
    let class = if x == y { Class::Blue } else { Class::Orange };
    Point { position: [x, y].map(|sign| 0.6 * f32::from(sign)), class }
}

/// Point `i` of 100 of an arm of one and a half turns; the other arm is rotated by half a turn. The square root makes
/// the distances between points nearly equal.
fn spiral(i: u16, class: Class) -> Point {
    let along = ((f32::from(i) + 0.5) / 100.0).sqrt();
    let turns = 1.5 * along + if class == Class::Blue { 0.0 } else { 0.5 };
    polar(0.08 + 0.84 * along, turns, class)
}

/// Point `i` of 100 of the disc or of the ring. The golden ratio distributes the angles evenly, the square root the
/// radii.
fn ring(i: u16, class: Class) -> Point {
    const GOLDEN: f32 = 0.618_034;
    let [i, fraction] = [f32::from(i), (f32::from(i) + 0.5) / 100.0];
    let square = match class {
        Class::Blue => 0.16 * fraction,
        Class::Orange => 0.42 + 0.42 * fraction,
    };
    polar(square.sqrt(), GOLDEN * i, class)
}

fn polar(radius: f32, turns: f32, class: Class) -> Point {
    let (sin, cos) = (turns * TAU).sin_cos();
    Point { position: [radius * cos, radius * sin], class }
}

/// The points as text, one line per point, to be saved with the network.
pub fn to_text(points: &[Point]) -> String {
    let mut text = String::new();
    for Point { position: [x, y], class } in points {
        _ = writeln!(text, "{x} {y} {}", class.name());
    }
    text
}

/// The points that [`to_text`] wrote; `None` for other text.
pub fn from_text(text: &str) -> Option<Vec<Point>> {
    text.lines().map(from_line).collect()
}

fn from_line(line: &str) -> Option<Point> {
    let mut words = line.split(' ');
    let mut coordinate = || words.next()?.parse::<f32>().ok().filter(|number| number.abs() <= 1.0);
    let position = [coordinate()?, coordinate()?];
    let name = words.next()?;
    let class = Class::ALL.into_iter().find(|class| class.name() == name)?;
    Some(Point { position, class })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_from_their_text() {
        for set in PointSet::ALL {
            let points = set.points();
            assert!(points.iter().all(|point| point.position.iter().all(|x| x.abs() <= 1.0)), "{}", set.name());
            assert_eq!(from_text(&to_text(&points)), Some(points));
        }
        for text in ["0.5", "0.5 0.5 green", "0.5 2 blue", "0.5 NaN blue", "0.5 0.5 blue\n\n"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
