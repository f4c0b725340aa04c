//! Draws the number of attempts of activities, and injected faults compared with the plan.

use ratatui::text::{Line, Span};

use crate::{
    app::{App, MAX_ATTEMPTS_BAR, Rate, Statistics},
    domain::Activity,
    faults::Point,
    text::column,
};

use super::theme;

/// Columns of the longest bar.
const BAR: u32 = 18;

/// Maximum columns of one activity.
const MOST_HALF: usize = 39;

/// Columns of a number of attempts, and of a count after its bar.
const LABEL: usize = 13;
const COUNT: usize = 6;

/// Returns the lines of the page for a box whose inside has `width` columns.
#[must_use]
pub fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let statistics = Statistics::of(app);
    let mut lines = vec![heading("activities by their number of attempts")];
    lines.extend(attempts(&statistics, (width / 2).min(MOST_HALF)));
    lines.push(Line::raw(""));
    lines.push(heading("faults injected vs. planned (orders sent from here)"));
    for activity in Activity::ALL {
        for point in Point::ALL {
            let found = &statistics.rates[activity as usize][point as usize];
            // Without a supplier, no attempt reaches the points of sending.
            if Point::OF_COMMIT.contains(&point) || found.reached > 0 {
                lines.push(rate(activity, point, found, width));
            }
        }
    }
    lines.push(Line::raw(""));
    let forgotten = app.orders().forgotten();
    let kept = format!(" {} orders counted; {forgotten} older ones are not", app.orders().len());
    lines.push(Line::styled(kept, theme::FAINT));
    lines
}

fn heading(text: &str) -> Line<'static> {
    Line::styled(format!(" {text}"), theme::BOLD)
}

/// A line per number of attempts, the activities side by side.
fn attempts(statistics: &Statistics, half: usize) -> Vec<Line<'static>> {
    let names = Activity::ALL.map(|activity| column(&format!("       {}", activity.short_name()), half));
    let mut lines = vec![Line::styled(names.concat(), theme::FAINT)];
    lines.extend((0..MAX_ATTEMPTS_BAR).map(|index| {
        let bars = Activity::ALL.iter().flat_map(|activity| bar(&statistics.attempts[*activity as usize], index, half));
        bars.collect()
    }));
    lines
}

fn bar(counts: &[u32; MAX_ATTEMPTS_BAR], index: usize, half: usize) -> [Span<'static>; 3] {
    let count = counts.get(index).copied().unwrap_or(0);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let more = if index + 1 == MAX_ATTEMPTS_BAR { "or more" } else { "" };
    // A count above zero has a bar of at least one column.
    let longest = u32::try_from(half.saturating_sub(LABEL + COUNT)).unwrap_or(BAR).min(BAR);
    let length = count.saturating_mul(longest).div_ceil(most) as usize;
    let style = if index == 0 { theme::GOOD } else { theme::WARN };
    let label = format!("   {} {more:<8}", index + 1);
    let rest = half.saturating_sub(label.len() + length);
    [Span::raw(label), Span::styled("█".repeat(length), style), Span::raw(column(&format!(" {count}"), rest))]
}

fn rate(activity: Activity, point: Point, rate: &Rate, width: usize) -> Line<'static> {
    let label = format!("   {:<9}{:<14}", activity.short_name(), point.name());
    let (Some(observed), Some(planned)) = (rate.observed(), rate.planned()) else {
        return Line::from(vec![Span::raw(label), Span::styled("never reached", theme::FAINT)]);
    };
    let percent = |part: f64| format!("{:>3.0} %", part * 100.0);
    let mut line = Line::from(vec![
        Span::raw(label),
        Span::styled(format!("injected {}", percent(observed)), theme::BOLD),
        Span::raw(format!("   planned {}", percent(planned))),
    ]);
    let counts = Span::styled(format!("   {} of {}", rate.struck, rate.reached), theme::FAINT);
    if line.width() + counts.width() <= width {
        line.push_span(counts);
    }
    line
}
