//! A long journal that has not been read to its end.

use crate::{
    app::{
        summary,
        testing::fixture::{SUPPLIER, Scene, UPDATE, setup},
        *,
    },
    domain::{OrderOutcome, Receipt, RunEnd, UnixMillis},
    store::{Audit, CommitOutcome, Compacted, CoveredLines, Fact, News, Record, Retries, record::Commit},
};

use super::{after_reset, picture};

#[test]
fn while_a_journal_is_read_its_progress_is_shown_and_nothing_is_judged() {
    let mut scene = Scene::right();
    scene.wait(60_000);
    let now = scene.app.shown_now();
    assert_eq!(scene.app.journal().stock_verdict(now), StockVerdict::Right);
    scene.tell(Message::ReadingJournal { read: 131_000_000, of: 310_000_000 });
    let shown = crate::app::trouble(&scene.app).unwrap();
    assert!(shown.passes && shown.text == "reading the journal, 42 %", "{shown:?}");
    assert_eq!(scene.app.journal().stock_verdict(now), StockVerdict::None);
    scene.tell(Message::ReadingJournal { read: 310_000_000, of: 310_000_000 });
    assert_eq!(scene.app.journal().stock_verdict(now), StockVerdict::Right);
    assert_eq!(crate::app::trouble(&scene.app), None);
}

/// The journal records of another ended order, which no other source mentions.
fn another_order() -> Vec<Record> {
    let mut scene = Scene::new();
    (scene.order, scene.workflow, scene.run) = ("D9", "order-D9".into(), "r9".into());
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -1);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1);
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.records.split_off(1)
}

#[test]
fn of_the_orders_that_a_checkpoint_covers_the_newest_are_listed_and_all_are_judged() {
    let records = Scene::right().records;
    let mut audit = Audit::default();
    for record in &records {
        audit.observe(record, record.seq);
    }
    audit.orders = 1_000_000;
    let covered = CoveredLines { first: records[0].clone(), audit, recent: records[1..].to_vec() };
    let mut scene = Scene { app: App::new(setup()), ..Scene::new() };
    scene.tell(Message::JournalCovered(Box::new(covered)));
    assert_eq!(scene.app.stock_verdict(), StockVerdict::None, "the rest of the journal is not read yet");
    tell(&mut scene, false, &[], false);
    assert_eq!((scene.app.orders().len(), scene.app.orders().forgotten()), (1, 999_999));
    assert_eq!((scene.app.journal().audit.actual, scene.app.stock_verdict()), (1001, StockVerdict::Right));
    // The supplier order again, in a later run and without a guard.
    let credit = records.iter().find(|record| matches!(record.fact, Fact::Supplier(_))).unwrap().clone();
    let Fact::Supplier(mut commit) = credit.fact else { unreachable!() };
    commit.receipt = Receipt { delta: 1000, stock: 2001 };
    let again = Record { seq: records.len() as u64 + 1, at: credit.at, fact: Fact::Supplier(commit) };
    tell(&mut scene, false, &[again], false);
    assert_eq!((scene.app.journal().audit.actual, scene.app.stock_verdict()), (2001, StockVerdict::Wrong));
}

/// In MySQL, the reader looks up the first line of each key. A recording has no keys either.
#[test]
fn an_order_that_repeats_a_line_which_was_not_read_is_judged_wrong() {
    let records = Scene::right().records;
    let mut audit = Audit::default();
    for record in &records {
        audit.observe(record, record.seq);
    }
    let stored = serde_json::to_value(&audit).unwrap();
    let order = records.iter().find(|record| matches!(record.fact, Fact::Order(_))).unwrap().clone();
    let Fact::Order(commit) = order.fact.clone() else { unreachable!() };
    let receipt = Receipt { delta: commit.receipt.delta, stock: audit.actual + commit.receipt.delta };
    let again = Fact::Order(Commit { receipt, ..commit });
    let again = Record { seq: audit.seq + 1, at: order.at, fact: again };
    for (recent, earlier) in [(&records[1..], vec![]), (&[][..], vec![order])] {
        let audit = serde_json::from_value(stored.clone()).unwrap();
        let covered = CoveredLines { first: records[0].clone(), audit, recent: recent.to_vec() };
        let mut scene = Scene { app: App::new(setup()), ..Scene::new() };
        scene.tell(Message::JournalCovered(Box::new(covered)));
        tell(&mut scene, false, &[], false);
        assert_eq!(scene.app.stock_verdict(), StockVerdict::Right);
        scene.tell(Message::Journal(News { records: vec![again.clone()], earlier, ..News::default() }));
        assert_eq!(
            (scene.app.stock_verdict(), scene.app.journal().audit.applied_twice.len()),
            (StockVerdict::Wrong, 1)
        );
    }
}

/// The records that a compaction leaves of these, without any attempts.
fn compacted(records: &[Record], retries: u64) -> Vec<Record> {
    let through = records.iter().rev().find(|record| matches!(record.fact, Fact::Attempt(_))).unwrap().seq;
    let kept: Vec<_> = records.iter().filter(|record| !matches!(record.fact, Fact::Attempt(_))).cloned().collect();
    let declared = Compacted {
        format: Compacted::FORMAT,
        through,
        kept: kept.iter().filter(|record| record.seq <= through).count() as u64,
        check: "0".repeat(16),
        orders: 1,
        removed_bytes: 1_000,
        retries: Retries { update_inventory: retries, supplier_order: 0 },
    };
    let declaration = Record { seq: 0, at: records[0].at, fact: Fact::Compacted(declared) };
    std::iter::once(declaration).chain(kept).collect()
}

#[test]
fn an_order_without_its_attempts_is_counted_and_not_listed_as_open() {
    let mut original = Scene::right();
    let old = original.records.len();
    (original.order, original.workflow, original.run) = ("D9", "order-D9".into(), "r9".into());
    original.started(UPDATE, 1);
    original.commit(UPDATE, 1, -1);
    original.done(UPDATE, 1, CommitOutcome::Applied);
    original.started(SUPPLIER, 1);
    original.commit(SUPPLIER, 1, 1);
    original.done(SUPPLIER, 1, CommitOutcome::Applied);
    let (old, later) = original.records.split_at(old);
    let journal = [compacted(old, 2), later.to_vec()].concat();
    for parts in [1, 2, 5] {
        let mut scene = Scene { app: App::new(setup()), ..Scene::new() };
        let mut chunks = journal.chunks(journal.len().div_ceil(parts)).peekable();
        let mut restarted = true;
        while let Some(chunk) = chunks.next() {
            tell(&mut scene, std::mem::take(&mut restarted), chunk, chunks.peek().is_some());
        }
        let orders = scene.app.orders();
        assert_eq!((orders.len(), orders.open(), orders.forgotten()), (1, 0, 1), "{parts} parts");
        assert_eq!(orders.retries(UPDATE), 2);
        assert_eq!((scene.app.journal().missing(), scene.app.journal().audit.orders), (0, 2));
        assert_eq!(scene.app.stock_verdict(), StockVerdict::Right);
        // After a reset, nothing of it is left.
        let new = new_journal(&scene, []);
        tell(&mut scene, true, &new, false);
        assert_eq!((scene.app.orders().forgotten(), scene.app.orders().retries(UPDATE)), (0, 0));
    }
}

#[test]
fn a_record_is_missing_only_after_the_last_dropped_one() {
    let records = Scene::right().records;
    let mut scene = Scene { app: App::new(setup()), ..Scene::new() };
    let journal = compacted(&records, 0);
    let last = journal.last().unwrap();
    let gap = Record { seq: records.len() as u64 + 2, ..last.clone() };
    tell(&mut scene, true, &[journal.as_slice(), &[gap]].concat(), false);
    assert_eq!(scene.app.journal().missing(), 1);
}

/// The journal that a reset creates, and then what `lines` say.
fn new_journal(scene: &Scene, lines: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let records = std::iter::once(after_reset(scene)).chain(lines);
    (1..).zip(records).map(|(seq, record)| Record { seq, ..record }).collect()
}

fn tell(scene: &mut Scene, restarted: bool, records: &[Record], more: bool) {
    scene.tell(Message::Journal(News { restarted, records: records.to_vec(), more, ..News::default() }));
}

fn before_the_reset(scene: &Scene) -> String {
    let summary = summary(&scene.app);
    let line = summary.lines().find_map(|line| line.strip_prefix("before the last reset: "));
    line.unwrap_or("nothing").to_owned()
}

#[test]
fn an_ended_order_that_only_a_later_part_of_a_new_journal_mentions_stays() {
    let mut scene = Scene::right();
    let own = scene.records[1..].to_vec();
    let journal = new_journal(&scene, another_order().into_iter().chain(own));
    scene.wait(1_000);
    tell(&mut scene, true, &journal[..7], true);
    assert_eq!((scene.app.orders().len(), before_the_reset(&scene).as_str()), (2, "nothing"));
    assert_eq!(scene.app.stock_verdict(), StockVerdict::None);
    tell(&mut scene, false, &journal[7..], false);
    assert_eq!(scene.app.orders().len(), 2);
    let kept = scene.app.orders().of_run(&("order-A12".into(), "0198f1a2-6b1f-7c3e".into())).unwrap();
    assert_eq!((kept.verdict(), kept.outlived), (OrderVerdict::AppliedOnce, false));
    assert_eq!(kept.end, Some(RunEnd::completed(OrderOutcome::Applied)));
    assert_eq!(before_the_reset(&scene), "0 orders, 0 applied more than once, verdict RIGHT");
    assert_eq!(scene.app.orders().attempts(), 6);
}

/// A scene with a repeated effect, an ended order that only the journal knows, an open one and a start that failed; and
/// the journal that replaces its own. The new one mentions the second of these and one more.
fn replaced() -> (Scene, Vec<Record>) {
    let mut scene = Scene::wrong();
    (scene.order, scene.workflow, scene.run) = ("B7", "order-B7".into(), "r2".into());
    let known = scene.records.len();
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -1);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    scene.ended(OrderOutcome::Applied);
    let mentioned = scene.records[known..].to_vec();
    (scene.order, scene.workflow, scene.run) = ("C8", "order-C8".into(), "r3".into());
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -1);
    let commands = scene.press(Intent::FreshOrder);
    let Command::StartOrder(start) = &commands[0] else { panic!("{commands:?}") };
    let (ticket, order, workflow) = (start.ticket, start.order.to_string(), start.workflow.clone());
    scene.tell(Message::StartFailed { ticket, order, workflow, cause: "no".into() });
    scene.wait(1_000);
    let journal = new_journal(&scene, another_order().into_iter().chain(mentioned));
    (scene, journal)
}

const REPLACED: &str = "2 orders, 1 applied more than once, verdict WRONG";

#[test]
fn a_new_journal_may_arrive_in_any_parts() {
    let (mut scene, journal) = replaced();
    tell(&mut scene, true, &journal, false);
    let whole = (picture(&scene.app), summary(&scene.app));
    assert_eq!((scene.app.orders().len(), before_the_reset(&scene).as_str()), (3, REPLACED));
    for size in 1..journal.len() {
        let (mut scene, journal) = replaced();
        let parts: Vec<_> = journal.chunks(size).collect();
        for (index, part) in parts.iter().enumerate() {
            assert_eq!(before_the_reset(&scene), "nothing");
            // What the server repeats about an order that may leave changes no count.
            scene.tell(Message::Ended {
                workflow: "order-A12".into(),
                run: "0198f1a2-6b1f-7c3e".into(),
                end: RunEnd::completed(OrderOutcome::Applied),
            });
            tell(&mut scene, index == 0, part, index + 1 < parts.len());
        }
        assert_eq!((picture(&scene.app), summary(&scene.app)), whole, "{size} at a time");
    }
}

#[test]
fn a_journal_that_is_replaced_before_its_end_counts_no_order_twice() {
    for second in [true, false] {
        let (mut scene, journal) = replaced();
        // It mentions two orders that end in it, and is replaced before its end by a journal without them.
        tell(&mut scene, true, &journal[..journal.len() - 1], true);
        scene.wait(1_000);
        if second {
            tell(&mut scene, true, &[], false);
            assert_eq!(before_the_reset(&scene), "nothing", "an empty journal has no first record yet");
        }
        let third = new_journal(&scene, []);
        tell(&mut scene, !second, &third, false);
        assert_eq!(before_the_reset(&scene), "4 orders, 1 applied more than once, verdict WRONG");
        assert_eq!((scene.app.orders().len(), scene.app.orders().open()), (1, 1));
        assert_eq!(scene.app.orders().attempts(), 0);
    }
}

#[test]
fn a_journal_that_breaks_before_its_end_is_judged_once_it_was_read() {
    for from_the_start in [true, false] {
        let (mut scene, journal) = replaced();
        tell(&mut scene, true, &journal[..9], true);
        scene.tell(Message::JournalUnreadable { cause: "damaged".into() });
        scene.tell(Message::ReadingJournal { read: 0, of: 0 });
        assert_eq!((scene.app.stock_verdict(), before_the_reset(&scene).as_str()), (StockVerdict::None, "nothing"));
        assert!(summary(&scene.app).contains("no verdict: the journal was not read to its end"));
        tell(&mut scene, from_the_start, &journal[if from_the_start { 0 } else { 9 }..], false);
        assert_eq!((scene.app.orders().len(), before_the_reset(&scene).as_str()), (3, REPLACED));
    }
}

#[test]
fn an_order_that_newer_ones_push_out_leaves_with_its_journal() {
    let mut scene = Scene::right();
    let line = Record { at: UnixMillis(scene.now), ..scene.records[1].clone() };
    let many = (0..orders::MAX_KEPT_ORDERS).map(|number| {
        let mut line = line.clone();
        if let crate::store::Fact::Attempt(event) = &mut line.fact {
            event.origin.run = format!("r{number}");
        }
        line
    });
    let journal = new_journal(&scene, many);
    let (first, rest) = journal.split_at(journal.len() / 2);
    tell(&mut scene, true, first, true);
    tell(&mut scene, false, rest, false);
    assert_eq!((scene.app.orders().len(), scene.app.orders().forgotten()), (orders::MAX_KEPT_ORDERS, 0));
    assert_eq!(before_the_reset(&scene), "1 orders, 0 applied more than once, verdict RIGHT");
}

#[test]
fn a_recording_from_before_parts_were_marked_is_read() {
    let old = r#"{"restarted":true,"records":[]}"#;
    let news: News = serde_json::from_str(old).unwrap();
    assert_eq!(news, News { restarted: true, ..News::default() });
    assert_eq!(serde_json::to_string(&news).unwrap(), old);
    let part = News { more: true, ..news };
    assert_eq!(serde_json::from_str::<News>(&serde_json::to_string(&part).unwrap()).unwrap(), part);
}
