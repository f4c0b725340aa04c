//! Fault plans and their grammar: rules `[update.|supplier.]POINT=[P%][N*]ACTION[(ARG)]`, separated by `;`. Formatting
//! and parsing round-trip.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    draw::Draw,
    fault::{Action, Fault, MAX_DELAY, Point},
};
use crate::domain::{Activity, Attempt};

/// A list of rules. The first matching rule that fires decides; a plan is serialised as its text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FaultPlan {
    faults: Vec<Fault>,
}

impl FaultPlan {
    /// The plan without rules.
    #[must_use]
    pub const fn none() -> Self {
        Self { faults: Vec::new() }
    }

    /// Whether the plan has no rules.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.faults.is_empty()
    }

    /// The rules, in order.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Action of the first rule that matches the place and fires, if one does.
    #[must_use]
    pub fn strike(&self, draw: &Draw<'_>) -> Option<Action> {
        self.faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.point == draw.point && fault.activity.is_none_or(|scope| scope == draw.activity))
            .filter(|(_, fault)| fault.first.is_none_or(|first| draw.attempt.number() <= first))
            .find(|(rule, fault)| draw.percentile(*rule) < fault.percent)
            .map(|(_, fault)| fault.action)
    }

    /// Probability, from 0 to 1, that a rule fires at this place. The matching rules are drawn one by one, and a delay
    /// counts like every other action.
    #[must_use]
    pub fn chance(&self, activity: Activity, point: Point, attempt: Attempt) -> f64 {
        let matches = |fault: &&Fault| {
            fault.point == point
                && fault.activity.is_none_or(|scope| scope == activity)
                && fault.first.is_none_or(|first| attempt.number() <= first)
        };
        1.0 - self.faults.iter().filter(matches).map(|fault| 1.0 - f64::from(fault.percent) / 100.0).product::<f64>()
    }
}

impl From<Fault> for FaultPlan {
    /// The plan with this rule only.
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl From<FaultPlan> for String {
    fn from(plan: FaultPlan) -> Self {
        plan.to_string()
    }
}

impl TryFrom<String> for FaultPlan {
    type Error = PlanError;

    fn try_from(text: String) -> Result<Self, PlanError> {
        text.parse()
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str(Preset::None.name());
        }
        for (index, fault) in self.faults.iter().enumerate() {
            let joint = if index == 0 { "" } else { ";" };
            write!(f, "{joint}{fault}")?;
        }
        Ok(())
    }
}

/// A fault plan with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The plan of the original demo: 34 % errors at both points of both activities.
    #[default]
    Seed,
    /// The first attempt of the update fails after its commit: one retry shows the problem.
    AfterCommitOnce,
    /// The worker process aborts in the first attempt of the update, after its commit.
    CrashAfterCommit,
    /// No faults.
    None,
}

impl Preset {
    /// All presets, in the order of [`next`](Self::next).
    pub const ALL: [Self; 4] = [Self::Seed, Self::AfterCommitOnce, Self::CrashAfterCommit, Self::None];

    /// Name in the grammar.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::AfterCommitOnce => "after-commit-once",
            Self::CrashAfterCommit => "crash-after-commit",
            Self::None => "none",
        }
    }

    /// Name on the screen, on which "seed" means only the random seed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Seed => "original",
            _ => self.name(),
        }
    }

    /// Description for users.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Seed => "34 % of attempts fail before the commit, 34 % after it",
            Self::AfterCommitOnce => "the first attempt commits, then fails",
            Self::CrashAfterCommit => "the worker dies right after the first commit",
            Self::None => "nothing fails on purpose",
        }
    }

    /// The preset with this plan, if there is one.
    #[must_use]
    pub fn of(plan: &FaultPlan) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.plan() == *plan)
    }

    /// The next preset; the first one follows the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Seed => Self::AfterCommitOnce,
            Self::AfterCommitOnce => Self::CrashAfterCommit,
            Self::CrashAfterCommit => Self::None,
            Self::None => Self::Seed,
        }
    }

    /// The rules of the preset.
    #[must_use]
    pub fn plan(self) -> FaultPlan {
        let both = |percent, action| Fault { activity: None, point: Point::BeforeCommit, percent, first: None, action };
        let after = Fault { point: Point::AfterCommit, ..both(100, Action::Error) };
        let update = Some(Activity::UpdateInventory);
        let faults = match self {
            Self::Seed => vec![both(34, Action::Error), Fault { point: Point::AfterCommit, ..both(34, Action::Error) }],
            Self::AfterCommitOnce => vec![Fault { activity: update, first: Some(1), ..after }],
            Self::CrashAfterCommit => vec![Fault { activity: update, first: Some(1), action: Action::Crash, ..after }],
            Self::None => Vec::new(),
        };
        FaultPlan { faults }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reason why a text is not a fault plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fault plan is wrong at character {column}: {expected}")]
pub struct PlanError {
    /// Number of the character, from 1.
    pub column: usize,
    /// What the grammar allows there.
    pub expected: &'static str,
}

const POINTS: &str = "expected before-send=, after-send=, before-commit= or after-commit=, with update. or supplier. before \
                      it for one activity; or only a preset: seed, after-commit-once, crash-after-commit, none";
const END: &str = "expected the end of the rule, or ';' and another rule";
const PERCENT: &str = "expected a whole percentage from 1 to 100 before '%'";
const FIRST: &str = "expected a number of attempts from 1 before '*'";
const ACTIONS: &str = "expected an action: error, hang, crash or delay(MILLISECONDS)";
const DELAY: &str = "expected whole milliseconds, at most 3600000, as in delay(250)";

impl FromStr for FaultPlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        if let Some(preset) = Preset::ALL.into_iter().find(|preset| preset.name() == text.trim()) {
            return Ok(preset.plan());
        }
        let mut faults = Vec::new();
        let mut offset = 0;
        for rule in text.split(';') {
            faults.push(Parser { text, offset }.rule(rule)?);
            offset += rule.len() + 1;
        }
        Ok(Self { faults })
    }
}

/// Parses one rule and tracks its position in the whole text.
struct Parser<'a> {
    /// The whole plan.
    text: &'a str,
    /// Position of the parser in the plan, in bytes.
    offset: usize,
}

impl Parser<'_> {
    /// An error at the current position.
    fn error(&self, expected: &'static str) -> PlanError {
        let before = self.text.get(..self.offset).unwrap_or(self.text);
        PlanError { column: before.chars().count() + 1, expected }
    }

    /// Moves past the part of `text` before `rest`, and returns `rest`.
    fn skip<'t>(&mut self, text: &'t str, rest: &'t str) -> &'t str {
        self.offset += text.len() - rest.len();
        rest
    }

    /// Parses a whole rule.
    fn rule(mut self, rule: &str) -> Result<Fault, PlanError> {
        let mut rest = self.skip(rule, rule.trim_start()).trim_end();
        let mut activity = None;
        for candidate in Activity::ALL {
            if let Some(tail) = rest.strip_prefix(candidate.short_name()).and_then(|tail| tail.strip_prefix('.')) {
                activity = Some(candidate);
                rest = self.skip(rest, tail);
            }
        }
        let found = Point::ALL.into_iter().find_map(|point| {
            let tail = rest.strip_prefix(point.name())?.strip_prefix('=')?;
            Some((point, tail))
        });
        let (point, tail) = found.ok_or_else(|| self.error(POINTS))?;
        rest = self.skip(rest, tail);
        let (percent, tail) = self.number_before(rest, '%', PERCENT, 100)?;
        rest = self.skip(rest, tail);
        let (first, tail) = self.number_before(rest, '*', FIRST, u32::MAX)?;
        rest = self.skip(rest, tail);
        let action = self.action(rest)?;
        let percent = percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(100);
        Ok(Fault { activity, point, percent, first, action })
    }

    /// The number from 1 to `max` before `sign`, if the text has that sign.
    fn number_before<'t>(
        &self,
        text: &'t str,
        sign: char,
        expected: &'static str,
        max: u32,
    ) -> Result<(Option<u32>, &'t str), PlanError> {
        let Some((digits, tail)) = text.split_once(sign) else { return Ok((None, text)) };
        let number = digits.parse().ok().filter(|number| (1..=max).contains(number));
        number.map(|number| (Some(number), tail)).ok_or_else(|| self.error(expected))
    }

    /// Parses the action at the end of a rule.
    fn action(&mut self, text: &str) -> Result<Action, PlanError> {
        let plain = [("error", Action::Error), ("hang", Action::Hang), ("crash", Action::Crash)];
        for (name, action) in plain {
            if let Some(rest) = text.strip_prefix(name).filter(|rest| !rest.starts_with(char::is_alphanumeric)) {
                return self.end(text, rest).map(|()| action);
            }
        }
        let argument = text.strip_prefix("delay(").ok_or_else(|| self.error(ACTIONS))?;
        let argument = self.skip(text, argument);
        let (digits, rest) = argument.split_once(')').ok_or_else(|| self.error(DELAY))?;
        let duration = digits.parse().ok().map(Duration::from_millis).filter(|duration| *duration <= MAX_DELAY);
        let duration = duration.ok_or_else(|| self.error(DELAY))?;
        self.end(argument, rest).map(|()| Action::Delay { duration })
    }

    /// Checks that nothing follows an action.
    fn end(&mut self, text: &str, rest: &str) -> Result<(), PlanError> {
        let rest = self.skip(text, rest.trim_start());
        if rest.is_empty() { Ok(()) } else { Err(self.error(END)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::millis;

    #[test]
    fn presets_have_their_rules() {
        let text = |preset: Preset| preset.plan().to_string();
        assert_eq!(text(Preset::Seed), "before-commit=34%error;after-commit=34%error");
        assert_eq!(text(Preset::AfterCommitOnce), "update.after-commit=1*error");
        assert_eq!(text(Preset::CrashAfterCommit), "update.after-commit=1*crash");
        assert_eq!(text(Preset::None), "none");
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<FaultPlan>().unwrap(), preset.plan());
        }
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, column) in [
            ("", 1),
            ("nowhere=error", 1),
            ("before-commit=oops", 15),
            ("before-commit=error;after-commit=0%error", 34),
            ("before-commit=101%error", 15),
            ("before-commit=34%0*error", 18),
            ("before-commit=delay(x)", 21),
            ("before-commit=delay(9999999)", 21),
            ("before-commit=error;", 21),
            ("before-commit=crash bogus", 21),
            ("before-commit=delay(5) bogus", 24),
            ("before-commit=errors", 15),
            ("updat.before-commit=error", 1),
        ] {
            let error = text.parse::<FaultPlan>().unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    fn any_fault() -> impl Strategy<Value = Fault> {
        let action = prop_oneof![
            Just(Action::Error),
            Just(Action::Hang),
            Just(Action::Crash),
            (0..=millis::whole(MAX_DELAY)).prop_map(|millis| Action::Delay { duration: Duration::from_millis(millis) }),
        ];
        let activity = prop::option::of(prop::sample::select(&Activity::ALL[..]));
        let point = prop::sample::select(&Point::ALL[..]);
        (activity, point, 1..=100_u8, prop::option::of(1..=u32::MAX), action)
            .prop_map(|(activity, point, percent, first, action)| Fault { activity, point, percent, first, action })
    }

    proptest! {
        #[test]
        fn display_and_parse_round_trip(faults in prop::collection::vec(any_fault(), 0..6)) {
            let plan = FaultPlan { faults };
            prop_assert_eq!(plan.to_string().parse::<FaultPlan>().unwrap(), plan);
        }

        #[test]
        fn no_text_causes_a_panic(text in ".{0,60}") {
            let _ = text.parse::<FaultPlan>();
        }
    }
}
