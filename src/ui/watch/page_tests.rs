//! What a page selects, and what it shows if an execution has nothing of a kind.

use std::time::Duration;

use tui_input::InputRequest;

use super::scenes::{Watching, failing_task, failure, options};
use crate::{
    app::{Intent, ListPage, Message, WatchNews},
    domain::{EventKind, ExecutionStatus, ItemEnd, PayloadContent},
    ui::tests::{find, frame, text},
};

fn shown(scene: &Watching) -> String {
    text(&frame(&scene.app, 80, 24))
}

fn timer(scene: &mut Watching) {
    scene.event(EventKind::TimerStarted { id: "9".into(), duration: Duration::from_mins(1) });
}

#[test]
fn a_failing_workflow_task_without_a_lane_opens_its_failure() {
    let mut scene = Watching::execution();
    scene.started();
    scene.event(EventKind::TaskFailed {
        cause: "WorkflowWorkerUnhandledFailure".into(),
        failure: failure("ZeroDivisionError", "integer division by zero"),
        worker: "81@orders".into(),
    });
    scene.tell(Message::Intent(Intent::Details));
    let shown = shown(&scene);
    for words in [
        "╭ order-77 ",
        "failure of the workflow task: Temporal retries it",
        "WorkflowWorkerUnhandledFailure",
        "81@orders",
        "ZeroDivisionError",
        "integer division by zero",
        "File \"/app/payments.py\", line 41, in charge_card",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn an_empty_list_says_that_some_servers_cannot_search_for_such_a_name() {
    let empty = |query: &str| {
        let mut scene = Watching::list();
        scene.tell(Message::Intent(Intent::Filter));
        scene.tell(Message::Intent(Intent::Edit(InputRequest::DeleteLine)));
        for letter in query.chars() {
            scene.tell(Message::Intent(Intent::Edit(InputRequest::InsertChar(letter))));
        }
        scene.tell(Message::Intent(Intent::Submit));
        let listed = ListPage { at: scene.at(0), executions: Vec::new(), more: false };
        scene.tell(Message::Watch(WatchNews::Listed { query: query.to_owned(), page: 0, answer: Ok(listed) }));
        shown(&scene)
    };
    let query = r#"TaskQueue = 'a"b'"#;
    let page = empty(query);
    for words in ["finds no execution", "Some servers (1.32 on SQLite)", "without this condition", query] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    let page = empty("TaskQueue = 'shop'");
    assert!(page.contains("finds no execution") && !page.contains("Some servers"), "{page}");
}

#[test]
fn the_failure_of_the_workflow_task_comes_before_that_of_the_lane() {
    let mut scene = failing_task();
    scene.tell(Message::Intent(Intent::Details));
    let (_, lines) = crate::ui::watch::failure(&scene.app, 78).unwrap();
    let page: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let at = |words: &str| page.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{page:#?}"));
    assert!(at("failure of the workflow task") < at("failure: Temporal may retry it"));
    assert!(at("NonDeterministicError") < at("CardDeclined (retryable)"));
}

#[test]
fn a_workflow_without_a_lane_shows_its_arguments() {
    let mut scene = Watching::execution();
    scene.report(Vec::new());
    let reading = shown(&scene);
    assert!(reading.contains("Reading the history .."), "{reading}");
    scene.event(EventKind::Started {
        workflow_type: "OrderWorkflow".into(),
        input: vec![PayloadContent::Json { text: "{\"order\":77}".into(), bytes: 12 }],
        attempt: 1,
        continued_from: None,
    });
    find(&frame(&scene.app, 80, 24), " input       {\"order\":77}");
    find(&frame(&scene.app, 80, 24), "The history has no activity, timer or other item yet.");
}

#[test]
fn the_lane_that_needs_attention_is_selected() {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    timer(&mut scene);
    find(&frame(&scene.app, 80, 24), "▌ charge_card 5");
    scene.schedule("send_mail", "6", options());
    scene.event(EventKind::ActivityEnded { scheduled: 2, end: ItemEnd::Failed(failure("CardDeclined", "no")) });
    timer(&mut scene);
    find(&frame(&scene.app, 80, 24), "▌ charge_card 5");
}

#[test]
fn an_activity_that_was_open_at_the_end_says_so() {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    scene.wait(9_000);
    scene.event(EventKind::Ended { end: ItemEnd::Terminated { reason: "bad".into() }, next_run: None });
    scene.status = ExecutionStatus::Terminated;
    scene.report(Vec::new());
    find(&frame(&scene.app, 80, 24), "open when the execution ended; its attempts were not observed");
}

#[test]
fn activities_that_were_scheduled_together_keep_the_order_of_the_workflow() {
    let mut scene = Watching::execution();
    scene.started();
    for (number, activity) in ["pack_parcel", "write_invoice", "charge_card"].into_iter().enumerate() {
        scene.event(EventKind::ActivityScheduled {
            id: activity.into(),
            activity: activity.into(),
            options: options(),
            input: vec![PayloadContent::Null; number],
        });
    }
    let shown = frame(&scene.app, 80, 24);
    let rows = ["  pack_parcel", "  write_invoice", "▌ charge_card"].map(|name| find(&shown, name).1);
    assert!(rows.is_sorted(), "{rows:?}");
    assert!(!text(&shown).contains("charge_card charge_card"), "the id is the type");
}

#[test]
fn a_failure_without_a_message_ends_with_its_type() {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    let mut waiting = scene.waiting("charge_card", "5", 2, 12, 4_000);
    waiting.pending.failure = Some(failure("Cancelled", ""));
    scene.report(vec![waiting]);
    let shown = shown(&scene);
    assert!(shown.contains("Cancelled") && !shown.contains("Cancelled:"), "{shown}");
}
