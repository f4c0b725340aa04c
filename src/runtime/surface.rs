//! What the event loop needs of a terminal. A screen in memory is one too, so that a test runs the whole dashboard.

use std::{fmt, io};

use futures::{FutureExt, future::BoxFuture};
use ratatui::{Terminal, backend::Backend, layout::Size};

use super::clipboard::Place;
use crate::{app::App, ui};

/// The longest text that goes into the clipboard, in bytes: what terminals take at most once it is in base 64.
pub const LONGEST_COPY: usize = 74_994;

/// Who asks for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The person at the keyboard, who needs a shell to go on.
    Key,
    /// Another process, which can send a SIGCONT as well.
    Signal,
}

/// Why something was not done to the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{bytes} bytes are too many for the clipboard of a terminal, which takes {LONGEST_COPY}")]
    TooLong { bytes: usize },
    #[error("not stopped: no shell waits here that could bring the dashboard back with fg")]
    NoShell,
    #[error("the terminal does not do it: {0}")]
    Terminal(#[from] io::Error),
}

/// Where the cursor is after the probe of its width, if each symbol took one column.
pub const NARROW_COLUMN: u16 = 3;

pub trait Surface {
    /// Where texts can be copied to besides [`Surface::copy`]; `None`: nowhere.
    fn place(&self) -> Option<Place> {
        None
    }

    /// Draws a frame, where the screen is ours.
    ///
    /// # Errors
    /// The terminal's.
    fn draw(&mut self, app: &App) -> io::Result<()>;

    /// Columns and rows.
    ///
    /// # Errors
    /// The terminal's.
    fn size(&self) -> io::Result<Size>;

    /// Whether the terminal has not taken the last frame yet. A frame that is drawn now would only wait.
    fn is_busy(&self) -> bool {
        false
    }

    /// Resolves when [`Surface::is_busy`] has become false.
    fn idle(&self) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    /// Gives the terminal back and stops the process. Nothing is to be drawn until [`Surface::retake`].
    ///
    /// # Errors
    /// [`Refused`]: it was not stopped, and the screen is still ours.
    fn stop(&mut self, _ask: Ask) -> Result<(), Refused> {
        Err(Refused::NoShell)
    }

    /// Takes the terminal again, whatever happened to it; the next frame is drawn whole. `false`: another program has
    /// it, and this one was stopped once more, so nothing is to be drawn still.
    ///
    /// # Errors
    /// The terminal's.
    fn retake(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// Puts a text into the clipboard of the terminal, which is that of the person in front of it (OSC 52). Terminals
    /// do not say whether they did.
    ///
    /// # Errors
    /// [`Refused`].
    fn copy(&mut self, _text: &str) -> Result<(), Refused> {
        Ok(())
    }

    /// The terminal knows the kitty keyboard protocol: asks it to report held keys, layouts and text.
    ///
    /// # Errors
    /// The terminal's.
    fn report_keys(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Draws the whole of the next frame.
    ///
    /// # Errors
    /// The terminal's.
    fn repaint(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether clicks and the wheel are reported; then text cannot be selected with the mouse.
    ///
    /// # Errors
    /// The terminal's.
    fn mouse(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }
}

/// A screen of any kind that has nothing else to give.
impl<B: Backend<Error: fmt::Display>> Surface for Terminal<B> {
    fn draw(&mut self, app: &App) -> io::Result<()> {
        let drawn = Terminal::draw(self, |frame| ui::draw(frame, app));
        drawn.map(|_| ()).map_err(|error| io::Error::other(error.to_string()))
    }

    fn size(&self) -> io::Result<Size> {
        Terminal::size(self).map_err(|error| io::Error::other(error.to_string()))
    }
}
