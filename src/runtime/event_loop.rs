//! The event loop: select, update, execute, draw. Generic over the screen and the sources of events, so that a test
//! runs the whole dashboard without a terminal.

mod incoming;

use std::{io, ops::ControlFlow, time::Duration};

use futures::{FutureExt, Stream, StreamExt};
use ratatui::layout::{Rect, Size};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use self::incoming::Said;
use super::{
    clipboard::Copied,
    input::Input,
    repeats::Repeats,
    signals::Outside,
    surface::{Ask, Refused, Surface},
};
use crate::{
    app::{Command, Core, Message, Tone},
    clock::now,
    ui,
};

/// The shortest time between two frames that nobody at the keyboard waits for: some 60 a second, so that what happens is
/// on the screen within 20 ms.
const FRAME: Duration = Duration::from_millis(16);

/// The most messages between two looks at the keyboard.
const AT_ONCE: usize = 1_024;

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
    /// The core asked for a walkthrough, and goes on after it.
    Walkthrough,
    /// The core asked for the dashboard that opened it.
    Return,
    /// The keyboard has gone.
    NoMoreEvents,
    /// A signal of this number.
    Signal(i32),
    /// A thread has panicked.
    Panic,
}

/// Runs until the core asks to quit, the events end, or something outside asks for the end. `execute` executes the
/// commands that are not for the terminal, and breaks if one is to quit.
///
/// # Errors
/// [`LoopError`].
pub async fn run<S: Surface, C: Core>(
    surface: &mut S,
    core: C,
    events: &mut (impl Stream<Item = io::Result<Input>> + Unpin),
    messages: &mut mpsc::Receiver<Message>,
    execute: impl Fn(Command) -> ControlFlow<()>,
    outside: &mut (impl Stream<Item = Outside> + Unpin),
) -> Result<(C, Ending), LoopError> {
    let mut dashboard = Dashboard::new(surface, core, execute);
    dashboard.note_size();
    dashboard.draw()?;
    let mut ticked = Instant::now();
    while dashboard.ending.is_none() {
        let due = dashboard.drawn + FRAME;
        let kept = dashboard.repeats.due().map(Instant::from_std);
        let (is_late, idle) = (dashboard.surface.is_busy(), dashboard.surface.idle());
        tokio::select! {
            event = events.next() => dashboard.hear(event, events)?,
            Some(message) = messages.recv() => dashboard.tell_all(message, messages),
            Some(outside) = outside.next() => dashboard.obey(outside)?,
            () = sleep_until(ticked + dashboard.core.pace()) => {
                ticked = Instant::now();
                dashboard.tick();
            }
            Some(copied) = dashboard.copies.join_next(), if !dashboard.copies.is_empty() => dashboard.copied(copied),
            () = sleep_until(kept.unwrap_or(due)), if kept.is_some() => dashboard.release()?,
            // A terminal that takes nothing gets the next frame when it does.
            () = idle, if is_late && dashboard.stale => {}
            () = sleep_until(due), if dashboard.stale && !dashboard.stopped && !is_late => dashboard.draw()?,
        }
    }
    Ok((dashboard.core, dashboard.ending.unwrap_or(Ending::Quit)))
}

/// The core and the screen, and what lies between them.
struct Dashboard<'a, S, C, P> {
    surface: &'a mut S,
    core: C,
    execute: P,
    drawn: Instant,
    /// The screen does not show the state.
    stale: bool,
    /// The terminal is given back, and the process is about to stop or has just gone on.
    stopped: bool,
    repeats: Repeats,
    said: Said,
    /// Texts that programs are taking.
    copies: JoinSet<(String, Copied)>,
    ending: Option<Ending>,
}

impl<'a, S: Surface, C: Core, P: Fn(Command) -> ControlFlow<()>> Dashboard<'a, S, C, P> {
    fn new(surface: &'a mut S, core: C, execute: P) -> Self {
        Self {
            surface,
            core,
            execute,
            drawn: Instant::now(),
            stale: true,
            stopped: false,
            repeats: Repeats::default(),
            said: Said::default(),
            copies: JoinSet::new(),
            ending: None,
        }
    }

    fn draw(&mut self) -> Result<(), LoopError> {
        if self.stopped || self.surface.is_busy() {
            return Ok(());
        }
        self.surface.draw(self.core.app()).map_err(LoopError::Draw)?;
        self.drawn = Instant::now();
        self.stale = false;
        Ok(())
    }

    /// What the person does shows at once. Keys that have come meanwhile go before the frame: each counts under the
    /// state that the one before has made.
    fn hear(
        &mut self,
        first: Option<io::Result<Input>>,
        events: &mut (impl Stream<Item = io::Result<Input>> + Unpin),
    ) -> Result<(), LoopError> {
        let mut next = first;
        for _ in 0..AT_ONCE {
            let Some(event) = next else {
                self.ending = self.ending.or(Some(Ending::NoMoreEvents));
                return Ok(());
            };
            self.tick();
            self.take_in(event.map_err(LoopError::Read)?);
            // What comes behind the key that ends it is for whoever comes next.
            let queued = if self.ending.is_none() { events.next().now_or_never() } else { None };
            let Some(queued) = queued else { break };
            next = queued;
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
        for command in self.core.update(message) {
            self.carry_out(command);
        }
        self.stale |= self.core.take_dirty();
    }

    fn carry_out(&mut self, command: Command) {
        let done = match command {
            Command::Copy(text) => return self.begin_copy(text),
            Command::Mouse(on) => self.surface.mouse(on).map_err(Refused::from),
            Command::Suspend => self.stop(Ask::Key),
            Command::Walkthrough => {
                self.ending = Some(Ending::Walkthrough);
                return;
            }
            Command::Return => {
                self.ending = Some(Ending::Return);
                return;
            }
            other => {
                if (self.execute)(other).is_break() {
                    self.ending = Some(Ending::Quit);
                }
                return;
            }
        };
        if let Err(refused) = done {
            self.tell(Message::Notice { text: refused.to_string(), tone: Tone::Bad });
        }
    }

    fn begin_copy(&mut self, text: String) {
        match self.surface.place() {
            Some(place) => {
                self.copies.spawn(async move {
                    let copied = place.copy(&text).await;
                    (text, copied)
                });
            }
            None => self.copied(Ok((text, Copied::AskTerminal))),
        }
    }

    fn copied(&mut self, copied: Result<(String, Copied), JoinError>) {
        let Ok((text, copied)) = copied else { return };
        let asked = if copied == Copied::AskTerminal { self.surface.copy(&text) } else { Ok(()) };
        self.tick();
        match asked {
            Ok(()) => self.tell(Message::Copied { sentence: copied.sentence(&text) }),
            Err(refused) => self.tell(Message::Notice { text: format!("{refused}: {text}"), tone: Tone::Bad }),
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
                // Before it, since this thread may be halted anywhere behind it.
                self.stopped = true;
                self.stopped = !self.surface.retake().map_err(LoopError::Retake)?;
                if self.stopped {
                    return Ok(());
                }
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

    /// How far lists scroll is known only where they are laid out.
    fn note_limits(&mut self) {
        if let Ok(Size { width, height }) = self.surface.size() {
            self.tell(Message::Limits(ui::limits(Rect::new(0, 0, width, height), self.core.app())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use futures::{channel::mpsc::UnboundedSender, stream};

    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

    use super::*;
    use crate::{
        app::{App, Intent, Overlay, testing::fixture::setup},
        runtime::input::Press,
    };

    /// Writes down what is asked of a terminal.
    #[derive(Default)]
    struct Paper {
        lines: Rc<RefCell<Vec<String>>>,
        size: Size,
        no_shell: bool,
        in_background: bool,
    }

    impl Paper {
        fn note(&self, line: impl Into<String>) {
            self.lines.borrow_mut().push(line.into());
        }
    }

    impl Surface for Paper {
        fn draw(&mut self, app: &App) -> io::Result<()> {
            self.note(format!("draw {:?} {}", app.overlay(), app.notice().map_or("", |notice| notice.text.as_str())));
            Ok(())
        }

        fn size(&self) -> io::Result<Size> {
            Ok(self.size)
        }

        fn stop(&mut self, ask: Ask) -> Result<(), Refused> {
            self.note(format!("stop {ask:?}"));
            if self.no_shell { Err(Refused::NoShell) } else { Ok(()) }
        }

        fn retake(&mut self) -> io::Result<bool> {
            self.note("retake");
            Ok(!self.in_background)
        }

        fn copy(&mut self, text: &str) -> Result<(), Refused> {
            self.note(format!("copy {text}"));
            Ok(())
        }

        fn mouse(&mut self, on: bool) -> io::Result<()> {
            self.note(format!("mouse {on}"));
            Ok(())
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that the event loop calls")]
    fn quit(command: Command) -> ControlFlow<()> {
        if command == Command::Quit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn dashboard(surface: &mut Paper) -> Dashboard<'_, Paper, App, fn(Command) -> ControlFlow<()>> {
        let mut dashboard = Dashboard::new(surface, App::new(setup()), quit as fn(_) -> _);
        dashboard.stale = false;
        dashboard
    }

    fn key(character: char) -> Input {
        Event::Key(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE)).into()
    }

    #[tokio::test]
    async fn what_is_the_terminals_goes_to_the_terminal() {
        let mut paper = Paper::default();
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        for command in [Command::Copy("order-A12".to_owned()), Command::Mouse(true), Command::Suspend] {
            dashboard.carry_out(command);
        }
        assert_eq!(*lines.borrow(), ["copy order-A12", "mouse true", "stop Key"]);
        for (command, ending) in [(Command::Return, Ending::Return), (Command::Quit, Ending::Quit)] {
            dashboard.carry_out(command);
            assert_eq!(dashboard.ending, Some(ending));
        }
    }

    #[tokio::test]
    async fn nothing_is_drawn_between_a_stop_and_the_going_on() {
        let mut paper = Paper { size: Size::new(100, 30), ..Paper::default() };
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        dashboard.obey(Outside::Stop).unwrap();
        dashboard.hear(Some(Ok(key('?'))), &mut stream::pending()).unwrap();
        dashboard.obey(Outside::Stop).unwrap();
        assert_eq!(*lines.borrow(), ["stop Signal"], "and one stop is enough");
        dashboard.obey(Outside::GoOn).unwrap();
        assert_eq!(lines.borrow()[1..], ["retake", "draw Help "]);
    }

    #[tokio::test]
    async fn nothing_is_drawn_in_the_background_whoever_has_stopped_it() {
        let mut paper = Paper { in_background: true, ..Paper::default() };
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        dashboard.obey(Outside::GoOn).unwrap();
        dashboard.hear(Some(Ok(key('?'))), &mut stream::pending()).unwrap();
        assert_eq!(*lines.borrow(), ["retake"]);
        dashboard.surface.in_background = false;
        dashboard.obey(Outside::GoOn).unwrap();
        assert_eq!(lines.borrow()[1..], ["retake", "draw Help "]);
    }

    #[tokio::test]
    async fn a_refused_stop_is_said_and_the_screen_goes_on() {
        let mut paper = Paper { no_shell: true, ..Paper::default() };
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        dashboard.carry_out(Command::Suspend);
        dashboard.draw().unwrap();
        assert!(lines.borrow()[1].contains("no shell waits here"), "{lines:?}");
    }

    #[tokio::test]
    async fn keys_that_wait_share_a_frame_and_each_counts_under_the_one_before() {
        let mut paper = Paper::default();
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        let mut waiting = stream::iter(["n", "R", "q"].map(|key_| Ok(key(key_.chars().next().unwrap()))));
        // R asks, n says no, R asks again, and q counts for nothing behind a question.
        let ended = dashboard.hear(Some(Ok(key('R'))), &mut waiting.by_ref().chain(stream::pending()));
        ended.unwrap();
        assert_eq!(*lines.borrow(), ["draw Confirm(Reset) "]);
        assert_eq!(dashboard.ending, None);
    }

    #[tokio::test]
    async fn the_mouse_clicks_and_a_paste_presses_no_keys() {
        let mut paper = Paper { size: Size::new(80, 24), ..Paper::default() };
        let mut dashboard = dashboard(&mut paper);
        let stock = ui::regions(Rect::new(0, 0, 80, 24), &dashboard.core).stock;
        let mut mouse = |kind| {
            let (column, row) = (stock.x, stock.y);
            dashboard.translate(&Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
        };
        let intent = |intent| vec![Message::Intent(intent)];
        assert_eq!(mouse(MouseEventKind::Down(MouseButton::Left)), intent(Intent::Focus(crate::app::Panel::Stock)));
        assert_eq!(mouse(MouseEventKind::ScrollDown), intent(Intent::Select(crate::app::Move::Down)));
        assert_eq!(mouse(MouseEventKind::ScrollUp), intent(Intent::Select(crate::app::Move::Up)));
        for nothing in [MouseEventKind::Moved, MouseEventKind::Up(MouseButton::Left)] {
            assert_eq!(mouse(nothing), []);
        }
        assert_eq!(dashboard.translate(&Event::Paste("Ryq".to_owned())), []);
        assert_eq!(dashboard.translate(&Event::FocusGained), []);
    }

    fn burst(text: &str) -> Input {
        let press = |character| KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE).into();
        Input::Burst(text.chars().map(press).collect())
    }

    #[tokio::test]
    async fn keys_that_come_at_once_press_nothing_but_type_in_a_line_and_move() {
        let mut paper = Paper::default();
        let lines = Rc::clone(&paper.lines);
        let mut dashboard = dashboard(&mut paper);
        dashboard.hear(Some(Ok(burst("R? /Lq"))), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.overlay(), dashboard.ending), (Overlay::None, None));
        assert!(lines.borrow()[0].contains("ignored 6 characters"), "{lines:?}");
        dashboard.hear(Some(Ok(burst("jjjjjj"))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.overlay(), Overlay::None);
        dashboard.hear(Some(Ok(key('/'))), &mut stream::pending()).unwrap();
        let mut text = burst("some order");
        let Input::Burst(keys) = &mut text else { panic!() };
        keys.push(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE).into());
        keys.push(KeyEvent::new(KeyCode::Char('R'), KeyModifiers::NONE).into());
        dashboard.hear(Some(Ok(text)), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.filter(), dashboard.core.overlay()), ("some order", Overlay::None));
        // A script that opens the line itself.
        dashboard.hear(Some(Ok(burst("/A12 seed"))), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.filter(), dashboard.core.overlay()), ("some orderA12 seed", Overlay::Filter));
    }

    #[tokio::test]
    async fn a_key_of_another_script_gets_a_notice_unless_it_is_text() {
        let mut paper = Paper::default();
        let mut dashboard = dashboard(&mut paper);
        let said = |dashboard: &Dashboard<'_, Paper, App, _>| {
            dashboard.core.notice().map(|notice| notice.text.clone()).unwrap_or_default()
        };
        for (letter, expected) in [('щ', "layout"), ('Ψ', "layout"), ('ש', "layout"), ('O', "Caps Lock")] {
            dashboard.hear(Some(Ok(key(letter))), &mut stream::pending()).unwrap();
            let text = said(&dashboard);
            assert!(text.contains(expected) && text.contains(letter), "{text}");
        }
        dashboard.hear(Some(Ok(key('/'))), &mut stream::pending()).unwrap();
        dashboard.hear(Some(Ok(key('щ'))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.filter(), "щ");
        // A terminal that reports the place of the key needs no notice.
        let (typed, command) = (KeyEvent::from(KeyCode::Char('г')), KeyEvent::from(KeyCode::Char('u')));
        let press = |typed, command| Input::Key(Press { typed, command, at: std::time::Instant::now() });
        dashboard.hear(Some(Ok(press(typed, command))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.filter(), "щг", "in a line it is text");
        dashboard.hear(Some(Ok(key('\u{1b}'))), &mut stream::pending()).unwrap();
        let escape = KeyEvent::from(KeyCode::Esc);
        dashboard.hear(Some(Ok(press(escape, escape))), &mut stream::pending()).unwrap();
        let (typed, command) = (KeyEvent::from(KeyCode::Char('й')), KeyEvent::from(KeyCode::Char('q')));
        dashboard.hear(Some(Ok(press(typed, command))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.ending, Some(Ending::Quit));
    }

    /// A terminal that takes nothing.
    struct Stuck(Paper);

    impl Surface for Stuck {
        fn draw(&mut self, app: &App) -> io::Result<()> {
            self.0.draw(app)
        }

        fn size(&self) -> io::Result<Size> {
            self.0.size()
        }

        fn is_busy(&self) -> bool {
            true
        }

        fn idle(&self) -> futures::future::BoxFuture<'static, ()> {
            futures::future::pending().boxed()
        }
    }

    #[tokio::test]
    async fn a_terminal_that_takes_nothing_is_not_drawn_on_and_keys_and_signals_count() {
        for ends in [Ending::Quit, Ending::Signal(15)] {
            let mut stuck = Stuck(Paper { size: Size::new(80, 24), ..Paper::default() });
            let lines = Rc::clone(&stuck.0.lines);
            let keys = if ends == Ending::Quit { vec![Ok(key('?')), Ok(key('q'))] } else { vec![Ok(key('?'))] };
            let mut keys = stream::iter(keys).chain(stream::pending());
            let mut outside = stream::iter(if ends == Ending::Quit { vec![] } else { vec![Outside::End(15)] })
                .chain(stream::pending());
            let (_told, mut messages) = mpsc::channel(8);
            let app = App::new(setup());
            let (_, ending) = run(&mut stuck, app, &mut keys, &mut messages, quit, &mut outside).await.unwrap();
            assert_eq!((ending, lines.borrow().len()), (ends, 0));
        }
    }

    async fn run_with(
        events: Vec<Input>,
        mut outside: impl Stream<Item = Outside> + Unpin,
    ) -> (Vec<String>, Ending, UnboundedSender<io::Result<Input>>) {
        let (sender, mut waiting) = futures::channel::mpsc::unbounded();
        for event in events {
            sender.unbounded_send(Ok(event)).unwrap();
        }
        let mut paper = Paper { size: Size::new(80, 24), ..Paper::default() };
        let lines = Rc::clone(&paper.lines);
        let (_told, mut messages) = mpsc::channel(8);
        let ended = run(&mut paper, App::new(setup()), &mut waiting, &mut messages, quit, &mut outside).await;
        let lines = lines.borrow().clone();
        (lines, ended.unwrap().1, sender)
    }

    #[tokio::test]
    async fn it_ends_by_a_key_a_signal_or_a_panic_and_says_which() {
        let (lines, ending, _keys) = run_with(vec![key('q')], stream::pending()).await;
        assert_eq!((lines.len(), ending), (1, Ending::Quit), "no frame behind the last key");
        for (outside, expected) in [(Outside::End(15), Ending::Signal(15)), (Outside::Panicked, Ending::Panic)] {
            let outside = stream::iter([outside]).chain(stream::pending());
            assert_eq!(run_with(Vec::new(), outside).await.1, expected);
        }
    }

    #[tokio::test]
    async fn a_storm_of_messages_makes_sixty_frames_a_second_at_most() {
        let mut paper = Paper { size: Size::new(80, 24), ..Paper::default() };
        let lines = Rc::clone(&paper.lines);
        let (told, mut messages) = mpsc::channel(8);
        let storm = async move {
            for number in 0..300 {
                told.send(Message::Notice { text: format!("{number}"), tone: Tone::Plain }).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let mut outside = stream::once(Box::pin(storm)).map(|()| Outside::Panicked).chain(stream::pending());
        let since = Instant::now();
        run(
            &mut paper,
            App::new(setup()),
            &mut stream::pending(),
            &mut messages,
            |_| ControlFlow::Continue(()),
            &mut outside,
        )
        .await
        .unwrap();
        let most = since.elapsed().as_millis() / FRAME.as_millis() + 2;
        let frames = lines.borrow().len() as u128;
        assert!((3..=most).contains(&frames), "{frames} of at most {most}");
    }
}
