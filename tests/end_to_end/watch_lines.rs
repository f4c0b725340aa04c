//! `watch ID --plain` and `--json` on executions of a Python worker: the whole story of each situation, and the exit code.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::Value;

use crate::{
    python::Key,
    sandbox::{program, text},
    watched::{Execution, Shop, described_when, terminate, workflow_task_fails},
};

/// A `watch` process that prints lines.
struct Lines<'a> {
    shop: &'a Shop,
    child: Child,
    output: BufReader<ChildStdout>,
    /// The printed lines, without times and ids.
    story: Vec<String>,
    id: String,
}

impl<'a> Lines<'a> {
    /// Watches an execution of the shop, and waits until the program has found it.
    fn of(shop: &'a Shop, execution: &Execution) -> Self {
        let mut command = shop.watch(&[&execution.id, "--plain", "--record", &format!("{}.jsonl", execution.id)]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Self { shop, child, output, story: Vec::new(), id: execution.id.clone() };
        lines.next();
        lines
    }

    /// Reads the next line.
    fn next(&mut self) -> &str {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the story of {} ended: {:#?}", self.id, self.story);
        self.story.push(masked(line.trim_end(), self.shop, &self.id));
        self.story.last().unwrap()
    }

    /// Reads lines until one contains `part`.
    fn wait_for(&mut self, part: &str) {
        while !self.next().contains(part) {}
    }

    /// Reads the rest. Returns the exit code and the story, which a replay of the session must print too.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        self.story.extend(rest.lines().map(|line| masked(line, self.shop, &self.id)));
        let code = self.child.wait().unwrap().code();
        let recording = format!("{}.jsonl", self.id);
        let output = program(self.shop.sandbox.folder.path()).args(["replay", &recording, "--plain"]).output().unwrap();
        let (lines, problem) = text(&output);
        assert!(output.status.success(), "{problem}");
        let replayed: Vec<_> = lines.lines().map(|line| masked(line, self.shop, &self.id)).collect();
        assert_eq!(replayed.split_first(), Some((&"connected to the server".to_owned(), self.story.as_slice())));
        (code, self.story)
    }
}

/// Returns a line without its time, run id and status, and without the duration of a failed attempt. `ID` replaces the
/// execution's id, and `QUEUE` the task queue.
fn masked(line: &str, shop: &Shop, id: &str) -> String {
    let text = line.split_once(" s  ").map_or(line, |(_, text)| text);
    let text = text.replace(id, "ID").replace(&shop.sandbox.queue, "QUEUE");
    if let Some((beginning, _)) = text.split_once(", run ") {
        return format!("{beginning}, run RUN");
    }
    match text.split_once(" failed after ") {
        Some((attempt, rest)) => {
            format!("{attempt} failed:{}", rest.split_once(':').map_or("", |(_, failure)| failure))
        }
        None => text,
    }
}

/// Asserts what a story consists of. Two things depend on the time of a poll: whether a short attempt is seen while it
/// runs, so starts of attempts are left out, and whether an attempt is seen before its history is read.
#[track_caller]
fn assert_story(story: &[String], wanted: &[&str]) {
    let is_start = |line: &&String| line.contains("  attempt ") && line.contains(" started");
    let mut rest: Vec<_> = story.iter().filter(|line| !is_start(line)).collect();
    if let Some(after_found) = rest.get_mut(1..) {
        after_found.sort_by_key(|line| !line.contains("  scheduled: "));
    }
    assert_eq!(rest, wanted, "{story:#?}");
}

/// The first lines of a story: the workflow's type, and the options of its only activity.
fn beginning(workflow: &str, activity: &str, timeouts: &str) -> [String; 2] {
    let policy = "retry after 600 ms, then x2 up to 2.4 s, unlimited attempts";
    [
        format!(
            "ID started: type {workflow}({{\"count\":3,\"number\":\"ID\",\"pace\":0.6}}), task queue QUEUE, run RUN"
        ),
        format!("{activity} 1  scheduled: {policy}; {timeouts}"),
    ]
}

/// A situation of the shop, the exit code, and the story after its beginning.
struct Situation {
    name: &'static str,
    code: i32,
    beginning: [String; 2],
    rest: &'static [&'static str],
}

fn situations() -> Vec<Situation> {
    let situation = |name, code, beginning, rest| Situation { name, code, beginning, rest };
    vec![
        situation(
            "retries",
            0,
            beginning("Checkout", "charge_card", "start-to-close 10 s"),
            &[
                "charge_card 1  attempt 1 failed: PaymentUnavailable: the card network is unavailable",
                "charge_card 1  attempt 2 due in 600 ms (policy: 600 ms)",
                "charge_card 1  attempt 2 failed: PaymentUnavailable: the card network is unavailable",
                "charge_card 1  attempt 3 due in 1.20 s (policy: 1.2 s)",
                "charge_card 1  attempt 3 failed: PaymentUnavailable: the card network is unavailable",
                "charge_card 1  attempt 4 due in 2.40 s (policy: 2.4 s)",
                "charge_card 1  completed: \"receipt-ID\" after 4 attempts",
                "ID completed: \"receipt-ID\"",
            ],
        ),
        situation(
            "non-retryable",
            1,
            beginning("CheckoutWithStolenCard", "charge_stolen_card", "start-to-close 10 s"),
            &[
                "charge_stolen_card 1  attempt 1 failed: CardStolen: order ID: card reported stolen (not retryable)",
                "charge_stolen_card 1  FAILED: CardStolen: order ID: card reported stolen after 1 attempt",
                "ID FAILED: CardStolen: order ID: card reported stolen",
            ],
        ),
        situation(
            "next-retry-delay",
            0,
            beginning("CheckoutWithVoucher", "charge_voucher", "start-to-close 10 s"),
            &[
                "charge_voucher 1  attempt 1 failed: RateLimited: too many vouchers, come back later",
                "charge_voucher 1  attempt 2 due in 3.00 s (next_retry_delay: 3 s)",
                "charge_voucher 1  attempt 2 failed: RateLimited: too many vouchers, come back later",
                "charge_voucher 1  attempt 3 due in 3.00 s (next_retry_delay: 3 s)",
                "charge_voucher 1  completed: \"voucher accepted\" after 3 attempts",
                "ID completed: \"voucher accepted\"",
            ],
        ),
        situation(
            "start-to-close",
            0,
            beginning("Labelling", "print_label", "start-to-close 1.8 s"),
            &[
                "print_label 1  attempt 1 failed: PrinterError: the printer is out of paper",
                "print_label 1  attempt 2 due in 600 ms (policy: 600 ms)",
                "print_label 1  attempt 2 failed: Timeout: no answer within the start-to-close timeout (1.8 s) [outcome unknown]",
                "print_label 1  attempt 3 due in 1.20 s (policy: 1.2 s)",
                "print_label 1  attempt 3 failed: Timeout: no answer within the start-to-close timeout (1.8 s) [outcome unknown]",
                "print_label 1  attempt 4 due in 2.40 s (policy: 2.4 s)",
                "print_label 1  completed: \"label-ID\" after 4 attempts",
                "ID completed: \"label-ID\"",
            ],
        ),
        situation(
            "schedule-to-start",
            1,
            beginning("Delivery", "pack_parcel", "start-to-close 10 s; schedule-to-start 3 s"),
            &[
                "pack_parcel 1  TIMED OUT: no worker took it within the schedule-to-start timeout (3 s) after 0 attempts",
                "ID FAILED: Timeout: no worker took it within the schedule-to-start timeout",
            ],
        ),
    ]
}

#[test]
fn the_lines_of_an_execution_are_its_whole_story_and_the_exit_code_is_its_result() {
    let Some(shop) = Shop::closed() else { return };
    let watched = situations().into_iter().map(|situation| {
        let execution = shop.start_with(situation.name, &["--pace", "0.6"]);
        (Lines::of(&shop, &execution), situation)
    });
    let watched: Vec<_> = watched.collect();
    let _worker = shop.worker(1);
    for (lines, Situation { name, code, beginning, rest }) in watched {
        let (exit, story) = lines.end();
        let wanted: Vec<_> = beginning.iter().map(String::as_str).chain(rest.iter().copied()).collect();
        assert_story(&story, &wanted);
        assert_eq!(exit, Some(code), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_workflow_task_hides_no_other_event() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let execution = shop.start("workflow-task-failure");
    described_when(&link, &execution.id, workflow_task_fails).await;
    let mut lines = Lines::of(&shop, &execution);
    lines.wait_for("WORKFLOW TASK FAILS, attempt 2");
    assert!(lines.story.last().unwrap().contains("integer division or modulo by zero"), "{:?}", lines.story);
    // The server gives this event the id that an event of the repeated workflow task had.
    shop.signal("refund", &execution.id);
    lines.wait_for("signal refund");
    terminate(&link, &execution.id).await;
    let (exit, story) = lines.end();
    assert_eq!(
        (exit, story.last().map(String::as_str)),
        (Some(1), Some("ID TERMINATED: terminated by user via frontend")),
        "{story:#?}"
    );
}

#[test]
fn payloads_are_decrypted_with_the_configured_key() {
    let Some(shop) = Shop::open_encrypted(Key::new("shop-key")) else { return };
    let execution = shop.start("retries");
    let (exit, story) = Lines::of(&shop, &execution).end();
    let last = story.last().map(String::as_str);
    assert_eq!((exit, last), (Some(0), Some("ID completed: \"receipt-ID\"")), "{story:#?}");
    assert!(story.iter().any(|line| line.contains("the card network is unavailable")), "{story:#?}");
}

#[test]
fn a_replay_of_a_list_prints_each_execution_that_was_followed() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start("retries");
    let query = format!("WorkflowId = '{}'", execution.id);
    let mut command = shop.watch(&["--plain", "--query", &query, "--record", "list.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut story, end) = (Vec::new(), format!("{0}  {0} completed", execution.id));
    for line in lines {
        story.push(line.split_once(" s  ").unwrap().1.to_owned());
        if line.contains(&end) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let output = program(shop.sandbox.folder.path()).args(["replay", "list.jsonl", "--plain"]).output().unwrap();
    let (lines, problem) = text(&output);
    assert!(story.len() > 5 && output.status.success(), "{problem}");
    let replayed: Vec<_> = lines.lines().map(|line| line.split_once(" s  ").unwrap().1).collect();
    assert_eq!(
        replayed.split_first(),
        Some((&"connected to the server", story.iter().map(String::as_str).collect::<Vec<_>>().as_slice()))
    );
}

#[test]
fn json_has_an_object_per_event() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start("retries");
    let output = shop.watch(&[&execution.id, "--json"]).output().unwrap();
    let (lines, problem) = text(&output);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(output.status.success(), "{problem}");
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"found"), Some(&"ended")), "{lines}");
    assert!(events.iter().all(|event| event["workflow"] == execution.id && event["run"] == execution.run), "{lines}");
}
