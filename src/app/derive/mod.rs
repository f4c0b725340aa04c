//! What follows from the state: the stock and its verdict, times and columns, sentences, counts. Pure functions; nothing
//! here changes the state.

pub(super) mod axis;
pub(super) mod earlier;
pub(super) mod effects;
pub(super) mod explain;
pub(super) mod explanation;
pub(super) mod failure_certainty;
pub(super) mod history;
pub(super) mod instructions;
pub(super) mod journal_view;
pub(super) mod obstacle;
pub(super) mod statistics;
pub(super) mod summary;
pub(super) mod timeline;
pub(super) mod trouble;
pub(super) mod words;
