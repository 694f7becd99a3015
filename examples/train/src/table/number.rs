//! Numbers as people write them: with a decimal point or a decimal comma, with digits in groups of three or without.

use clap::ValueEnum;

/// The mark between a number's whole part and its fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Decimal {
    /// 1937.5, 1,937.50
    Point,
    /// 1937,5 or 1.937,50
    Comma,
}

/// What may stand between groups of three digits, beside the mark that is not the decimal mark: a blank, one that does
/// not break, a narrow one, an apostrophe, and the typographic one.
const BETWEEN_GROUPS: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// The decimal mark that cells speak for.
#[derive(Debug, PartialEq)]
pub enum Evidence<'a> {
    /// All that can be told from the cells fits this one.
    Clear(Decimal),
    /// This cell is one number by a decimal point and another by a decimal comma, and no other cell decides.
    Doubtful(&'a str),
    /// Most cells that decide are for this mark, and this many against it, of which one is this.
    Mixed(Decimal, usize, &'a str),
}

impl Decimal {
    /// The decimal mark of a table with these cells.
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Evidence<'a> {
        let (mut doubtful, mut by_point, mut by_comma) = (None, None, None);
        let [mut points, mut commas] = [0, 0];
        for cell in cells.filter(|cell| cell.contains(',') || cell.contains('.')) {
            match [Decimal::Point, Decimal::Comma].map(|mark| mark.parse(cell)) {
                [Some(_), None] => (by_point, points) = (by_point.or(Some(cell)), points + 1),
                [None, Some(_)] => (by_comma, commas) = (by_comma.or(Some(cell)), commas + 1),
                // A cell such as 1.937 does not count: without others it is read as usual.
                [Some(point), Some(comma)] if point != comma && cell.contains(',') => {
                    doubtful = doubtful.or(Some(cell));
                }
                _ => {}
            }
        }
        match (by_point, by_comma, doubtful) {
            (None, None, Some(cell)) => Evidence::Doubtful(cell),
            (_, None, _) => Evidence::Clear(Decimal::Point),
            (None, Some(_), _) => Evidence::Clear(Decimal::Comma),
            (Some(_), Some(cell), _) if points >= commas => Evidence::Mixed(Decimal::Point, commas, cell),
            (Some(cell), Some(_), _) => Evidence::Mixed(Decimal::Comma, points, cell),
        }
    }

    /// The finite number that a cell shows; `None` if it shows none.
    pub fn parse(self, cell: &str) -> Option<f64> {
        let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let (mark, group) = match self {
            Decimal::Point => ('.', ','),
            Decimal::Comma => (',', '.'),
        };
        if !cell.contains(|char| char == ',' || BETWEEN_GROUPS.contains(&char)) && (mark == '.' || !cell.contains('.'))
        {
            return finite(cell);
        }
        let (whole, fraction) = cell.split_once(mark).unwrap_or((cell, ""));
        let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let between = digits.chars().find(|&char| char == group || BETWEEN_GROUPS.contains(&char));
        if between.is_some_and(|between| !is_grouped(digits, between)) || fraction.starts_with(['+', '-']) {
            return None;
        }
        let whole = whole.chars().filter(|&char| Some(char) != between).collect::<String>();
        finite(&format!("{whole}.{fraction}"))
    }
}

/// Whether these are one to three digits, not beginning with 0, and then three digits after each mark.
fn is_grouped(digits: &str, between: char) -> bool {
    let mut groups = digits.split(between);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && is_digits(first)
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && is_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_their_decimal_mark() {
        for (cell, by_point, by_comma) in [
            ("17", Some(17.0), Some(17.0)),
            ("-1.5e3", Some(-1500.0), None),
            ("1,5", None, Some(1.5)),
            ("-12,25e-1", None, Some(-1.225)),
            ("1,937.00", Some(1937.0), None),
            ("1.937,00", None, Some(1937.0)),
            ("1,937", Some(1937.0), Some(1.937)),
            ("1.937", Some(1.937), Some(1937.0)),
            ("0.937", Some(0.937), None),
            ("-1,234,567", Some(-1_234_567.0), None),
            ("1'234'567.5", Some(1_234_567.5), None),
            ("1 234 567,5", None, Some(1_234_567.5)),
            ("1\u{202f}234", Some(1234.0), Some(1234.0)),
            ("1700000000.5", Some(1_700_000_000.5), None),
            (".5", Some(0.5), None),
            (",5", None, Some(0.5)),
            ("5,", None, Some(5.0)),
            ("1,93,7", None, None),
            ("12 34", None, None),
            ("1,-5", None, None),
            ("1,937 200", None, None),
            ("1.2.3", None, None),
            ("nan", None, None),
            ("inf", None, None),
            ("1e999", None, None),
            ("", None, None),
            (",", None, None),
            ("a", None, None),
            ("0x10", None, None),
        ] {
            assert_eq!(Decimal::Point.parse(cell), by_point, "{cell:?}");
            assert_eq!(Decimal::Comma.parse(cell), by_comma, "{cell:?}");
        }
    }

    #[test]
    fn the_decimal_mark_is_what_all_cells_speak_for() {
        let of = |cells: &'static [&str]| Decimal::of(cells.iter().copied());
        for cells in [&["1", "x, y", "a.b"][..], &["1.937", "2.004"], &["1,937", "2.5"], &["1,937.00"], &[]] {
            assert_eq!(of(cells), Evidence::Clear(Decimal::Point), "{cells:?}");
        }
        for cells in [&["1,937", "2,5"][..], &["0,125"], &["1.937,00", "1.937"]] {
            assert_eq!(of(cells), Evidence::Clear(Decimal::Comma), "{cells:?}");
        }
        assert_eq!(of(&["7", "1,937"]), Evidence::Doubtful("1,937"));
        assert_eq!(of(&["1.5", "2.5", "3,5"]), Evidence::Mixed(Decimal::Point, 1, "3,5"));
        assert_eq!(of(&["1.5", "2,5", "3,5"]), Evidence::Mixed(Decimal::Comma, 1, "1.5"));
    }
}
