//! The pages of `watch` at 80x24, on executions of a Python worker.

use portable_pty::CommandBuilder;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::{
    sandbox::address,
    screen::{Screen, assert_restored, dashboard},
    watched::{Shop, described_when, status, terminate},
};

/// Opens `watch` with these arguments.
pub fn open(shop: &Shop, arguments: &[&str]) -> Screen {
    open_at(shop, address(), arguments)
}

/// Opens `watch` with the server at this address.
pub fn open_at(shop: &Shop, address: &str, arguments: &[&str]) -> Screen {
    let mut command: CommandBuilder = dashboard(&shop.sandbox, address);
    command.arg("watch");
    command.args(arguments);
    Screen::run(command, 80, 24)
}

/// The text of a screen in one line, because long texts are wrapped.
pub fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Quits with `q`.
#[track_caller]
pub fn quit(mut screen: Screen) {
    screen.press("q");
    let (status, bytes) = screen.end();
    assert!(status.success());
    assert_restored(&bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_shows_each_attempt_with_its_failure_and_the_countdown() {
    let Some(shop) = Shop::closed() else { return };
    let execution = shop.start_with("keeps-failing", &["--pace", "1"]);
    let screen = open(&shop, &[&execution.id]);
    screen.wait_for("Backorder");
    let _worker = shop.worker(1);
    let text = screen.wait_until("two failures, the real and the planned wait, and the third attempt", |text| {
        let line = |start: &str, rest: &str| text.lines().any(|line| line.starts_with(start) && line.contains(rest));
        line(" #1 ", "failed")
            && line("    backoff ", " s (policy: 1 s)")
            && line(" #2 ", "failed")
            && line(" #3 ", " in ")
    });
    for part in ["reserve_stock 1", "OutOfStock: no stock for keeps-failing-", "after 1 s, x2 up to 4 s, unlimited"] {
        assert!(text.contains(part), "{part} is not on the screen:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    quit(screen);
    terminate(&shop.sandbox.link().await, &execution.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_parent_of_a_child_workflow_and_esc_returns() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start("child");
    let link = shop.sandbox.link().await;
    described_when(&link, &execution.id, |described| status(described) == WorkflowExecutionStatus::Completed).await;
    let mut screen = open(&shop, &[&format!("{}-checkout", execution.id)]);
    screen.wait_until("the key", |text| words(text).contains(" U parent"));
    let shows = |kind: &'static str| move |text: &str| words(text).contains(&format!(" {kind} Completed "));
    screen.press("U");
    screen.wait_until("the parent", shows("Purchase"));
    screen.press("\u{1b}");
    screen.wait_until("the child", shows("Checkout"));
    quit(screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_workflow_task_is_shown_first() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start("workflow-task-failure");
    let screen = open(&shop, &[&execution.id]);
    let text = screen.wait_until("the failure", |text| {
        words(text).contains("ZeroDivisionError: integer division or modulo by zero")
    });
    let failing = text.lines().nth(2).is_some_and(|line| line.contains("WORKFLOW TASK FAILS"));
    assert!(failing, "{text}");
    quit(screen);
    terminate(&shop.sandbox.link().await, &execution.id).await;
}
