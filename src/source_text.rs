//! Positions in text files written by users, and errors that name them.

use std::fmt;

/// A position in a text. Both numbers count from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    const START: Self = Self { line: 1, column: 1 };

    /// Returns the line and column of the byte at `offset` in `text`, or of its end.
    fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }

    /// Returns this position in a text that begins at `start` of another text.
    const fn after(self, start: Self) -> Self {
        let column = if self.line == 1 { start.column + self.column - 1 } else { self.column };
        Self { line: start.line + self.line - 1, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

/// A mistake in a text file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {at}: {problem}")]
pub struct SourceError {
    /// The file, as messages name it.
    pub file: String,
    /// Position of the mistake.
    pub at: Position,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// The text of a file, or a part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'t> {
    /// The file, as messages name it.
    file: &'t str,
    /// The text.
    pub text: &'t str,
    /// Position at which the text begins in the file.
    start: Position,
}

impl<'t> Source<'t> {
    /// The whole text of a file.
    pub(crate) const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, start: Position::START }
    }

    /// The part `text` of this source, which begins at the byte `offset`.
    pub(crate) fn part<'p>(self, text: &'p str, offset: usize) -> Source<'p>
    where
        't: 'p,
    {
        Source { file: self.file, text, start: self.at(offset) }
    }

    /// Returns the error for `problem` at the byte `offset`.
    pub(crate) fn wrong(self, offset: usize, problem: impl Into<String>) -> SourceError {
        SourceError { file: self.file.to_owned(), at: self.at(offset), problem: problem.into() }
    }

    /// Returns the position of the byte `offset` in the file.
    pub(crate) fn at(self, offset: usize) -> Position {
        Position::of(self.text, offset).after(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters_from_1() {
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2), (99, 2, 2)] {
            assert_eq!(Position::of("ö\nb", offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn a_mistake_in_a_part_is_reported_at_its_place_in_the_whole() {
        let whole = Source::new("talk.md", "a\nb cd\ne");
        let part = whole.part("cd\ne", 4);
        assert_eq!(part.wrong(1, "x").to_string(), "talk.md, line 2, column 4: x");
        assert_eq!(part.wrong(3, "x").to_string(), "talk.md, line 3, column 1: x");
        assert_eq!(part.wrong(3, "x"), whole.wrong(7, "x"));
    }
}
