//! The attempts of one activity under its fault plan, as far as its commits are not refused.

use crate::{
    domain::{Activity, Attempt},
    faults::{Action, Draw, FaultPlan, Point, Seed},
};

/// An activity that no attempt of so many gets through is taken for one that never ends.
pub(super) const COURSE_LIMIT: u32 = 100;

/// What an attempt does at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes on, perhaps after a pause.
    On,
    /// It ends with an error.
    Fails,
    /// Its worker ends.
    Dies,
    /// Temporal gives it up; later it wakes up and goes on.
    Stalls,
}

/// One attempt: its ways before and after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub before: Way,
    pub after: Way,
}

impl Step {
    /// Whether it ever comes to commit.
    pub(super) const fn commits(self) -> bool {
        matches!(self.before, Way::On | Way::Stalls)
    }

    /// Whether it wakes up late.
    pub(super) fn is_late(self) -> bool {
        self.before == Way::Stalls || (self.before == Way::On && self.after == Way::Stalls)
    }

    /// Whether it kills its worker while Temporal still waits for it.
    pub(super) fn dies(self) -> bool {
        self.before == Way::Dies || (self.before == Way::On && self.after == Way::Dies)
    }

    fn gets_through(self) -> bool {
        self.before == Way::On && self.after == Way::On
    }
}

/// The attempts up to the one that gets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Course {
    pub steps: Vec<Step>,
    /// Whether it surely takes a moment: an attempt pauses, or there is more than one.
    pub takes_long: bool,
}

/// Who draws the faults of an activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub faults: &'a FaultPlan,
    pub seed: Seed,
    pub order: &'a str,
    pub activity: Activity,
    /// The timeout of an attempt, in milliseconds.
    pub start_to_close: u64,
}

impl Course {
    /// `None` where no attempt gets through.
    pub(super) fn of(place: &Place<'_>) -> Option<Self> {
        let mut course = Self { steps: Vec::new(), takes_long: false };
        for attempt in (1..=COURSE_LIMIT).filter_map(Attempt::new) {
            let (step, pauses) = place.step(attempt);
            course.steps.push(step);
            course.takes_long |= pauses || attempt.number() > 1;
            if step.gets_through() {
                return Some(course);
            }
        }
        None
    }
}

impl Place<'_> {
    fn step(&self, attempt: Attempt) -> (Step, bool) {
        let mut paused = 0;
        let before = self.way(attempt, Point::BeforeCommit, &mut paused);
        let after = self.way(attempt, Point::AfterCommit, &mut paused);
        (Step { before, after }, paused > 0)
    }

    fn way(&self, attempt: Attempt, point: Point, paused: &mut u64) -> Way {
        let &Self { faults, seed, order, activity, start_to_close } = self;
        match faults.strike(&Draw { seed, order, activity, attempt, point }) {
            None => Way::On,
            Some(Action::Error) => Way::Fails,
            Some(Action::Crash) => Way::Dies,
            Some(Action::Hang) => Way::Stalls,
            Some(Action::Delay { millis }) => {
                *paused += millis;
                if *paused >= start_to_close { Way::Stalls } else { Way::On }
            }
        }
    }
}
