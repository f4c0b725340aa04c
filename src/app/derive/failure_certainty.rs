//! Sentences about the certainty of a failure, and why its retry is safe or not.
//!
//! A failure is definite if the effect certainly did not happen, and indefinite if it may have happened.

use crate::{
    app::orders::{
        activity_attempts::AttemptView,
        attempt::{AttemptFacts, AttemptState, Failure},
        attempt_id::AttemptId,
        execution::Execution,
    },
    domain::{Activity, Guard, ShipmentId},
    faults::Point,
    store::StoreError,
};

use super::explanation::{Explanation, Kind};

/// Maximum characters of a quoted message and a quoted key.
const MAX_QUOTE_CHARS: usize = 60;
const MAX_KEY_CHARS: usize = 24;

/// What is known about the effect of a failed attempt.
enum Effect {
    /// This attempt applied it.
    Made,
    /// This attempt decided that no units are needed.
    NotNeeded,
    /// This attempt got the recorded result back.
    Repeated,
    /// An earlier attempt applied it.
    MadeBy(AttemptId),
    /// An earlier attempt decided that no units are needed.
    NotNeededBy(AttemptId),
    /// The supplier has shipped the units for this attempt, which did not credit them.
    Shipped(ShipmentId),
    /// No attempt applied it.
    None,
    /// This attempt did not apply it. An earlier one may have, or may still resume and apply it.
    LeftOpenBy(AttemptId),
    /// The attempt hangs before the commit, and may still resume.
    Stalls,
    /// The journal has no effect, but that does not prove that there was none.
    Unseen,
    /// The journal has no record of the attempt.
    Unwatched,
}

/// Explains what is known about the effect of an attempt that has failed or does not answer.
#[must_use]
pub fn explain_failure(execution: &Execution, activity: Activity, seen: &AttemptView<'_>) -> Explanation {
    let first = execution.activity(activity).first_commit().filter(|first| *first < seen.id());
    let found_no_need = |first: &AttemptId| {
        let made = execution.attempts(activity).find(|seen| seen.id() == *first);
        made.and_then(|seen| seen.facts?.committed).is_some_and(|committed| committed.delta == 0)
    };
    let effect = match effect(seen, first) {
        Effect::MadeBy(first) if found_no_need(&first) => Effect::NotNeededBy(first),
        Effect::None => left_open(execution, activity, seen).map_or(Effect::None, Effect::LeftOpenBy),
        effect => effect,
    };
    let text = format!("{} {}", happened(seen, &effect), retry(execution, activity, &effect));
    match effect {
        Effect::None => Explanation { kind: Kind::Definite, head: "NOT APPLIED", text },
        Effect::Shipped(_) => Explanation { kind: Kind::Indefinite, head: "SENT, NOT RECORDED", text },
        _ => Explanation { kind: Kind::Indefinite, head: "OUTCOME UNKNOWN", text },
    }
}

/// The latest earlier attempt for which it is unknown whether it applied the effect.
fn left_open(execution: &Execution, activity: Activity, seen: &AttemptView<'_>) -> Option<AttemptId> {
    let earlier = execution.attempts(activity).take_while(|earlier| earlier.id() < seen.id());
    let is_open = |earlier: &AttemptView<'_>| {
        matches!(effect(earlier, None), Effect::Stalls | Effect::Unseen | Effect::Unwatched)
    };
    earlier.filter(is_open).last().map(|earlier| earlier.id())
}

fn effect(seen: &AttemptView<'_>, first: Option<AttemptId>) -> Effect {
    let facts = seen.facts;
    let is_after = facts.is_some_and(AttemptFacts::effect_unreported);
    if first.is_none()
        && let Some(shipment) = facts.and_then(AttemptFacts::unrecorded_shipment)
    {
        return Effect::Shipped(shipment.clone());
    }
    match (facts.and_then(|facts| facts.committed), first, seen.state) {
        (Some(committed), _, _) if committed.delta == 0 => Effect::NotNeeded,
        (Some(_), _, _) => Effect::Made,
        (None, _, _) if is_after => Effect::Repeated,
        (None, Some(first), _) => Effect::MadeBy(first),
        (None, None, AttemptState::Failed(failure)) if failed_before_commit(failure) => Effect::None,
        (None, None, _) if !facts.is_some_and(AttemptFacts::is_journaled) => Effect::Unwatched,
        (None, None, AttemptState::Crashed(Point::BeforeCommit)) => Effect::None,
        (None, None, _) if facts.is_some_and(|facts| facts.end.is_none() && !facts.strikes.is_empty()) => {
            Effect::Stalls
        }
        (None, None, _) => Effect::Unseen,
    }
}

fn failed_before_commit(failure: &Failure) -> bool {
    let before = [Point::BeforeSend, Point::AfterSend, Point::BeforeCommit];
    failure.point.is_some_and(|point| before.contains(&point)) || StoreError::is_before_writing(&failure.code)
}

/// Describes what happened, in one sentence.
fn happened(seen: &AttemptView<'_>, effect: &Effect) -> String {
    let place = seen.id();
    match (effect, seen.state) {
        (Effect::Made, AttemptState::Crashed(_)) => {
            format!("{place}: the worker died after the commit: written, but not acknowledged.")
        }
        (Effect::Made, AttemptState::Failed(_)) => {
            format!("{place} failed after the commit: written, but not acknowledged.")
        }
        (Effect::Made, _) => {
            format!("{place} gave no answer after its commit: written, but not acknowledged.")
        }
        (Effect::NotNeeded, _) => format!("{place} found that no units are needed, but its reply was lost."),
        (Effect::Repeated, _) => {
            format!("{place} found it already applied, but its reply was lost.")
        }
        (Effect::MadeBy(first), AttemptState::Failed(failure)) if failure.point.is_none() => {
            format!("{place} failed too: {}. {first} had already changed the stock.", quote(&failure.message))
        }
        (Effect::MadeBy(first), _) => {
            format!("{place} failed too, but {first} had already changed the stock.")
        }
        (Effect::NotNeededBy(first), _) => {
            format!("{place} failed too, but {first} found that no units are needed.")
        }
        (Effect::Shipped(shipment), _) => {
            format!("{place}: the supplier shipped {shipment}, and the attempt ended before it was credited.")
        }
        (Effect::None, AttemptState::Crashed(_)) => {
            format!("{place}: the worker died before the commit, though Temporal sees only a timeout.")
        }
        (Effect::None, AttemptState::Failed(Failure { point: None, message, .. })) => {
            format!("{place} wrote nothing: {}.", quote(message))
        }
        (Effect::None, _) => format!("{place} failed before the commit."),
        (Effect::LeftOpenBy(earlier), _) => {
            format!("{place} wrote nothing, but {earlier} gave no answer and may have written, or may still write.")
        }
        (Effect::Stalls, _) => format!("{place} stalls before the commit, and may still wake up and commit."),
        (Effect::Unseen, AttemptState::Failed(failure)) => {
            format!("{place} failed: {}. The journal shows no change by it.", quote(&failure.message))
        }
        (Effect::Unseen, _) => {
            format!("{place} gave no answer. The journal shows no change; Temporal cannot know.")
        }
        (Effect::Unwatched, AttemptState::Failed(failure)) => {
            let message = quote(&failure.message);
            format!("{place} failed: {message}. Whether its change was written is unknown here.")
        }
        (Effect::Unwatched, AttemptState::TimedOut) => {
            format!("{place} timed out. Whether its change was written is unknown here.")
        }
        (Effect::Unwatched, _) => {
            format!("{place} ended without a result. Whether its change was written is unknown here.")
        }
    }
}

/// Explains whether a retry is safe.
fn retry(execution: &Execution, activity: Activity, effect: &Effect) -> String {
    let guard = execution.details().map(|details| details.guard);
    let text = match (effect, guard, activity) {
        (Effect::Shipped(_), _, _) => {
            "The retry is safe only if the supplier gets the key: it then answers again and ships nothing."
        }
        (Effect::None, _, _) => "The retry is safe: nothing was written, so nothing can repeat.",
        (Effect::Unwatched, Some(Guard::Ledger), _) => {
            "The retry is safe only because the key is recorded with the change."
        }
        (Effect::Unwatched, _, _) | (_, None, _) => {
            "The retry is safe only if its worker records a key with the change."
        }
        (
            Effect::Made | Effect::MadeBy(_) | Effect::Repeated | Effect::NotNeeded | Effect::NotNeededBy(_),
            Some(Guard::Ledger),
            _,
        ) => {
            let key = key(execution, activity);
            return format!("The retry is safe: the ledger returns the result of {key}.");
        }
        (Effect::Stalls, Some(Guard::Ledger), _) => {
            "The retry is safe: whichever commits second finds the key in the ledger."
        }
        (Effect::Unseen | Effect::LeftOpenBy(_), Some(Guard::Ledger), _) => {
            "The retry is safe: a written change has its key in the ledger."
        }
        (_, Some(_), Activity::SupplierOrder) => {
            "The retry is NOT safe: nothing recorded the credit, so a low stock is credited again."
        }
        (Effect::Stalls, Some(_), _) => "The retry is NOT safe: if both commit, the units are taken twice.",
        (Effect::Unseen | Effect::LeftOpenBy(_), Some(Guard::Off), _) => {
            "The retry is NOT safe: a written change is made again."
        }
        (_, Some(Guard::Off), _) => "The retry is NOT safe: nothing recorded it, so the units are taken again.",
        (_, Some(Guard::LastOrder), _) => "The retry is NOT safe: after another order, the units are taken again.",
    };
    text.to_owned()
}

/// The key of the effect, if it is short enough.
fn key(execution: &Execution, activity: Activity) -> String {
    let kind = match activity {
        Activity::UpdateInventory => "order",
        Activity::SupplierOrder => "supplier",
    };
    if execution.order.chars().count() > MAX_KEY_CHARS {
        "its key".to_owned()
    } else {
        format!("{kind}:{}", execution.order)
    }
}

/// The first words of a message, without its full stop.
fn quote(message: &str) -> String {
    let message = message.trim_end_matches('.');
    match message.char_indices().nth(MAX_QUOTE_CHARS) {
        Some((end, _)) => format!("{}..", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use crate::{
        app::{
            OrderVerdict, explain,
            testing::fixture::{SUPPLIER, Scene, UPDATE, waiting},
        },
        domain::OrderOutcome,
        faults::Action,
        store::{CommitOutcome, Phase},
    };

    const GUARDS: [Guard; 3] = Guard::ALL;

    /// The sentences about an order under that guard, to which this happened.
    fn words(guard: Guard, happen: impl Fn(&mut Scene)) -> Explanation {
        let mut scene = Scene::new();
        while scene.app.guard() != guard {
            scene.press(crate::app::Intent::NextGuard);
        }
        scene.guard = guard;
        let commands = scene.press(crate::app::Intent::SeedOrder);
        scene.begin(&commands[0], "r1");
        happen(&mut scene);
        let order = scene.app.selected().unwrap();
        let said = explain(order, scene.app.stage(order));
        let sentences: Vec<_> = said.text.split_inclusive(". ").collect();
        assert!(sentences.iter().all(|sentence| sentence.chars().count() <= 115), "{sentences:?}");
        let fits = said.text.chars().count() + said.head.len() + 3 <= 3 * 76;
        assert!(fits && (sentences.len() >= 2 || said.head == "IN PROGRESS"), "{}", said.text);
        said
    }

    fn stall(scene: &mut Scene) {
        let fault = Phase::Fault { point: Point::BeforeCommit, action: Action::Hang };
        scene.started(UPDATE, 1);
        scene.phase(UPDATE, 1, fault);
    }

    fn lost_after_commit(scene: &mut Scene) {
        scene.started(UPDATE, 1);
        scene.commit(UPDATE, 1, -999);
        scene.failed(UPDATE, 1, Point::AfterCommit);
    }

    #[test]
    fn a_shipment_that_was_not_recorded_is_safe_only_with_the_key() {
        for crashes in [false, true] {
            let said = words(Guard::Ledger, |scene| {
                scene.started(UPDATE, 1);
                scene.commit(UPDATE, 1, -999);
                scene.done(UPDATE, 1, CommitOutcome::Applied);
                scene.started(SUPPLIER, 1);
                let shipment = "S-1".to_owned().into();
                scene.phase(SUPPLIER, 1, Phase::Shipped { shipment, replayed: false });
                if crashes {
                    scene.crash(SUPPLIER, 1, Point::AfterSend);
                } else {
                    scene.failed(SUPPLIER, 1, Point::AfterSend);
                }
            });
            assert_eq!((said.kind, said.head), (Kind::Indefinite, "SENT, NOT RECORDED"));
            assert!(said.text.contains("shipped S-1") && said.text.contains("only if the supplier gets the key"));
        }
    }

    #[test]
    fn an_order_with_two_shipments_was_shipped_twice() {
        let happen = |scene: &mut Scene, second: &str| {
            scene.started(UPDATE, 1);
            scene.commit(UPDATE, 1, -999);
            scene.done(UPDATE, 1, CommitOutcome::Applied);
            for (attempt, shipment) in (1..).zip(["S-1", second]) {
                scene.started(SUPPLIER, attempt);
                let (shipment, replayed) = (shipment.to_owned().into(), attempt > 1);
                scene.phase(SUPPLIER, attempt, Phase::Shipped { shipment, replayed });
                if attempt == 1 {
                    scene.failed(SUPPLIER, 1, Point::AfterSend);
                }
            }
            scene.commit(SUPPLIER, 2, 1000);
            scene.done(SUPPLIER, 2, CommitOutcome::Applied);
            scene.ended(OrderOutcome::Applied);
        };
        let twice = words(Guard::Ledger, |scene| happen(scene, "S-2"));
        assert_eq!((twice.kind, twice.head), (Kind::Wrong, "SHIPPED TWICE"));
        assert!(twice.text.contains("S-1, S-2"), "{}", twice.text);
        let mut scene = Scene::new();
        let commands = scene.press(crate::app::Intent::SeedOrder);
        scene.begin(&commands[0], "r1");
        happen(&mut scene, "S-1");
        assert_eq!(scene.app.selected().unwrap().verdict(), OrderVerdict::AppliedOnce);
    }

    #[test]
    fn a_failure_before_the_commit_is_definite_and_safe_under_any_guard() {
        let busy = |scene: &mut Scene| {
            let (code, message) = ("StoreBusy".into(), "the database is held by another process; try again".into());
            scene.started(UPDATE, 1);
            scene.phase(UPDATE, 1, Phase::Failed { code, message, retryable: true, point: None });
        };
        // The journal has no line of it, as that could not be written either.
        let unavailable = |scene: &mut Scene| {
            let mut pending = waiting(2, scene.now, scene.now + 1_000);
            if let Some(failure) = &mut pending.failure {
                (failure.code, failure.message) = ("StoreUnavailable".into(), "could not lock it".into());
            }
            scene.described(vec![pending]);
        };
        let happenings: [&dyn Fn(&mut Scene); 4] = [
            &|scene| {
                scene.started(UPDATE, 1);
                scene.failed(UPDATE, 1, Point::BeforeCommit);
            },
            &|scene| {
                scene.started(UPDATE, 1);
                scene.crash(UPDATE, 1, Point::BeforeCommit);
            },
            &busy,
            &unavailable,
        ];
        for (happen, guard) in happenings.iter().flat_map(|happen| GUARDS.map(|guard| (happen, guard))) {
            let said = words(guard, happen);
            assert_eq!((said.kind, said.head), (Kind::Definite, "NOT APPLIED"), "{}", said.text);
            assert!(
                said.text.ends_with("The retry is safe: nothing was written, so nothing can repeat."),
                "{}",
                said.text
            );
        }
    }

    #[test]
    fn a_failure_after_the_commit_is_indefinite_and_safe_by_the_key_alone() {
        let said = GUARDS.map(|guard| words(guard, lost_after_commit));
        assert!(
            said.iter()
                .all(|said| said.kind == Kind::Indefinite && said.text.contains("written, but not acknowledged"))
        );
        assert!(said[0].text.ends_with("safe: the ledger returns the result of order:A12."));
        assert!(said[1].text.contains("NOT safe: after another order"), "{}", said[1].text);
        assert!(said[2].text.contains("NOT safe: nothing recorded it"), "{}", said[2].text);
    }

    #[test]
    fn an_attempt_that_stalls_before_the_commit_may_still_commit() {
        let said = GUARDS.map(|guard| words(guard, stall));
        assert!(said.iter().all(|said| said.text.contains("may still wake up")), "{}", said[0].text);
        assert!(said[0].text.contains("whichever commits second finds the key"));
        assert!(said[2].text.contains("NOT safe: if both commit, the units are taken twice"));
    }

    #[test]
    fn an_attempt_without_an_answer_leaves_everything_open() {
        for guard in GUARDS {
            let said = words(guard, |scene| {
                scene.started(UPDATE, 1);
                scene.started(UPDATE, 2);
            });
            assert_eq!(said.kind, Kind::Indefinite);
            assert!(said.text.starts_with("#1 gave no answer."), "{}", said.text);
            assert_eq!(said.text.contains("NOT safe"), guard != Guard::Ledger, "{}", said.text);
        }
    }

    #[test]
    fn a_failure_that_only_the_server_reports_is_indefinite_unless_its_type_is_definite() {
        for code in ["Error", "StoreIo", "StorePoisoned", Failure::TIMEOUT] {
            let said = words(Guard::Ledger, |scene| {
                let mut pending = waiting(2, scene.now, scene.now + 1_000);
                if let Some(failure) = &mut pending.failure {
                    (failure.code, failure.message) = (code.into(), "x".repeat(300));
                }
                scene.described(vec![pending]);
            });
            assert_eq!(said.kind, Kind::Indefinite);
            assert!(said.text.contains("Whether its change was written is unknown here."), "{}", said.text);
            assert!(said.text.ends_with("only because the key is recorded with the change."), "{}", said.text);
        }
    }

    #[test]
    fn a_delivery_that_no_guard_recorded_may_be_repeated() {
        for guard in GUARDS {
            let said = words(guard, |scene| {
                scene.started(UPDATE, 1);
                scene.commit(UPDATE, 1, -999);
                scene.done(UPDATE, 1, crate::store::CommitOutcome::Applied);
                scene.started(SUPPLIER, 1);
                scene.commit(SUPPLIER, 1, 1000);
                scene.crash(SUPPLIER, 1, Point::AfterCommit);
            });
            assert!(said.text.starts_with("#1: the worker died after the commit:"), "{}", said.text);
            assert_eq!(said.text.contains("supplier:A12"), guard == Guard::Ledger, "{}", said.text);
            assert_eq!(said.text.contains("NOT safe"), guard != Guard::Ledger, "{}", said.text);
        }
    }

    #[test]
    fn a_later_failure_does_not_hide_that_the_effect_is_in() {
        let said = words(Guard::Ledger, |scene| {
            lost_after_commit(scene);
            scene.started(UPDATE, 2);
            scene.failed(UPDATE, 2, Point::BeforeCommit);
        });
        assert_eq!(said.kind, Kind::Indefinite);
        assert!(said.text.contains("#1 had already changed the stock."), "{}", said.text);
        let said = words(Guard::Ledger, |scene| {
            lost_after_commit(scene);
            scene.started(UPDATE, 2);
            scene.failed(UPDATE, 2, Point::AfterCommit);
        });
        assert!(said.text.contains("found it already applied"), "{}", said.text);
    }

    #[test]
    fn a_failure_before_the_commit_is_not_definite_while_an_earlier_attempt_may_still_commit() {
        let said = GUARDS.map(|guard| {
            words(guard, |scene| {
                stall(scene);
                scene.started(UPDATE, 2);
                scene.failed(UPDATE, 2, Point::BeforeCommit);
            })
        });
        assert!(said.iter().all(|said| said.kind == Kind::Indefinite && said.text.contains("#1")), "{said:?}");
        assert!(said[0].text.contains("is safe: "), "{}", said[0].text);
        assert!(said[1].text.contains("NOT safe") && said[2].text.contains("NOT safe"), "{said:?}");
        let said = words(Guard::Off, |scene| {
            scene.started(UPDATE, 1);
            scene.started(UPDATE, 2);
            scene.failed(UPDATE, 2, Point::BeforeCommit);
        });
        assert!(said.kind == Kind::Indefinite && said.text.contains("NOT safe"), "{}", said.text);
    }

    #[test]
    fn an_attempt_that_has_failed_does_not_wake_up() {
        let said = words(Guard::Ledger, |scene| {
            scene.started(UPDATE, 1);
            scene.phase(
                UPDATE,
                1,
                Phase::Fault {
                    point: Point::BeforeCommit,
                    action: Action::Delay { duration: Duration::from_millis(5) },
                },
            );
            let (code, message) = ("StoreIo".into(), "cannot write the journal".into());
            scene.phase(UPDATE, 1, Phase::Failed { code, message, retryable: true, point: None });
        });
        assert!(!said.text.contains("wake up"), "{}", said.text);
    }
}
