//! Breaks paragraphs into lines.

use std::ops::Range;

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{Paragraph, Piece, PieceKind},
    text::wrap_ranges,
};

use super::theme;

/// Breaks paragraphs into lines of at most `width` columns, with a blank line between two that are not list items.
#[must_use]
pub fn prose(paragraphs: &[Paragraph], width: usize) -> Vec<Line<'static>> {
    prose_within(paragraphs, width, usize::MAX)
}

/// Returns as many whole paragraphs as fit into `rows`, but at least the first one, truncated if it does not fit.
#[must_use]
pub fn prose_within(paragraphs: &[Paragraph], width: usize, rows: usize) -> Vec<Line<'static>> {
    broken(None, paragraphs, width, rows)
}

/// Breaks paragraphs into lines, with a badge before the first word.
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
    let (bullet, margin) = if paragraph.bullet { ("· ", "  ") } else { ("", "") };
    let room = width.saturating_sub(margin.len()).max(1);
    let mut lead = badge.map(|badge| vec![badge, Span::raw(" ")]).unwrap_or_default();
    let indent = lead.iter().map(Span::width).sum();
    let text: String = paragraph.pieces.iter().map(|piece| piece.text.as_str()).collect();
    let line = |(index, range): (usize, Range<usize>)| {
        let margin = if index == 0 { bullet } else { margin };
        let margin = (!margin.is_empty()).then(|| Span::raw(margin));
        margin.into_iter().chain(std::mem::take(&mut lead)).chain(styled(&paragraph.pieces, &range)).collect()
    };
    wrap_ranges(&text, room, indent).into_iter().enumerate().map(line).collect()
}

/// Returns the parts of `pieces` within a range of their joined text, each with its style.
fn styled(pieces: &[Piece], range: &Range<usize>) -> Vec<Span<'static>> {
    let mut start = 0;
    let mut spans = Vec::new();
    for piece in pieces {
        let end = start + piece.text.len();
        let part = range.start.clamp(start, end) - start..range.end.clamp(start, end) - start;
        if let Some(text) = piece.text.get(part).filter(|text| !text.is_empty()) {
            spans.push(Span::styled(text.to_owned(), style(piece.kind)));
        }
        start = end;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

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
