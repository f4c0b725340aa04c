//! Draws the selected order or execution as `temporal` commands.

use ratatui::text::Line;

use crate::app::Instruction;

use super::theme;

/// Maximum columns of a line before its comma or backslash.
const WIDTH: usize = 72;

/// Columns for a comma or a backslash and the blanks before it.
const MARGIN: usize = 4;

/// Returns the lines of the page for a box whose inside has `columns` columns.
#[must_use]
pub fn lines(instructions: &[Instruction], columns: usize) -> Vec<Line<'static>> {
    let width = columns.saturating_sub(MARGIN).min(WIDTH);
    let mut lines: Vec<_> = instructions.iter().flat_map(|instruction| written(instruction, width)).collect();
    lines.push(Line::styled(" y copies the first command", theme::FAINT));
    lines
}

/// Breaks a long command between its flags, with a backslash at the end of each line except the last. The JSON input is
/// broken after commas, where JSON allows a line break.
fn written(instruction: &Instruction, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![String::from("  ")];
    let mut words = instruction.words.iter().peekable();
    while let Some(word) = words.next() {
        let value = words.next_if(|_| word.starts_with("--"));
        let piece = value.map_or_else(|| word.clone(), |value| format!("{word} {value}"));
        if lines.last().is_some_and(|line| line.len() + piece.len() > width) {
            if let Some(line) = lines.last_mut() {
                line.push_str(" \\");
            }
            lines.push(String::from("    "));
        }
        for part in piece.split_inclusive(',') {
            if lines.last().is_some_and(|line| line.len() > 8 && line.len() + part.len() > width) {
                lines.push(String::from("       "));
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(if part.len() == piece.len() || piece.starts_with(part) { " " } else { "" });
                line.push_str(part);
            }
        }
    }
    let heading = Line::styled(format!(" {}", instruction.does), theme::BOLD);
    std::iter::once(heading).chain(lines.into_iter().map(Line::raw)).chain([Line::raw("")]).collect()
}
