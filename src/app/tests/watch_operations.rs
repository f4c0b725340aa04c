//! Operations on executions of any workflow: each asks first, and says why it does nothing.

use tui_input::InputRequest;

use crate::{
    app::{
        testing::{
            fixture::{foreign, running, waiting},
            watch::{WatchScene, run},
        },
        *,
    },
    domain::{Operation, PendingActivity, PendingState},
};

/// An execution with one pending activity.
fn scene(pending: PendingActivity, read_only: bool) -> WatchScene {
    let options = WatchOptions { workflow: Some(run(0).workflow), read_only, ..WatchOptions::default() };
    let mut scene = WatchScene::new(options, 1);
    scene.pending.insert(run(0), vec![pending]);
    scene.wait(1_000);
    scene
}

fn waits() -> PendingActivity {
    foreign("charge", "5", waiting(3, 1_000, 90_000_000_000_000))
}

fn press(scene: &mut WatchScene, intent: Intent) -> Vec<Command> {
    scene.app.update(Message::Intent(intent))
}

fn type_in(scene: &mut WatchScene, text: &str) {
    press(scene, Intent::Edit(InputRequest::DeleteLine));
    for character in text.chars() {
        press(scene, Intent::Edit(InputRequest::InsertChar(character)));
    }
}

fn operates(operation: Operation) -> Vec<Command> {
    vec![Command::Watch(WatchRequest::Operate(run(0), operation))]
}

#[test]
fn every_operation_asks_first_and_no_leaves_it() {
    let activity = || "5".to_owned();
    for (intent, operation) in [
        (Intent::RetryNow, Operation::RetryNow { activity: activity() }),
        (Intent::AskPause, Operation::Pause { activity: activity() }),
        (Intent::AskResetActivity, Operation::Reset { activity: activity() }),
        (Intent::AskCancel, Operation::Cancel),
        (Intent::AskTerminate, Operation::Terminate),
    ] {
        let mut scene = scene(waits(), false);
        assert!(scene.app.can(intent), "{intent:?}");
        assert_eq!(press(&mut scene, intent), [], "{intent:?}");
        assert_eq!(scene.app.overlay(), Overlay::Confirm(Question::Operate));
        press(&mut scene, Intent::No);
        assert_eq!((scene.app.overlay(), press(&mut scene, Intent::Yes)), (Overlay::Execution, vec![]));
        press(&mut scene, intent);
        assert_eq!(press(&mut scene, Intent::Yes), operates(operation));
        assert_eq!(scene.app.overlay(), Overlay::Execution);
    }
}

#[test]
fn read_only_removes_every_operation() {
    let mut scene = scene(waits(), true);
    for intent in [
        Intent::RetryNow,
        Intent::AskPause,
        Intent::AskResetActivity,
        Intent::EditOptions,
        Intent::EditSignal,
        Intent::AskCancel,
        Intent::AskTerminate,
    ] {
        assert!(!scene.app.can(intent), "{intent:?}");
        assert_eq!(press(&mut scene, intent), []);
        assert_eq!(scene.app.overlay(), Overlay::Execution);
        assert!(scene.app.notice().unwrap().text.contains("--read-only"), "{intent:?}");
    }
}

#[test]
fn a_running_attempt_is_not_retried_and_a_paused_activity_is_unpaused() {
    let mut runs = scene(foreign("charge", "5", running(2, 1_000)), false);
    assert_eq!((press(&mut runs, Intent::RetryNow), runs.app.overlay()), (vec![], Overlay::Execution));
    assert!(runs.app.notice().unwrap().text.contains("attempt 2 runs"));
    let paused = PendingActivity { state: PendingState::Paused, next: None, ..waits() };
    let mut paused = scene(paused, false);
    press(&mut paused, Intent::AskPause);
    assert_eq!(press(&mut paused, Intent::Yes), operates(Operation::Unpause { activity: "5".into() }));
}

#[test]
fn a_signal_is_checked_before_it_is_sent() {
    let mut scene = scene(waits(), false);
    press(&mut scene, Intent::EditSignal);
    type_in(&mut scene, "proceed {");
    assert!(scene.app.line_problem().is_some());
    press(&mut scene, Intent::Submit);
    assert_eq!(scene.app.overlay(), Overlay::Signal, "a mistake stays open");
    type_in(&mut scene, "proceed {\"by\":\"ada\"}");
    assert_eq!(scene.app.line_problem(), None);
    press(&mut scene, Intent::Submit);
    let signal = Operation::Signal { name: "proceed".into(), argument: Some("{\"by\":\"ada\"}".into()) };
    assert_eq!(press(&mut scene, Intent::Yes), operates(signal));
}

#[test]
fn options_are_edited_from_the_current_ones() {
    let mut scene = scene(waits(), false);
    press(&mut scene, Intent::EditOptions);
    assert!(scene.app.input().value().contains("initial=1s"), "{}", scene.app.input().value());
    type_in(&mut scene, "attempts=5");
    press(&mut scene, Intent::Submit);
    let commands = press(&mut scene, Intent::Yes);
    let [Command::Watch(WatchRequest::Operate(_, Operation::UpdateOptions { options, .. }))] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(options.retry.maximum_attempts, 5);
}

#[test]
fn another_query_replaces_the_list() {
    let mut scene = WatchScene::new(WatchOptions::default(), 3);
    scene.wait(1_000);
    press(&mut scene, Intent::Filter);
    assert_eq!(scene.app.input().value(), "ExecutionStatus = 'Running'");
    type_in(&mut scene, "WorkflowType = 'Checkout'");
    press(&mut scene, Intent::Submit);
    assert_eq!(scene.app.overlay(), Overlay::Executions);
    let list = scene.app.watch().unwrap().list();
    assert_eq!((list.query(), list.is_read()), ("WorkflowType = 'Checkout'", false));
    scene.wait(2_500);
    assert_eq!(scene.app.watch().unwrap().list().rows().len(), 3);
}

#[test]
fn the_page_has_commands_that_can_be_copied() {
    let mut scene = scene(waits(), true);
    press(&mut scene, Intent::ShowCommand);
    assert_eq!(scene.app.overlay(), Overlay::ShowCommand);
    let copied = press(&mut scene, Intent::CopyWorkflowId);
    assert!(
        matches!(&copied[..], [Command::Copy(text)] if text.starts_with("temporal workflow describe")),
        "{copied:?}"
    );
    press(&mut scene, Intent::ShowCommand);
    assert_eq!(scene.app.overlay(), Overlay::Execution);
    assert_eq!(press(&mut scene, Intent::CopyWorkflowId), [Command::Copy(run(0).workflow)]);
    let opened = press(&mut scene, Intent::OpenWebUi);
    assert!(
        matches!(&opened[..], [Command::Open(page)] if page.contains("/workflows/checkout-0/run-0/")),
        "{opened:?}"
    );
}
