//! Frames as files for people who have no terminal at hand: a still picture ([`svg`]) and a recording ([`Cast`]).
//! Cells in, text out. Must not know what the cells say, nor files, nor the clock.

mod cast;
mod colours;
mod marks;
mod svg;

pub use cast::Cast;
pub use svg::svg;
