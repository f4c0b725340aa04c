//! Orders that other programs started, and that another program's worker processes, in the dashboard's list.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    python::Key,
    python_environment::{python, script},
    sandbox::{Sandbox, address, text},
    screen::{Screen, dashboard},
    watch_screen::quit,
    watched::{described_when, terminate},
};

/// The row of an order on the screen.
fn row<'a>(screen: &'a str, order: &str) -> Option<&'a str> {
    screen.lines().find(|line| line.trim_start_matches(['▌', ' ']).starts_with(order))
}

/// Starts an order with the program itself, which does not wait for it. No attempt of it succeeds.
fn start_failing(sandbox: &Sandbox, key: &Key, order: &str) {
    let mut command = sandbox.command("start");
    command.args([order, "123456", "10", "--faults", "update.before-commit=error", "--no-wait"]);
    // With encryption, the default id does not name the order.
    command.args(["--workflow-id", &format!("order-{order}")]);
    let output = command.envs(key.settings()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output).1);
}

/// A Python program that starts an order and waits for its result.
fn python_client(sandbox: &Sandbox, key: &Key, order: &str) -> Option<Command> {
    let mut client = script(python()?, "client.py");
    key.add_to(&mut client);
    client.args(["--address", address(), "--namespace", "default", "--task-queue", &sandbox.queue]);
    client.args(["--workflow", "InventoryTask", "--workflow-id", &format!("order-{order}")]);
    client.args(["--order", order, "--item", "123456", "--quantity", "7"]);
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_other_programs_are_listed_with_their_attempts() {
    let mut sandbox = Sandbox::new();
    // The name is part of the query that lists the orders.
    sandbox.queue.push_str("'s");
    let elsewhere = Sandbox { queue: sandbox.queue.clone(), ..Sandbox::new() };
    let key = Key::new("shared-key");
    // The ids are the server's, which other tests share.
    let [failing, quick] = ["W", "P"].map(|letter| format!("{letter}{:06x}", rand::random::<u32>() >> 8));
    let Some(mut client) = python_client(&elsewhere, &key, &quick) else { return };

    let mut command = dashboard(&sandbox, address());
    command.args(["dashboard", "--no-worker"]);
    for (name, value) in key.settings() {
        command.env(name, value);
    }
    let screen = Screen::run(command, 80, 24);
    screen.wait_for("selected order");
    start_failing(&elsewhere, &key, &failing);
    let client = client.spawn().unwrap();
    for order in [&failing, &quick] {
        screen.wait_until(order, |text| row(text, order).is_some_and(|row| row.contains("queued")));
    }

    let _worker = elsewhere.worker_with(&key.settings());
    let printed: Value = serde_json::from_slice(&client.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(printed, json!({ "result": "applied" }));
    screen.wait_until("the end", |text| row(text, &quick).is_some_and(|row| row.contains("completed")));
    let link = sandbox.link().await;
    let workflow = format!("order-{failing}");
    described_when(&link, &workflow, |described| {
        described.pending_activities.iter().any(|pending| pending.attempt > 2)
    })
    .await;
    screen.wait_until("failed attempts, and the wait for the next one", |text| {
        row(text, &failing).is_some_and(|row| row.contains("retrying") && row.contains("✗○"))
    });
    elsewhere.assert_right(993);
    assert!(!sandbox.database.exists(), "no order came from the dashboard");
    terminate(&link, &workflow).await;
    screen.wait_until("the termination", |text| row(text, &failing).is_some_and(|row| row.contains("terminated")));
    quit(screen);
}
