//! The sheet within a frame: paper on a table, or within a line around it.
//!
//! A sheet on a table looks like a light zero on a dark ground: both are a light area with a dark one inside. A sheet has
//! strokes inside, and much of its area is left; a digit has holes, which are as wide as they are long.

use crate::ink::Grey;
use crate::part::{Part, Touching};

/// The least share of the picture that a sheet may have.
const LEAST_SHARE: usize = 20;

/// How many frames may be within each other.
const MOST_FRAMES: usize = 4;

/// The share of a sheet's least rectangle that is the sheet's: that of an ellipse is 0.785, that of a trapezoid whose
/// sides are as 3 to 4 is 0.875.
const RECTANGLE: f64 = 0.87;

/// The share for other sheets, such as round ones, and that of the ink on them: less than that of a hole in a digit.
const ROUND: f64 = 0.7;
const THIN: f64 = 0.45;

/// The sheet within the frame that the part's border belongs to, with ink of its own; `None` if there is no such frame.
pub fn within(grey: &Grey, part: &Part) -> Option<Part> {
    search(grey, part, MOST_FRAMES)
}

fn search(grey: &Grey, part: &Part, frames: usize) -> Option<Part> {
    let levels = grey.levels(part).filter(|_| frames > 0)?;
    // The frame: what hangs together with the border and is about as dark.
    let tolerance = levels.paper.max(levels.ink).max(levels.other) - levels.paper.min(levels.ink).min(levels.other);
    let frame = part.filter(|pixel| grey.values[pixel].abs_diff(levels.paper) <= tolerance / 4);
    let frame = frame.connected(&part.border(), Touching::Sides);
    let enclosed = part.filter(|pixel| !frame.has(pixel)).largest_piece().filled().filter(|pixel| part.has(pixel));
    if LEAST_SHARE * enclosed.area() < part.area() || enclosed.area() == part.area() {
        return None;
    }
    let shorter = enclosed.shape().map(|shape| shape.length / shape.aspect)?;
    // The edge of a sheet is blurred, and has a shadow.
    let sheet = enclosed.shrunk((shorter / 50.0).ceil() as usize);
    if is_sheet(grey, &enclosed, &sheet) { Some(sheet) } else { search(grey, &enclosed, frames - 1) }
}

/// Whether an enclosed area is a sheet: it has ink of its own that looks like strokes, away from its edge.
fn is_sheet(grey: &Grey, enclosed: &Part, sheet: &Part) -> bool {
    let Some(levels) = grey.levels_of_sheet(sheet) else { return false };
    let ink = grey.strong(sheet, levels);
    let stroke = ink.largest_piece();
    let is_at_border = sheet.border().filter(|pixel| stroke.has(pixel)).area() > 0;
    if is_at_border {
        return false;
    }
    let (Some(around), Some(shape), Some(sheet)) = (enclosed.shape(), stroke.shape(), sheet.shape()) else {
        return false;
    };
    if 20.0 * shape.length * sheet.aspect < sheet.length {
        return false; // a speck
    }
    let has_hole = 20 * stroke.filled().area() > 21 * stroke.area();
    let is_blob = !has_hole && shape.fill > 0.65 && shape.aspect < 3.0;
    match around.fill {
        RECTANGLE.. => !is_blob,
        ROUND.. => has_hole || shape.fill < THIN,
        _ => false,
    }
}
