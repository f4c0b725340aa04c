//! What keys and messages change: an entry point for each group of intents and facts.

pub(super) mod actions;
pub(super) mod appearance;
pub(super) mod editing;
pub(super) mod facts;
pub(super) mod filter;
pub(super) mod operating;
pub(super) mod ordering;
pub(super) mod pace;
pub(super) mod polling;
pub(super) mod view;
