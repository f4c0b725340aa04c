//! The selected order's retries as they are read from the screen.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};

use crate::{
    app::{
        App, Description, FailingTask, Intent, Message, Stage, Worker,
        testing::fixture::{Scene, UPDATE, running, waiting},
    },
    domain::{PendingActivity, PendingState},
    faults::Point,
    ui::tests::{assert_style, find, text},
};

use super::scenes::{
    crash_after_commit, delayed, failing, first_try, hang, not_observed, reported_by_the_server, reset, scenes,
    supplier_retry, waiting_for_a_worker, zombie,
};

/// The panel alone.
fn panel(app: &App, width: u16, height: u16, scroll: usize) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    super::draw(&mut buffer, area, app, scroll);
    buffer
}

/// The rows without the sentence, which has tests of its own.
fn assert_reads(scene: &Scene, (width, height): (u16, u16), expected: &str) {
    let shown = text(&panel(&scene.app, width, height, 0));
    let sentence = if width < 100 { 1..3 } else { 1..4 };
    let rows = shown.lines().enumerate().filter(|(row, _)| !sentence.contains(row)).map(|(_, line)| line);
    assert_eq!(rows.collect::<Vec<_>>().join("\n").trim_end(), expected.trim(), "\n{shown}");
}

#[test]
fn mid_retry_reads_at_a_glance() {
    let scene = Scene::mid_retry();
    assert_reads(
        &scene,
        (80, 8),
        "
── A12 999 x 123456, guard ledger ──── 1 s x2 to 5 s, unlimited, timeout 10 s ──
update   ✗─────── 1.0 s ────────!════ written, not acknowledged ═════ in 1.7 s ○
supplier
         0s         0.5s       1.0s         1.5s       2.0s        2.5s
update   #2 ! failed after commit  1000 → 1 (-999)  12 ms  injected er… ↑ 2 more
update   #3 ○ in 1.7 s (policy: 2 s)",
    );
    assert_reads(
        &scene,
        (120, 14),
        "
── A12 999 x 123456, guard ledger ─────────────── retry after 1 s, then x2 up to 5 s, unlimited; attempt timeout 10 s ──
update   ✗────────────── 1.0 s ───────────────!═════════════════ written, not acknowledged ══════════════════ in 1.7 s ○
supplier
         0s                0.5s              1.0s               1.5s              2.0s              2.5s
update   #1 ✗ failed before commit  4 ms  injected error
            backoff 1.00 s (policy: 1 s)
update   #2 ! failed after commit  1000 → 1 (-999)  12 ms  injected error
update   #3 ○ in 1.7 s (policy: 2 s)",
    );
}

#[test]
fn the_open_crash_window_is_bold_until_now_and_faint_after_it() {
    let shown = panel(&Scene::mid_retry().app, 120, 14, 0);
    let (x, y) = find(&shown, "!═");
    assert_eq!((shown[(x, y)].fg, shown[(x, y)].modifier), (Color::Magenta, Modifier::empty()));
    let loud = Modifier::BOLD | Modifier::REVERSED;
    assert_eq!((shown[(x + 1, y)].fg, shown[(x + 1, y)].modifier), (Color::Magenta, loud));
    assert_style(&shown, " written, not ack", Color::Magenta, Modifier::empty());
    let shown = panel(&Scene::right().app, 120, 14, 0);
    assert_style(&shown, "═══", Color::Magenta, Modifier::empty());
    assert_style(&shown, "↺", Color::Cyan, Modifier::empty());
}

#[test]
fn a_replay_names_the_attempt_that_made_the_effect() {
    let scene = Scene::right();
    let shown = panel(&scene.app, 120, 14, 0);
    for words in [
        "!═══════════════════ written, not acknowledged 2.0 s ═══════════════════↺",
        "update   #3 ↺ replayed the result of #2  4 ms",
        "            backoff 2.00 s (policy: 2 s)",
        "supplier #1 ✓ done  1 → 1001 (+1000)  12 ms",
    ] {
        find(&shown, words);
    }
    assert_style(&shown, "↺ replayed", Color::Cyan, Modifier::empty());
    find(&panel(&scene.app, 80, 8, 0), "supplier #1 ✓ done  1 → 1001 (+1000)");
}

#[test]
fn a_second_application_names_the_first() {
    let scene = Scene::wrong();
    for (width, height) in [(80, 8), (120, 14)] {
        let shown = panel(&scene.app, width, height, 0);
        find(&shown, "update   #2 2 applied AGAIN, after #1  1 → -998 (-999)");
        assert_style(&shown, "2 applied AGAIN", Color::Red, Modifier::BOLD | Modifier::REVERSED);
        assert_style(&shown, "1 → -998 (-999)", Color::Red, Modifier::BOLD);
    }
}

#[test]
fn a_crash_after_the_commit_counts_down_to_the_timeout_with_the_window_open() {
    let mut scene = crash_after_commit();
    assert_reads(
        &scene,
        (80, 8),
        "
── A12 999 x 123456, guard ledger ──── 1 s x2 to 5 s, unlimited, timeout 10 s ──
update   †═══════//══ written, not acknowledged ═══ timeout in 6.2 s ══ 1 s ═══○
supplier
         0s      //                                                  10s
update   #1 † worker died after commit  1000 → 1 (-999)  timeout in 6.2 s
update   #2 ○ in 7.2 s (policy: 1 s after the timeout)",
    );
    let shown = panel(&scene.app, 120, 14, 0);
    assert_style(&shown, "═══", Color::Magenta, Modifier::BOLD | Modifier::REVERSED);
    find(&shown, "injected crash");
    scene.wait(6_600);
    let shown = panel(&scene.app, 120, 14, 0);
    find(&shown, "#1 † worker died after commit  1000 → 1 (-999)  timeout after 10.0 s");
    find(&shown, "#2 ○ in 0.6 s (policy: 1 s)");
}

#[test]
fn the_open_window_stays_while_the_activity_is_paused() {
    let mut scene = Scene::mid_retry();
    let now = scene.now;
    scene.described(vec![waiting(3, now - 300, now + 1_700)]);
    scene.wait(400);
    let paused = PendingActivity { state: PendingState::Paused, next: None, ..waiting(3, now - 300, now + 1_700) };
    scene.described(vec![paused]);
    scene.wait(600);
    let order = scene.app.selected().unwrap();
    assert_eq!(scene.app.stage(order), Stage::Paused { activity: order.activity(UPDATE).key(), next: 3 });
    find(&panel(&scene.app, 80, 8, 0), "!══════");
}

#[test]
fn a_hang_shows_a_countdown_and_the_planned_point() {
    let shown = panel(&hang().app, 120, 14, 0);
    find(&shown, "~╌╌╌");
    find(&shown, "╌ timeout in 8.0 s ╌");
    find(&shown, "#2 ~ hangs  timeout in 8.0 s  injected hang before commit");
    find(&shown, "#3 ○ in 10.0 s (policy: 2 s after the timeout)");
    find(&panel(&hang().app, 80, 8, 0), "#2 ~ hangs  timeout in 8.0 s");
}

#[test]
fn a_late_end_is_explained_and_shown_at_its_time() {
    let shown = panel(&zombie().app, 120, 14, 0);
    find(&shown, "╌ no answer 10 s ╌");
    find(&shown, "#2 2 applied AGAIN, after #3  1 → -998 (-999)  ended after 12.5 s, too late for Temporal");
    let picture = text(&shown).lines().nth(4).unwrap().to_owned();
    let place = |glyph| picture.chars().position(|character| character == glyph).unwrap();
    assert!(place('~') < place('2') && place('2') < place('✓'), "{picture}");
}

#[test]
fn attempts_that_were_not_observed_say_so() {
    for (width, height) in [(80, 10), (120, 14)] {
        let shown = panel(&not_observed().app, width, height, 0);
        find(&shown, "update   #3 · not observed");
        let picture = text(&shown).lines().find(|line| line.starts_with("update   ✗")).unwrap().to_owned();
        assert_eq!(picture.matches('·').count(), 2, "{picture}");
        assert!(!picture.contains('─') || picture.contains("in 3.0 s ○"), "{picture}");
    }
}

#[test]
fn thirty_attempts_fit_and_of_seventy_the_earlier_are_counted() {
    let thirty = failing(30);
    for (width, height, row) in [(80, 8, 3), (120, 14, 4)] {
        let shown = text(&panel(&thirty.app, width, height, 0));
        assert_eq!(shown.lines().nth(row).unwrap().matches('✗').count(), 30, "{shown}");
    }
    find(&panel(&thirty.app, 46, 5, 0), "update   …15   ✗─✗");
    find(&panel(&failing(70).app, 80, 8, 0), "update   … 42 earlier  ✗─✗");
    let oldest = panel(&failing(70).app, 120, 14, usize::MAX);
    find(&oldest, "… 6 earlier attempts dropped");
    find(&oldest, "more");
}

#[test]
fn the_supplier_follows_on_the_same_axis() {
    assert_reads(
        &supplier_retry(),
        (80, 8),
        "
── A12 999 x 123456, guard ledger ──── 1 s x2 to 5 s, unlimited, timeout 10 s ──
update   ✗─ 1.0 s ──!══ not acknowledged ══↺
supplier                                    !══ 1.0 s ══✗════════════ in 1.5 s ○
         0s        1s          2s         3s           4s          5s         6s
supplier #2 ✗ failed before commit  4 ms  injected error                ↑ 7 more
supplier #3 ○ in 1.5 s (policy: 2 s)",
    );
}

#[test]
fn attempts_known_only_from_the_server_are_marked_with_their_limit() {
    for (width, height) in [(80, 8), (120, 14)] {
        let shown = panel(&reported_by_the_server().app, width, height, 0);
        find(&shown, if width < 100 { "5 attempts, timeout 10 s" } else { "5 attempts; attempt timeout 10 s" });
        find(&shown, "#3 of 5 ✗ failed  (server)  20 ms  try later");
        find(&shown, "#4 of 5 ○ in 3.4 s (server: 4 s)");
    }
}

#[test]
fn an_order_without_a_worker_shows_that_it_is_queued() {
    let shown = panel(&waiting_for_a_worker().app, 80, 8, 0);
    find(&shown, "┄ queued 12 s ┄");
    find(&shown, "waiting for a worker for 12.0 s");
}

#[test]
fn an_activity_that_a_failing_workflow_task_has_not_scheduled_is_not_queued() {
    let mut scene = waiting_for_a_worker();
    let failing = FailingTask { attempt: 3, explanation: "the worker has no key".to_owned() };
    let Message::Described { workflow, run, answer: Ok(description) } = scene.answer(Vec::new()) else { panic!() };
    let answer = Ok(Description { failing: Some(failing), ..description });
    scene.tell(Message::Described { workflow, run, answer });
    let shown = text(&panel(&scene.app, 80, 8, 0));
    assert!(!shown.contains("queued") && !shown.contains("waiting for a worker"), "{shown}");
}

#[test]
fn the_list_scrolls_back_to_its_first_row_and_no_further() {
    let app = failing(30).app;
    let hidden = super::hidden(Rect::new(0, 0, 120, 14), &app);
    // The title, three rows of sentence, two lanes and the axis leave seven for attempts, waits and what comes next.
    assert_eq!(hidden, 30 + 29 + 1 - 7);
    let first = panel(&app, 120, 14, hidden);
    find(&first, "update   #1  ✗");
    assert_eq!(text(&first), text(&panel(&app, 120, 14, usize::MAX)));
    let middle = panel(&app, 120, 14, 10);
    find(&middle, "↑ ");
    find(&middle, "↓ 10 more");
    assert!(!text(&panel(&app, 120, 14, 0)).contains('↓'));
}

#[test]
fn no_size_makes_it_panic_and_rows_never_jump() {
    for (name, scene) in scenes() {
        for width in (0..=20).chain([27, 33, 46, 60, 80, 120, 200]) {
            for height in [0, 1, 2, 3, 5, 7, 8, 14, 40] {
                panel(&scene.app, width, height, usize::from(height % 3));
            }
        }
        let lanes = |width, height| find(&panel(&scene.app, width, height, 0), "\nupdate   ".trim_start()).1;
        assert_eq!((lanes(80, 8), lanes(120, 14)), (3, 4), "{name}");
    }
}

#[test]
fn a_still_screen_counts_in_whole_seconds() {
    let mut setup = crate::app::testing::fixture::setup();
    setup.appearance.still = true;
    let mut scene = Scene { app: App::new(setup), ..Scene::new() };
    let records = std::mem::take(&mut scene.records);
    scene.tell(Message::Journal(crate::store::News { restarted: true, records, ..crate::store::News::default() }));
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.wait(300);
    find(&panel(&scene.app, 80, 8, 0), "#2 ○ in 1 s (policy: 1 s)");
}

#[test]
fn a_running_attempt_shows_its_duration_and_the_reason() {
    let shown = panel(&delayed().app, 80, 8, 0);
    find(&shown, "━ 0.7 s ━");
    find(&shown, "#1 ● running  for 0.7 s  injected delay 3 s before commit");
}

#[test]
fn after_a_reset_the_numbers_begin_again_and_that_shows() {
    let shown = panel(&reset().app, 120, 14, 0);
    find(&shown, "backoff 2.02 s, then reset");
    find(&shown, "update   #1' ✗ failed before commit");
    find(&shown, "update   #2' ○");
}

#[test]
fn a_first_try_has_no_crash_window_worth_showing() {
    let shown = text(&panel(&first_try().app, 120, 14, 0));
    assert!(!shown.contains('═') && !shown.contains("not acknowledged"), "{shown}");
}

#[test]
fn an_attempt_that_died_with_its_worker_shows_its_duration() {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    scene.started(UPDATE, 1);
    let begun = scene.now;
    scene.described(vec![PendingActivity { worker: "idempotence-worker@4242@here".into(), ..running(1, begun) }]);
    scene.wait(1_500);
    scene.tell(Message::Worker(Worker::Killed));
    scene.wait(9_000);
    scene.started(UPDATE, 2);
    let shown = panel(&scene.app, 120, 14, 0);
    find(&shown, "#1 † worker died before commit  after 1.50 s");
}
