//! Runs that a page about an execution leads to: child workflows, and the run that continues it.

use crate::{
    app::{
        testing::{
            fixture::{foreign, waiting},
            watch::{WatchScene, event, info, run},
        },
        *,
    },
    domain::{EventKind, ExecutionStatus, ItemEnd, Run},
};

/// A run that was opened by its run id, with this history.
fn scene(events: Vec<EventKind>) -> WatchScene {
    let options = WatchOptions { workflow: Some(run(0).workflow), run: Some(run(0).run), ..WatchOptions::default() };
    let mut scene = WatchScene::new(options, 3);
    let events = events.into_iter().zip(1..).map(|(kind, id)| event(id, 1_000 + id, kind));
    scene.histories.insert(run(0), events.collect());
    scene
}

fn continued() -> EventKind {
    EventKind::Ended { end: ItemEnd::ContinuedAsNew, next_run: Some("run-1".into()) }
}

fn shown(scene: &WatchScene) -> (Overlay, Run) {
    (scene.app.overlay(), scene.opened().run().clone())
}

#[test]
fn enter_opens_the_run_that_continues_one_with_a_run_id() {
    let mut scene =
        scene(vec![EventKind::TimerStarted { id: "7".into(), duration: std::time::Duration::ZERO }, continued()]);
    let next = Run { run: "run-1".into(), ..run(0) };
    scene.executions[1].run = next.clone();
    scene.wait(1_000);
    assert_eq!(shown(&scene), (Overlay::Execution, run(0)), "a run that was named stays on the screen");
    scene.press(Intent::ShowFailure);
    scene.wait(1_000);
    assert_eq!(shown(&scene), (Overlay::Execution, next));
    assert!(scene.opened().info.is_some());
    scene.press(Intent::Close);
    assert_eq!(shown(&scene), (Overlay::Execution, run(0)));
    scene.press(Intent::Close);
    assert_eq!(scene.app.overlay(), Overlay::Executions);
}

#[test]
fn enter_opens_the_child_of_the_selected_lane_once_it_has_started() {
    let child = EventKind::ChildInitiated { workflow: run(1).workflow, workflow_type: "Shipping".into() };
    let mut unstarted = scene(vec![child.clone()]);
    unstarted.wait(1_000);
    assert!(!unstarted.app.can(Intent::ShowFailure));
    let mut scene = scene(vec![child, EventKind::ChildStarted { initiated: 1, run: run(1) }]);
    scene.wait(1_000);
    assert!(scene.app.can(Intent::ShowFailure));
    scene.press(Intent::ShowFailure);
    assert_eq!(shown(&scene), (Overlay::Execution, run(1)));
    scene.press(Intent::Close);
    assert_eq!(shown(&scene), (Overlay::Execution, run(0)));
}

#[test]
fn a_key_opens_the_parent_of_a_child_workflow_and_esc_returns() {
    let mut scene = scene(Vec::new());
    assert!(!scene.app.can(Intent::OpenParent), "nothing is known yet");
    scene.executions[0].parent = Some(run(2));
    scene.wait(1_000);
    assert!(scene.app.can(Intent::OpenParent));
    scene.press(Intent::OpenParent);
    scene.wait(1_000);
    assert_eq!(shown(&scene), (Overlay::Execution, run(2)));
    assert!(scene.opened().info.is_some() && !scene.app.can(Intent::OpenParent));
    scene.press(Intent::Close);
    assert_eq!(shown(&scene), (Overlay::Execution, run(0)));
}

#[test]
fn without_the_history_the_latest_run_is_shown_after_one_that_continues_as_new() {
    for named_run in [String::new(), run(0).run] {
        let run_id = Some(named_run.clone()).filter(|id| !id.is_empty());
        let options = WatchOptions { workflow: Some(run(0).workflow), run: run_id, ..WatchOptions::default() };
        let mut scene = WatchScene::new(options, 1);
        scene.wait(1_000);
        let answer = Err(WatchProblem::Denied { cause: "no claims".into() });
        scene.tell(Message::Watch(WatchNews::History { run: run(0), answer }));
        let latest = Run { run: "run-new".into(), ..run(0) };
        scene.executions[0].status = ExecutionStatus::ContinuedAsNew;
        scene.executions.insert(0, info(latest.clone()));
        scene.wait(1_000);
        if !named_run.is_empty() {
            assert_eq!(shown(&scene), (Overlay::Execution, run(0)), "a run that was named stays on the screen");
            scene.press(Intent::ShowFailure);
            scene.wait(1_000);
        }
        assert_eq!(shown(&scene), (Overlay::Execution, latest));
    }
}

#[test]
fn enter_shows_the_failure_of_the_selected_lane_before_another_run() {
    let mut scene = scene(vec![continued()]);
    scene.pending.insert(run(0), vec![foreign("charge", "5", waiting(2, 1_000, 90_000_000_000_000))]);
    scene.wait(1_000);
    assert_eq!(scene.opened().next_run().map(|next| next.run), Some("run-1".to_owned()));
    scene.press(Intent::ShowFailure);
    assert_eq!(shown(&scene), (Overlay::Failure, run(0)));
    scene.press(Intent::ShowFailure);
    assert_eq!(shown(&scene), (Overlay::Execution, Run { run: "run-1".into(), ..run(0) }));
}
