//! A row of characters that is painted in layers and becomes a line. Characters outside it are ignored.

use ratatui::{
    style::Style,
    text::{Line, Span as Words},
};

use crate::ui::theme;

/// A row of characters.
#[derive(Debug)]
pub struct Canvas(Vec<(char, Style)>);

impl Canvas {
    /// Returns an empty row.
    pub fn new(columns: u16) -> Self {
        Self(vec![(' ', theme::PLAIN); usize::from(columns)])
    }

    /// Puts a character into a column, if the row has that column.
    pub fn put(&mut self, column: u16, character: char, style: Style) {
        if let Some(cell) = self.0.get_mut(usize::from(column)) {
            *cell = (character, style);
        }
    }

    /// Fills the columns from `from` to before `to` with a character.
    pub fn fill(&mut self, from: u16, to: u16, character: char, style: Style) {
        (from..to).for_each(|column| self.put(column, character, style));
    }

    /// Writes a text from `column` on. Without a `style`, the columns keep theirs.
    pub fn text(&mut self, column: u16, text: &str, style: Option<Style>) {
        for (column, character) in (column..).zip(text.chars()) {
            if let Some(cell) = self.0.get_mut(usize::from(column)) {
                *cell = (character, style.unwrap_or(cell.1));
            }
        }
    }

    /// The line after a name.
    pub fn into_line(self, name: Words<'static>) -> Line<'static> {
        let mut spans = vec![name];
        let cells = self.0.chunk_by(|left, right| left.1 == right.1);
        spans.extend(cells.filter_map(|cells| {
            let style = cells.first()?.1;
            Some(Words::styled(cells.iter().map(|cell| cell.0).collect::<String>(), style))
        }));
        Line::from(spans)
    }
}
