//! Owns the terminal: takes and restores it, stops and continues the process, and copies into the terminal's clipboard.
//! A panic on any thread restores the terminal before the panic message is written.
//!
//! This module does not know what is drawn. Writing never blocks the caller, because a terminal that accepts no bytes
//! must not delay keys and signals.

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
    clipboard::CopyEnvironment,
    output::Output,
    surface::{MAX_COPY_BYTES, StopCause, Surface, SurfaceError},
};
use crate::{app::App, ui};

/// Requests clicks and the wheel as SGR reports. Crossterm's own command also requests every movement of the pointer,
/// which would needlessly load a remote connection.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Queries the kitty keyboard protocol. Terminals that do not support it do not answer.
const KEYBOARD_QUERY: &str = "\x1b[?u";

/// Enable and disable all reports of the kitty keyboard protocol.
const KEYBOARD_ON: &str = "\x1b[>31u";
const KEYBOARD_OFF: &str = "\x1b[<u";

/// Draws two symbols of ambiguous width and queries the cursor's position. No report of an F key contains this row.
const WIDTH_PROBE: &str = "\x1b[2;1H\u{2502}\u{25cf}\x1b[6n\x1b[2;1H\x1b[2K";

/// Maximum time for restoring the terminal. A terminal that accepts no bytes is left unchanged.
const RESTORE_TIMEOUT: Duration = Duration::from_millis(120);

/// Size for a terminal that does not report its size, such as a serial line.
const UNKNOWN_SIZE: Size = Size { width: 80, height: 24 };

/// The taken terminal. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Tty {
    screen: Terminal<CrosstermBackend<FrameBuffer>>,
    shared: Arc<Shared>,
}

/// The state of the terminal, shared with the panic hook.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    panicked: Notify,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mode of the terminal by itself")]
struct State {
    output: Output,
    /// Whether the alternate screen and raw mode are on.
    taken: bool,
    /// Whether a thread panicked, so that the terminal must not be taken again.
    over: bool,
    mouse: bool,
    /// Whether the terminal supports the kitty keyboard protocol, which is on while the terminal is taken.
    reports_keys: bool,
}

impl Tty {
    /// Takes the terminal, and installs a panic hook that restores it.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be read, set up or written, or if no thread can be started. The terminal
    /// is then unchanged.
    pub fn take() -> io::Result<Self> {
        // With NO_COLOR, crossterm omits every colour, even those of a theme that the user chose. The settings decide
        // what NO_COLOR means here.
        force_color_output(true);
        let output = Output::start(File::from(io::stdout().as_fd().try_clone_to_owned()?))?;
        let state = State { output, taken: false, over: false, mouse: false, reports_keys: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), panicked: Notify::new() });
        let viewport = Viewport::Fixed(Rect::from((ratatui::layout::Position::ORIGIN, size())));
        let backend = CrosstermBackend::new(FrameBuffer { frame: Vec::new(), shared: Arc::clone(&shared) });
        let screen = Terminal::with_options(backend, TerminalOptions { viewport })?;
        let tty = Self { screen, shared };
        tty.restore_on_panic();
        tty.shared.lock().take()?;
        Ok(tty)
    }

    /// Restores the terminal. Further calls do nothing.
    pub fn restore(&self) {
        self.shared.lock().restore();
    }

    /// Measures symbols that some terminals draw in two columns. The answer arrives as input.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    pub fn probe_width(&self) -> io::Result<()> {
        let state = self.shared.lock();
        if state.taken { state.output.send(WIDTH_PROBE.as_bytes()) } else { Ok(()) }
    }

    /// Resolves when a thread panics.
    pub fn panicked(&self) -> impl Future<Output = ()> + use<> {
        let shared = Arc::clone(&self.shared);
        async move { shared.panicked.notified().await }
    }

    /// Installs the panic hook, which stays until the process ends. If no terminal has to be restored, the hook only
    /// writes to the log.
    fn restore_on_panic(&self) {
        let shared = Arc::clone(&self.shared);
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            {
                let mut state = shared.lock();
                state.restore();
                state.over = true;
            }
            report(panic);
            tracing::error!("a thread panicked, which is a bug in this program: {panic}");
            shared.panicked.notify_one();
        }));
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.restore();
    }
}

impl Shared {
    /// Ignores poisoning: no field depends on another field that a panic could have left unset.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Enables raw mode first. In the background, this stops the process (SIGTTOU) before anything is written to the
    /// shell's screen.
    fn take(&mut self) -> io::Result<()> {
        if self.taken || self.over {
            return Ok(());
        }
        enable_raw_mode()?;
        self.taken = true;
        // A program that was killed may have left its alternate screen on. Ratatui clears the screen by querying the
        // cursor's position, which not every terminal answers.
        let mut bytes = Vec::new();
        let entered = queue!(bytes, EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Hide)
            .and_then(|()| if self.mouse { queue!(bytes, Print(MOUSE_ON)) } else { Ok(()) })
            .and_then(|()| queue!(bytes, Print(if self.reports_keys { KEYBOARD_ON } else { KEYBOARD_QUERY })))
            .and_then(|()| self.output.send(&bytes));
        if entered.is_err() {
            self.restore();
        }
        entered
    }

    /// Tries every step, even after a failed one. A terminal that is closed or accepts no bytes cannot be restored.
    fn restore(&mut self) {
        if !std::mem::take(&mut self.taken) {
            return;
        }
        let mouse = if self.mouse { MOUSE_OFF } else { "" };
        let mut bytes = Vec::new();
        let keyboard = if self.reports_keys { KEYBOARD_OFF } else { "" };
        let written =
            queue!(bytes, Print(keyboard), Print(mouse), DisableBracketedPaste, ResetColor, LeaveAlternateScreen, Show)
                .and_then(|()| self.output.send(&bytes));
        let taken = self.output.drain(RESTORE_TIMEOUT);
        // In the background, the modes belong to another program, and setting them would stop this process.
        let cooked = if in_background() { Ok(()) } else { disable_raw_mode() };
        if let Err(error) = written.and(cooked) {
            tracing::debug!(%error, "could not restore the terminal");
        }
        if !taken {
            tracing::warn!("the terminal accepts no output, so its screen could not be restored");
        }
    }
}

/// Collects a frame and writes it as one synchronised update. Nothing is written while the terminal is released.
#[derive(Debug)]
struct FrameBuffer {
    frame: Vec<u8>,
    shared: Arc<Shared>,
}

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let state = self.shared.lock();
        let sent = if state.taken { state.output.send(&synchronized(&self.frame)?) } else { Ok(()) };
        drop(state);
        self.frame.clear();
        sent
    }
}

/// Wraps a frame so that the terminal shows it as a whole.
fn synchronized(frame: &[u8]) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(frame.len() + 16);
    queue!(piece, BeginSynchronizedUpdate)?;
    piece.extend_from_slice(frame);
    queue!(piece, EndSynchronizedUpdate)?;
    Ok(piece)
}

impl Surface for Tty {
    fn copy_environment(&self) -> Option<CopyEnvironment> {
        Some(CopyEnvironment::of_process())
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
        self.shared.lock().output.is_busy()
    }

    fn idle(&self) -> BoxFuture<'static, ()> {
        self.shared.lock().output.idle().boxed()
    }

    /// Stops the whole process group, as Ctrl-Z in cooked mode does. A `cargo run` that started this process has to
    /// stop too, or its shell would wait for ever.
    fn stop(&mut self, cause: StopCause) -> Result<(), SurfaceError> {
        let can_stop = !getpid().is_init() && (cause == StopCause::Signal || has_shell()?);
        if !can_stop {
            return Err(SurfaceError::NoShell);
        }
        self.restore();
        kill_current_process_group(Signal::STOP).map_err(|error| {
            // The process is still running, and the caller shows the error on the screen.
            let retaken = self.shared.lock().take();
            retaken.err().unwrap_or_else(|| error.into()).into()
        })
    }

    /// Sets every mode again, since a shell sets its own modes and another program may have drawn on the screen.
    fn retake(&mut self) -> io::Result<bool> {
        if stop_in_background() {
            return Ok(false);
        }
        let mut state = self.shared.lock();
        state.restore();
        state.take()?;
        drop(state);
        // The screen no longer shows ratatui's last frame, so the next frame is drawn in full.
        self.screen.swap_buffers();
        Ok(true)
    }

    fn copy(&mut self, text: &str) -> Result<(), SurfaceError> {
        if text.len() > MAX_COPY_BYTES {
            return Err(SurfaceError::TooLong { bytes: text.len() });
        }
        let state = self.shared.lock();
        if state.taken {
            let mut bytes = Vec::new();
            queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
            state.output.send(CopyEnvironment::of_process().wrap(&String::from_utf8_lossy(&bytes)).as_bytes())?;
        }
        Ok(())
    }

    fn report_keys(&mut self) -> io::Result<()> {
        let mut state = self.shared.lock();
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
        let mut state = self.shared.lock();
        state.mouse = on;
        if state.taken {
            state.output.send(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
        }
        Ok(())
    }
}

/// Whether a shell with job control started this process. The session's first process group has no such shell, for
/// example if a terminal window or a multiplexer runs only this program: no process would then send SIGCONT.
fn has_shell() -> io::Result<bool> {
    Ok(getsid(None)? != getpgrp())
}

/// Returns the size of the terminal, or [`UNKNOWN_SIZE`] if the terminal does not report its size.
pub(super) fn size() -> Size {
    let reported = tcgetwinsize(io::stdout()).map(|size| (size.ws_col, size.ws_row));
    match reported {
        Ok((width, height)) if width > 0 && height > 0 => Size { width, height },
        _ => UNKNOWN_SIZE,
    }
}

/// Whether another process group owns the terminal.
fn in_background() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Stops the process group if it is in the background, and returns whether it did. Otherwise, setting the terminal's
/// modes would stop it for good: the system call restarts at every SIGCONT, and a SIGTERM is never handled.
pub(super) fn stop_in_background() -> bool {
    in_background() && kill_current_process_group(Signal::TTOU).is_ok()
}
