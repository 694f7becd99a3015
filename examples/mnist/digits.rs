//! Pictures of digits with their labels, and rotating them.

/// The height and the width of a picture, as MNIST's.
pub const SIDE: usize = 28;
pub const PIXELS: usize = SIDE * SIDE;

/// Pictures, light on dark, one byte per pixel, row by row; and the digit that each shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits {
    pictures: Vec<[u8; PIXELS]>,
    labels: Vec<u8>,
}

impl Digits {
    /// `pixels` has one picture per label, one after the other.
    #[cfg(any(feature = "datasets", test))]
    pub fn new(pixels: &[u8], labels: &[u8]) -> Result<Self, String> {
        if pixels.len() != labels.len() * PIXELS {
            return Err(format!("{} bytes are not {} pictures of {SIDE}×{SIDE} pixels", pixels.len(), labels.len()));
        }
        let pictures = pixels.chunks_exact(PIXELS).filter_map(|picture| picture.try_into().ok()).collect();
        Ok(Digits { pictures, labels: labels.to_vec() })
    }

    pub fn push(&mut self, picture: [u8; PIXELS], label: u8) {
        self.pictures.push(picture);
        self.labels.push(label);
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// One picture after the other.
    pub fn pixels(&self) -> &[u8] {
        self.pictures.as_flattened()
    }

    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Each picture with its label.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; PIXELS], u8)> {
        self.pictures.iter().zip(self.labels.iter().copied())
    }

    /// The first `first_count` pictures, and the others.
    pub fn split_at(mut self, first_count: usize) -> (Self, Self) {
        let rest =
            Digits { pictures: self.pictures.split_off(first_count), labels: self.labels.split_off(first_count) };
        (self, rest)
    }

    pub fn extend(&mut self, others: &Digits) {
        self.pictures.extend_from_slice(&others.pictures);
        self.labels.extend_from_slice(&others.labels);
    }

    /// Each picture, then its copies turned by `degrees` to the left and to the right.
    pub fn with_rotated(&self, degrees: f64) -> Self {
        let mut digits = Digits::default();
        for (picture, label) in self.iter() {
            digits.push(*picture, label);
            digits.push(rotate(picture, degrees), label);
            digits.push(rotate(picture, -degrees), label);
        }
        digits
    }
}

/// A picture rotated about its centre, to the left for positive `degrees`. Each pixel is interpolated from the four
/// pixels around its original position; outside the picture it is dark.
pub fn rotate(picture: &[u8; PIXELS], degrees: f64) -> [u8; PIXELS] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = (SIDE - 1) as f64 / 2.0;
    let byte = |x: f64, y: f64| {
        let inside = (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y);
        if inside { f64::from(picture[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    std::array::from_fn(|i| {
        let (x, y) = ((i % SIDE) as f64 - middle, (i / SIDE) as f64 - middle);
        // y points down: rotating the coordinates to the right finds the pixel that moves to the left.
        let (from_x, from_y) = (cos * x - sin * y + middle, sin * x + cos * y + middle);
        let (left, top) = (from_x.floor(), from_y.floor());
        let (right_fraction, bottom_fraction) = (from_x - left, from_y - top);
        let row = |y: f64| (1.0 - right_fraction) * byte(left, y) + right_fraction * byte(left + 1.0, y);
        ((1.0 - bottom_fraction) * row(top) + bottom_fraction * row(top + 1.0)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strokes;

    #[test]
    fn no_rotation_changes_nothing() {
        for (picture, _) in strokes::draw(20, 1).iter() {
            assert_eq!(rotate(picture, 0.0), *picture);
        }
    }

    #[test]
    fn a_rotation_and_its_opposite_nearly_cancel() {
        for (picture, label) in strokes::draw(50, 1).iter() {
            let back = rotate(&rotate(picture, 10.0), -10.0);
            let difference = |other: &[u8; PIXELS]| {
                let sum = picture.iter().zip(other).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum::<u64>();
                sum as f64 / picture.iter().map(|&byte| f64::from(byte)).sum::<f64>()
            };
            // Two interpolations blur the picture, a thin pen's the most.
            assert!(difference(&back) < 0.4, "{label}: {}", difference(&back));
            assert!(difference(&back) < 0.8 * difference(&rotate(picture, 10.0)));
        }
    }

    #[test]
    fn a_quarter_turn_to_the_left_moves_the_right_edge_to_the_top() {
        let mut picture = [0; PIXELS];
        picture[3 * SIDE + 27] = 255; // row 3, at the right edge
        let rotated = rotate(&picture, 90.0);
        assert_eq!(rotated[3], 255);
        assert_eq!(rotated.iter().filter(|&&byte| byte > 0).count(), 1);
    }

    #[test]
    fn each_picture_is_followed_by_its_rotated_copies() {
        let digits = strokes::draw(3, 1);
        let rotated = digits.with_rotated(10.0);
        assert_eq!(rotated.len(), 9);
        let (picture, label) = digits.iter().nth(1).expect("three digits");
        let copies = rotated.iter().skip(3).take(3).collect::<Vec<_>>();
        assert_eq!(copies, [(picture, label), (&rotate(picture, 10.0), label), (&rotate(picture, -10.0), label)]);
    }

    #[test]
    fn refuses_pictures_without_labels() {
        assert!(Digits::new(&[0; 2 * PIXELS], &[1]).is_err());
    }
}
