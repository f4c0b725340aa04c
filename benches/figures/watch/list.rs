//! Rows that `watch` keeps of a long list of executions, without a server.

use idempotence::{
    app::{
        App, Appearance, Command, Intent, Link, ListPage, Message, Move, Options, PAGE_ROWS, StartMode, WatchNews,
        WatchRequest,
    },
    domain::{ExecutionInfo, ExecutionStatus, Run, UnixMillis},
};

use crate::{
    Figure,
    frames::{BEGIN, setup},
};

const EXECUTIONS: usize = 10_000;

/// The kept pages, and the retrying executions of other pages.
const MAX_ROWS: usize = 1_100;

/// Milliseconds between two movements.
const STEP_MILLIS: u64 = 100;

/// Limit of the movements to the last row.
const MAX_STEPS: u64 = 100_000;

pub fn measure() -> Figure {
    let (rows, last) = scroll_to_the_last();
    Figure {
        name: "watch: list of 10,000 executions, rows kept",
        measured: format!("{rows} rows, scrolled to the last: {last}"),
        wanted: format!("at most {MAX_ROWS} rows, to the last").into(),
        reached: rows <= MAX_ROWS && last,
    }
}

/// Moves from the first row to the last, half a page at a time. Returns the most rows that were kept, and whether the last
/// execution was selected.
fn scroll_to_the_last() -> (usize, bool) {
    let start_mode = StartMode::Watch(Box::default());
    let mut app = App::new(Options { start_mode, ..setup(Appearance::default()) });
    let mut most = 0;
    let mut commands = app.update(Message::Link(Link::Up));
    for step in 1..=MAX_STEPS {
        let now = UnixMillis(BEGIN + step * STEP_MILLIS);
        commands.extend(app.update(Message::Tick { now }));
        for command in std::mem::take(&mut commands) {
            if let Some(news) = answer(command, now) {
                commands.extend(app.update(Message::Watch(news)));
            }
        }
        commands.extend(app.update(Message::Intent(Intent::Select(Move::HalfPageDown))));
        let list = app.watch().unwrap().list();
        most = most.max(list.rows().len());
        let selected = list.rows().get(list.selected());
        if selected.is_some_and(|row| row.info.run == execution(EXECUTIONS - 1).run) {
            return (most, true);
        }
    }
    (most, false)
}

/// The server's answer to a request for a page. Descriptions stay unanswered.
fn answer(command: Command, at: UnixMillis) -> Option<WatchNews> {
    match command {
        Command::Watch(WatchRequest::List { query, page }) => {
            let executions = (page * PAGE_ROWS..EXECUTIONS.min((page + 1) * PAGE_ROWS)).map(execution).collect();
            let more = (page + 1) * PAGE_ROWS < EXECUTIONS;
            Some(WatchNews::Listed { query, page, answer: Ok(ListPage { at, executions, more }) })
        }
        Command::Watch(WatchRequest::Count { query }) => {
            Some(WatchNews::Counted { query, answer: Ok(u64::try_from(EXECUTIONS).unwrap()) })
        }
        _ => None,
    }
}

fn execution(number: usize) -> ExecutionInfo {
    ExecutionInfo {
        run: Run { workflow: format!("checkout-{number}"), run: format!("run-{number}") },
        workflow_type: "Checkout".to_owned(),
        task_queue: "checkout".to_owned(),
        status: ExecutionStatus::Running,
        started: UnixMillis(BEGIN),
        closed: None,
        history_length: 5,
        parent: None,
    }
}
