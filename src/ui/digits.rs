//! Numbers, capital letters and signs in blocks, readable from a distance. A character has 3 by 5 squares, whose width depends
//! on the available space.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Widths, in columns, of the three squares in a row, the widest digits first. A gap of one column follows each digit.
const SCALES: [[u16; 3]; 3] = [[2, 2, 2], [1, 2, 1], [1, 1, 1]];
/// Height of a character, in rows.
pub const HEIGHT: u16 = 5;

/// Returns the five rows of a character, three bits each, the highest bit on the left.
const fn rows(character: char) -> [u8; 5] {
    match character {
        '0' | 'O' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b111, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' | 'S' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        'A' => [0b010, 0b101, 0b111, 0b101, 0b101],
        'B' => [0b110, 0b101, 0b110, 0b101, 0b110],
        'C' => [0b111, 0b100, 0b100, 0b100, 0b111],
        'D' => [0b110, 0b101, 0b101, 0b101, 0b110],
        'E' => [0b111, 0b100, 0b110, 0b100, 0b111],
        'F' => [0b111, 0b100, 0b110, 0b100, 0b100],
        'G' => [0b111, 0b100, 0b101, 0b101, 0b111],
        'H' => [0b101, 0b101, 0b111, 0b101, 0b101],
        'I' => [0b111, 0b010, 0b010, 0b010, 0b111],
        'J' => [0b001, 0b001, 0b001, 0b101, 0b111],
        'K' => [0b101, 0b101, 0b110, 0b101, 0b101],
        'L' => [0b100, 0b100, 0b100, 0b100, 0b111],
        'M' => [0b101, 0b111, 0b111, 0b101, 0b101],
        'N' => [0b110, 0b101, 0b101, 0b101, 0b101],
        'P' => [0b111, 0b101, 0b111, 0b100, 0b100],
        'Q' => [0b111, 0b101, 0b101, 0b111, 0b001],
        'R' => [0b110, 0b101, 0b110, 0b101, 0b101],
        'T' => [0b111, 0b010, 0b010, 0b010, 0b010],
        'U' => [0b101, 0b101, 0b101, 0b101, 0b111],
        'V' => [0b101, 0b101, 0b101, 0b101, 0b010],
        'W' => [0b101, 0b101, 0b101, 0b111, 0b101],
        'X' => [0b101, 0b101, 0b010, 0b101, 0b101],
        'Y' => [0b101, 0b101, 0b010, 0b010, 0b010],
        'Z' => [0b111, 0b001, 0b010, 0b100, 0b111],
        '=' => [0b000, 0b111, 0b000, 0b111, 0b000],
        '≠' => [0b001, 0b111, 0b010, 0b111, 0b100],
        '-' => [0b000, 0b000, 0b111, 0b000, 0b000],
        _ => [0b000; 5],
    }
}

/// Whether `text` can be drawn in blocks in `columns` columns.
#[must_use]
pub fn fits(text: &str, columns: u16) -> bool {
    let drawn = |character: char| character == ' ' || rows(character) != [0; 5];
    text.chars().all(drawn) && width_at(SCALES[SCALES.len() - 1], text) <= columns
}

/// Returns the columns that `text` needs in the widest digits.
#[must_use]
pub fn width(text: &str) -> u16 {
    width_at(SCALES[0], text)
}

const fn pitch(scale: [u16; 3]) -> u16 {
    scale[0].saturating_add(scale[1]).saturating_add(scale[2]).saturating_add(1)
}

fn width_at(scale: [u16; 3], text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX).saturating_mul(pitch(scale)).saturating_sub(1)
}

/// Draws `text` at the left of `area`. If it is too wide for blocks, it is written as ordinary text, because a
/// truncated number would be wrong.
pub fn draw(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    draw_like(buffer, area, text, text, style);
}

/// Draws `text` like [`draw`], in digits of a size in which `widest` also fits, so that adjacent numbers have the same
/// size.
pub fn draw_like(buffer: &mut Buffer, area: Rect, text: &str, widest: &str, style: Style) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let fits =
        |scale: [u16; 3]| area.height >= HEIGHT && width_at(scale, text).max(width_at(scale, widest)) <= area.width;
    let scale = SCALES.into_iter().find(|scale| fits(*scale));
    let Some(scale) = scale else {
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
        return;
    };
    for (index, character) in (0_u16..).zip(text.chars()) {
        let left = area.x.saturating_add(index.saturating_mul(pitch(scale)));
        for (row, bits) in (0_u16..).zip(rows(character)) {
            let mut x = left;
            for (square, columns) in (0_u16..).zip(scale) {
                if bits & (0b100 >> square) != 0 {
                    buffer.set_string(x, area.y.saturating_add(row), "█".repeat(usize::from(columns)), style);
                }
                x = x.saturating_add(columns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_number_is_drawn_with_its_sign() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 5));
        draw(&mut buffer, Rect::new(0, 0, 30, 5), "-17", Style::new());
        let row = |y| (0..21).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        assert_eq!(row(0), "         ██   ██████ ");
        assert_eq!(row(2), "██████   ██     ██   ");
    }

    #[test]
    fn digits_are_as_wide_as_there_is_room_for() {
        let (wide, narrow, thin) = ("██████   ██  ", "████  ██     ", "███  █       ");
        for (room, expected) in [(20, wide), (13, wide), (12, narrow), (9, narrow), (8, thin), (7, thin)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 5));
            draw(&mut buffer, Rect::new(0, 0, room, 5), "01", Style::new());
            let row: String = (0..13).map(|x| buffer[(x, 0)].symbol().to_owned()).collect();
            assert_eq!(row, expected, "{room}");
        }
    }

    #[test]
    fn digits_that_do_not_fit_as_blocks_are_written_as_text() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 5));
        draw(&mut buffer, Rect::new(0, 0, 12, 5), "-998", Style::new());
        assert_eq!(buffer[(0, 0)].symbol(), "-");
        draw(&mut buffer, Rect::new(40, 40, 3, 3), "1", Style::new());
    }
}
