//! The one owner of the terminal: takes it, gives it back, stops and goes on, copies into its clipboard. A panic on any
//! thread gives it back before a word of the panic is written. Must not know what is drawn. Writing never blocks the
//! caller: a terminal that takes nothing must not keep keys and signals waiting.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    panic,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    queue,
    style::{Print, ResetColor, force_color_output},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
        disable_raw_mode, enable_raw_mode,
    },
};
use futures::{FutureExt, future::BoxFuture};
use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    layout::{Rect, Size},
};
use rustix::{
    process::{Signal, getpgrp, getpid, getsid, kill_current_process_group},
    termios::{tcgetpgrp, tcgetwinsize},
};
use tokio::sync::Notify;

use super::{
    clipboard::Place,
    output::Output,
    surface::{Ask, LONGEST_COPY, Refused, Surface},
};
use crate::{app::App, ui};

/// Clicks and the wheel, as SGR reports. Crossterm's own command asks for every movement of the pointer too, which
/// would keep a remote line busy for nothing.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Asks whether the terminal knows the kitty keyboard protocol. Others do not answer.
const KEYBOARD_QUERY: &str = "\x1b[?u";

/// The kitty protocol with all that it reports, and back.
const KEYBOARD_ON: &str = "\x1b[>31u";
const KEYBOARD_OFF: &str = "\x1b[<u";

/// Two symbols of ambiguous width, and where the cursor is after them. The row is one that no F key has in its report.
const WIDTH_PROBE: &str = "\x1b[2;1H\u{2502}\u{25cf}\x1b[6n\x1b[2;1H\x1b[2K";

/// How long giving the terminal back may take. One that takes no bytes is left as it is.
const GIVE_BACK_LIMIT: Duration = Duration::from_millis(120);

/// The size of a terminal that reports none, as a serial line does.
const UNKNOWN_SIZE: Size = Size { width: 80, height: 24 };

/// The terminal, as long as it is ours. Dropped, it is given back.
#[derive(Debug)]
pub struct Tty {
    screen: Terminal<CrosstermBackend<Gate>>,
    hold: Arc<Hold>,
}

/// What is known of the terminal, shared with the panic hook.
#[derive(Debug)]
struct Hold {
    state: Mutex<State>,
    panicked: Notify,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mode of the terminal by itself")]
struct State {
    output: Output,
    /// The alternate screen and the raw mode are on.
    taken: bool,
    /// A thread has panicked: the terminal is not taken again.
    over: bool,
    mouse: bool,
    /// It knows the kitty keyboard protocol, which is on while it is taken.
    reports_keys: bool,
}

impl Tty {
    /// Takes the terminal, and sees to it that a panic gives it back.
    ///
    /// # Errors
    /// The operating system's; the terminal is as it was.
    pub fn take() -> io::Result<Self> {
        // Crossterm obeys NO_COLOR by leaving every colour out, also those of a theme that somebody has named. What it
        // means here is decided with the settings.
        force_color_output(true);
        let output = Output::begin(File::from(io::stdout().as_fd().try_clone_to_owned()?))?;
        let state = State { output, taken: false, over: false, mouse: false, reports_keys: false };
        let hold = Arc::new(Hold { state: Mutex::new(state), panicked: Notify::new() });
        let viewport = Viewport::Fixed(Rect::from((ratatui::layout::Position::ORIGIN, size())));
        let backend = CrosstermBackend::new(Gate { frame: Vec::new(), hold: Arc::clone(&hold) });
        let screen = Terminal::with_options(backend, TerminalOptions { viewport })?;
        let tty = Self { screen, hold };
        tty.give_back_at_a_panic();
        tty.hold.lock().take()?;
        Ok(tty)
    }

    /// Gives the terminal back as it was found. Once is enough.
    pub fn give_back(&self) {
        self.hold.lock().give_back();
    }

    /// Asks how wide symbols are that some terminals draw in two columns. The answer comes with the keys.
    ///
    /// # Errors
    /// The terminal's.
    pub fn probe_width(&self) -> io::Result<()> {
        let state = self.hold.lock();
        if state.taken { state.output.send(WIDTH_PROBE.as_bytes()) } else { Ok(()) }
    }

    /// Resolves when a thread has panicked.
    pub fn panicked(&self) -> impl Future<Output = ()> + use<> {
        let hold = Arc::clone(&self.hold);
        async move { hold.panicked.notified().await }
    }

    /// The hook stays for the life of the process; without a terminal to give back it only writes to the log.
    fn give_back_at_a_panic(&self) {
        let hold = Arc::clone(&self.hold);
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            {
                let mut state = hold.lock();
                state.give_back();
                state.over = true;
            }
            report(panic);
            tracing::error!("a thread has panicked, which is a defect of this program: {panic}");
            hold.panicked.notify_one();
        }));
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Hold {
    /// A thread that panicked with the lock held has left nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Raw mode first: in the background it stops the process (SIGTTOU) before anything is written to the shell's
    /// screen.
    fn take(&mut self) -> io::Result<()> {
        if self.taken || self.over {
            return Ok(());
        }
        enable_raw_mode()?;
        self.taken = true;
        // A program that was killed may have left its own alternate screen as it was. (Ratatui's own way to clear asks
        // the terminal where its cursor is, and not every terminal answers.)
        let mut bytes = Vec::new();
        let entered = queue!(bytes, EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Hide)
            .and_then(|()| if self.mouse { queue!(bytes, Print(MOUSE_ON)) } else { Ok(()) })
            .and_then(|()| queue!(bytes, Print(if self.reports_keys { KEYBOARD_ON } else { KEYBOARD_QUERY })))
            .and_then(|()| self.output.send(&bytes));
        if entered.is_err() {
            self.give_back();
        }
        entered
    }

    /// Each step is tried whatever came of the one before. A terminal that has gone, or takes no bytes, cannot be given
    /// back.
    fn give_back(&mut self) {
        if !std::mem::take(&mut self.taken) {
            return;
        }
        let mouse = if self.mouse { MOUSE_OFF } else { "" };
        let mut bytes = Vec::new();
        let keyboard = if self.reports_keys { KEYBOARD_OFF } else { "" };
        let written =
            queue!(bytes, Print(keyboard), Print(mouse), DisableBracketedPaste, ResetColor, LeaveAlternateScreen, Show)
                .and_then(|()| self.output.send(&bytes));
        let taken = self.output.drain(GIVE_BACK_LIMIT);
        // In the background the modes are another program's by now, and touching them would stop us here.
        let cooked = if in_background() { Ok(()) } else { disable_raw_mode() };
        if let Err(error) = written.and(cooked) {
            tracing::debug!(%error, "the terminal could not be given back");
        }
        if !taken {
            tracing::warn!("the terminal takes no output, so its screen could not be restored");
        }
    }
}

/// Collects a frame, and writes it in one piece: a terminal never shows half of it, and nothing is written while the
/// terminal is not ours.
#[derive(Debug)]
struct Gate {
    frame: Vec<u8>,
    hold: Arc<Hold>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let state = self.hold.lock();
        let sent = if state.taken { state.output.send(&whole(&self.frame)?) } else { Ok(()) };
        drop(state);
        self.frame.clear();
        sent
    }
}

/// A frame that the terminal shows at once.
fn whole(frame: &[u8]) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(frame.len() + 16);
    queue!(piece, BeginSynchronizedUpdate)?;
    piece.extend_from_slice(frame);
    queue!(piece, EndSynchronizedUpdate)?;
    Ok(piece)
}

impl Surface for Tty {
    fn place(&self) -> Option<Place> {
        Some(Place::of_process())
    }

    fn draw(&mut self, app: &App) -> io::Result<()> {
        let area = Rect::from((ratatui::layout::Position::ORIGIN, size()));
        if area != self.screen.get_frame().area() {
            self.screen.resize(area)?;
        }
        self.screen.draw(|frame| ui::draw(frame, app)).map(|_| ())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(size())
    }

    fn is_busy(&self) -> bool {
        self.hold.lock().output.is_busy()
    }

    fn idle(&self) -> BoxFuture<'static, ()> {
        self.hold.lock().output.idle().boxed()
    }

    /// The whole process group stops, as at a Ctrl-Z that the terminal itself answers: a `cargo run` above us has to
    /// stop too, or its shell would wait for it for ever.
    fn stop(&mut self, ask: Ask) -> Result<(), Refused> {
        let can_stop = !getpid().is_init() && (ask == Ask::Signal || has_shell()?);
        if !can_stop {
            return Err(Refused::NoShell);
        }
        self.give_back();
        kill_current_process_group(Signal::STOP).map_err(|error| {
            // Still here: the caller is told why, on the screen.
            let retaken = self.hold.lock().take();
            retaken.err().unwrap_or_else(|| error.into()).into()
        })
    }

    /// Whatever happened to it meanwhile: a shell sets its own modes, and another program may have drawn over it.
    fn retake(&mut self) -> io::Result<bool> {
        if stop_in_background() {
            return Ok(false);
        }
        let mut state = self.hold.lock();
        state.give_back();
        state.take()?;
        drop(state);
        // What ratatui believes to be on the screen is gone; the next frame is drawn whole.
        self.screen.swap_buffers();
        Ok(true)
    }

    fn copy(&mut self, text: &str) -> Result<(), Refused> {
        if text.len() > LONGEST_COPY {
            return Err(Refused::TooLong { bytes: text.len() });
        }
        let state = self.hold.lock();
        if state.taken {
            let mut bytes = Vec::new();
            queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
            state.output.send(Place::of_process().wrap(&String::from_utf8_lossy(&bytes)).as_bytes())?;
        }
        Ok(())
    }

    fn report_keys(&mut self) -> io::Result<()> {
        let mut state = self.hold.lock();
        if !state.taken || std::mem::replace(&mut state.reports_keys, true) {
            return Ok(());
        }
        state.output.send(KEYBOARD_ON.as_bytes())
    }

    fn repaint(&mut self) -> io::Result<()> {
        let area = self.screen.get_frame().area();
        self.screen.resize(area)
    }

    fn mouse(&mut self, on: bool) -> io::Result<()> {
        let mut state = self.hold.lock();
        state.mouse = on;
        if state.taken {
            state.output.send(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
        }
        Ok(())
    }
}

/// Whether a shell with job control waits above us. In the session's own first process group there is none, as where a
/// terminal window or a multiplexer runs nothing but us: nobody would ever send the SIGCONT.
fn has_shell() -> io::Result<bool> {
    Ok(getsid(None)? != getpgrp())
}

/// The size of the terminal, also of one that reports none.
pub(super) fn size() -> Size {
    let reported = tcgetwinsize(io::stdout()).map(|size| (size.ws_col, size.ws_row));
    match reported {
        Ok((width, height)) if width > 0 && height > 0 => Size { width, height },
        _ => UNKNOWN_SIZE,
    }
}

/// Whether another process group has the terminal.
fn in_background() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Stops in the background, as the terminal itself does with whoever touches its modes there, and says whether it did.
/// That stop would be for good: the system call starts again at every SIGCONT, and no SIGTERM is ever heard of.
pub(super) fn stop_in_background() -> bool {
    in_background() && kill_current_process_group(Signal::TTOU).is_ok()
}
