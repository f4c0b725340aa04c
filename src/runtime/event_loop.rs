//! The one event loop: select, update, perform, draw. Generic over the screen and the source of events, so that a test
//! runs the whole dashboard without a terminal.

use std::{io, time::Duration};

use crossterm::event::Event;
use futures::{Stream, StreamExt};
use ratatui::{Terminal, backend::Backend};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    app::{App, Command, Message},
    keymap,
    store::now,
    ui,
};

/// The shortest time between two frames that nobody at the keyboard waits for: 30 a second.
const FRAME: Duration = Duration::from_millis(33);

/// How often time itself is worth a look: countdowns tick, notices go.
const TICK: Duration = Duration::from_secs(1);

/// Why the loop gave up.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    #[error("the screen could not be drawn: {0}")]
    Draw(String),
    #[error("the keyboard could not be read: {0}")]
    Read(#[source] io::Error),
}

/// Runs until the core asks to quit, the events end, or `interrupted` resolves. `perform` carries out a command, and
/// says whether it means the end.
///
/// # Errors
/// [`LoopError`].
pub async fn run<B: Backend>(
    terminal: &mut Terminal<B>,
    mut app: App,
    mut events: impl Stream<Item = io::Result<Event>> + Unpin,
    mut messages: mpsc::Receiver<Message>,
    perform: impl Fn(Command) -> bool,
    interrupted: impl Future<Output = ()>,
) -> Result<App, LoopError> {
    let mut screen = Screen { terminal, drawn: Instant::now() };
    screen.draw(&app)?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::pin!(interrupted);
    let mut stale = false;
    loop {
        let mut at_once = false;
        let first = tokio::select! {
            event = events.next() => match event {
                Some(event) => {
                    at_once = true;
                    translate(&event.map_err(LoopError::Read)?, &app)
                }
                None => return Ok(app),
            },
            message = messages.recv() => message,
            _ = ticks.tick() => None,
            () = sleep_until(screen.drawn + FRAME), if stale => {
                screen.draw(&app)?;
                stale = false;
                continue;
            }
            () = &mut interrupted => return Ok(app),
        };
        stale |= at_once;
        let queued = std::iter::from_fn(|| messages.try_recv().ok());
        for message in std::iter::once(Message::Tick { now: now() }).chain(first).chain(queued) {
            for command in app.update(message) {
                if perform(command) {
                    return Ok(app);
                }
            }
            stale |= app.take_dirty();
        }
        if stale && (at_once || screen.drawn.elapsed() >= FRAME) {
            screen.draw(&app)?;
            stale = false;
        }
    }
}

/// What an event of the terminal means to the core; `None` where it means nothing.
fn translate(event: &Event, app: &App) -> Option<Message> {
    match event {
        Event::Key(key) => keymap::intent(*key, app.overlay()).map(Message::Intent),
        Event::Resize(width, height) => Some(Message::Resized { width: *width, height: *height }),
        _ => None,
    }
}

struct Screen<'a, B: Backend> {
    terminal: &'a mut Terminal<B>,
    drawn: Instant,
}

impl<B: Backend> Screen<'_, B> {
    fn draw(&mut self, app: &App) -> Result<(), LoopError> {
        let drawn = self.terminal.draw(|frame| ui::draw(frame, app));
        drawn.map_err(|error| LoopError::Draw(error.to_string()))?;
        self.drawn = Instant::now();
        Ok(())
    }
}
