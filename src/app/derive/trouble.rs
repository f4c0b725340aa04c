//! The most important obstacle as a sentence for the screen, with times, counts and keys.

use crate::{
    app::{App, Obstacle},
    domain::UnixMillis,
};

/// An obstacle as one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The sentence.
    pub text: String,
    /// Whether it is only a normal wait.
    pub passes: bool,
}

/// The most important obstacle.
#[must_use]
pub fn trouble(app: &App) -> Option<Trouble> {
    let obstacle = Obstacle::all(app.facts()).find(is_shown)?;
    Some(Trouble { text: sentence(&obstacle, app.shown_now()), passes: obstacle.passes() })
}

/// The header shows the state of the worker, and other workers of this program do the same work.
const fn is_shown(obstacle: &Obstacle) -> bool {
    !matches!(
        obstacle,
        Obstacle::WorkerStarting
            | Obstacle::WorkerStopping
            | Obstacle::Beside { .. }
            | Obstacle::Elsewhere { foreign: false, .. }
    )
}

fn sentence(obstacle: &Obstacle, now: UnixMillis) -> String {
    let mut text = obstacle.what();
    for (mark, part) in [
        (", ", figures(obstacle, now).as_deref()),
        (": ", obstacle.detail()),
        ("; ", obstacle.advice().map(crate::app::Advice::text)),
    ] {
        if let Some(part) = part {
            text.push_str(mark);
            text.push_str(part);
        }
    }
    text
}

/// The part of the sentence that changes with time: an age, a countdown, progress, or a number of attempts.
fn figures(obstacle: &Obstacle, now: UnixMillis) -> Option<String> {
    match obstacle {
        Obstacle::Stale { since, .. } => Some(format!("the screen shows data that is {} old", age(*since, now))),
        Obstacle::Reading { read, of } => Some(format!("{} %", read.saturating_mul(100) / (*of).max(1))),
        Obstacle::Connecting { attempt, .. } => (*attempt > 1).then(|| format!("attempt {attempt}")),
        Obstacle::NoLink { next_try, .. } => Some(format!("next try {}", until(*next_try, now))),
        Obstacle::WorkerExited { restart_at, .. } => restart_at.map(|at| format!("it restarts {}", until(at, now))),
        Obstacle::OrdersFail { more: 0, attempt, .. } => Some(format!("attempt {attempt} of its workflow task")),
        Obstacle::OrdersFail { more: 1, .. } => Some("and 1 more order cannot continue either".to_owned()),
        Obstacle::OrdersFail { more, .. } => Some(format!("and {more} more orders cannot continue either")),
        Obstacle::LineMissing { later } => Some(format!("{later} later lines wait for it")),
        _ => None,
    }
}

/// `in 3 s`, or `now`.
#[must_use]
pub fn until(at: UnixMillis, now: UnixMillis) -> String {
    match at.0.saturating_sub(now.0) {
        0 => "now".to_owned(),
        left => format!("in {} s", left.div_ceil(1_000)),
    }
}

/// `3 s`, `2 min`, `1 h`.
#[must_use]
pub fn age(since: UnixMillis, now: UnixMillis) -> String {
    match now.0.saturating_sub(since.0) / 1_000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
