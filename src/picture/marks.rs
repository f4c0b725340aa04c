//! Converts the cells of a frame to bars of one colour and runs of characters with the same style, independent of the
//! file format.

use std::collections::BTreeMap;

use ratatui::{
    buffer::{Buffer, Cell},
    style::Modifier,
};
use unicode_width::UnicodeWidthStr;

use super::colours::{BACKGROUND, Paint, Rgb};

/// Size of a cell in pixels. Whole numbers, so that bars meet without a gap. The width 9 is 0.6 of the font's size, as
/// in most monospace fonts.
pub(super) const CELL: (u32, u32) = (9, 19);
/// Distance from the top of a cell to the baseline, in pixels.
const BASELINE: u32 = 14;

/// A rectangle of one colour, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) colour: Rgb,
}

/// Characters of one style in a row, with position and length in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) x: u32,
    /// The baseline.
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) text: String,
    pub(super) pen: Pen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pen {
    pub(super) colour: Rgb,
    pub(super) bold: bool,
    pub(super) italic: bool,
}

/// The parts of a frame, painted in this order: `behind`, `over`, `runs`.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) behind: Vec<Bar>,
    pub(super) over: Vec<Bar>,
    pub(super) runs: Vec<Run>,
}

/// One cell, or the cells that a wide character covers.
#[derive(Clone, Copy)]
struct Spot<'a> {
    cell: &'a Cell,
    x: u32,
    y: u32,
    width: u32,
}

impl Marks {
    pub(super) fn of(buffer: &Buffer) -> Self {
        let mut marks = Self::default();
        let columns = usize::from(buffer.area.width).max(1);
        for (row, y) in buffer.content().chunks(columns).zip((0..).step_by(CELL.1 as usize)) {
            marks.row(row, y);
        }
        marks.behind = stacked(marks.behind);
        marks.over = stacked(marks.over);
        marks
    }

    fn row(&mut self, row: &[Cell], y: u32) {
        let mut rest = row;
        let mut x = 0;
        while let Some(cell) = rest.first() {
            // A cell covered by a wide character has stale content.
            let cells = cell.symbol().width().clamp(1, rest.len());
            let width = CELL.0 * u32::try_from(cells).unwrap_or(1);
            self.spot(Spot { cell, x, y, width });
            x += width;
            rest = &rest[cells..];
        }
    }

    fn spot(&mut self, spot: Spot<'_>) {
        let Spot { cell, x, y, width } = spot;
        let paint = Paint::of(cell);
        if paint.behind != BACKGROUND {
            add(&mut self.behind, Bar { x, y, width, height: CELL.1, colour: paint.behind });
        }
        if let Some(colour) = paint.underline {
            add(&mut self.over, Bar { x, y: y + BASELINE + 2, width, height: 1, colour });
        }
        if cell.modifier.contains(Modifier::CROSSED_OUT) {
            add(&mut self.over, Bar { x, y: y + BASELINE - 5, width, height: 1, colour: paint.text });
        }
        if cell.symbol().trim().is_empty() || cell.symbol().width() == 0 || cell.modifier.contains(Modifier::HIDDEN) {
            return;
        }
        match block(cell.symbol()) {
            Some(part) => add(&mut self.over, Bar { x: x + part.x, y: y + part.y, colour: paint.text, ..part }),
            None => self.write(spot, paint.text),
        }
    }

    /// Extends the previous run if every character keeps its column; otherwise starts another.
    fn write(&mut self, spot: Spot<'_>, colour: Rgb) {
        let Spot { cell, x, y, width } = spot;
        let bold = cell.modifier.contains(Modifier::BOLD);
        let pen = Pen { colour, bold, italic: cell.modifier.contains(Modifier::ITALIC) };
        let y = y + BASELINE;
        if let Some(run) = self.runs.last_mut().filter(|run| run.y == y && run.pen == pen) {
            let gap = x - (run.x + run.width);
            if gap <= CELL.0 && go_together(&run.text, cell.symbol(), gap > 0) {
                run.text.push_str(if gap > 0 { " " } else { "" });
                run.text.push_str(cell.symbol());
                run.width += gap + width;
                return;
            }
        }
        self.runs.push(Run { x, y, width, text: cell.symbol().to_owned(), pen });
    }
}

/// Whether all characters of `text` and `next` certainly have the same width, as ASCII does in a monospace font.
/// Another character may come from a different font, so it is combined only with equal ones.
fn go_together(text: &str, next: &str, gap: bool) -> bool {
    (text.is_ascii() && next.is_ascii()) || (!gap && text.starts_with(next) && text.ends_with(next))
}

/// Adds a bar, or extends the last one to the right if they touch.
fn add(bars: &mut Vec<Bar>, bar: Bar) {
    let lengthened = bars.last_mut().filter(|last| {
        (last.y, last.height, last.colour, last.x + last.width) == (bar.y, bar.height, bar.colour, bar.x)
    });
    match lengthened {
        Some(last) => last.width += bar.width,
        None => bars.push(bar),
    }
}

/// Merges bars that are on top of each other.
fn stacked(bars: Vec<Bar>) -> Vec<Bar> {
    let mut open = BTreeMap::new();
    let mut stacks: Vec<Bar> = Vec::new();
    for bar in bars {
        let place = |y: u32| (y, bar.x, bar.width, bar.colour);
        let index = open.remove(&place(bar.y)).unwrap_or(stacks.len());
        match stacks.get_mut(index) {
            Some(stack) => stack.height += bar.height,
            None => stacks.push(bar),
        }
        open.insert(place(bar.y + bar.height), index);
    }
    stacks
}

/// Returns the part of a cell that a block element fills. Block elements are drawn as bars, because fonts leave gaps
/// between them.
fn block(symbol: &str) -> Option<Bar> {
    let (wide, high) = CELL;
    let mut characters = symbol.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else { return None };
    let part = |x, y, right, bottom| Some(Bar { x, y, width: right - x, height: bottom - y, colour: BACKGROUND });
    let code = u32::from(character);
    match character {
        '▀' => part(0, 0, wide, eighths(high, 4)),
        '▐' => part(eighths(wide, 4), 0, wide, high),
        '▔' => part(0, 0, wide, eighths(high, 1)),
        '▕' => part(eighths(wide, 7), 0, wide, high),
        // From one eighth of the height at the bottom to the full height.
        '▁'..='█' => part(0, eighths(high, 0x2588 - code), wide, high),
        // From seven eighths of the width at the left down to one.
        '▉'..='▏' => part(0, 0, eighths(wide, 0x2590 - code), high),
        _ => None,
    }
}

/// Rounds, so that two parts of a cell neither overlap nor leave a gap.
const fn eighths(of: u32, count: u32) -> u32 {
    (of * count + 4) / 8
}

#[cfg(test)]
mod tests {
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    fn marks(width: u16, lines: &[(&str, Style)]) -> Marks {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, u16::try_from(lines.len()).unwrap()));
        for ((text, style), y) in lines.iter().zip(0..) {
            buffer.set_string(0, y, text, *style);
        }
        Marks::of(&buffer)
    }

    fn runs(text: &str) -> Vec<(u32, u32, String)> {
        let marks = marks(20, &[(text, Style::new())]);
        marks.runs.into_iter().map(|run| (run.x / CELL.0, run.width / CELL.0, run.text)).collect()
    }

    #[test]
    fn a_run_of_text_ends_before_characters_of_uncertain_width() {
        for (text, expected) in [
            ("", vec![]),
            (" ab cd  e", vec![(1, 5, "ab cd"), (8, 1, "e")]),
            ("a✓✓b", vec![(0, 1, "a"), (1, 2, "✓✓"), (3, 1, "b")]),
            ("──═ ═", vec![(0, 2, "──"), (2, 1, "═"), (4, 1, "═")]),
            ("漢字a", vec![(0, 2, "漢"), (2, 2, "字"), (4, 1, "a")]),
            ("e\u{301}e", vec![(0, 1, "e\u{301}"), (1, 1, "e")]),
            // Ratatui omits a character without a width that has no base character.
            ("a\u{200b}b", vec![(0, 2, "ab")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(x, width, run)| (x, width, run.to_owned())).collect();
            assert_eq!(runs(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hidden_and_empty_cells_are_left_out() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer[(0, 0)].set_symbol("漢");
        buffer[(1, 0)].set_symbol("z");
        buffer[(2, 0)].set_symbol("");
        // Wider than the rest of the line.
        buffer[(3, 0)].set_symbol("字");
        let marks = Marks::of(&buffer);
        let runs: Vec<_> = marks.runs.iter().map(|run| (run.x, run.width, run.text.as_str())).collect();
        assert_eq!(runs, [(0, 18, "漢"), (27, 9, "字")]);
        assert!(self::marks(3, &[("abc", Style::new().hidden())]).runs.is_empty());
    }

    #[test]
    fn equal_bars_side_by_side_and_on_each_other_are_one() {
        let red = Style::new().on_red();
        let found = marks(5, &[("██ ██", Style::new()), ("██", Style::new()), ("  a", red), ("   ", red)]);
        let bars: Vec<_> = found.over.iter().map(|bar| (bar.x, bar.y, bar.width, bar.height)).collect();
        assert_eq!(bars, [(0, 0, 18, 38), (27, 0, 18, 19)]);
        let bars: Vec<_> = found.behind.iter().map(|bar| (bar.x, bar.y, bar.width, bar.height)).collect();
        assert_eq!(bars, [(0, 38, 27, 38)]);
        assert_eq!(found.runs.len(), 1);
    }

    #[test]
    fn two_halves_make_a_whole() {
        for (one, other) in [("▀", "▄"), ("▌", "▐"), ("▔", "▇"), ("▉", "▕")] {
            let area = |symbol| block(symbol).map(|bar| bar.width * bar.height).unwrap();
            assert_eq!(area(one) + area(other), CELL.0 * CELL.1, "{one} {other}");
        }
        assert_eq!(block("█").map(|bar| (bar.x, bar.y, bar.width, bar.height)), Some((0, 0, 9, 19)));
        assert_eq!(block("▏").map(|bar| bar.width), Some(1));
        assert_eq!((block("░"), block("─"), block("██")), (None, None, None));
    }

    #[test]
    fn lines_under_and_through_are_drawn_over_blanks_too() {
        let found = marks(4, &[("a  b", Style::new().underlined().crossed_out())]);
        assert_eq!(found.over.iter().map(|bar| (bar.y, bar.height)).max(), Some((16, 1)));
        assert!(found.over.iter().filter(|bar| bar.y == 16).map(|bar| bar.width).sum::<u32>() == 36);
    }
}
