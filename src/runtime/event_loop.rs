//! The one event loop: select, update, perform, draw. Generic over the screen and the sources of events, so that a test
//! runs the whole dashboard without a terminal.

use std::{io, time::Duration};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use futures::{FutureExt, Stream, StreamExt};
use ratatui::layout::{Rect, Size};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tui_input::InputRequest;

use super::{
    signals::Outside,
    surface::{Ask, Refused, Surface},
};
use crate::{
    app::{App, Command, Intent, Message, Overlay, Tone},
    keymap,
    store::now,
    ui,
};

/// The shortest time between two frames that nobody at the keyboard waits for: 30 a second.
const FRAME: Duration = Duration::from_millis(33);

/// How often time itself is worth a look: countdowns tick, notices go.
const TICK: Duration = Duration::from_secs(1);

/// The same while something on the screen moves in tenths of a second.
const FAST_TICK: Duration = Duration::from_millis(100);

/// The most messages between two looks at the keyboard.
const AT_ONCE: usize = 1_024;

/// The most characters that a paste puts into an edited line.
const LONGEST_PASTE: usize = 1_000;

/// Why the loop gave up.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    #[error("the screen could not be drawn: {0}")]
    Draw(#[source] io::Error),
    #[error("the keyboard could not be read: {0}")]
    Read(#[source] io::Error),
    #[error("the terminal could not be taken again: {0}")]
    Retake(#[source] io::Error),
}

/// What ended the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The core asked for it.
    Quit,
    /// The keyboard has gone.
    NoMoreEvents,
    /// A signal of this number.
    Signal(i32),
    /// A thread has panicked.
    Panic,
}

/// Runs until the core asks to quit, the events end, or something outside asks for the end. `perform` carries out what
/// is not the terminal's to do, and says whether it means the end.
///
/// # Errors
/// [`LoopError`].
pub async fn run<S: Surface>(
    surface: &mut S,
    app: App,
    mut events: impl Stream<Item = io::Result<Event>> + Unpin,
    mut messages: mpsc::Receiver<Message>,
    perform: impl Fn(Command) -> bool,
    mut outside: impl Stream<Item = Outside> + Unpin,
) -> Result<(App, Ending), LoopError> {
    let mut dashboard =
        Dashboard { surface, app, perform, drawn: Instant::now(), stale: true, stopped: false, ending: None };
    dashboard.note_size();
    dashboard.draw()?;
    let mut ticked = Instant::now();
    while dashboard.ending.is_none() {
        let pace = if dashboard.app.wants_fast_ticks() { FAST_TICK } else { TICK };
        let due = dashboard.drawn + FRAME;
        tokio::select! {
            event = events.next() => dashboard.hear(event, &mut events)?,
            Some(message) = messages.recv() => dashboard.tell_all(message, &mut messages),
            Some(outside) = outside.next() => dashboard.obey(outside)?,
            () = sleep_until(ticked + pace) => {
                ticked = Instant::now();
                dashboard.tick();
            }
            () = sleep_until(due), if dashboard.stale && !dashboard.stopped => dashboard.draw()?,
        }
    }
    Ok((dashboard.app, dashboard.ending.unwrap_or(Ending::Quit)))
}

/// The core and the screen, and what lies between them.
struct Dashboard<'a, S, P> {
    surface: &'a mut S,
    app: App,
    perform: P,
    drawn: Instant,
    /// The screen does not show the state.
    stale: bool,
    /// The terminal is given back, and the process is about to stop or has just gone on.
    stopped: bool,
    ending: Option<Ending>,
}

impl<S: Surface, P: Fn(Command) -> bool> Dashboard<'_, S, P> {
    fn draw(&mut self) -> Result<(), LoopError> {
        if self.stopped {
            return Ok(());
        }
        self.surface.draw(&self.app).map_err(LoopError::Draw)?;
        self.drawn = Instant::now();
        self.stale = false;
        Ok(())
    }

    /// What the person does shows at once. Keys that have come meanwhile go before the frame: each counts under the
    /// state that the one before has made.
    fn hear(
        &mut self,
        first: Option<io::Result<Event>>,
        events: &mut (impl Stream<Item = io::Result<Event>> + Unpin),
    ) -> Result<(), LoopError> {
        let mut next = first;
        for _ in 0..AT_ONCE {
            let Some(event) = next else {
                self.ending = self.ending.or(Some(Ending::NoMoreEvents));
                return Ok(());
            };
            self.tick();
            for message in self.translate(&event.map_err(LoopError::Read)?) {
                self.tell(message);
            }
            next = match events.next().now_or_never() {
                Some(queued) if self.ending.is_none() => queued,
                _ => break,
            };
        }
        if self.stale && self.ending.is_none() { self.draw() } else { Ok(()) }
    }

    fn tell_all(&mut self, first: Message, messages: &mut mpsc::Receiver<Message>) {
        self.tick();
        let queued = std::iter::from_fn(|| messages.try_recv().ok());
        for message in std::iter::once(first).chain(queued).take(AT_ONCE) {
            self.tell(message);
        }
    }

    fn tick(&mut self) {
        self.tell(Message::Tick { now: now() });
    }

    fn tell(&mut self, message: Message) {
        for command in self.app.update(message) {
            self.carry_out(command);
        }
        self.stale |= self.app.take_dirty();
    }

    fn carry_out(&mut self, command: Command) {
        let done = match command {
            Command::Copy(text) => self.surface.copy(&text),
            Command::Mouse(on) => self.surface.mouse(on).map_err(Refused::from),
            Command::Suspend => self.stop(Ask::Key),
            other => {
                if (self.perform)(other) {
                    self.ending = Some(Ending::Quit);
                }
                return;
            }
        };
        if let Err(refused) = done {
            self.tell(Message::Notice { text: refused.to_string(), tone: Tone::Bad });
        }
    }

    fn obey(&mut self, outside: Outside) -> Result<(), LoopError> {
        match outside {
            Outside::End(signal) => self.ending = Some(Ending::Signal(signal)),
            Outside::Panicked => self.ending = Some(Ending::Panic),
            Outside::Stop => {
                if let Err(refused) = self.stop(Ask::Signal) {
                    self.tell(Message::Notice { text: refused.to_string(), tone: Tone::Bad });
                }
            }
            Outside::GoOn => {
                self.surface.retake().map_err(LoopError::Retake)?;
                self.stopped = false;
                self.tick();
                self.note_size();
                self.draw()?;
            }
        }
        Ok(())
    }

    fn stop(&mut self, ask: Ask) -> Result<(), Refused> {
        if self.stopped {
            return Ok(());
        }
        // Before the stop, since this thread may be halted anywhere behind it.
        self.stopped = true;
        self.surface.stop(ask).inspect_err(|_| self.stopped = false)
    }

    /// A terminal whose size is not known is drawn on all the same.
    fn note_size(&mut self) {
        match self.surface.size() {
            Ok(Size { width, height }) => self.tell(Message::Resized { width, height }),
            Err(error) => tracing::warn!(%error, "the terminal does not tell its size"),
        }
    }

    /// What an event of the terminal means to the core; nothing, where it means nothing.
    fn translate(&self, event: &Event) -> Vec<Message> {
        match event {
            Event::Key(key) => self.key(*key).into_iter().collect(),
            Event::Mouse(mouse) => self.mouse(*mouse).into_iter().collect(),
            Event::Resize(width, height) => vec![Message::Resized { width: *width, height: *height }],
            Event::Paste(text) => self.paste(text),
            Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn key(&self, key: KeyEvent) -> Option<Message> {
        keymap::intent(key, self.app.overlay()).map(Message::Intent)
    }

    /// The wheel is the arrow keys; a click is what lies under it.
    fn mouse(&self, mouse: MouseEvent) -> Option<Message> {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.key(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE)),
            MouseEventKind::ScrollDown => self.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)),
            MouseEventKind::Down(MouseButton::Left) => {
                let Size { width, height } = self.surface.size().ok()?;
                let area = Rect::new(0, 0, width, height);
                ui::hit(area, &self.app, mouse.column, mouse.row).map(Message::Intent)
            }
            _ => None,
        }
    }

    /// A paste is text for the line that is edited. Over the dashboard it would be a row of keys that nobody pressed,
    /// so it is nothing.
    fn paste(&self, text: &str) -> Vec<Message> {
        if !matches!(self.app.overlay(), Overlay::Plan | Overlay::Filter) {
            return Vec::new();
        }
        let characters = text.chars().filter(|character| !character.is_control()).take(LONGEST_PASTE);
        characters.map(|character| Message::Intent(Intent::Edit(InputRequest::InsertChar(character)))).collect()
    }
}
