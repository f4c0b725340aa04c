//! Draws the two rows at the top: the connection, the worker, and the configured faults.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use unicode_width::UnicodeWidthStr;

use crate::{
    app::{App, Link, Security, Server, age},
    domain::Guard,
    faults::Preset,
    text::truncate,
};

use super::{pane, theme, words};

/// Draws both rows. If the first is too narrow, the age of the data is shortened before the server's address.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let narrow = area.width < 76;
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        let width = usize::from(row.width);
        let needed = connection(app, usize::MAX, narrow).width();
        let (texts, style) = freshness(app);
        let fits = |text: &&String| needed + 1 + text.width() <= width;
        let fresh = texts.iter().find(fits).or(texts.last()).map_or("", String::as_str);
        let right = u16::try_from(fresh.width()).unwrap_or(u16::MAX).min(row.width);
        let room = row.width.saturating_sub(right).saturating_sub(1);
        buffer.set_line(row.x, row.y, &connection(app, usize::from(room), narrow), room);
        buffer.set_stringn(row.right().saturating_sub(right), row.y, fresh, usize::from(right), style);
    }
    if let Some(row) = rows.next() {
        pane::lines(buffer, row, [configuration(app, usize::from(row.width))]);
    }
}

fn connection(app: &App, room: usize, narrow: bool) -> Line<'_> {
    let setup = app.options();
    let (link, link_style) = link(app);
    let (worker, worker_style) = words::current_worker(app);
    let mut spans = vec![Span::raw(" ")];
    match app.view().freeze().queued() {
        Some(held) => {
            spans.push(Span::styled(format!(" FROZEN, {held} new; space resumes "), theme::badge(theme::WARN)));
        }
        None if narrow => {}
        None => spans.push(Span::styled("idempotence", theme::BOLD)),
    }
    if spans.len() > 1 {
        spans.push(Span::raw(" "));
    }
    let security = security(setup.security);
    // On a narrow screen, the badge replaces the word "connected".
    let link = if narrow && security.is_some() { link.replace("● connected", "●") } else { link };
    let mut states = vec![Span::raw(" "), Span::styled(link, link_style)];
    states.extend(security.into_iter().flat_map(|(text, style)| [Span::raw(" "), Span::styled(text, style)]));
    states.extend(pane::pair("  worker ", worker, worker_style));
    // A long address is truncated, because the worker's state matters more.
    let taken: usize = spans.iter().chain(&states).map(Span::width).sum();
    spans.push(Span::raw(truncate(&setup.server, room.saturating_sub(taken).max(8))));
    spans.extend(states);
    Line::from(spans)
}

/// Returns a badge for the security of the connection, if it is worth attention.
pub fn security(security: Security) -> Option<(&'static str, Style)> {
    match security {
        Security::Local => None,
        Security::Tls => Some(("TLS", theme::GOOD)),
        Security::Open => Some((" NO TLS ", theme::badge(theme::WARN))),
        Security::Unverified => Some((" TLS UNVERIFIED ", theme::badge(theme::BAD))),
    }
}

/// Returns the state of the connection, and its style.
pub fn link(app: &App) -> (String, Style) {
    match (app.link(), app.server()) {
        (Link::Up, _) => ("● connected".to_owned(), theme::GOOD),
        (Link::Connecting { .. }, Server::Preparing { .. }) => ("○ preparing".to_owned(), theme::WARN),
        (Link::Connecting { .. }, _) => ("○ connecting".to_owned(), theme::WARN),
        (Link::Down { .. }, _) => {
            (format!("✗ down {}", age(app.connections().link_since(), app.shown_now())), theme::badge(theme::BAD))
        }
    }
}

/// Returns the second row: guard, faults, seed, encryption, namespace and task queue.
fn configuration(app: &App, width: usize) -> Line<'_> {
    let setup = app.options();
    let style = words::guard(app.guard());
    let (guard, guard_style) = match app.guard() {
        Guard::Ledger => ("guard ledger", style),
        Guard::LastOrder => (" GUARD last-order ", theme::badge(style)),
        Guard::Off => (" GUARD OFF ", theme::badge(style)),
    };
    let plan = app.plan();
    let (faults, faults_style) = match Preset::of(plan) {
        Some(Preset::None) => ("faults none".to_owned(), theme::GOOD),
        Some(preset) => (format!(" FAULTS {} ", preset.label()), theme::badge(theme::WARN)),
        None => (format!(" FAULTS {} ", truncate(&plan.to_string(), width / 2)), theme::badge(theme::WARN)),
    };
    let mut spans = vec![
        Span::raw(" "),
        Span::styled(guard, guard_style),
        Span::raw("  "),
        Span::styled(faults, faults_style),
        Span::styled(format!(" seed {}", setup.seed), theme::FAINT),
    ];
    if setup.encrypted {
        spans.push(Span::styled("  encrypted", theme::GOOD));
    }
    let used = Line::from(spans.clone()).width();
    let web_ui = match app.server() {
        Server::Running { web_ui } => format!("  Web UI {web_ui}"),
        _ => String::new(),
    };
    let place = [
        format!("  namespace {}  queue {}{web_ui}", setup.namespace, setup.task_queue),
        format!("  namespace {}  queue {}", setup.namespace, setup.task_queue),
        format!("  {} / {}", setup.namespace, setup.task_queue),
    ];
    if let Some(place) = place.into_iter().find(|place| used + place.chars().count() <= width) {
        spans.push(Span::styled(place, theme::FAINT));
    }
    Line::from(spans)
}

/// Returns texts for the age of the data on the screen, the longest first. Stale data has only one, which is always
/// shown.
fn freshness(app: &App) -> (Vec<String>, Style) {
    let account = app.journal();
    let now = app.shown_now();
    let broken = account.journal_source.broken.as_ref().or(account.document_source.broken.as_ref());
    if let Some((_, since)) = broken {
        return (vec![format!(" STALE {} ", age(*since, now))], theme::badge(theme::BAD));
    }
    let texts = match account.journal_source.last_read.max(account.document_source.last_read) {
        Some(at) => {
            let age = age(at, now);
            ["database changed ", "db changed ", "changed ", ""].map(|what| format!("{what}{age} ago ")).to_vec()
        }
        None => vec!["no database change yet ".to_owned(), "no change yet ".to_owned()],
    };
    (texts.into_iter().chain([String::new()]).collect(), theme::FAINT)
}
