//! The selected order as `temporal` commands. Changes nothing.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::app::{App, Instruction, instructions};

use super::{overlay::page, theme};

/// Words begin on a new line behind this column.
const WIDTH: usize = 72;

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(order) = app.selected() else { return };
    let told = instructions(app, order);
    let mut lines: Vec<_> = told.iter().flat_map(written).collect();
    lines.push(Line::styled(" y copies the first of them", theme::FAINT));
    page(buffer, area, app, &format!(" {} as temporal commands ", order.order), lines);
}

/// As a person types a long command: broken between its flags, each line but the last ending with a backslash.
fn written(instruction: &Instruction) -> Vec<Line<'static>> {
    let mut lines = vec![String::from("   ")];
    for (index, word) in instruction.words.iter().enumerate() {
        let pair = if word.starts_with("--") { instruction.words.get(index + 1).map_or(0, String::len) } else { 0 };
        let full = lines.last().is_some_and(|line| line.len() + word.len() + pair > WIDTH);
        if full && word.starts_with("--") {
            if let Some(line) = lines.last_mut() {
                line.push_str(" \\");
            }
            lines.push(String::from("     "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    let heading = Line::styled(format!(" {}", instruction.does), theme::BOLD);
    std::iter::once(heading).chain(lines.into_iter().map(Line::raw)).chain([Line::raw("")]).collect()
}
