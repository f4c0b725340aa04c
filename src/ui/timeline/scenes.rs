//! Orders in trouble of every kind, for tests.

use std::time::Duration;

use crate::{
    app::{
        Description, Intent, Message, Worker,
        testing::fixture::{SUPPLIER, Scene, UPDATE},
    },
    domain::{Activity, FailureReport, Guard, OrderOutcome, PendingActivity, PendingState, UnixMillis, millis},
    faults::{Action, Point},
    store::{CommitOutcome, Phase},
};

pub fn begun() -> Scene {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
    scene
}

pub fn unguarded() -> Scene {
    let mut scene = Scene::new();
    scene.press(Intent::NextGuard);
    scene.press(Intent::NextGuard);
    scene.guard = Guard::Off;
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
    scene
}

pub fn strike(scene: &mut Scene, activity: Activity, attempt: u32, point: Point, action: Action) {
    scene.phase(activity, attempt, Phase::Fault { point, action });
}

/// The worker died between the commit and the answer, and is back.
pub fn crash_after_commit() -> Scene {
    let mut scene = begun();
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.crash(UPDATE, 1, Point::AfterCommit);
    scene.wait(3_800);
    scene
}

pub fn hang() -> Scene {
    let mut scene = begun();
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.wait(1_000);
    scene.started(UPDATE, 2);
    strike(&mut scene, UPDATE, 2, Point::BeforeCommit, Action::Hang);
    scene.wait(2_000);
    scene
}

/// The attempt that hung goes on after the one that took its place.
pub fn zombie() -> Scene {
    let mut scene = unguarded();
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.wait(1_000);
    scene.started(UPDATE, 2);
    strike(&mut scene, UPDATE, 2, Point::BeforeCommit, Action::Hang);
    scene.wait(2_000);
    scene.wait(10_000);
    scene.started(UPDATE, 3);
    scene.commit(UPDATE, 3, -999);
    scene.wait(500);
    scene.commit(UPDATE, 2, -999);
    scene.done(UPDATE, 2, CommitOutcome::Applied);
    scene.wait(500);
    scene.done(UPDATE, 3, CommitOutcome::Applied);
    scene.started(SUPPLIER, 1);
    scene.wait(300);
    scene
}

pub fn not_observed() -> Scene {
    let mut scene = begun();
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.wait(7_000);
    scene.started(UPDATE, 4);
    scene.failed(UPDATE, 4, Point::BeforeCommit);
    scene.wait(2_000);
    scene
}

pub fn failing(attempts: u32) -> Scene {
    let mut scene = begun();
    for attempt in 1..=attempts {
        scene.started(UPDATE, attempt);
        scene.failed(UPDATE, attempt, Point::BeforeCommit);
        scene.wait(millis::whole(crate::app::RetryWaits::default().after(attempt)) + 20);
    }
    scene.now -= 3_600;
    scene
}

pub fn supplier_retry() -> Scene {
    let mut scene = Scene::mid_retry();
    scene.wait(1_700);
    scene.started(UPDATE, 3);
    scene.done(UPDATE, 3, CommitOutcome::Replayed);
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1000);
    scene.failed(SUPPLIER, 1, Point::AfterCommit);
    scene.wait(1_010);
    scene.started(SUPPLIER, 2);
    scene.failed(SUPPLIER, 2, Point::BeforeCommit);
    scene.wait(500);
    scene
}

/// Another program's worker: only the server tells of the attempts.
pub fn reported_by_the_server() -> Scene {
    let mut scene = begun();
    scene.wait(9_000);
    let at = |back: u64| Some(UnixMillis(scene.now - back));
    let pending = PendingActivity {
        activity: UPDATE.into(),
        id: "1".into(),
        attempt: 4,
        maximum: 5,
        state: PendingState::Scheduled,
        started: at(620),
        completed: at(600),
        next: Some(UnixMillis(scene.now + 3_400)),
        interval: Some(Duration::from_secs(4)),
        failure: Some(FailureReport {
            code: "Busy".into(),
            message: "try later".into(),
            retryable: true,
            causes: Vec::new(),
        }),
        worker: "77@elsewhere".into(),
    };
    let answer = Ok(Description {
        at: UnixMillis(scene.now),
        open: true,
        pending: vec![pending],
        failing: None,
        others: Vec::new(),
    });
    let (workflow, run) = (scene.workflow.clone(), scene.run.clone());
    scene.tell(Message::Described { workflow, run, answer });
    scene
}

pub fn waiting_for_a_worker() -> Scene {
    let mut scene = begun();
    scene.tell(Message::Worker(Worker::Stopped));
    scene.wait(12_000);
    scene
}

pub fn first_try() -> Scene {
    let mut scene = begun();
    scene.wait(20);
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1000);
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.ended(OrderOutcome::Applied);
    scene.wait(500);
    scene
}

pub fn scenes() -> Vec<(&'static str, Scene)> {
    vec![
        ("first try", first_try()),
        ("mid-retry", Scene::mid_retry()),
        ("right", Scene::right()),
        ("wrong", Scene::wrong()),
        ("crash after commit", crash_after_commit()),
        ("hang", hang()),
        ("zombie", zombie()),
        ("not observed", not_observed()),
        ("30 attempts", failing(30)),
        ("64 attempts", failing(70)),
        ("supplier retry", supplier_retry()),
        ("reported by the server", reported_by_the_server()),
        ("waiting for a worker", waiting_for_a_worker()),
        ("reset", reset()),
        ("delayed", delayed()),
    ]
}

/// A person did not want to wait for attempt 4.
pub fn reset() -> Scene {
    let mut scene = failing(3);
    scene.now += 3_600;
    scene.wait(0);
    scene.now -= 2_000;
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.wait(2_200);
    scene
}

/// It takes its time, as planned.
pub fn delayed() -> Scene {
    let mut scene = begun();
    scene.started(UPDATE, 1);
    strike(&mut scene, UPDATE, 1, Point::BeforeCommit, Action::Delay { duration: Duration::from_secs(3) });
    scene.wait(700);
    scene
}
