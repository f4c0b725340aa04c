//! Changes of the database by other processes appear at once on a small screen.

use std::fs;

use crate::{
    sandbox::{Sandbox, address, offline, text},
    screen::Screen,
};

/// Returns the screen's text without line breaks, because a notice may take two rows.
fn unwrapped(screen: &str) -> String {
    screen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn opened(sandbox: &Sandbox) -> Screen {
    let screen = Screen::open(sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    screen
}

/// Places an order with `start`, for the dashboard's worker.
fn order(sandbox: &Sandbox, id: &str) {
    let workflow = format!("{}-{id}", sandbox.queue);
    let mut start = sandbox.command("start");
    start.args([id, "123456", "1", "--faults", "none", "--workflow-id", &workflow]);
    let output = start.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_document_put_aside_is_shown_with_its_new_name() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = opened(&sandbox);
    order(&sandbox, "A");
    let starting = include_str!("../../assets/inventory.json");
    let edited = starting.replace("1000", "7");
    for (id, document, parts) in [
        ("B", edited.as_str(), ["set aside as", ".edited-", "it was changed while a worker ran"]),
        ("C", starting, ["set aside as", ".replaced-", "idempotence reset"]),
    ] {
        fs::write(&sandbox.database, document).unwrap();
        order(&sandbox, id);
        screen.wait_until(parts[1], |text| parts.iter().all(|part| unwrapped(text).contains(part)));
    }
    screen.press("q");
    assert!(screen.end().0.success());
    sandbox.assert_right(997);
}

#[test]
fn a_journal_replaced_by_another_process_is_shown_and_the_dashboard_continues() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = opened(&sandbox);
    order(&sandbox, "A");
    screen.wait_for("completed");
    let reset = sandbox.command("reset").arg("--yes").output().unwrap();
    assert!(reset.status.success() && text(&reset).0.contains(".until-"), "{reset:?}");
    screen.wait_until("the notice", |text| {
        unwrapped(text).contains("the journal was replaced, for example by a reset: 1 ended order left the table")
    });
    order(&sandbox, "B");
    screen.wait_for("expected 999 = actual 999");
    screen.press("q");
    assert!(screen.end().0.success());
    sandbox.assert_right(999);
}
