//! Frames of the comparison.

use ratatui::style::{Color, Modifier};

use super::*;
use crate::{
    app::{
        ComparisonEvent, Message,
        comparison_fixture::{A12, Play},
    },
    domain::{Guard, KeyPolicy},
};

const BADGE: Modifier = Modifier::BOLD.union(Modifier::REVERSED);

fn frame(play: &Play, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buffer.area;
    draw(&mut buffer, area, &play.app);
    buffer
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

/// The places where `words` begin, from the top left on.
fn places(buffer: &Buffer, words: &str) -> Vec<(u16, u16)> {
    let mut found = Vec::new();
    for (y, row) in (0_u16..).zip(rows(buffer)) {
        for (at, _) in row.match_indices(words) {
            found.push((u16::try_from(row[..at].chars().count()).unwrap(), y));
        }
    }
    assert!(!found.is_empty(), "{words:?} is not in\n{}", rows(buffer).join("\n"));
    found
}

fn assert_style(buffer: &Buffer, place: (u16, u16), colour: Color, modifier: Modifier) {
    let cell = &buffer[place];
    assert_eq!((cell.fg, cell.modifier), (colour, modifier), "{place:?} in\n{}", rows(buffer).join("\n"));
}

fn crashed() -> Play {
    let mut play = Play::begin(false).ready();
    play.start(A12);
    play.crashed(A12, 1);
    play
}

#[test]
fn no_size_makes_it_panic() {
    let mut idle = Play::begin(false);
    let _ended = idle.app.end_comparison();
    let plays = vec![
        idle,
        Play::begin(true),
        Play::waiting(true),
        Play::over(false),
        Play::over(true),
        crashed(),
        Play::begin_policies(true),
        Play::waiting_policies(false),
        Play::over_policies(true),
    ];
    // One size after the other, so that the layouts of a size are worked out once.
    for (width, height) in [0, 1, 16, 60, 75, 80, 120].into_iter().flat_map(|width| (0..=42).map(move |y| (width, y))) {
        for play in &plays {
            frame(play, width, height);
        }
    }
}

#[test]
fn at_80_columns_the_whole_story_is_on_the_screen() {
    let buffer = frame(&Play::over(false), 80, 24);
    let rows = rows(&buffer);
    assert_eq!(rows[1], " A12 999 x 123456   FAULTS after-commit-once  replaces original seed 42");
    assert_eq!(rows[2], " guard          ledger               last-order            off");
    assert_eq!(rows[3], " remembers      every effect         the last order        nothing");
    assert_eq!(rows[5], "                 ██  ████ ████  ██    ██  ████ ████  ██    ████");
    assert_eq!(rows[7], " stock           ██  █  █ █  █  ██    ██  █  █ █  █  ██    ████");
    assert_eq!(rows[11], " verdict         RIGHT expected 1001  RIGHT expected 1001   WRONG expected 1001");
    assert_eq!(rows[12], "                each effect once     by luck, this time    A12 applied twice");
    assert_eq!(rows[14], " A12 update 1   ! 1000 → 1 ack lost  ! 1000 → 1 ack lost   ! 1000 → 1 ack lost");
    assert_eq!(rows[16], " A12 update 2   ↺ +0 replayed        = +0 skipped          2 1 → -998 AGAIN");
    assert_eq!(rows[18], " A12 supplier 1 ✓ 1 → 1001 (+1000)   ✓ 1 → 1001 (+1000)    ✓ -998 → 2 (+1000)");
    assert_eq!(rows[21], " Same order, same faults: only the guard differs. Temporal retried all three.");
    assert_eq!(rows[22], " last-order was lucky. Press B to send another order in between.");
    assert_eq!(rows[23], " v again B with another order between Tab suppliers Esc back ? help q quit");
}

#[test]
fn at_80_columns_another_order_between_fits_too() {
    let buffer = frame(&Play::over(true), 80, 24);
    let rows = rows(&buffer);
    assert_eq!(rows[1], " A12 998 x 123456, then B7   FAULTS after-commit-once  replaces original seed 42");
    assert_eq!(rows[11], " verdict         RIGHT expected 1001  WRONG expected 1001   WRONG expected 1001");
    assert_eq!(rows[14], " A12 update 1   ! 1000 → 2 ack lost  ! 1000 → 2 ack lost   ! 1000 → 2 ack lost");
    assert_eq!(rows[15], " B7  update 1   ✓ 2 → 1 (-1)         ✓ 2 → 1 (-1)          ✓ 2 → 1 (-1)");
    assert_eq!(rows[17], " A12 update 2   ↺ +0 replayed        2 1001 → 3 AGAIN      2 1001 → 3 AGAIN");
    assert_eq!(rows[18], " A12 supplier 1 ✓ +0 not needed      ✓ +0 not needed       ✓ +0 not needed");
    assert!(rows[21].contains("B7 came in between") && rows[22].contains("Temporal retried all three."), "{rows:#?}");
}

#[test]
fn colours_say_the_same_as_the_words() {
    let buffer = frame(&Play::over(false), 80, 24);
    let right = places(&buffer, " RIGHT ");
    assert_eq!(right.len(), 2);
    for place in right {
        assert_style(&buffer, place, Color::Green, BADGE);
    }
    assert_style(&buffer, places(&buffer, " WRONG ")[0], Color::Red, BADGE);
    let blocks = places(&buffer, "████");
    assert_style(&buffer, blocks[0], Color::Green, Modifier::empty());
    assert_style(&buffer, *blocks.iter().rev().find(|(x, _)| *x > 55).unwrap(), Color::Red, Modifier::empty());
    assert_style(&buffer, places(&buffer, "2 1 →")[0], Color::Red, BADGE);
    assert_style(&buffer, places(&buffer, "1 → -998 AGAIN")[0], Color::Red, Modifier::BOLD);
    assert_style(&buffer, places(&buffer, "AGAIN")[0], Color::Red, Modifier::BOLD);
    assert_style(&buffer, places(&buffer, "by luck")[0], Color::Magenta, Modifier::empty());
    assert_style(&buffer, places(&buffer, "replayed")[0], Color::Cyan, Modifier::empty());
}

#[test]
fn while_it_is_open_no_stock_is_judged() {
    let buffer = frame(&Play::waiting(false), 80, 24);
    assert_eq!(places(&buffer, "PENDING").len(), 3);
    assert_eq!(places(&buffer, "○ retry in 1 s").len(), 3);
    assert_style(&buffer, places(&buffer, "████")[0], Color::Reset, Modifier::empty());
    places(&buffer, "its acknowledgement is lost. Temporal cannot know");
}

#[test]
fn a_number_keeps_its_size_when_it_gets_shorter() {
    let (before, after) = (frame(&Play::begin(false).ready(), 80, 24), frame(&Play::waiting(false), 80, 24));
    let first = |buffer: &Buffer| (5..10).map(|y| buffer[(18, y)].symbol().to_owned()).collect::<String>();
    assert_eq!(first(&before), "█████");
    assert_eq!(first(&before), first(&after));
}

#[test]
fn columns_are_aligned() {
    for (interleaved, width, height) in [(false, 80, 24), (true, 120, 40), (false, 60, 16)] {
        let buffer = frame(&Play::over(interleaved), width, height);
        let guards = [places(&buffer, "ledger")[0].0, places(&buffer, "last-order ")[0].0];
        let lost: Vec<_> = places(&buffer, "! ").into_iter().map(|(x, _)| x).collect();
        assert_eq!(lost[..2], guards, "{width}x{height}");
        let off = rows(&buffer)[2].rfind("off").unwrap();
        assert_eq!(usize::from(lost[2]), off, "{width}x{height}");
    }
}

#[test]
fn at_120_columns_the_verdicts_are_letters() {
    let buffer = frame(&Play::over(true), 120, 40);
    let rows = rows(&buffer);
    assert!(rows[5].starts_with("                  ██   ██████ ██████   ██          ██████"), "{}", rows[5]);
    assert!(
        rows[11].starts_with("                ███  ████ ████ █  █ ████           █  █ ███  ████ ███  ████"),
        "{}",
        rows[11]
    );
    assert_style(&buffer, (16, 11), Color::Green, Modifier::empty());
    assert_eq!(places(&buffer, "expected 1001").len(), 3);
    assert!(!rows.iter().any(|row| row.contains("RIGHT")), "said once");
    places(&buffer, "✓ +0 not needed");
}

#[test]
fn at_60_columns_it_is_short_but_true() {
    let rows = rows(&frame(&Play::over(true), 60, 16));
    assert!(rows[8].contains("RIGHT") && rows[8].matches("WRONG not 1001").count() == 2, "{}", rows[8]);
    assert!(rows[10].contains("… 2 earlier") && rows[12].starts_with("A12 u2 ↺ +0 replayed"), "{rows:#?}");
    assert_eq!(rows[14], " Same orders, same faults: only the guard differs.");
}

#[test]
fn a_dead_worker_is_shown_with_its_attempt() {
    let buffer = frame(&crashed(), 80, 24);
    assert_eq!(places(&buffer, "† 1000 → 1 crashed").len(), 3);
    assert_eq!(places(&buffer, "worker † gone").len(), 3);
    assert_eq!(places(&buffer, "○ retry in 5 s").len(), 3);
}

#[test]
fn the_obstacle_is_shown() {
    let mut play = Play::begin(false);
    play.tell(Guard::Off, ComparisonEvent::Failed { cause: "no room on the disk".into() });
    let buffer = frame(&play, 80, 24);
    assert_style(&buffer, places(&buffer, " FAILED")[0], Color::Red, BADGE);
    places(&buffer, " off: no room on the disk");
    let mut play = Play::waiting(false);
    let next_try = crate::domain::UnixMillis(play.now + 4_000);
    play.app.update(Message::Link(Link::Down { cause: "connection refused".into(), attempt: 2, next_try }));
    let buffer = frame(&play, 80, 24);
    assert_style(&buffer, places(&buffer, "no connection")[0], Color::Red, Modifier::BOLD);
}

#[test]
fn at_80_columns_the_policies_differ_by_shipments_and_credits() {
    let buffer = frame(&Play::over_policies(false), 80, 24);
    let rows = rows(&buffer);
    assert_eq!(rows[0], "── one order, three supplier policies ── same order, same faults, same moment ──");
    assert_eq!(rows[1], " A12 999 x 123456   FAULTS supplier.after-send=1*error  replaces original");
    assert_eq!(rows[2], " policy         header               lookup                none");
    assert_eq!(rows[3], " repetition     the key travels      asks before it sends  ships again");
    assert_eq!(rows[5], "                 ██        ██         ██        ██         ████    █  ██");
    assert_eq!(rows[6], " shipments      ███  ████ ███        ███  ████ ███            █ ████ ███");
    assert_eq!(rows[7], " against         ██        ██         ██        ██         ████  ██   ██");
    assert_eq!(rows[8], " credits         ██  ████  ██         ██  ████  ██         █    ████  ██");
    assert_eq!(rows[11], " verdict         RIGHT stock 1001     RIGHT stock 1001      WRONG stock 1001");
    assert_eq!(rows[12], "                each credited once   each credited once    paid 2000, got 1000");
    assert_eq!(rows[14], " A12 update 1   ✓ 1000 → 1 (-999)    ✓ 1000 → 1 (-999)     ✓ 1000 → 1 (-999)");
    assert_eq!(rows[16], " A12 supplier 1 ! S-1 not credited   ! S-1 not credited    ! S-1 not credited");
    assert_eq!(rows[18], " A12 supplier 2 ✓ S-1 same shipment  ✓ S-1 same shipment   2 S-2 1 → 1001 AGAIN");
    assert_eq!(rows[21], " Only the key policy differs. Without a key, the retry shipped again: paid");
    assert_eq!(rows[22], " twice, credited once. Press B to let two attempts overlap.");
    assert_eq!(rows[23], " v again B with overlapping attempts Tab guards Esc back ? help q quit");
    assert_style(&buffer, places(&buffer, " RIGHT ")[1], Color::Green, BADGE);
    assert_style(&buffer, places(&buffer, " WRONG ")[0], Color::Red, BADGE);
    assert_style(&buffer, places(&buffer, "AGAIN")[0], Color::Red, Modifier::BOLD);
    assert_style(&buffer, places(&buffer, "2 S-2")[0], Color::Red, BADGE);
}

#[test]
fn at_120_columns_overlapping_attempts_fit_too() {
    let buffer = frame(&Play::over_policies(true), 120, 40);
    let rows = rows(&buffer);
    assert_eq!(rows[1], " A12 999 x 123456   FAULTS supplier.before-send=1*hang  replaces original seed 42");
    let means =
        "repetition     the key travels with the order     asks before it sends              each retry ships again";
    assert_eq!(rows[3].trim(), means);
    let credits =
        " credits          ██   ██████   ██                 ██     ██████   ██                ██     ██████   ██";
    assert_eq!(rows[8], credits);
    assert!(rows[11].starts_with("                ███  ████ ████ █  █ ████           █  █ ███  ████"), "{}", rows[11]);
    assert_eq!(places(&buffer, "stock 1001").len(), 3, "our stock does not show the difference");
    assert_eq!(places(&buffer, "2000 units paid, 1000 credited").len(), 2);
    assert_eq!(places(&buffer, "~ S-1 same shipment").len(), 1);
    assert_eq!(places(&buffer, "2 S-2 AGAIN").len(), 2);
    assert_eq!(places(&buffer, "✓ S-1 1 → 1001 (+1000) shipped").len(), 3);
    assert!(
        rows[37].starts_with(" Only a key that travels survives overlapping attempts. Both attempts of lookup asked")
    );
}

#[test]
fn while_policies_run_the_cause_of_the_repetition_is_said() {
    let starting = frame(&Play::begin_policies(false), 80, 24);
    assert_eq!(places(&starting, "supplier ○ starting").len(), 3);
    let lost = frame(&Play::waiting_policies(false), 80, 24);
    assert_eq!((places(&lost, "PENDING").len(), places(&lost, "○ retry in 1 s").len()), (3, 3));
    places(&lost, "The supplier has shipped, but its answer is lost.");
    let stalled = frame(&Play::waiting_policies(true), 80, 24);
    assert_eq!(places(&stalled, "~ hangs").len(), 3);
    places(&stalled, "Attempt 1 stalls before it sends.");
}

#[test]
fn a_failed_side_of_policies_names_the_reason() {
    let mut play = Play::waiting_policies(false);
    play.tell(KeyPolicy::None, ComparisonEvent::Failed { cause: "the supplier ended: killed".into() });
    let buffer = frame(&play, 80, 24);
    assert_style(&buffer, places(&buffer, " FAILED")[0], Color::Red, BADGE);
    places(&buffer, " none: the supplier ended: killed");
}

#[test]
fn at_60_columns_policies_are_short_but_true() {
    let rows = rows(&frame(&Play::over_policies(true), 60, 16));
    assert_eq!(rows[2], "       header            lookup           none");
    assert_eq!(rows[8], "        RIGHT             WRONG            WRONG");
    assert_eq!(rows[11], "A12 s1 ~ S-1             2 S-2 AGAIN      2 S-2 AGAIN");
    assert_eq!(rows[14], " Only a key that travels survives overlapping attempts.");
}

#[test]
fn in_ascii_numbers_without_blocks_have_an_ascii_sign() {
    let play = Play::over_policies(false);
    let side = play.app.comparison().unwrap().side(KeyPolicy::None).unwrap();
    let ascii = Appearance { ascii: true, ..Appearance::default() };
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 5));
    let area = buffer.area;
    draw_number(&mut buffer, area, side, "1=1", ascii);
    places(&buffer, "2!=1");
}
