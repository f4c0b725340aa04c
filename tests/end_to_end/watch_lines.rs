//! `watch ID --plain` and `--json` on executions of a Python worker: the whole story of each situation, and the exit code.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
    time::Duration,
};

use idempotence::{
    domain::{Operation, Run},
    temporal::watch::operate,
};
use serde_json::Value;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::{
    python::Key,
    sandbox::{program, text},
    watch_situations::{PARTS, RETRIES, SIGNALS, Situation},
    watched::{Execution, Shop, described_when, history_length, status, terminate, workflow_task_fails},
};

/// A `watch` process, which is killed on drop.
pub struct WatchProcess(pub Child);

impl Drop for WatchProcess {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _reaped_before = self.0.wait();
    }
}

/// A `watch` process that prints lines.
struct Lines<'a> {
    shop: &'a Shop,
    process: WatchProcess,
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
        let process = WatchProcess(child);
        let mut lines = Self { shop, process, output, story: Vec::new(), id: execution.id.clone() };
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
        let code = self.process.0.wait().unwrap().code();
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
/// execution's id, and `QUEUE`, `CLIENT` and `TIME` what differs too. The wait before an attempt stays.
fn masked(line: &str, shop: &Shop, id: &str) -> String {
    let text = line.split_once(" s  ").map_or(line, |(_, text)| text);
    let text = text.replace(id, "ID").replace(&shop.sandbox.queue, "QUEUE");
    if let Some((beginning, _)) = text.split_once(", run ") {
        return format!("{beginning}, run RUN");
    }
    if let Some((beginning, _)) = text.split_once(" in run ") {
        return format!("{beginning} in run RUN");
    }
    if let Some((attempt, rest)) = text.split_once(" failed after ") {
        return format!("{attempt} failed:{}", rest.split_once(':').map_or("", |(_, failure)| failure));
    }
    without_times(&text)
}

/// `TIME` replaces a duration, except of an activity, and `CLIENT` an identity.
fn without_times(text: &str) -> String {
    let words: Vec<_> = text.split(' ').collect();
    let mut rest = words.as_slice();
    let mut masked = Vec::with_capacity(words.len());
    while let [word, after @ ..] = rest {
        masked.push((*word).to_owned());
        rest = match (*word, after) {
            ("from", [identity, later @ ..]) if identity.contains('@') => {
                masked.push("CLIENT".to_owned());
                later
            }
            ("after" | "in", [number, unit, later @ ..]) if number.parse::<f64>().is_ok() && !text.contains("  ") => {
                masked.push(format!("TIME{}", unit.trim_start_matches(char::is_alphabetic)));
                later
            }
            _ => after,
        };
    }
    masked.join(" ")
}

/// The wait before an attempt: the activity and the attempt, the wait as text, and the planned wait.
fn observed_wait(line: &str) -> Option<(String, String, String)> {
    let (attempt, wait) = line.split_once(" started after ").or_else(|| line.split_once(" failed, backoff "))?;
    let (wait, planned) = wait.strip_prefix("at most ").unwrap_or(wait).split_once(" (")?;
    Some((attempt.to_owned(), wait.to_owned(), planned.split(')').next()?.to_owned()))
}

/// The same of a line that announces an attempt.
fn announced_wait(line: &str) -> Option<(String, String, String)> {
    let (attempt, wait) = line.split_once(" due in ")?;
    let (wait, planned) = wait.split_once(" (")?;
    Some((attempt.to_owned(), wait.to_owned(), planned.trim_end_matches(')').to_owned()))
}

/// Returns a printed duration.
fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_once(' ').unwrap();
    let number: f64 = number.parse().unwrap();
    Duration::from_secs_f64(match unit {
        "ms" => number / 1_000.0,
        "s" => number,
        other => panic!("{other}"),
    })
}

/// Asserts that the real wait before each announced attempt is printed once, beside the planned one, and is not shorter.
#[track_caller]
fn assert_waits(story: &[String]) {
    let sorted = |wait: fn(&str) -> Option<(String, String, String)>| {
        let mut waits: Vec<_> = story.iter().filter_map(|line| wait(line)).collect();
        waits.sort();
        waits
    };
    let (observed, announced) = (sorted(observed_wait), sorted(announced_wait));
    assert_eq!(observed.len(), announced.len(), "{story:#?}");
    for ((attempt, real, by), (announced, wait, planned)) in observed.iter().zip(&announced) {
        assert_eq!((attempt, by), (announced, planned), "{story:#?}");
        // A timer may fire within its precision.
        assert!(duration(real) + Duration::from_millis(10) >= duration(wait), "{attempt}: {real} < {wait}");
    }
}

/// Returns a line without the wait before its attempt, which is on another line if the start was observed.
fn without_wait(line: &str) -> String {
    match line.split_once(", backoff ").and_then(|(before, wait)| Some((before, wait.split_once(')')?.1))) {
        Some((attempt, failure)) => format!("{attempt}{failure}"),
        None => line.to_owned(),
    }
}

/// Asserts what a story consists of. Some things depend on the time of a poll: whether a short attempt is seen while it runs,
/// so starts of attempts are left out, and whether an attempt is seen before its history is read. The order of events of
/// different activities depends on the speed of the worker.
#[track_caller]
fn assert_story(story: &[String], wanted: &[String]) {
    assert_waits(story);
    let is_start = |line: &&String| line.contains("  attempt ") && line.contains(" started");
    let sorted = |lines: &[String]| {
        let mut lines: Vec<_> = lines.iter().filter(|line| !is_start(line)).map(|line| without_wait(line)).collect();
        let last = lines.len().saturating_sub(1);
        if let Some(between) = lines.get_mut(1..last) {
            between.sort_by_key(|line| {
                let subject = line.split(' ').next().unwrap_or_default().to_owned();
                let item = if line.contains("  ") { "" } else { line.as_str() };
                (subject, !line.contains("  scheduled: "), item.to_owned())
            });
        }
        lines
    };
    assert_eq!(sorted(story), sorted(wanted), "{story:#?}");
}

/// Watches these situations from their beginning to their end.
fn assert_stories(situations: &[Situation]) {
    let Some(shop) = Shop::closed() else { return };
    let watched = situations.iter().map(|situation| {
        let execution = shop.start_with(situation.name, &["--pace", "0.6"]);
        (Lines::of(&shop, &execution), situation)
    });
    let watched: Vec<_> = watched.collect();
    let _worker = shop.worker(1);
    for (lines, situation) in watched {
        let (exit, story) = lines.end();
        assert_story(&story, &situation.story());
        assert_eq!(exit, Some(situation.code), "{}", situation.name);
    }
}

#[test]
fn the_lines_of_an_execution_are_its_whole_story_and_the_exit_code_is_its_result() {
    assert_stories(&RETRIES);
}

#[test]
fn the_lines_show_parallel_activities_and_the_other_parts_of_a_workflow() {
    assert_stories(&PARTS);
}

#[test]
fn the_lines_show_signals_and_updates() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start_with(SIGNALS.name, &["--pace", "0.6"]);
    let (exit, story) = Lines::of(&shop, &execution).end();
    assert_story(&story, &SIGNALS.story());
    assert_eq!(exit, Some(SIGNALS.code));
}

#[test]
fn the_lines_follow_the_runs_that_continue_an_execution() {
    let Some(shop) = Shop::closed() else { return };
    let execution = shop.start_with("continue-as-new", &["--pace", "2", "--count", "2"]);
    let lines = Lines::of(&shop, &execution);
    let _worker = shop.worker(1);
    let (exit, story) = lines.end();
    let second =
        story.iter().skip(1).position(|line| line.contains(" started: ")).unwrap_or_else(|| panic!("{story:#?}"));
    let run = |count: u32, end: &str| {
        let input = format!("{{\"count\":{count},\"number\":\"ID\",\"pace\":2.0}}");
        let policy = "retry after 2 s, then x2 up to 8 s, unlimited attempts; start-to-close 10 s";
        vec![
            format!("ID started: type Subscription({input}), task queue QUEUE, run RUN"),
            format!("send_mail 1  scheduled: {policy}"),
            "send_mail 1  attempt 1 failed: SMTPError: 450 4.2.1 mailbox busy".to_owned(),
            "send_mail 1  attempt 2 due in 2.00 s (policy: 2 s)".to_owned(),
            "send_mail 1  attempt 2 failed: SMTPError: 450 4.2.1 mailbox busy".to_owned(),
            "send_mail 1  attempt 3 due in 4.00 s (policy: 4 s)".to_owned(),
            "send_mail 1  completed: \"sent\" after 3 attempts".to_owned(),
            end.to_owned(),
        ]
    };
    let (first, rest) = story.split_at(second + 1);
    assert_story(first, &run(2, "ID continued as new; continues in run RUN"));
    assert_story(rest, &run(1, "ID completed: \"cancelled by the customer\""));
    assert_eq!(exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_show_a_pause_its_end_and_a_reset() {
    let Some(shop) = Shop::closed() else { return };
    let link = shop.sandbox.link().await;
    let execution = shop.start_with("keeps-failing", &["--pace", "2"]);
    let run = Run { workflow: execution.id.clone(), run: execution.run.clone() };
    let activity = || "1".to_owned();
    let mut lines = Lines::of(&shop, &execution);
    let _worker = shop.worker(1);
    lines.wait_for("attempt 2 due in 2.00 s (policy: 2 s)");
    operate(&link, &run, &Operation::Pause { activity: activity() }).await.unwrap();
    lines.wait_for("reserve_stock 1  paused");
    operate(&link, &run, &Operation::Unpause { activity: activity() }).await.unwrap();
    lines.wait_for("reserve_stock 1  no longer paused");
    operate(&link, &run, &Operation::Reset { activity: activity() }).await.unwrap();
    lines.wait_for("attempt 1 (1 reset before) failed: OutOfStock: no stock for ID yet");
    lines.wait_for("attempt 2 (1 reset before) due in 2.00 s (policy: 2 s)");
    terminate(&link, &execution.id).await;
    assert_eq!(lines.end().0, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_say_why_a_workflow_task_fails() {
    let Some(mut shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let changed = shop.start_with("non-determinism", &["--pace", "1"]);
    described_when(&link, &changed.id, |described| history_length(described) == 5).await;
    shop.open_with_release(2);
    let executions = [
        (changed, "NonDeterministicError: [TMPRL1100] Nondeterminism error: "),
        (shop.start("undecodable-input"), "WorkflowWorkerUnhandledFailure: RuntimeError: Failed decoding arguments"),
    ];
    for (execution, reason) in executions {
        described_when(&link, &execution.id, workflow_task_fails).await;
        let mut lines = Lines::of(&shop, &execution);
        lines.wait_for("WORKFLOW TASK FAILS, attempt ");
        let printed = lines.story.last().unwrap();
        assert!(printed.contains(reason) && printed.ends_with("; nothing else can continue"), "{printed}");
        terminate(&link, &execution.id).await;
        assert_eq!(lines.end().0, Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_long_history_end_with_its_result_and_say_what_is_left_out() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let execution = shop.start_with("long-history", &["--count", "4980"]);
    described_when(&link, &execution.id, |described| status(described) == WorkflowExecutionStatus::Completed).await;
    let (exit, story) = Lines::of(&shop, &execution).end();
    let completed = story.iter().filter(|line| line.starts_with("local activity count_line completed: ")).count();
    let left_out = 4980 - completed;
    assert!(completed > 100, "{completed}");
    let notice = format!("{left_out} earlier activities, timers and other parts of the history are not kept");
    assert_eq!(story.get(1), Some(&notice));
    assert_eq!((exit, story.last().map(String::as_str)), (Some(0), Some("ID completed: \"sent\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_executions_says_that_it_follows_the_first() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let baskets = shop.start_many("waits-for-signal", 200);
    let mut command = shop.watch(&["--plain", "--task-queue", &shop.sandbox.queue]);
    let mut watch = WatchProcess(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let notices = BufReader::new(watch.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let wanted = "following 8 executions, and more are open; name one, or narrow the list with --query";
    assert!(notices.into_iter().any(|line| line.ends_with(wanted)));
    let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let workflow = |line: String| {
        let text = line.split_once(" s  ").map_or(line.as_str(), |(_, text)| text);
        text.split("  ").next().unwrap_or_default().to_owned()
    };
    let found: HashSet<_> = lines.take(8).map(workflow).collect();
    assert_eq!(found.len(), 8, "{found:?}");
    drop(watch);
    for basket in baskets {
        terminate(&link, &basket.id).await;
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
    let mut watch = WatchProcess(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut story, end) = (Vec::new(), format!("{0}  {0} completed", execution.id));
    for line in lines {
        story.push(line.split_once(" s  ").unwrap().1.to_owned());
        if line.contains(&end) {
            break;
        }
    }
    drop(watch);
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
