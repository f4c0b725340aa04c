//! The page of `watch ID` at 80x24 for each situation of a Python worker, compared with its text.

use std::{
    thread,
    time::{Duration, Instant},
};

use idempotence::{
    domain::{Operation, Run},
    temporal::{Link, watch::operate},
};
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::{
    python::Key,
    sandbox::{EVENT_TIMEOUT, address},
    screen::{Screen, dashboard},
    watch_pictures::{PICTURES, Picture},
    watch_screen::{open, quit, words},
    watched::{Execution, Shop, described_when, history_length, status, terminate},
};

/// Marks of attempts and of other parts of an execution.
const GLYPHS: &str = "✓✗~◆·○●»†?";

/// Returns the page without what differs from run to run: the row about the server, ids, times, the scale of the picture, and
/// the row of keys. Only the marks of a lane are kept.
fn masked(page: &str, shop: &Shop, execution: &Execution) -> String {
    let lines: Vec<_> = page.lines().collect();
    let first_lane = lines.iter().position(|line| is_lane(line)).unwrap_or(lines.len());
    let title = lines[1].split(" ───").next().unwrap_or_default();
    let sentence = lines[2..first_lane].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let mut masked = vec![title.to_owned(), format!(" {}", without_age(&sentence))];
    let mut rest = lines[first_lane..].iter().peekable();
    while let Some(line) = rest.next_if(|line| is_lane(line)) {
        if !line.trim_start().starts_with("0s") && !line.trim().is_empty() {
            masked.push(lane(line));
        }
    }
    let mut is_where = false;
    let details = rest.take_while(|line| !line.trim().is_empty() && !line.ends_with(" q quit"));
    for line in details {
        is_where = line.starts_with(" where ") || is_where && line.starts_with("             ");
        if line.starts_with("── ") {
            masked.push(line.split(" ───").next().unwrap_or_default().to_owned());
        } else if line.starts_with(" run  ") {
            masked.push(" run         RUN".to_owned());
        } else if !is_where {
            masked.push(without_duration(line));
        }
    }
    let id = execution.id.rsplit_once('-').map_or(execution.id.as_str(), |(_, id)| id);
    masked.join("\n").replace(&format!("-{id}"), "-ID").replace(&shop.sandbox.queue, "QUEUE")
}

fn is_lane(line: &str) -> bool {
    line.starts_with("▌ ") || line.starts_with("  ")
}

/// The name of a lane and its marks.
fn lane(line: &str) -> String {
    let is_drawn = |character: char| GLYPHS.contains(character) || "━╌─┄".contains(character);
    let begin = line.find(is_drawn).unwrap_or(line.len());
    let mut marks: Vec<_> = line[begin..].chars().filter(|character| GLYPHS.contains(*character)).collect();
    // Signals that come together share a column.
    marks.dedup_by(|one, other| *one == '»' && one == other);
    let marks = String::from_iter(marks);
    // A duration may be the first text of the lane.
    let name = line[..begin].trim_end();
    let name = name.strip_suffix(" s").or(name.strip_suffix(" ms")).map_or(name, |name| {
        name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.').trim_end()
    });
    format!("{name} {marks}").trim_end().to_owned()
}

/// `(AGO)` replaces how long ago the execution ended, and how long it lasted.
fn without_age(sentence: &str) -> String {
    let Some((before, after)) = sentence.split_once(" ago, after ") else { return sentence.to_owned() };
    let before = before.rsplit_once('(').map_or(before, |(before, _)| before);
    format!("{before}(AGO){}", after.split_once(')').map_or("", |(_, after)| after))
}

/// A line without a duration at its end, or before the message of an attempt, whose length limits that of the message.
fn without_duration(line: &str) -> String {
    let is_duration = |text: &str| {
        let mut words = text.split(' ');
        let (number, unit) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        number.parse::<f64>().is_ok() && ["ms", "s", "min"].contains(&unit) && words.next().is_none()
    };
    if line.starts_with(" #") {
        let parts = line.split("  ").filter(|part| !is_duration(part) && !part.ends_with('…'));
        let part = |part: &str| match part.rsplit_once(" after ") {
            Some((part, duration)) if is_duration(duration) => part.to_owned(),
            _ => part.to_owned(),
        };
        return parts.map(part).collect::<Vec<_>>().join("  ");
    }
    match line.rsplit_once(", after ") {
        Some((line, duration)) if is_duration(duration) => line.to_owned(),
        _ if line.starts_with("    waited ") => "    waited TIME for a worker".to_owned(),
        _ => line.to_owned(),
    }
}

#[track_caller]
fn assert_fits(page: &str, columns: usize) {
    assert!(page.lines().all(|line| line.chars().count() <= columns), "{page}");
}

/// Opens an execution that has ended, and waits until its history is read.
fn ended_page(shop: &Shop, execution: &Execution) -> String {
    let screen = open(shop, &[&execution.id]);
    let page = screen.wait_until("the end and a lane", |page| {
        words(page).contains(" ago, after ") && page.lines().skip(2).any(|line| line.starts_with("── "))
    });
    quit(screen);
    assert_fits(&page, 80);
    page
}

/// Waits until an execution has ended.
async fn wait_for_end(link: &Link, execution: &Execution) {
    described_when(link, &execution.id, |described| status(described) != WorkflowExecutionStatus::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_execution_that_has_ended_shows_what_its_history_records() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let start = |picture: &'static Picture| (shop.start_with(picture.situation, &["--pace", "0.3"]), picture);
    let executions: Vec<_> = PICTURES.iter().map(start).collect();
    for (execution, picture) in executions {
        wait_for_end(&link, &execution).await;
        let page = ended_page(&shop, &execution);
        assert_eq!(masked(&page, &shop, &execution), picture.page, "{page}");
    }
}

/// Waits until the page has all these texts, whose words may be wrapped.
fn wait_for_all(screen: &Screen, parts: &[&str]) -> String {
    let page = screen.wait_until(&format!("{parts:?}"), |page| {
        let page = words(page);
        parts.iter().all(|part| page.contains(part))
    });
    assert_fits(&page, 80);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_pause_its_end_and_a_reset() {
    let Some(shop) = Shop::closed() else { return };
    let link = shop.sandbox.link().await;
    let execution = shop.start_with("keeps-failing", &["--pace", "4"]);
    let run = Run { workflow: execution.id.clone(), run: execution.run.clone() };
    let activity = || "1".to_owned();
    let screen = open(&shop, &[&execution.id]);
    screen.wait_for("Backorder");
    let _worker = shop.worker(1);
    wait_for_all(&screen, &["#1 ✗ failed", "#2 ○ in ", "reserve_stock #2 in "]);
    operate(&link, &run, &Operation::Pause { activity: activity() }).await.unwrap();
    let page = wait_for_all(&screen, &["reserve_stock #2 is paused by ", "pause paused by "]);
    assert!(!page.contains('○'), "{page}");
    operate(&link, &run, &Operation::Unpause { activity: activity() }).await.unwrap();
    wait_for_all(&screen, &["#2 ✗ failed", "#3 ○ in "]);
    operate(&link, &run, &Operation::Reset { activity: activity() }).await.unwrap();
    wait_for_all(&screen, &["#2 ✗ failed", "#1' ✗ failed", "#2' ○ in ", "attempts #2, unlimited, reset once"]);
    quit(screen);
    // Who looks later sees no attempt that ended too late.
    let screen = open(&shop, &[&execution.id]);
    let page = wait_for_all(&screen, &["#1 ✗ failed", "reserve_stock #2 in "]);
    assert!(!page.contains("too late"), "{page}");
    quit(screen);
    terminate(&link, &execution.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_why_a_workflow_task_fails_and_its_stack_trace() {
    let Some(mut shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let changed = shop.start_with("non-determinism", &["--pace", "1"]);
    described_when(&link, &changed.id, |described| history_length(described) == 5).await;
    shop.open_with_release(2);
    let undecodable = "WorkflowWorkerUnhandledFailure: RuntimeError: Failed decoding arguments";
    let executions = [
        (changed, ["NonDeterministicError", "▌ timer 1"], "TMPRL1100"),
        (shop.start("undecodable-input"), [undecodable, "input 3 bytes, binary/shop-v9"], "File \""),
    ];
    for (execution, parts, detail) in executions {
        let mut screen = open(&shop, &[&execution.id]);
        let page = wait_for_all(&screen, &parts);
        assert!(page.lines().nth(2).is_some_and(|line| line.starts_with(" WORKFLOW TASK FAILS: attempt ")), "{page}");
        screen.press("\r");
        wait_for_all(&screen, &["failure of the workflow task: Temporal retries it", detail]);
        screen.press("\u{1b}");
        screen.wait_until("the page", |page| !page.contains("Temporal retries it"));
        quit(screen);
        terminate(&link, &execution.id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_is_going_on() {
    let Some(shop) = Shop::closed() else { return };
    let link = shop.sandbox.link().await;
    let situations: [(&str, &str, &[&str]); 5] = [
        // It fails for 3 s only.
        ("nexus", "1", &["▌ nexus declare", "the office is closed"]),
        ("cancel-requested", "2", &["cancellation requested", "cancel the workflow has requested its cancellation"]),
        ("timer", "30", &["timer 1 fires in ", "▌ timer 1", "state ○ waiting, for "]),
        ("child", "30", &["the child workflow child-", "▌ child Checkout", "state ● running, for "]),
        ("parallel", "60", &[" #2 in ", "2 more activities are pending", "pack_parcel", "✗", "○"]),
    ];
    let watched = situations.map(|(situation, pace, parts)| {
        let execution = shop.start_with(situation, &["--pace", pace]);
        let screen = open(&shop, &[&execution.id]);
        screen.wait_for("Running");
        (execution, screen, parts)
    });
    let _worker = shop.worker(1);
    for (execution, screen, parts) in watched {
        wait_for_all(&screen, parts);
        quit(screen);
        terminate(&link, &execution.id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_long_history_answers_keys_while_it_is_read() {
    let Some(shop) = Shop::open() else { return };
    let execution = shop.start_with("long-history", &["--count", "4980"]);
    wait_for_end(&shop.sandbox.link().await, &execution).await;
    let mut screen = open(&shop, &[&execution.id]);
    screen.wait_until("the note about the reading", |page| page.contains("eading the history"));
    screen.press("?");
    screen.wait_for("n  next attempt now");
    screen.press("\u{1b}");
    let page = wait_for_all(&screen, &["completed (", "older lanes dropped", "▌ send_mail 4981", "#3 ✓ completed"]);
    assert!(!page.contains("eading the history"), "{page}");
    screen.press("g");
    wait_for_all(&screen, &["▌ local count_line", "state ✓ completed, after ", "attempts 1 "]);
    quit(screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_200_open_executions_begins_with_the_retrying_one_and_can_be_read_to_its_end() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let failing = shop.start_with("keeps-failing", &["--pace", "1"]);
    let baskets = shop.start_many("waits-for-signal", 199);
    let mut screen = open(&shop, &["--task-queue", &shop.sandbox.queue]);
    let page = screen.wait_until("the retrying execution first, and the count", |page| {
        let first = page.lines().nth(3).is_some_and(|row| row.starts_with("▌ keeps-failing-"));
        first && page.contains("1 of 200, retrying first")
    });
    assert_fits(&page, 80);
    let row = page.lines().nth(3).unwrap();
    assert!(row.contains("Backorder") && row.contains("✗") && row.contains("OutOfStock"), "{page}");
    let rows = page.lines().filter(|line| line.contains(" Basket ")).count();
    assert_eq!(rows, 18, "{page}");
    let since = Instant::now();
    loop {
        // The rows are read page by page.
        screen.press("G");
        let page = screen.wait_until("a page", |_| true);
        if page.contains(" 200 of 200, retrying first") {
            break assert_fits(&page, 80);
        }
        assert!(since.elapsed() < EVENT_TIMEOUT, "{page}");
        thread::sleep(Duration::from_millis(100));
    }
    quit(screen);
    for execution in baskets.iter().chain([&failing]) {
        terminate(&link, &execution.id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_decrypts_payloads_only_with_the_key() {
    let key = Key::new("shop-key");
    let settings = key.settings().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Some(shop) = Shop::open_encrypted(key) else { return };
    let execution = shop.start("retries");
    wait_for_end(&shop.sandbox.link().await, &execution).await;
    let opened = |settings: &[(String, String)]| {
        let mut command = dashboard(&shop.sandbox, address());
        command.args(["watch", &execution.id]);
        for (name, value) in settings {
            command.env(name, value);
        }
        Screen::run(command, 80, 24)
    };
    let result = format!("result \"receipt-{}\"", execution.id);
    let failure = "failure PaymentUnavailable: the card network is unavailable";
    let with_key = opened(&settings);
    wait_for_all(&with_key, &[&result, failure, "input {\"count\":3,"]);
    quit(with_key);
    let without_key = opened(&[]);
    let page = wait_for_all(&without_key, &["result ", "input "]);
    assert!(
        !page.contains("receipt-") && page.contains("cannot be decoded: it is encrypted with the key 'shop-key'"),
        "{page}"
    );
    quit(without_key);
}
