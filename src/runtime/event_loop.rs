//! The event loop: select, update, execute, draw. It is generic over the screen and the event sources, so that tests
//! can run the whole dashboard without a terminal.

mod incoming;

use std::{io, ops::ControlFlow, time::Duration};

use futures::{FutureExt, Stream, StreamExt};
use ratatui::layout::{Rect, Size};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use self::incoming::ShownNotices;
use super::{
    clipboard::Copied,
    input::Input,
    repeats::Repeats,
    signals::ProcessEvent,
    surface::{StopCause, Surface, SurfaceError},
};
use crate::{
    app::{Command, Core, Message, Tone},
    clock::now,
    ui,
};

/// Minimum time between two frames without a key press. At about 60 frames per second, an event is visible within 20
/// ms.
const FRAME_INTERVAL: Duration = Duration::from_millis(16);

/// Maximum number of messages or key presses that are handled before the other source is polled again.
const MAX_BATCH: usize = 1_024;

/// Why the event loop failed.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// A frame could not be written.
    #[error("could not draw the screen: {0}")]
    Draw(#[source] io::Error),
    /// The terminal's input could not be read.
    #[error("could not read the keyboard: {0}")]
    Read(#[source] io::Error),
    /// The terminal could not be set up again after the process was stopped.
    #[error("could not set up the terminal again: {0}")]
    Retake(#[source] io::Error),
}

/// Why the event loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The executor received the quit command.
    Quit,
    /// The core requested a walkthrough, and resumes afterwards.
    Walkthrough,
    /// The core requested a return to the dashboard that opened it.
    Return,
    /// The terminal's input ended.
    NoMoreEvents,
    /// The signal with this number arrived.
    Signal(i32),
    /// A thread panicked.
    Panic,
}

/// Runs until the core quits, the events end, or a signal or a panic ends the process. `execute` handles the commands
/// that do not concern the terminal, and returns `Break` for the quit command.
///
/// # Errors
/// Returns [`LoopError`] if the terminal can no longer be read, written or set up.
pub async fn run<S: Surface, C: Core>(
    surface: &mut S,
    core: C,
    events: &mut (impl Stream<Item = io::Result<Input>> + Unpin),
    messages: &mut mpsc::Receiver<Message>,
    execute: impl Fn(Command) -> ControlFlow<()>,
    signals: &mut (impl Stream<Item = ProcessEvent> + Unpin),
) -> Result<(C, Ending), LoopError> {
    let mut dashboard = Dashboard::new(surface, core, execute);
    dashboard.note_size();
    dashboard.draw()?;
    while dashboard.ending.is_none() {
        let due = dashboard.drawn + FRAME_INTERVAL;
        let kept = dashboard.repeats.due().map(Instant::from_std);
        let (is_late, idle) = (dashboard.surface.is_busy(), dashboard.surface.idle());
        tokio::select! {
            event = events.next() => dashboard.on_events(event, events)?,
            Some(message) = messages.recv() => dashboard.apply_all(message, messages),
            Some(event) = signals.next() => dashboard.on_process_event(event)?,
            () = sleep_until(dashboard.ticked + dashboard.core.pace()) => dashboard.tick(),
            Some(copied) = dashboard.copies.join_next(), if !dashboard.copies.is_empty() => dashboard.on_copied(copied),
            () = sleep_until(kept.unwrap_or(due)), if kept.is_some() => dashboard.release()?,
            // If the terminal accepts no bytes, the next frame is drawn as soon as it does.
            () = idle, if is_late && dashboard.stale => {}
            () = sleep_until(due), if dashboard.stale && !dashboard.stopped && !is_late => dashboard.draw()?,
        }
    }
    Ok((dashboard.core, dashboard.ending.unwrap_or(Ending::Quit)))
}

/// The core, the screen, and the loop's own state.
struct Dashboard<'a, S, C, P> {
    surface: &'a mut S,
    core: C,
    execute: P,
    drawn: Instant,
    ticked: Instant,
    /// Whether the core has changed since the last frame.
    stale: bool,
    /// Whether the terminal is restored, because the process is about to stop or has just been continued.
    stopped: bool,
    repeats: Repeats,
    shown: ShownNotices,
    /// Copies that other programs are making.
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
            ticked: Instant::now(),
            stale: true,
            stopped: false,
            repeats: Repeats::default(),
            shown: ShownNotices::default(),
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

    /// Handles input and draws at once. Input that has queued up is handled before the frame, and each key applies to
    /// the state after the previous key.
    fn on_events(
        &mut self,
        first: Option<io::Result<Input>>,
        events: &mut (impl Stream<Item = io::Result<Input>> + Unpin),
    ) -> Result<(), LoopError> {
        let mut next = first;
        for _ in 0..MAX_BATCH {
            let Some(event) = next else {
                self.ending = self.ending.or(Some(Ending::NoMoreEvents));
                return Ok(());
            };
            self.tick();
            self.on_input(event.map_err(LoopError::Read)?);
            // Input after the key that ends the loop belongs to the terminal's next reader.
            let queued = if self.ending.is_none() { events.next().now_or_never() } else { None };
            let Some(queued) = queued else { break };
            next = queued;
        }
        if self.stale && self.ending.is_none() { self.draw() } else { Ok(()) }
    }

    fn apply_all(&mut self, first: Message, messages: &mut mpsc::Receiver<Message>) {
        self.tick();
        let queued = std::iter::from_fn(|| messages.try_recv().ok());
        for message in std::iter::once(first).chain(queued).take(MAX_BATCH) {
            self.apply(message);
        }
    }

    fn tick(&mut self) {
        self.ticked = Instant::now();
        self.apply(Message::Tick { now: now() });
    }

    fn apply(&mut self, message: Message) {
        for command in self.core.update(message) {
            self.execute(command);
        }
        self.stale |= self.core.take_dirty();
    }

    fn execute(&mut self, command: Command) {
        let done = match command {
            Command::Copy(text) => return self.begin_copy(text),
            Command::Mouse(on) => self.surface.mouse(on).map_err(SurfaceError::from),
            Command::Suspend => self.stop(StopCause::Key),
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
            self.apply(Message::Notice { text: refused.to_string(), tone: Tone::Bad });
        }
    }

    fn begin_copy(&mut self, text: String) {
        match self.surface.copy_environment() {
            Some(environment) => {
                self.copies.spawn(async move {
                    let copied = environment.copy(&text).await;
                    (text, copied)
                });
            }
            None => self.on_copied(Ok((text, Copied::AskTerminal))),
        }
    }

    fn on_copied(&mut self, copied: Result<(String, Copied), JoinError>) {
        let Ok((text, copied)) = copied else { return };
        let asked = if copied == Copied::AskTerminal { self.surface.copy(&text) } else { Ok(()) };
        self.tick();
        match asked {
            Ok(()) => self.apply(Message::Copied { sentence: copied.sentence(&text) }),
            Err(refused) => self.apply(Message::Notice { text: format!("{refused}: {text}"), tone: Tone::Bad }),
        }
    }

    fn on_process_event(&mut self, event: ProcessEvent) -> Result<(), LoopError> {
        match event {
            ProcessEvent::End(signal) => self.ending = Some(Ending::Signal(signal)),
            ProcessEvent::Panicked => self.ending = Some(Ending::Panic),
            ProcessEvent::Stop => {
                if let Err(refused) = self.stop(StopCause::Signal) {
                    self.apply(Message::Notice { text: refused.to_string(), tone: Tone::Bad });
                }
            }
            ProcessEvent::Continued => {
                // Set first: SIGSTOP may take effect at any point after this call.
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

    fn stop(&mut self, cause: StopCause) -> Result<(), SurfaceError> {
        if self.stopped {
            return Ok(());
        }
        // Set first: SIGSTOP may take effect at any point after this call.
        self.stopped = true;
        self.surface.stop(cause).inspect_err(|_| self.stopped = false)
    }

    /// Sends the size to the core. If the terminal does not report its size, the previous one stays.
    fn note_size(&mut self) {
        match self.surface.size() {
            Ok(Size { width, height }) => self.apply(Message::Resized { width, height }),
            Err(error) => tracing::warn!(%error, "the terminal does not report its size"),
        }
    }

    /// Sends the core how far lists can scroll, which only the layout at the current size determines.
    fn note_limits(&mut self) {
        if let Ok(Size { width, height }) = self.surface.size() {
            self.apply(Message::Limits(ui::limits(Rect::new(0, 0, width, height), self.core.app())));
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

    /// A terminal that records the calls to it.
    #[derive(Default)]
    struct FakeSurface {
        lines: Rc<RefCell<Vec<String>>>,
        size: Size,
        no_shell: bool,
        in_background: bool,
    }

    impl FakeSurface {
        fn note(&self, line: impl Into<String>) {
            self.lines.borrow_mut().push(line.into());
        }
    }

    impl Surface for FakeSurface {
        fn draw(&mut self, app: &App) -> io::Result<()> {
            self.note(format!("draw {:?} {}", app.overlay(), app.notice().map_or("", |notice| notice.text.as_str())));
            Ok(())
        }

        fn size(&self) -> io::Result<Size> {
            Ok(self.size)
        }

        fn stop(&mut self, cause: StopCause) -> Result<(), SurfaceError> {
            self.note(format!("stop {cause:?}"));
            if self.no_shell { Err(SurfaceError::NoShell) } else { Ok(()) }
        }

        fn retake(&mut self) -> io::Result<bool> {
            self.note("retake");
            Ok(!self.in_background)
        }

        fn copy(&mut self, text: &str) -> Result<(), SurfaceError> {
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

    fn dashboard(surface: &mut FakeSurface) -> Dashboard<'_, FakeSurface, App, fn(Command) -> ControlFlow<()>> {
        let mut dashboard = Dashboard::new(surface, App::new(setup()), quit as fn(_) -> _);
        dashboard.stale = false;
        dashboard
    }

    fn key(character: char) -> Input {
        Event::Key(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE)).into()
    }

    #[tokio::test]
    async fn commands_for_the_terminal_are_executed_on_the_terminal() {
        let mut surface = FakeSurface::default();
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        for command in [Command::Copy("order-A12".to_owned()), Command::Mouse(true), Command::Suspend] {
            dashboard.execute(command);
        }
        assert_eq!(*lines.borrow(), ["copy order-A12", "mouse true", "stop Key"]);
        for (command, ending) in [(Command::Return, Ending::Return), (Command::Quit, Ending::Quit)] {
            dashboard.execute(command);
            assert_eq!(dashboard.ending, Some(ending));
        }
    }

    #[tokio::test]
    async fn nothing_is_drawn_between_a_stop_and_a_continue() {
        let mut surface = FakeSurface { size: Size::new(100, 30), ..FakeSurface::default() };
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        dashboard.on_process_event(ProcessEvent::Stop).unwrap();
        dashboard.on_events(Some(Ok(key('?'))), &mut stream::pending()).unwrap();
        dashboard.on_process_event(ProcessEvent::Stop).unwrap();
        assert_eq!(*lines.borrow(), ["stop Signal"], "a second stop does nothing");
        dashboard.on_process_event(ProcessEvent::Continued).unwrap();
        assert_eq!(lines.borrow()[1..], ["retake", "draw Help "]);
    }

    #[tokio::test]
    async fn nothing_is_drawn_in_the_background() {
        let mut surface = FakeSurface { in_background: true, ..FakeSurface::default() };
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        dashboard.on_process_event(ProcessEvent::Continued).unwrap();
        dashboard.on_events(Some(Ok(key('?'))), &mut stream::pending()).unwrap();
        assert_eq!(*lines.borrow(), ["retake"]);
        dashboard.surface.in_background = false;
        dashboard.on_process_event(ProcessEvent::Continued).unwrap();
        assert_eq!(lines.borrow()[1..], ["retake", "draw Help "]);
    }

    #[tokio::test]
    async fn a_refused_stop_is_shown_and_drawing_continues() {
        let mut surface = FakeSurface { no_shell: true, ..FakeSurface::default() };
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        dashboard.execute(Command::Suspend);
        dashboard.draw().unwrap();
        assert!(lines.borrow()[1].contains("no shell with job control"), "{lines:?}");
    }

    #[tokio::test]
    async fn queued_keys_share_a_frame_and_each_applies_to_the_state_before_it() {
        let mut surface = FakeSurface::default();
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        let mut waiting = stream::iter(["n", "R", "q"].map(|key_| Ok(key(key_.chars().next().unwrap()))));
        // R opens a question, n declines it, R opens it again, and q has no effect in a question.
        let ended = dashboard.on_events(Some(Ok(key('R'))), &mut waiting.by_ref().chain(stream::pending()));
        ended.unwrap();
        assert_eq!(*lines.borrow(), ["draw Confirm(Reset) "]);
        assert_eq!(dashboard.ending, None);
    }

    #[tokio::test]
    async fn the_mouse_clicks_and_a_paste_presses_no_keys() {
        let mut surface = FakeSurface { size: Size::new(80, 24), ..FakeSurface::default() };
        let mut dashboard = dashboard(&mut surface);
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
    async fn a_burst_types_into_the_query_of_watch() {
        let mut surface = FakeSurface::default();
        let start_mode = crate::app::StartMode::Watch(Box::default());
        let options = crate::app::Options { start_mode, ..setup() };
        let mut dashboard = Dashboard::new(&mut surface, App::new(options), quit as fn(_) -> _);
        dashboard.on_events(Some(Ok(burst("/ AND q"))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.overlay(), Overlay::Query);
        assert_eq!(dashboard.core.input().value(), "ExecutionStatus = 'Running' AND q");
    }

    #[tokio::test]
    async fn a_burst_of_keys_only_types_into_a_line_and_moves() {
        let mut surface = FakeSurface::default();
        let lines = Rc::clone(&surface.lines);
        let mut dashboard = dashboard(&mut surface);
        dashboard.on_events(Some(Ok(burst("R? /Lq"))), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.overlay(), dashboard.ending), (Overlay::None, None));
        assert!(lines.borrow()[0].contains("ignored 6 pasted characters"), "{lines:?}");
        dashboard.on_events(Some(Ok(burst("jjjjjj"))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.overlay(), Overlay::None);
        dashboard.on_events(Some(Ok(key('/'))), &mut stream::pending()).unwrap();
        let mut text = burst("some order");
        let Input::Burst(keys) = &mut text else { panic!() };
        keys.push(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE).into());
        keys.push(KeyEvent::new(KeyCode::Char('R'), KeyModifiers::NONE).into());
        dashboard.on_events(Some(Ok(text)), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.filter(), dashboard.core.overlay()), ("some order", Overlay::None));
        // The burst itself opens the line.
        dashboard.on_events(Some(Ok(burst("/A12 seed"))), &mut stream::pending()).unwrap();
        assert_eq!((dashboard.core.filter(), dashboard.core.overlay()), ("some orderA12 seed", Overlay::Filter));
    }

    #[tokio::test]
    async fn a_key_of_another_script_gets_a_notice_unless_it_is_text() {
        let mut surface = FakeSurface::default();
        let mut dashboard = dashboard(&mut surface);
        let notice = |dashboard: &Dashboard<'_, FakeSurface, App, _>| {
            dashboard.core.notice().map(|notice| notice.text.clone()).unwrap_or_default()
        };
        for (letter, expected) in [('щ', "layout"), ('Ψ', "layout"), ('ש', "layout"), ('O', "Caps Lock")] {
            dashboard.on_events(Some(Ok(key(letter))), &mut stream::pending()).unwrap();
            let text = notice(&dashboard);
            assert!(text.contains(expected) && text.contains(letter), "{text}");
        }
        dashboard.on_events(Some(Ok(key('/'))), &mut stream::pending()).unwrap();
        dashboard.on_events(Some(Ok(key('щ'))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.filter(), "щ");
        // If the terminal reports the key on a Latin layout, no notice is needed.
        let (typed, command) = (KeyEvent::from(KeyCode::Char('г')), KeyEvent::from(KeyCode::Char('u')));
        let press = |typed, command| Input::Key(Press { typed, command, at: std::time::Instant::now() });
        dashboard.on_events(Some(Ok(press(typed, command))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.core.filter(), "щг", "in a line it is text");
        dashboard.on_events(Some(Ok(key('\u{1b}'))), &mut stream::pending()).unwrap();
        let escape = KeyEvent::from(KeyCode::Esc);
        dashboard.on_events(Some(Ok(press(escape, escape))), &mut stream::pending()).unwrap();
        let (typed, command) = (KeyEvent::from(KeyCode::Char('й')), KeyEvent::from(KeyCode::Char('q')));
        dashboard.on_events(Some(Ok(press(typed, command))), &mut stream::pending()).unwrap();
        assert_eq!(dashboard.ending, Some(Ending::Quit));
    }

    /// A terminal that does not accept bytes.
    struct Stuck(FakeSurface);

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
    async fn nothing_is_drawn_on_a_blocked_terminal_and_keys_and_signals_still_work() {
        for ends in [Ending::Quit, Ending::Signal(15)] {
            let mut stuck = Stuck(FakeSurface { size: Size::new(80, 24), ..FakeSurface::default() });
            let lines = Rc::clone(&stuck.0.lines);
            let keys = if ends == Ending::Quit { vec![Ok(key('?')), Ok(key('q'))] } else { vec![Ok(key('?'))] };
            let mut keys = stream::iter(keys).chain(stream::pending());
            let mut signals = stream::iter(if ends == Ending::Quit { vec![] } else { vec![ProcessEvent::End(15)] })
                .chain(stream::pending());
            let (_messages, mut messages) = mpsc::channel(8);
            let app = App::new(setup());
            let (_, ending) = run(&mut stuck, app, &mut keys, &mut messages, quit, &mut signals).await.unwrap();
            assert_eq!((ending, lines.borrow().len()), (ends, 0));
        }
    }

    async fn run_with(
        events: Vec<Input>,
        mut signals: impl Stream<Item = ProcessEvent> + Unpin,
    ) -> (Vec<String>, Ending, UnboundedSender<io::Result<Input>>) {
        let (sender, mut waiting) = futures::channel::mpsc::unbounded();
        for event in events {
            sender.unbounded_send(Ok(event)).unwrap();
        }
        let mut surface = FakeSurface { size: Size::new(80, 24), ..FakeSurface::default() };
        let lines = Rc::clone(&surface.lines);
        let (_messages, mut messages) = mpsc::channel(8);
        let ended = run(&mut surface, App::new(setup()), &mut waiting, &mut messages, quit, &mut signals).await;
        let lines = lines.borrow().clone();
        (lines, ended.unwrap().1, sender)
    }

    #[tokio::test]
    async fn the_ending_is_a_key_a_signal_or_a_panic() {
        let (lines, ending, _keys) = run_with(vec![key('q')], stream::pending()).await;
        assert_eq!((lines.len(), ending), (1, Ending::Quit), "no frame after the last key");
        for (signals, expected) in
            [(ProcessEvent::End(15), Ending::Signal(15)), (ProcessEvent::Panicked, Ending::Panic)]
        {
            let signals = stream::iter([signals]).chain(stream::pending());
            assert_eq!(run_with(Vec::new(), signals).await.1, expected);
        }
    }

    #[tokio::test]
    async fn many_messages_cause_at_most_sixty_frames_per_second() {
        let mut surface = FakeSurface { size: Size::new(80, 24), ..FakeSurface::default() };
        let lines = Rc::clone(&surface.lines);
        let (sender, mut messages) = mpsc::channel(8);
        let storm = async move {
            for number in 0..300 {
                sender.send(Message::Notice { text: format!("{number}"), tone: Tone::Plain }).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let mut signals = stream::once(Box::pin(storm)).map(|()| ProcessEvent::Panicked).chain(stream::pending());
        let since = Instant::now();
        run(
            &mut surface,
            App::new(setup()),
            &mut stream::pending(),
            &mut messages,
            |_| ControlFlow::Continue(()),
            &mut signals,
        )
        .await
        .unwrap();
        let most = since.elapsed().as_millis() / FRAME_INTERVAL.as_millis() + 2;
        let frames = lines.borrow().len() as u128;
        assert!((3..=most).contains(&frames), "{frames} of at most {most}");
    }
}
