//! How many attempts activities took, and how often faults struck beside how often the plans said. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    app::{App, Rate, Statistics},
    domain::Activity,
    faults::Point,
};

use super::{overlay::page, theme};

/// The columns of the longest bar.
const BAR: u32 = 30;

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let statistics = Statistics::of(app);
    let mut lines = Vec::new();
    for activity in Activity::ALL {
        lines.extend(attempts(activity, &statistics.attempts[activity as usize]));
    }
    lines.push(heading("faults: struck beside planned, for orders of this dashboard"));
    for activity in Activity::ALL {
        for point in Point::ALL {
            lines.push(rate(activity, point, &statistics.rates[activity as usize][point as usize]));
        }
    }
    lines.push(Line::raw(""));
    let forgotten = app.orders().forgotten();
    let kept = format!(" {} orders are counted; {forgotten} older ones are not kept", app.orders().len());
    lines.push(Line::styled(kept, theme::FAINT));
    page(buffer, area, app, " figures ", lines);
}

fn heading(text: &str) -> Line<'static> {
    Line::styled(format!(" {text}"), theme::BOLD)
}

/// A bar per number of attempts.
fn attempts(activity: Activity, counts: &[u32]) -> Vec<Line<'static>> {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |(index, count): (usize, &u32)| {
        let last = index + 1 == counts.len();
        let label = format!("   {}{} ", index + 1, if last { "+" } else { " " });
        // The smallest bar that is not nothing is a half.
        let length = count.saturating_mul(BAR).div_ceil(most) as usize;
        let style = if index == 0 { theme::GOOD } else { theme::WARN };
        Line::from(vec![Span::raw(label), Span::styled("█".repeat(length), style), Span::raw(format!(" {count}"))])
    };
    let title = heading(&format!("{}: executions by their number of attempts", activity.short_name()));
    std::iter::once(title).chain(counts.iter().enumerate().map(bar)).chain([Line::raw("")]).collect()
}

fn rate(activity: Activity, point: Point, rate: &Rate) -> Line<'static> {
    let label = format!("   {:<9}{:<14}", activity.short_name(), point.name());
    let (Some(observed), Some(planned)) = (rate.observed(), rate.planned()) else {
        return Line::from(vec![Span::raw(label), Span::styled("never reached", theme::FAINT)]);
    };
    let percent = |part: f64| format!("{:>3.0} %", part * 100.0);
    Line::from(vec![
        Span::raw(label),
        Span::styled(format!("struck {}", percent(observed)), theme::BOLD),
        Span::raw(format!("   planned {}", percent(planned))),
        Span::styled(format!("   {} of {}", rate.struck, rate.reached), theme::FAINT),
    ])
}
