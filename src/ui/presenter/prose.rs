//! Paragraphs as lines. Knows nothing of steps.

use ratatui::{
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use crate::{
    app::{Paragraph, PieceKind},
    ui::{pane, theme},
};

/// Breaks paragraphs into lines of at most `width` columns, with a blank line between two that are no list.
#[must_use]
pub fn prose(paragraphs: &[Paragraph], width: usize) -> Vec<Line<'static>> {
    prose_within(paragraphs, width, usize::MAX)
}

/// As many whole paragraphs as fit into `rows`; at least the first one, cut where even that does not fit.
#[must_use]
pub fn prose_within(paragraphs: &[Paragraph], width: usize, rows: usize) -> Vec<Line<'static>> {
    broken(None, paragraphs, width, rows)
}

/// Paragraphs with a badge before the first word.
#[must_use]
pub fn prose_after(badge: Span<'static>, paragraphs: &[Paragraph], width: usize) -> Vec<Line<'static>> {
    let empty = [Paragraph::default()];
    broken(Some(badge), if paragraphs.is_empty() { &empty } else { paragraphs }, width, usize::MAX)
}

fn broken(mut badge: Option<Span<'static>>, paragraphs: &[Paragraph], width: usize, rows: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut in_list = true;
    for paragraph in paragraphs {
        let next = wrapped(badge.take(), paragraph, width);
        let blank = !(lines.is_empty() || in_list && paragraph.bullet);
        if !lines.is_empty() && lines.len() + usize::from(blank) + next.len() > rows {
            break;
        }
        if blank {
            lines.push(Line::raw(""));
        }
        lines.extend(next);
        in_list = paragraph.bullet;
    }
    lines.truncate(rows);
    lines
}

fn style(kind: PieceKind) -> Style {
    match kind {
        PieceKind::Plain => theme::PLAIN,
        PieceKind::Strong => theme::BOLD,
        PieceKind::Code => theme::KNOWN,
    }
}

fn wrapped(badge: Option<Span<'static>>, paragraph: &Paragraph, width: usize) -> Vec<Line<'static>> {
    let indent = if paragraph.bullet { 2 } else { 0 };
    let room = width.saturating_sub(indent).max(1);
    let lead = badge.map(|badge| vec![badge, Span::raw(" ")]).unwrap_or_default();
    let mut used = lead.iter().map(Span::width).sum();
    let mut lines = vec![lead];
    for piece in &paragraph.pieces {
        for word in piece.text.split_inclusive(' ') {
            let columns = word.trim_end().width();
            if used > 0 && used + columns > room {
                lines.push(Vec::new());
                used = 0;
            }
            let word = if columns > room { pane::cut(word, room) } else { word.to_owned() };
            used += word.width();
            if let Some(line) = lines.last_mut() {
                line.push(Span::styled(word, style(piece.kind)));
            }
        }
    }
    let mark = |first: bool| Span::raw(if first { "· " } else { "  " });
    let with_mark = |(place, mut spans): (usize, Vec<Span<'static>>)| {
        // A blank at its end would count as a column that does not fit.
        if let Some(last) = spans.last_mut() {
            last.content = last.content.trim_end().to_owned().into();
        }
        if indent > 0 {
            spans.insert(0, mark(place == 0));
        }
        Line::from(spans)
    };
    lines.into_iter().enumerate().map(with_mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Piece;

    fn paragraph(bullet: bool, pieces: &[(&str, PieceKind)]) -> Paragraph {
        let piece = |(text, kind): &(&str, PieceKind)| Piece { text: (*text).to_owned(), kind: *kind };
        Paragraph { bullet, pieces: pieces.iter().map(piece).collect() }
    }

    fn text(lines: &[Line<'_>]) -> Vec<String> {
        lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn words_keep_their_kind_and_lists_their_form() {
        let plain = paragraph(
            false,
            &[("one two ", PieceKind::Plain), ("three", PieceKind::Strong), (" four", PieceKind::Plain)],
        );
        let item = paragraph(true, &[("a longer item", PieceKind::Plain)]);
        let lines = prose(&[plain, item.clone(), item], 10);
        assert_eq!(text(&lines), ["one two", "three four", "", "· a longer", "  item", "· a longer", "  item"]);
        assert_eq!(lines[1].spans[0].style, theme::BOLD);
    }

    #[test]
    fn no_width_makes_it_panic() {
        let long = paragraph(true, &[("averyverylongword and", PieceKind::Code), ("", PieceKind::Plain)]);
        for width in 0..12 {
            assert!(!prose(std::slice::from_ref(&long), width).is_empty());
        }
    }
}
