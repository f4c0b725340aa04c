//! What is known from outside, for everything that is derived from it.

use crate::domain::UnixMillis;

use super::{
    composer::Composer, connections::Connections, derive::journal_view::JournalView, options::Options, orders::Orders,
    supplier::SupplierReport,
};

/// The facts, borrowed from the application. They contain nothing about the screen.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The time of the last tick.
    pub now: UnixMillis,
    /// The options of the session.
    pub options: &'a Options,
    /// All orders.
    pub orders: &'a Orders,
    /// The journal and the document.
    pub journal: &'a JournalView,
    /// The connections.
    pub connections: &'a Connections,
    /// The newest report about the supplier, if there is one.
    pub supplier: Option<&'a SupplierReport>,
    /// What the next orders are sent with.
    pub composer: &'a Composer,
}
