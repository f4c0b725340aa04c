//! Orders whose worker dies and returns.

use crate::{
    app::{
        testing::fixture::{self, SUPPLIER, Scene, UPDATE},
        *,
    },
    domain::{OrderOutcome, PendingActivity},
    faults::Point,
    store::CommitOutcome,
};

#[test]
fn an_attempt_dies_with_the_worker_that_runs_it() {
    for committed in [false, true] {
        let mut scene = Scene::new();
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "r1");
        scene.started(UPDATE, 1);
        if committed {
            scene.commit(UPDATE, 1, -999);
        }
        scene.described(vec![PendingActivity {
            worker: "idempotence-worker@4242@here".into(),
            ..fixture::running(1, fixture::T0)
        }]);
        scene.wait(1_500);
        scene.tell(Message::Worker(Worker::Killed));
        let point = if committed { Point::AfterCommit } else { Point::BeforeCommit };
        let state = |scene: &Scene| {
            let order = scene.app.selected().unwrap();
            let seen = order.attempts(UPDATE).next().unwrap();
            assert_eq!(seen.state, AttemptState::Crashed(point));
            explain(order, scene.app.stage(order)).head
        };
        assert_eq!(state(&scene), if committed { "OUTCOME UNKNOWN" } else { "NOT APPLIED" });
        scene.tell(Message::Worker(Worker::Ready { pid: 4343 }));
        scene.wait(9_000);
        scene.started(UPDATE, 2);
        state(&scene);
    }
}

#[test]
fn a_dying_worker_does_not_end_the_attempts_of_another() {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    scene.started(UPDATE, 1);
    let now = scene.now;
    scene.described(vec![fixture::running(1, now)]);
    scene.tell(Message::Worker(Worker::Killed));
    let order = scene.app.selected().unwrap();
    assert_eq!(order.attempts(UPDATE).next().unwrap().state, AttemptState::Running);
}

#[test]
fn a_complaint_does_not_outlive_its_cause() {
    let mut scene = Scene::new();
    scene.tell(Message::Worker(Worker::Stopped));
    scene.press(Intent::KillWorker);
    assert!(scene.app.notice().is_some());
    scene.tell(Message::Worker(Worker::Ready { pid: 7 }));
    assert!(scene.app.notice().is_none());
}

#[test]
fn the_explanation_of_an_order_without_a_failure_mentions_no_retry() {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    for (activity, delta) in [(UPDATE, -999), (SUPPLIER, 1000)] {
        scene.started(activity, 1);
        scene.commit(activity, 1, delta);
        scene.done(activity, 1, CommitOutcome::Applied);
    }
    scene.ended(OrderOutcome::Applied);
    let order = scene.app.selected().unwrap();
    assert_eq!(explain(order, scene.app.stage(order)).text, "No attempt failed; every change was applied once.");
}
