//! The trait that the event loop needs from a terminal. A screen in memory implements it too, so that tests can run the
//! whole dashboard.

use std::{fmt, io};

use futures::{FutureExt, future::BoxFuture};
use ratatui::{Terminal, backend::Backend, layout::Size};

use super::clipboard::CopyEnvironment;
use crate::{app::App, ui};

/// Maximum number of bytes of a text for the clipboard. Terminals accept at most 100,000 bytes of base64.
pub const MAX_COPY_BYTES: usize = 74_994;

/// Cause of a stop of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// A key. The user then needs a shell to continue the process.
    Key,
    /// A signal from another process, which can send SIGCONT too.
    Signal,
}

/// Why an operation on the terminal failed.
#[derive(Debug, thiserror::Error)]
pub enum SurfaceError {
    /// The text is longer than [`MAX_COPY_BYTES`].
    #[error("{bytes} bytes are too many for the clipboard of a terminal; the limit is {MAX_COPY_BYTES}")]
    TooLong {
        /// Size of the text.
        bytes: usize,
    },
    /// There is no shell with job control that could continue the process.
    #[error("not suspended: no shell with job control could resume the dashboard")]
    NoShell,
    /// The terminal could not be written or set up.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// Column of the cursor after the width probe, counted from 1, if each symbol takes one column.
pub const NARROW_COLUMN: u16 = 3;

/// A terminal, or a screen in memory.
pub trait Surface {
    /// Returns where copy programs run. They are tried before [`Surface::copy`]; with `None`, no program is tried.
    fn copy_environment(&self) -> Option<CopyEnvironment> {
        None
    }

    /// Draws a frame, unless the terminal is released.
    ///
    /// # Errors
    /// Returns an error if the frame cannot be written.
    fn draw(&mut self, app: &App) -> io::Result<()>;

    /// Returns the size in columns and rows.
    ///
    /// # Errors
    /// Returns an error if the size cannot be read.
    fn size(&self) -> io::Result<Size>;

    /// Whether the terminal has not yet accepted the last frame, so that another frame would only queue up.
    fn is_busy(&self) -> bool {
        false
    }

    /// Resolves when [`Surface::is_busy`] is false.
    fn idle(&self) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    /// Restores the terminal and stops the process. Nothing may be drawn until [`Surface::retake`].
    ///
    /// # Errors
    /// Returns [`SurfaceError`] if the process was not stopped. The terminal is then still taken.
    fn stop(&mut self, _cause: StopCause) -> Result<(), SurfaceError> {
        Err(SurfaceError::NoShell)
    }

    /// Takes the terminal again after a stop, and makes the next frame a full one. Returns `false` if another program
    /// uses the terminal: this process was then stopped again, and nothing may be drawn yet.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be set up.
    fn retake(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// Asks the terminal to put a text into its clipboard (OSC 52). Terminals do not report whether they did.
    ///
    /// # Errors
    /// Returns [`SurfaceError`] if the text is too long or cannot be written.
    fn copy(&mut self, _text: &str) -> Result<(), SurfaceError> {
        Ok(())
    }

    /// Enables the kitty keyboard protocol, which reports held keys, layouts and text.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    fn report_keys(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Makes the next frame a full one.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    fn repaint(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Enables or disables reports of clicks and of the wheel. While they are enabled, the mouse cannot select text.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    fn mouse(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }
}

/// A screen without input, clipboard or job control.
impl<B: Backend<Error: fmt::Display>> Surface for Terminal<B> {
    fn draw(&mut self, app: &App) -> io::Result<()> {
        let drawn = Terminal::draw(self, |frame| ui::draw(frame, app));
        drawn.map(|_| ()).map_err(|error| io::Error::other(error.to_string()))
    }

    fn size(&self) -> io::Result<Size> {
        Terminal::size(self).map_err(|error| io::Error::other(error.to_string()))
    }
}
