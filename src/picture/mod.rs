//! Frames as files: a picture ([`svg`]) and a terminal recording ([`Cast`]). Converts cells to text, without access to
//! files or the clock.

mod cast;
mod colours;
mod marks;
mod svg;

pub use cast::Cast;
pub use svg::svg;
