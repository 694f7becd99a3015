//! Parts of a picture: sets of its pixels, how they hang together, and their shapes.

/// A set of a picture's pixels. A pixel is the index of its place, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    width: usize,
    inside: Vec<bool>,
}

/// Which pixels touch each other. Ink hangs together by corners too; paper does not, or it would leak through a thin line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Touching {
    Sides,
    Corners,
}

/// Right and down to each neighbour, those by a side first.
const STEPS: [[isize; 2]; 8] = [[0, -1], [-1, 0], [1, 0], [0, 1], [-1, -1], [1, -1], [-1, 1], [1, 1]];

/// The shape of a part.
pub struct Shape {
    /// Its share of the least rectangle around it, turned as fits: 1 for a rectangle, 0.785 for an ellipse.
    pub fill: f64,
    /// The rectangle's longer side by its shorter.
    pub aspect: f64,
    /// The rectangle's longer side, in pixels.
    pub length: f64,
}

impl Part {
    /// The pixels of a picture of this width and height for which `has` holds.
    pub fn new(width: usize, height: usize, has: impl Fn(usize) -> bool) -> Self {
        Part { width, inside: (0..width * height).map(has).collect() }
    }

    pub fn has(&self, pixel: usize) -> bool {
        self.inside[pixel]
    }

    pub fn pixels(&self) -> impl Iterator<Item = usize> {
        self.inside.iter().enumerate().filter(|(_, inside)| **inside).map(|(pixel, _)| pixel)
    }

    /// The number of its pixels.
    pub fn area(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count()
    }

    /// Those of its pixels for which `keep` holds.
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        Part::new(self.width, self.height(), |pixel| self.has(pixel) && keep(pixel))
    }

    fn height(&self) -> usize {
        self.inside.len().checked_div(self.width).unwrap_or(0)
    }

    /// The pixels that touch one, within the picture.
    fn neighbours(&self, pixel: usize, touching: Touching) -> impl Iterator<Item = usize> {
        let [width, height] = [self.width, self.height()];
        let steps = if touching == Touching::Sides { &STEPS[..4] } else { &STEPS };
        steps.iter().filter_map(move |&[right, down]| {
            let x = (pixel % width).checked_add_signed(right).filter(|&x| x < width)?;
            let y = (pixel / width).checked_add_signed(down).filter(|&y| y < height)?;
            Some(y * width + x)
        })
    }

    /// Its pixels at the picture's edge, or beside a pixel that is not of it.
    pub fn border(&self) -> Self {
        self.filter(|pixel| self.neighbours(pixel, Touching::Sides).filter(|&beside| self.has(beside)).count() < 4)
    }

    /// Those of its pixels that hang together with one of `from`.
    pub fn connected(&self, from: &Part, touching: Touching) -> Self {
        let mut found = self.filter(|pixel| from.has(pixel));
        let mut next = found.pixels().collect::<Vec<_>>();
        while let Some(pixel) = next.pop() {
            for beside in self.neighbours(pixel, touching) {
                if self.has(beside) && !found.has(beside) {
                    found.inside[beside] = true;
                    next.push(beside);
                }
            }
        }
        found
    }

    /// The largest of the pieces that do not touch each other, not even by corners.
    pub fn largest_piece(&self) -> Self {
        let mut seen = Part::new(self.width, self.height(), |_| false);
        let (mut largest, mut piece) = (Vec::new(), Vec::new());
        for start in self.pixels() {
            if seen.has(start) {
                continue;
            }
            seen.inside[start] = true;
            piece.push(start);
            let mut done = 0;
            while let Some(&pixel) = piece.get(done) {
                done += 1;
                for beside in self.neighbours(pixel, Touching::Corners) {
                    if self.has(beside) && !seen.has(beside) {
                        seen.inside[beside] = true;
                        piece.push(beside);
                    }
                }
            }
            if piece.len() > largest.len() {
                std::mem::swap(&mut piece, &mut largest);
            }
            piece.clear();
        }
        let mut part = Part::new(self.width, self.height(), |_| false);
        largest.into_iter().for_each(|pixel| part.inside[pixel] = true);
        part
    }

    /// With all that it encloses.
    pub fn filled(&self) -> Self {
        let others = Part::new(self.width, self.height(), |pixel| !self.has(pixel));
        let edge = Part::new(self.width, self.height(), |_| true).border();
        let outside = others.connected(&edge, Touching::Sides);
        Part::new(self.width, self.height(), |pixel| !outside.has(pixel))
    }

    /// Without its outermost pixels: those at most `by` steps to the sides from what is not of it, or beyond the picture.
    pub fn shrunk(&self, by: usize) -> Self {
        let mut steps = vec![0; self.inside.len()];
        let width = self.width;
        // The least over ways that come from above and from the left, then over those from below and from the right.
        for pixel in self.pixels() {
            let above = pixel.checked_sub(width).map_or(0, |above| steps[above]);
            let left = if pixel.is_multiple_of(width) { 0 } else { steps[pixel - 1] };
            steps[pixel] = 1 + above.min(left);
        }
        for pixel in (0..self.inside.len()).rev() {
            let below = steps.get(pixel + width).copied().unwrap_or(0);
            let right = if (pixel + 1).is_multiple_of(width) { 0 } else { steps[pixel + 1] };
            steps[pixel] = steps[pixel].min(1 + below.min(right));
        }
        self.filter(|pixel| steps[pixel] > by)
    }

    /// The first and the last column and row of its pixels: left, top, right, bottom. `None` if there are none.
    pub fn bounds(&self) -> Option<[usize; 4]> {
        let places = || self.pixels().map(|pixel| [pixel % self.width, pixel / self.width]);
        let [left, top] = places().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1])])?;
        let [right, bottom] = places().reduce(|a, b| [a[0].max(b[0]), a[1].max(b[1])])?;
        Some([left, top, right, bottom])
    }

    /// Its shape. `None` for no pixels.
    pub fn shape(&self) -> Option<Shape> {
        let area = self.area() as f64;
        let ends = self.ends_of_rows();
        let rectangle = |degrees: usize| {
            let (sin, cos) = (degrees as f64).to_radians().sin_cos();
            // A pixel is a square, and its place the centre.
            let extent = |along: &dyn Fn([f64; 2]) -> f64| {
                let low = ends.iter().map(|&end| along(end)).fold(f64::INFINITY, f64::min);
                let high = ends.iter().map(|&end| along(end)).fold(f64::NEG_INFINITY, f64::max);
                high - low + sin + cos
            };
            [extent(&|[x, y]| x * cos + y * sin), extent(&|[x, y]| y * cos - x * sin)]
        };
        let least = (0..90).map(rectangle).reduce(|a, b| if b[0] * b[1] < a[0] * a[1] { b } else { a });
        let [a, b] = least.filter(|_| area > 0.0)?;
        Some(Shape { fill: area / (a * b), aspect: a.max(b) / a.min(b), length: a.max(b) })
    }

    /// The first and the last pixel of each row that has any, as x and y.
    fn ends_of_rows(&self) -> Vec<[f64; 2]> {
        let rows = self.inside.chunks(self.width.max(1)).enumerate();
        let ends = rows.flat_map(|(y, row)| {
            let ends = [row.iter().position(|inside| *inside), row.iter().rposition(|inside| *inside)];
            ends.into_iter().flatten().map(move |x| [x as f64, y as f64])
        });
        ends.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part drawn as text: the pixels that are not dots.
    fn drawn(rows: &[&str]) -> Part {
        let text = rows.concat().into_bytes();
        Part::new(rows[0].len(), rows.len(), |pixel| text[pixel] != b'.')
    }

    const RING: [&str; 6] = ["......", ".###..", "#...#.", "#...#.", ".###..", "......"];

    #[test]
    fn paper_does_not_leak_through_corners_and_ink_hangs_together_by_them() {
        let ring = drawn(&RING);
        assert_eq!(ring.largest_piece(), ring);
        let filled = drawn(&["......", ".###..", "#####.", "#####.", ".###..", "......"]);
        assert_eq!(ring.filled(), filled);
        assert_eq!(filled.filled(), filled);
        assert_eq!(filled.border(), ring);
        let one = Part::new(6, 6, |pixel| pixel == 7);
        assert_eq!(ring.connected(&one, Touching::Corners), ring);
        assert_eq!(
            ring.connected(&one, Touching::Sides),
            drawn(&["......", ".###..", "......", "......", "......", "......"])
        );
    }

    #[test]
    fn the_largest_piece_is_the_one_with_the_most_pixels() {
        let pieces = drawn(&["##..#", "....#", "#...#", "....."]);
        assert_eq!(pieces.largest_piece(), drawn(&["....#", "....#", "....#", "....."]));
        assert_eq!(pieces.bounds(), Some([0, 0, 4, 2]));
        let none = Part::new(0, 0, |_| true);
        assert_eq!((none.largest_piece().area(), none.bounds(), none.filled().area()), (0, None, 0));
        assert!(none.shape().is_none() && none.shrunk(1).border().area() == 0);
    }

    #[test]
    fn shrinking_takes_steps_from_each_side() {
        let whole = Part::new(7, 5, |_| true);
        assert_eq!(whole.shrunk(0), whole);
        assert_eq!(whole.shrunk(1), drawn(&[".......", ".#####.", ".#####.", ".#####.", "......."]));
        assert_eq!(whole.shrunk(2), drawn(&[".......", ".......", "..###..", ".......", "......."]));
        let hole = Part::new(7, 5, |pixel| pixel != 17);
        assert_eq!(hole.shrunk(1), drawn(&[".......", ".##.##.", ".#...#.", ".##.##.", "......."]));
    }

    #[test]
    fn shapes_are_told_by_the_least_rectangle_however_turned() {
        // Pixels of a picture of 200×200 by their place from the middle, turned.
        let turned = |degrees: f64, has: &dyn Fn(f64, f64) -> bool| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let part = Part::new(200, 200, |pixel| {
                let [x, y] = [pixel % 200, pixel / 200].map(|place| place as f64 - 99.5);
                has(x * cos + y * sin, y * cos - x * sin)
            });
            part.shape().expect("some pixels")
        };
        for degrees in [0.0, 17.0, 45.0, 80.0] {
            let rectangle = turned(degrees, &|x, y| x.abs() < 60.0 && y.abs() < 30.0);
            assert!(rectangle.fill > 0.94, "{degrees}: {}", rectangle.fill);
            assert!((rectangle.aspect - 2.0).abs() < 0.1 && (rectangle.length - 120.0).abs() < 4.0, "{degrees}");
            let ellipse = turned(degrees, &|x, y| (x / 60.0).powi(2) + (y / 40.0).powi(2) < 1.0);
            assert!((ellipse.fill - 0.785).abs() < 0.03, "{degrees}: {}", ellipse.fill);
        }
    }
}
