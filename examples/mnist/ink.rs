//! What is ink on a picture, and what is paper.

use crate::part::{Part, Touching};

/// Ink fainter than this share of the strongest is the paper's grain. Also the least contrast of ink, as a share of the
/// lightest pixel.
const GRAIN: f64 = 48.0 / 255.0;

/// The least contrast of ink, by the differences between neighbours that a quarter of all does not exceed. Between two
/// strokes neighbours are alike. Of grain these differences are a fourth to a twelfth of the contrast.
const LEAST_BY_NEIGHBOURS: u32 = 12;

/// One pixel of so many may be darker or lighter than all ink and all paper: a defect of the camera.
const DEFECTS: usize = 10_000;

/// A picture in one channel, row by row.
pub struct Grey {
    pub width: usize,
    pub height: usize,
    pub values: Vec<u16>,
    /// The least contrast that can be more than rounding and noise of dark pictures.
    pub least_contrast: u16,
}

/// The grey of paper and ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub paper: u16,
    pub ink: u16,
    /// The other end of the greys: on the side of the paper where the ink is not.
    pub other: u16,
}

/// The ink of a picture.
pub struct Ink {
    /// From 0 for paper to 255 for the strongest ink.
    pub strengths: Vec<u8>,
    /// The least rectangle with all ink: its first and last column and row.
    pub bounds: [usize; 4],
    /// Why it may not be what was meant.
    pub doubts: Vec<&'static str>,
}

impl Grey {
    pub fn whole(&self) -> Part {
        Part::new(self.width, self.height, |_| true)
    }

    /// Paper and ink of a part. The paper is the median of the part's border; the ink is darker or lighter, whichever
    /// differs most. `None` if nothing stands out from the paper.
    pub fn levels(&self, part: &Part) -> Option<Levels> {
        let greys = self.sorted(part);
        let defects = greys.len() / DEFECTS;
        let [darkest, lightest] = [*greys.get(defects)?, *greys.get(greys.len() - 1 - defects)?];
        let border = self.sorted(&part.border());
        let paper = border.get(border.len() / 2)?.clamp(&darkest, &lightest).to_owned();
        let (ink, other) = if paper - darkest > lightest - paper { (darkest, lightest) } else { (lightest, darkest) };
        let levels = Levels { paper, ink, other };
        let contrast = levels.contrast();
        let stands_out = contrast >= self.least_contrast
            && f64::from(contrast) >= GRAIN * f64::from(lightest)
            && u32::from(contrast) >= LEAST_BY_NEIGHBOURS * u32::from(self.grain(part));
        stands_out.then_some(levels)
    }

    /// The grey of paper and ink of a part that has both: its border is nearly all paper, and most of the rest.
    pub fn levels_of_sheet(&self, part: &Part) -> Option<Levels> {
        let levels = self.levels(part)?;
        let paper = part.filter(|pixel| self.values[pixel].abs_diff(levels.paper) <= levels.contrast() / 4);
        let border = part.border();
        let is_sheet =
            2 * paper.area() > part.area() && 5 * border.filter(|pixel| paper.has(pixel)).area() >= 4 * border.area();
        is_sheet.then_some(levels)
    }

    fn sorted(&self, part: &Part) -> Vec<u16> {
        let mut greys = part.pixels().map(|pixel| self.values[pixel]).collect::<Vec<_>>();
        greys.sort_unstable();
        greys
    }

    /// The difference between neighbours that a quarter of all does not exceed.
    fn grain(&self, part: &Part) -> u16 {
        let beside = |pixel: &usize| !(pixel + 1).is_multiple_of(self.width) && part.has(pixel + 1);
        let pixels = part.pixels().filter(beside);
        let mut differences =
            pixels.map(|pixel| self.values[pixel].abs_diff(self.values[pixel + 1])).collect::<Vec<_>>();
        differences.sort_unstable();
        differences.get(differences.len() / 4).copied().unwrap_or(0)
    }

    /// The pixels of a part that are surely ink.
    pub fn strong(&self, part: &Part, levels: Levels) -> Part {
        part.filter(|pixel| levels.strength(self.values[pixel]) >= 0.5)
    }

    /// The ink of a part. `None` if there is none.
    pub fn ink(&self, part: &Part) -> Option<Ink> {
        let mut levels = self.levels(part)?;
        let mut doubts = Vec::new();
        let other = Levels { ink: levels.other, other: levels.ink, ..levels };
        let second = self.strong(part, other).area();
        if 2 * u32::from(other.contrast()) > u32::from(levels.contrast()) && 50 * second > part.area() {
            doubts.push("parts are darker than the edge, and parts are lighter");
        }
        levels.paper = self.paper_around(&self.strong(part, levels), part).unwrap_or(levels.paper);
        let strong = self.strong(part, levels);
        // Pale ink is the end of a stroke; elsewhere it is a shadow.
        let visible = part.filter(|pixel| levels.strength(self.values[pixel]) >= GRAIN);
        let ink = visible.connected(&strong, Touching::Corners);

        let border = part.border();
        let on_border = |ink: &Part| border.filter(|pixel| ink.has(pixel)).area();
        let at_edge = ink.connected(&border, Touching::Corners);
        let within = ink.filter(|pixel| !at_edge.has(pixel));
        // More than the end of a stroke, and there is a digit besides.
        let ink = if 20 * on_border(&at_edge) >= border.area() && 10 * within.area() >= at_edge.area() {
            doubts.push("what reaches the edge is left out");
            within
        } else {
            ink
        };
        if 3 * on_border(&ink) > border.area() {
            doubts.push("the ink runs along the edge");
        }
        if 2 * ink.area() > part.area() {
            doubts.push("most of the picture is ink");
        }
        let strength = |pixel: usize| if ink.has(pixel) { levels.strength(self.values[pixel]) } else { 0.0 };
        let strengths = (0..self.values.len()).map(|pixel| (255.0 * strength(pixel)).round() as u8).collect();
        Some(Ink { strengths, bounds: ink.bounds()?, doubts })
    }

    /// The paper's grey around the ink, since light is seldom even: the median of what is not ink in the ink's rectangle,
    /// enlarged to each side by half of its longer one.
    fn paper_around(&self, strong: &Part, part: &Part) -> Option<u16> {
        let [left, top, right, bottom] = strong.bounds()?;
        let margin = (right - left).max(bottom - top) / 2 + 1;
        let is_near = |place: usize, low: usize, high: usize| place + margin >= low && place <= high + margin;
        let around = part.filter(|pixel| {
            let is_around = is_near(pixel % self.width, left, right) && is_near(pixel / self.width, top, bottom);
            is_around && !strong.has(pixel)
        });
        let greys = self.sorted(&around);
        greys.get(greys.len() / 2).copied()
    }
}

impl Levels {
    /// How much the ink differs from the paper.
    pub fn contrast(self) -> u16 {
        self.ink.abs_diff(self.paper)
    }

    /// How much of the ink's contrast a grey has: 0 for paper, 1 for the strongest ink.
    fn strength(self, grey: u16) -> f64 {
        let [grey, paper, ink] = [grey, self.paper, self.ink].map(f64::from);
        if ink == paper { 0.0 } else { ((grey - paper) / (ink - paper)).clamp(0.0, 1.0) }
    }
}
