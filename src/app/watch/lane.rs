//! A lane of an execution's picture.

use crate::{
    app::orders::activity_attempts::ActivityAttempts,
    domain::{ActivityKey, UnixMillis},
};

use super::items::{Item, Signals};

/// A row of an execution's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane<'a> {
    /// An activity with its attempts.
    Activity(&'a ActivityAttempts),
    /// All signals.
    Signals(&'a Signals),
    /// Anything else.
    Item(&'a Item),
}

/// Identifies a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneId {
    /// An activity.
    Activity(ActivityKey),
    /// The signals.
    Signals,
    /// The history event that began anything else.
    Item(u64),
}

impl<'a> From<&'a ActivityAttempts> for Lane<'a> {
    fn from(activity: &'a ActivityAttempts) -> Self {
        Self::Activity(activity)
    }
}

impl<'a> Lane<'a> {
    /// Its id, which stays the same when other lanes come.
    #[must_use]
    pub fn id(self) -> LaneId {
        match self {
            Self::Activity(activity) => LaneId::Activity(activity.key().clone()),
            Self::Signals(_) => LaneId::Signals,
            Self::Item(item) => LaneId::Item(item.event),
        }
    }

    /// Whether it has this id.
    #[must_use]
    pub fn is(self, id: &LaneId) -> bool {
        match (self, id) {
            (Self::Activity(activity), LaneId::Activity(key)) => activity.key() == key,
            (Self::Signals(_), LaneId::Signals) => true,
            (Self::Item(item), LaneId::Item(event)) => item.event == *event,
            _ => false,
        }
    }

    /// The activity; `None` for anything else.
    #[must_use]
    pub const fn activity(self) -> Option<&'a ActivityAttempts> {
        match self {
            Self::Activity(activity) => Some(activity),
            Self::Signals(_) | Self::Item(_) => None,
        }
    }

    /// Its name; of an activity, the type as Temporal knows it.
    #[must_use]
    pub fn label(self) -> &'a str {
        match self {
            Self::Activity(activity) => activity.key().activity.name(),
            Self::Signals(signals) => signals.name().unwrap_or("signals"),
            Self::Item(item) => item.label(),
        }
    }

    /// When it began, as far as it is known.
    #[must_use]
    pub fn began(self) -> Option<UnixMillis> {
        match self {
            Self::Activity(activity) => activity.activity_record().and_then(|record| record.scheduled),
            Self::Signals(signals) => signals.first(),
            Self::Item(item) => Some(item.from),
        }
    }
}

impl Lane<'_> {
    /// The sort key of lanes: the beginning, and the event in the history.
    #[must_use]
    pub fn order(self) -> (Option<UnixMillis>, Option<u64>) {
        let event = match self {
            Self::Activity(activity) => activity.activity_record().and_then(|record| record.scheduling_event),
            Self::Signals(signals) => signals.iter().next().map(|signal| signal.event),
            Self::Item(item) => Some(item.event),
        };
        (self.began(), event)
    }
}
