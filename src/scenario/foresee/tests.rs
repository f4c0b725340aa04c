//! Hand-worked cases. The stock begins with 1000 units; an order of 999 makes a credit of 1000 due.

use super::*;
use crate::{
    domain::OrderOutcome,
    scenario::{file, parse},
    source_text::Source,
};

/// A scenario of these acts, with this before them and this expectation behind them.
fn text(head: &str, acts: &str, expect: &str) -> String {
    format!("title = 't'\nwhy = 'w'\n{head}\n{acts}\n[expect]\n{expect}\n")
}

fn order(rest: &str) -> String {
    format!("[[acts]]\norder = 'A12'\n{rest}\n")
}

/// Why the expectation is unreachable, or nothing.
fn problem(head: &str, acts: &str, expect: &str) -> String {
    parse("s", "s.toml", &text(head, acts, expect)).err().map(|error| error.problem).unwrap_or_default()
}

/// What the acts come to.
fn foreseen(head: &str, acts: &str) -> Foreseen {
    let text = text(head, acts, "stock = 0\nverdict = 'right'");
    let (scenario, _) = file::read("s", Source::new("s.toml", &text)).unwrap();
    work_out(&scenario, &runs::batches(&scenario).unwrap()).unwrap()
}

fn stocks(foreseen: &Foreseen) -> Vec<Stock> {
    foreseen.stocks.iter().flatten().copied().collect()
}

fn counts(foreseen: &Foreseen) -> (String, String) {
    let [update, supplier] = foreseen.attempts.map(|range| range.to_string());
    (format!("{update}, {supplier}"), format!("{}, {}", foreseen.deaths, foreseen.late))
}

#[track_caller]
fn comes_to(head: &str, acts: &str, stock: &[Stock], verdict: Option<Verdict>, attempts: &str, deaths_late: &str) {
    let foreseen = foreseen(head, acts);
    assert_eq!((stocks(&foreseen), foreseen.verdict), (stock.to_vec(), verdict), "{foreseen:?}");
    assert_eq!(counts(&foreseen), (attempts.to_owned(), deaths_late.to_owned()), "{foreseen:?}");
}

const RIGHT: Option<Verdict> = Some(Verdict::Right);
const WRONG: Option<Verdict> = Some(Verdict::Wrong);

#[test]
fn one_order_under_the_ledger_is_exact_whatever_strikes() {
    for (faults, attempts, deaths_late) in [
        ("none", "1, 1", "0, 0"),
        ("update.after-commit=1*error", "2, 1", "0, 0"),
        ("update.before-commit=1*error;update.after-commit=2*error", "3, 1", "0, 0"),
        ("before-commit=2*error", "3, 3", "0, 0"),
        ("supplier.after-commit=1*crash", "1, 2", "1, 0"),
        ("update.before-commit=1*hang", "2, 1", "0, 1"),
        ("update.after-commit=2*hang;supplier.before-commit=1*hang", "3, 2", "0, 3"),
        ("before-commit=delay(100)", "1, 1", "0, 0"),
    ] {
        let acts = order("quantity = 999");
        comes_to(&format!("faults = '{faults}'"), &acts, &[1001], RIGHT, attempts, deaths_late);
    }
}

#[test]
fn a_refused_order_has_no_supplier_order() {
    for refused in ["quantity = 1001", "quantity = 0", "quantity = 1\nproduct = '999999'"] {
        let acts = order(&format!("{refused}\nfaults = 'update.before-commit=1*error;update.after-commit=error'"));
        assert!(problem("", &acts, "stock = 1000\nverdict = 'right'").contains("never ends"));
        let acts = order(&format!("{refused}\nfaults = 'update.before-commit=1*error;update.after-commit=5*error'"));
        comes_to("", &acts, &[1000], RIGHT, "2, 0", "0, 0");
    }
}

#[test]
fn without_the_ledger_every_commit_counts() {
    let once = "faults = 'update.after-commit=1*error'";
    let acts = order("quantity = 999");
    comes_to(&format!("guard = 'off'\n{once}"), &acts, &[2], WRONG, "2, 1", "0, 0");
    comes_to(&format!("guard = 'last-order'\n{once}"), &acts, &[1001], RIGHT, "2, 1", "0, 0");
    // The attempt that wakes up takes the units once more, before or after the credit: nobody knows.
    let hang = "guard = 'off'\nfaults = 'update.before-commit=1*hang'";
    comes_to(hang, &acts, &[-998, 2], WRONG, "2, 1", "0, 1");
    // The stock is low at both attempts of the supplier's: 1000 - 1999 = -999, and 1 after the first credit.
    let credit = "guard = 'off'\nfaults = 'supplier.after-commit=1*error'";
    comes_to(credit, &order("quantity = 1999"), &[1001], WRONG, "1, 2", "0, 0");
}

#[test]
fn an_order_that_comes_again_is_recognised_by_its_key() {
    let again = |guard: &str, third: &str| {
        let act = |id: &str, rest: &str| format!("[[acts]]\norder = '{id}'\nquantity = 10\n{rest}\n");
        let ended = "after = 'ended'";
        let acts = act("A", "") + &act("B", ended) + &act("A", &format!("{ended}\n{third}"));
        foreseen(&format!("guard = '{guard}'"), &acts)
    };
    let outcomes = |foreseen: &Foreseen| foreseen.ends.iter().map(|end| end.outcome).collect::<Vec<_>>();
    let [applied, replayed] = [Some(OrderOutcome::Applied), Some(OrderOutcome::Replayed)];
    let ledger = again("ledger", "workflow = 'new'");
    assert_eq!(
        (stocks(&ledger), ledger.verdict, outcomes(&ledger)),
        (vec![980], RIGHT, vec![applied, applied, replayed])
    );
    let last = again("last-order", "");
    assert_eq!((stocks(&last), last.verdict, outcomes(&last)), (vec![970], WRONG, vec![applied; 3]));
    let mixed = again("off", "guard = 'ledger'");
    assert_eq!((stocks(&mixed), mixed.verdict, outcomes(&mixed)), (vec![980], RIGHT, vec![applied, applied, replayed]));
    let conflict = order("quantity = 10") + &order("after = 'ended'\nquantity = 20");
    comes_to("", &conflict, &[990], RIGHT, "2, 1", "0, 0");
}

#[test]
fn orders_at_once_are_exact_while_the_stock_suffices() {
    let copies = |count: u32, quantity: u32| order(&format!("copies = {count}\nquantity = {quantity}"));
    comes_to("", &copies(50, 1), &[950], RIGHT, "50, 50", "0, 0");
    // 1000 - 2 * 500 leaves 0: at least one credit by the rules, and any number of them is accepted.
    comes_to("", &copies(2, 500), &[0, 1000, 2000], RIGHT, "2, 2", "0, 0");
    // One of them may find too little.
    let rejected = foreseen("", &copies(2, 600));
    assert_eq!(counts(&rejected).0, "2, 0 to 2");
    assert!(rejected.ends.iter().all(|end| end.outcome.is_none()));
    // A worker that dies takes the attempts of both with it.
    let crash = foreseen("faults = 'update.after-commit=1*crash'", &copies(2, 1));
    assert_eq!(counts(&crash), ("4 or more, 2 or more".to_owned(), "0 or more, 0".to_owned()));
    assert_eq!((stocks(&crash), crash.verdict), (vec![998], RIGHT));
}

#[test]
fn another_order_between_commit_and_retry_fools_the_original_guard() {
    let acts = order("quantity = 998\nfaults = 'after-commit-once'")
        + "[[acts]]\nafter = 'committed A12'\norder = 'B7'\nquantity = 1";
    let foreseen = foreseen("guard = 'last-order'", &acts);
    assert_eq!((counts(&foreseen).0, foreseen.verdict), ("3, 2".to_owned(), None));
    assert!(stocks(&foreseen).contains(&3), "{foreseen:?}");
    assert!(stocks(&foreseen).contains(&1001), "it may come too late to do harm: {foreseen:?}");
    assert!(!stocks(&foreseen).contains(&2));
}

#[test]
fn a_second_start_joins_what_is_surely_under_way() {
    let twice =
        |head: &str, rest: &str| foreseen(head, &(order("quantity = 10") + &order(&format!("quantity = 10\n{rest}"))));
    let slow = "faults = 'update.before-commit=1*delay(500)'";
    let joined = twice(slow, "");
    assert_eq!((joined.ends[1].outcome, counts(&joined).0), (Some(OrderOutcome::Joined), "1, 1".to_owned()));
    let perhaps = twice("", "");
    assert_eq!((perhaps.ends[1].outcome, counts(&perhaps).0), (None, "1 to 2, 1 to 2".to_owned()));
    assert_eq!((stocks(&perhaps), perhaps.verdict), (vec![990], RIGHT));
    let separate = twice(slow, "workflow = 'new'");
    assert_eq!((stocks(&separate), counts(&separate).0), (vec![990], "2, 2".to_owned()));
    let after = twice(slow, "after = 'ended'");
    assert_eq!((after.ends[1].outcome, counts(&after).0), (Some(OrderOutcome::Replayed), "2, 2".to_owned()));
}

#[test]
fn what_an_act_kills_may_take_more_attempts() {
    let acts = order("quantity = 999") + "[[acts]]\ndo = 'kill-worker'\n[[acts]]\ndo = 'start-worker'";
    comes_to("faults = 'after-commit-once'", &acts, &[1001], RIGHT, "2 or more, 1 or more", "0, 0");
    let off = foreseen("guard = 'off'", &acts);
    assert_eq!((off.stocks, off.verdict), (None, None));
}

#[test]
fn a_hang_and_a_crash_together_leave_open_which_is_first() {
    let faults = "faults = 'update.before-commit=1*hang;update.after-commit=2*crash'";
    comes_to(faults, &order("quantity = 999"), &[1001], RIGHT, "3, 1", "1 or more, 0 to 1");
    let long = "faults = 'update.before-commit=1*delay(10000)'";
    comes_to(long, &order("quantity = 999"), &[1001], RIGHT, "2, 1", "0, 0 to 1");
}

#[test]
fn an_expectation_that_nothing_can_meet_is_told_in_words() {
    let good = "stock = 1001\nverdict = 'right'";
    let acts = order("quantity = 999");
    assert_eq!(problem("", &acts, good), "");
    for (acts, expect, expected) in [
        (acts.as_str(), "stock = 2\nverdict = 'right'", "the stock cannot be 2 at the end: by the rules it is 1001"),
        (
            &acts,
            "stock = 1001\nverdict = 'wrong'",
            "the verdict cannot be wrong: by the rules no effect is applied twice",
        ),
        (
            &acts,
            &format!("{good}\nattempts = {{ supplier = 2 }}"),
            "supplier cannot take 2 attempts in all: the orders take 1",
        ),
        (&acts, &format!("{good}\ndeaths = 1"), "worker deaths cannot be 1: the faults make 0"),
        (&acts, &format!("{good}\nlate = 1"), "late attempts cannot be 1: the faults make 0"),
        (
            &order("quantity = 999\noutcome = 'replayed'"),
            good,
            "order A12 cannot be replayed: by the rules it is applied",
        ),
        (
            &order("quantity = 999\nattempts = { update = 1 }\nfaults = 'after-commit-once'"),
            good,
            "update of order A12 cannot take 1 attempt: it takes 2",
        ),
        (
            &order("quantity = 999\nfaults = 'supplier.before-commit=error'"),
            good,
            "supplier of order A12 never ends under these faults: 100 attempts of it come to nothing; limit the faults to its first attempts, as in 2*error",
        ),
        (
            &(acts.clone() + "[[acts]]\nafter = 'failed A12'\norder = 'B'\nquantity = 1"),
            good,
            "no attempt of order A12's update fails under its faults",
        ),
        (
            &(order("quantity = 0") + "[[acts]]\nafter = 'committed A12'\norder = 'B'\nquantity = 1"),
            "stock = 999\nverdict = 'right'",
            "order A12 is never committed: it is refused",
        ),
        (
            &order("quantity = 9\nguard = 'off'\nfaults = 'after-commit-once'"),
            "stock = 982\nverdict = 'right'",
            "the verdict cannot be right: by the rules an effect is applied twice",
        ),
        (
            &(acts.clone() + &order("quantity = 999\nworkflow = 'new'\noutcome = 'joined'")),
            good,
            "order A12 cannot be joined: no start under its workflow id is under way then",
        ),
    ] {
        assert_eq!(problem("", acts, expect), expected);
    }
}
