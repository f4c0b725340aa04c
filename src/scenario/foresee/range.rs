//! A number that is known, or known within bounds.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Range {
    pub least: u32,
    /// `None`: no bound.
    pub most: Option<u32>,
}

impl Range {
    pub(super) const NONE: Self = Self::exactly(0);
    pub(super) const ANY: Self = Self { least: 0, most: None };

    pub(super) const fn exactly(count: u32) -> Self {
        Self { least: count, most: Some(count) }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        let most = match (self.most, other.most) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            _ => None,
        };
        Self { least: self.least.saturating_add(other.least), most }
    }

    pub(super) fn holds(self, count: u32) -> bool {
        count >= self.least && self.most.is_none_or(|most| count <= most)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) if most == self.least => write!(f, "{most}"),
            Some(most) => write!(f, "{} to {most}", self.least),
            None => write!(f, "{} or more", self.least),
        }
    }
}
