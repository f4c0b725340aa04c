//! Keys on the real binary with a real worker and server: the effect of each key on the screen.

use std::{path::Path, process::Command, time::Duration};

use idempotence::{
    app::{App, Description, Instruction, Intent, Link, Message, Options, instructions},
    domain::{Activity, PendingActivity, PendingState, RunEnd},
    faults::Preset,
    server::{Installation, Search, obtain},
    store::{AttemptEvent, CommitOutcome, Fact, News, Phase},
    temporal::{Described, Presence, Started, describe, find_worker},
};

use crate::{
    dashboard::{settings, setup},
    sandbox::{Sandbox, address, end, free_port, offline, order},
    screen::Screen,
};

/// Opens a dashboard on the shared server, waits for the worker, and enters this fault plan.
fn with_fault_plan(sandbox: &Sandbox, plan: &str, columns: u16, rows: u16) -> Screen {
    let mut screen = Screen::open(sandbox, address(), columns, rows);
    screen.wait_for("worker ● ready");
    screen.press("F");
    screen.wait_for("fault plan for the next orders");
    screen.press("\u{15}");
    screen.press(plan);
    screen.wait_for("✓ valid");
    screen.press("\r");
    screen.wait_until("the editor to go", |text| !text.contains("fault plan for the next orders"));
    screen
}

fn quit(mut screen: Screen) {
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn a_fault_plan_is_entered_and_a_wrong_one_is_rejected() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("F");
    screen.press("\u{15}");
    screen.press("update.before-commit=2*eror\r");
    screen.wait_for("expected an action");
    screen.press("\u{17}");
    screen.press("\u{15}");
    screen.press("update.before-commit=2*error\r");
    screen.wait_for("FAULTS update.before-commit=2*error");
    screen.press("o");
    screen.wait_for("✗✗✓");
    quit(screen);
    sandbox.assert_right(999);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_now_skips_the_backoff() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // The fourth attempt is due 7 s after the first. The reset makes the first attempt due again at once.
    let mut screen = with_fault_plan(&sandbox, "update.before-commit=3*error", 120, 40);
    screen.press("o");
    let failed = sandbox.wait_for("the third failure", |fact| {
        matches!(fact, Fact::Attempt(event)
            if event.origin.attempt.number() == 3 && matches!(event.phase, Phase::Failed { .. }))
    });
    let Fact::Attempt(AttemptEvent { origin, .. }) = failed.fact else { unreachable!("it was looked for") };
    // The server learns of the failure shortly after the journal. Until then, there is no backoff to skip.
    let link = sandbox.link().await;
    while describe(&link, &origin.workflow, &origin.run).await.unwrap().pending.iter().all(|wait| wait.next.is_none()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    screen.press("n");
    sandbox.wait_for("a first attempt of the same activity once more", |fact| {
        matches!(fact, Fact::Attempt(event) if event.origin.attempt.number() == 1
            && event.origin.activity == Activity::UpdateInventory && matches!(event.phase, Phase::Started))
    });
    screen.wait_for("completed");
    quit(screen);
    sandbox.assert_right(999);
}

#[test]
fn a_cancelled_order_ends_and_its_effect_remains() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = with_fault_plan(&sandbox, "update.after-commit=error", 80, 24);
    screen.press("o");
    screen.wait_for("not confirmed");
    screen.press("c");
    screen.wait_for("stays there");
    screen.press("y");
    screen.wait_for("cancelled");
    quit(screen);
    assert_eq!(sandbox.document().stock, 999);
}

#[test]
fn a_killed_server_is_restarted_and_the_order_continues() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, &format!("127.0.0.1:{}", free_port()), 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("fo");
    screen.wait_for("not confirmed");
    screen.press("X");
    screen.wait_for("Kill the embedded Temporal server");
    screen.press("y");
    screen.wait_for("the embedded server was killed; press X to start it again");
    screen.press("X");
    screen.wait_for("● connected");
    screen.wait_for("expected 999 = actual 999");
    screen.wait_for("completed");
    quit(screen);
}

#[test]
fn the_filter_selects_orders_and_escape_shows_all() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("fffb");
    screen.wait_for("orders 10");
    screen.press("/nothing-like-this\r");
    screen.wait_for("No order matches the filter");
    screen.press("\u{1b}");
    screen.wait_for("1 of 10");
    quit(screen);
}

#[test]
fn the_same_start_joins_the_order_that_runs() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = with_fault_plan(&sandbox, "update.before-commit=delay(1500)", 120, 40);
    screen.press("o");
    screen.wait_for("orders 1");
    sandbox.wait_for("the attempt", |fact| matches!(fact, Fact::Attempt(_)));
    screen.press("D");
    screen.wait_for("+1 dup");
    screen.wait_for("completed");
    quit(screen);
    sandbox.assert_right(999);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_a_foreign_worker_shows_its_attempts() {
    if offline() {
        return;
    }
    let (ours, theirs) = (Sandbox::new(), Sandbox::new());
    // A worker with another database writes nothing to the journal that this dashboard reads.
    let _worker = theirs.worker();
    // The worker polls before the server lists it. A dashboard that queries the server in between would start its own
    // worker.
    let link = theirs.link().await;
    while find_worker(&link, &theirs.queue).await.unwrap() == Presence::Absent {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ours = Sandbox { queue: theirs.queue.clone(), ..ours };
    let mut screen = Screen::open(&ours, address(), 120, 40);
    screen.wait_for("worker ● elsewhere");
    screen.press("F\u{15}update.before-commit=2*error\r");
    screen.wait_for("FAULTS update.before-commit=2*error");
    screen.press("o");
    screen.wait_for("RANDOM ERROR");
    let text = screen.wait_for("completed");
    assert!(text.contains("(server)") || text.contains("not observed"), "{text}");
    quit(screen);
    assert!(ours.records().is_empty(), "no line of this order");
}

#[test]
fn an_attempt_of_a_killed_worker_is_shown_as_lost() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = with_fault_plan(&sandbox, "update.before-commit=1*delay(60000)", 120, 40);
    screen.press("o");
    // By now, the server has reported which worker runs the attempt.
    screen.wait_for("changed 1 s ago");
    screen.press("x");
    let text = screen.wait_for("† worker died before commit");
    assert!(text.contains(" NOT APPLIED ") && text.contains("no answer"), "{text}");
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn copying_and_the_mouse_use_terminal_sequences() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("fffo");
    screen.wait_for("completed");
    screen.press("y");
    let text = screen.wait_for("sent to the clipboard (needs OSC 52 support): order-");
    let id = text.split("OSC 52 support): ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    screen.press("m");
    screen.wait_for("mouse on");
    let bytes = String::from_utf8_lossy(&screen.bytes()).into_owned();
    let clipboard = bytes.split("\u{1b}]52;c;").nth(1).and_then(|rest| rest.split('\u{1b}').next()).unwrap();
    assert_eq!(decoded(clipboard.trim_end_matches('\u{7}')), id);
    assert!(bytes.contains("\u{1b}[?1000h"), "mouse reports are enabled");
    // A click on the stock panel focuses it, so that the rule of its title is drawn heavy.
    screen.press("\u{1b}[<0;60;4M\u{1b}[<0;60;4m");
    screen.wait_until("the stock to have the focus", |text| {
        text.lines().any(|line| line.contains(" stock ") && line.contains('━'))
    });
    screen.press("m");
    screen.wait_for("mouse off");
    quit(screen);
}

/// Decodes base64, the encoding of OSC 52.
fn decoded(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let bits = digits.map(|byte| DIGITS.iter().position(|digit| *digit == byte).unwrap());
    let (mut bytes, mut held, mut count) = (Vec::new(), 0, 0);
    for six in bits {
        (held, count) = (held << 6 | six, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xff).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_open_order_is_shown_again_after_a_restart_of_the_dashboard() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = with_fault_plan(&sandbox, "update.before-commit=4*error", 120, 40);
    screen.press("o");
    screen.wait_for("✗✗✗○");
    screen.press("q");
    assert!(screen.end().0.success());
    let screen = Screen::open(&sandbox, address(), 120, 40);
    let text = screen.wait_until("the order with its attempts", |text| text.contains("✗✗✗"));
    assert!(text.contains("guard ledger") && text.contains("failed before commit"), "{text}");
    screen.wait_for("✗✗✗✗✓");
    screen.wait_for("completed");
    quit(screen);
    sandbox.assert_right(999);
}

/// Runs an instruction shown by the dashboard with the real Temporal CLI through a shell.
fn run_in_shell(instruction: &Instruction, program: &Path) -> String {
    let line = instruction.line().replacen("temporal", &program.display().to_string(), 1);
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that the dashboard shows for an order do what their headings say. The start command creates a run of
/// this order, and the describe command finds it.
#[tokio::test(flavor = "multi_thread")]
async fn the_displayed_commands_work() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let settings = settings(&sandbox);
    let search = Search { setting: settings.temporal_cli.clone(), cache_dir: settings.cache_dir.clone() };
    let program = obtain(&search, Installation::Allowed, &|_| {}).await.unwrap();

    // The core's state in the dashboard after it sent the order. Nothing else starts the order here.
    let mut app =
        App::new(Options { preset: Preset::AfterCommitOnce, session: sandbox.queue.clone(), ..setup(&sandbox) });
    app.update(Message::Link(Link::Up));
    app.update(Message::Intent(Intent::FreshOrder));
    let shown = instructions(&app, app.selected().unwrap());
    run_in_shell(&shown[0], &program);
    sandbox.wait_for("the replay after the planned failure", |fact| {
        matches!(fact, Fact::Attempt(event) if event.origin.attempt.number() == 2
            && matches!(event.phase, Phase::Completed { outcome: CommitOutcome::Replayed }))
    });
    assert!(run_in_shell(&shown[1], &program).contains(&app.selected().unwrap().workflow));
    sandbox.assert_right(999);
}

/// Returns the instructions that the dashboard shows for an order known from the journal and this description.
fn instructions_for(sandbox: &Sandbox, started: &Started, described: Described) -> Vec<Instruction> {
    let mut app = App::new(setup(sandbox));
    for record in sandbox.records() {
        app.update(Message::Journal(News { restarted: record.seq == 1, records: vec![record], ..News::default() }));
    }
    let scheduled =
        |pending| PendingActivity { state: PendingState::Scheduled, interval: None, failure: None, ..pending };
    let pending = described.pending.into_iter().map(scheduled);
    let description = Description {
        at: idempotence::clock::now(),
        open: true,
        pending: pending.collect(),
        failing: None,
        others: Vec::new(),
    };
    let (workflow, run) = (started.workflow.clone(), started.run.clone());
    app.update(Message::Described { workflow, run, answer: Ok(description) });
    instructions(&app, app.selected().unwrap())
}

/// The other two commands, for an order that never completes: the reset restarts its attempts at 1, and the
/// cancellation ends it.
#[tokio::test(flavor = "multi_thread")]
async fn the_displayed_commands_for_an_open_order_work() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let settings = settings(&sandbox);
    let search = Search { setting: settings.temporal_cli.clone(), cache_dir: settings.cache_dir.clone() };
    let program = obtain(&search, Installation::Allowed, &|_| {}).await.unwrap();
    let link = sandbox.link().await;
    let (started, watch) = sandbox.start(&link, "stuck", order("STUCK", 1, "update.before-commit=error")).await;
    let begins = |number| {
        move |fact: &Fact| {
            matches!(fact, Fact::Attempt(event) if event.origin.attempt.number() == number
            && matches!(event.phase, Phase::Started))
        }
    };
    sandbox.wait_for("a third attempt", begins(3));
    // The journal is read later and may be newer than the description. In that case, the next description is used.
    let shown = loop {
        let described = describe(&link, &started.workflow, &started.run).await.unwrap();
        let shown = instructions_for(&sandbox, &started, described);
        if shown.iter().any(|instruction| instruction.line().contains("activity reset")) {
            break shown;
        }
    };
    let command = |verb: &str| shown.iter().find(|instruction| instruction.line().contains(verb)).unwrap();
    run_in_shell(command("activity reset"), &program);
    let firsts = || sandbox.records().into_iter().filter(|record| begins(1)(&record.fact)).count();
    sandbox.wait_for("its attempts begin at 1 again", |_| firsts() == 2);
    run_in_shell(command("workflow cancel"), &program);
    assert_eq!(end(&watch).await, RunEnd::Cancelled);
}
