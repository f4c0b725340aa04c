//! A sentence about an order, and its kind.

/// The kind of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The change certainly did not happen.
    Definite,
    /// The change may have happened.
    Indefinite,
    /// A success.
    Good,
    /// A repetition that changed nothing.
    Replayed,
    /// A change that happened more than once.
    Wrong,
    /// A refusal or a failure.
    Refused,
    /// Progress.
    Plain,
}

/// A sentence about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The kind.
    pub kind: Kind,
    /// One or two words in capitals.
    pub head: &'static str,
    /// The sentence.
    pub text: String,
}
