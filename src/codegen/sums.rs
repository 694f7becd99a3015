//! Sums over the rows of a batch, in blocks and blocks of blocks: a running f32 sum of hundreds of terms loses digits.

use super::source::Source;

/// A loop over rows, whose sums are added to those of the loop around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// The loop's variable: the first of the rows that an iteration takes.
    pub variable: &'static str,
    /// The rows of an iteration.
    pub rows: u32,
}

/// Nested loops over rows: over blocks of blocks, over blocks, over single rows, one per level.
pub(super) struct Nest<'a> {
    /// From the outermost to the innermost.
    pub levels: &'a [Level],
    /// The first row.
    pub first: &'a str,
    /// The row after the last.
    pub end: &'a str,
    /// Whether the end of a block is a variable, `block_end`, or an expression in the header of the loop within.
    pub named_ends: bool,
}

impl Nest<'_> {
    /// Writes the loops. `begin` is called before the loop of each level, to set its sums to zero, `body` within all, and
    /// `end` at the end of each level's loop, from the innermost out, to add its sums to those of the level around it.
    pub fn write(
        &self,
        source: &mut Source,
        begin: &dyn Fn(&mut Source, usize),
        body: &dyn Fn(&mut Source),
        end: &dyn Fn(&mut Source, usize),
    ) {
        let (mut from, mut to) = (self.first.to_owned(), self.end.to_owned());
        for (level, Level { variable, rows }) in self.levels.iter().enumerate() {
            begin(source, level);
            source.line(format!("for (var {variable} = {from}; {variable} < {to}; {variable} += {rows}u) {{"));
            if level + 1 == self.levels.len() {
                break;
            }
            from = (*variable).to_owned();
            to = if self.named_ends {
                source.line(format!("let {variable}_end = min({variable} + {rows}u, {to});"));
                format!("{variable}_end")
            } else {
                format!("min({variable} + {rows}u, {})", self.end)
            };
        }
        body(source);
        for level in (0..self.levels.len()).rev() {
            end(source, level);
            source.line("}");
        }
    }
}
