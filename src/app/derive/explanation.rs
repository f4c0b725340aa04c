//! A sentence about an order, and its kind.

/// What kind of sentence it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The failure says for sure that the effect did not happen.
    Definite,
    /// The failure leaves open whether the effect happened.
    Indefinite,
    Good,
    Replayed,
    Wrong,
    Refused,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub kind: Kind,
    /// One or two words in capitals.
    pub head: &'static str,
    pub text: String,
}
