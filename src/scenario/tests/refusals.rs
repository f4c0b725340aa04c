//! Files that are refused: each with line, column and message.

use super::{SMALLEST, parse};

/// The refusal of the smallest scenario after `from` was replaced by `to`, without the name of the file.
#[track_caller]
fn refused(from: &str, to: &str) -> String {
    assert!(SMALLEST.contains(from), "{from}");
    let message = parse("s", "s.toml", &SMALLEST.replacen(from, to, 1)).unwrap_err().to_string();
    message.strip_prefix("s.toml, ").unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[track_caller]
fn all_are_refused(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let message = refused(from, to);
        assert!(message.starts_with(expected), "{to:?}: {message}");
    }
}

#[test]
fn mistakes_in_the_file_are_reported_with_their_position() {
    all_are_refused(&[
        ("title = 't'", "title = t", "line 1, column 9: this is not TOML: "),
        ("title = 't'\n", "", "line 1, column 1: the scenario needs the key title"),
        ("title = 't'", "titel = 't'", "line 1, column 1: the scenario has no key \"titel\"; the nearest is title"),
        ("[[acts]]", "[[zzzzzzz]]", "line 3, column 3: the scenario has no key \"zzzzzzz\"; the keys are title, why, "),
        ("title = 't'", "title = ' '", "line 1, column 9: title must be one line that is not empty"),
        ("why = 'w'", "why = \"a\\nb\"", "line 2, column 7: why must be one line"),
        ("why = 'w'", "why = 3", "line 2, column 7: why must be a string in quotes, but this is a whole number"),
        (
            "why = 'w'",
            "why = 'w'\nguard = 'of'",
            "line 3, column 9: guard is \"of\"; it must be one of ledger, last-order, off",
        ),
        (
            "why = 'w'",
            "why = 'w'\nsupplier = 'off'",
            "line 3, column 12: supplier is \"off\"; it must be one of header, outbox, lookup, none",
        ),
        (
            "why = 'w'",
            "why = 'w'\nsupplier = 'header'\nsupplier_key_seconds = 0",
            "line 4, column 24: supplier_key_seconds must be a whole number from 1 to 3600",
        ),
        (
            "why = 'w'",
            "why = 'w'\nsupplier_key_seconds = 1",
            "line 3, column 1: supplier_key_seconds needs a supplier; add supplier = ",
        ),
        (
            "why = 'w'",
            "why = 'w'\nseed = -1",
            "line 3, column 8: seed must be a whole number from 0 to 9007199254740991",
        ),
        (
            "why = 'w'",
            "why = 'w'\nseed = '1'",
            "line 3, column 8: seed must be a whole number, without quotes, but this is a string",
        ),
        (
            "why = 'w'",
            "why = 'w'\nlimit_seconds = 0",
            "line 3, column 17: limit_seconds must be a whole number from 1 to 3600",
        ),
        ("why = 'w'", "why = 'w'\nretry = 3", "line 3, column 9: retry must be a table, but this is a whole number"),
        (
            "[[acts]]",
            "[retry]\ninitial = 3\n[[acts]]",
            "line 4, column 1: [retry] has no key \"initial\"; the nearest is initial_ms",
        ),
        ("[[acts]]", "[retry]\ncoefficient = 0.5\n[[acts]]", "line 4, column 15: coefficient must be a whole number"),
        (
            "[[acts]]",
            "[retry]\ninitial_ms = 9000\n[[acts]]",
            "line 4, column 1: the first wait, initial_ms = 9000, is longer than the longest, maximum_ms = 5000; ",
        ),
        ("[[acts]]", "[retry]\nmaximum_ms = 9\n[[acts]]", "line 4, column 1: the first wait, "),
        ("[[acts]]\norder = 'A12'\nquantity = 999\n", "", "line 1, column 1: the scenario needs the key acts"),
        ("[[acts]]\norder = 'A12'\nquantity = 999\n", "acts = []\n", "line 3, column 1: acts needs at least one act"),
        (
            "[[acts]]",
            "[acts]",
            "line 3, column 1: acts must be a list of tables, each starting with [[acts]], but this is a table",
        ),
        ("[[acts]]\norder = 'A12'\nquantity = 999\n", "acts = [3]\n", "line 3, column 9: acts must be a table"),
    ]);
}

#[test]
fn mistakes_in_a_fault_plan_are_reported_at_their_character() {
    all_are_refused(&[
        (
            "why = 'w'",
            "why = 'w'\nfaults = 'before-commit=oops'",
            "line 3, column 25: the fault plan is wrong at character 15: expected an action",
        ),
        ("why = 'w'", "why = 'w'\nfaults = ''", "line 3, column 10: the fault plan is wrong at character 1: "),
        ("why = 'w'", "why = 'w'\nfaults = 'ö'", "line 3, column 11: the fault plan is wrong"),
        ("why = 'w'", "why = 'w'\nfaults = '''\nbefore-commit=oops'''", "line 4, column 15: the fault plan is wrong"),
        // Written with an escape, so that the characters are not those of the plan.
        ("why = 'w'", "why = 'w'\nfaults = \"before\\u002dcommit=oops\"", "line 3, column 10: the fault plan is wrong"),
        (
            "quantity = 999",
            "quantity = 999\nfaults = 'before-commit=error;'",
            "line 6, column 31: the fault plan is wrong",
        ),
    ]);
}

#[test]
fn mistakes_in_a_step_are_reported_with_their_position() {
    all_are_refused(&[
        ("order = 'A12'\n", "", "line 3, column 1: the act does nothing; give it an order or do"),
        ("quantity = 999\n", "", "line 3, column 1: the act needs the key quantity"),
        ("quantity", "quantiy", "line 5, column 1: the act has no key \"quantiy\"; the nearest is quantity"),
        (
            "quantity = 999",
            "quantity = 9.5",
            "line 5, column 12: quantity must be a whole number, without quotes, but this is a number with",
        ),
        ("order = 'A12'", "order = ' A'", "line 4, column 9: the id ' A' begins or ends with a space"),
        ("order = 'A12'", "order = ''", "line 4, column 9: the id is empty"),
        ("quantity = 999", "quantity = 999\nproduct = ''", "line 6, column 11: the id is empty"),
        (
            "quantity = 999",
            "quantity = 999\ncopies = 501",
            "line 6, column 10: copies must be a whole number from 1 to 500",
        ),
        (
            "quantity = 999",
            "quantity = 999\nworkflow = 'old'",
            "line 6, column 12: workflow is \"old\"; it must be one of own, new",
        ),
        (
            "quantity = 999",
            "quantity = 999\nguard = 'on'",
            "line 6, column 9: guard is \"on\"; it must be one of ledger, ",
        ),
        (
            "quantity = 999",
            "quantity = 999\noutcome = 'done'",
            "line 6, column 11: outcome is \"done\"; it must be one of applied, replayed, skipped, ",
        ),
        (
            "quantity = 999",
            "quantity = 999\nattempts = { updat = 1 }",
            "line 6, column 14: attempts has no key \"updat\"; the nearest is update",
        ),
        (
            "quantity = 999",
            "quantity = 999\nattempts = { update = -1 }",
            "line 6, column 23: update must be a whole number from 0 to 4294967295",
        ),
        ("quantity = 999", "quantity = 999\nattempts = 3", "line 6, column 12: attempts must be a table"),
        (
            "quantity = 999",
            "quantity = 999\ndo = 'kill-worker'",
            "line 6, column 1: this act has an order and do; keep one of them",
        ),
    ]);
    let long = "x".repeat(127);
    let message = refused("order = 'A12'", &format!("order = '{long}'\ncopies = 10"));
    assert!(message.starts_with("line 4, column 9: the id has 130 bytes"), "{message}");
}

#[test]
fn mistakes_in_a_later_step_are_reported_with_their_position() {
    let then = |text: &str| format!("quantity = 999\n[[acts]]\n{text}");
    let second = |text, expected| (refused("quantity = 999", &then(text)), expected);
    for (message, expected) in [
        second(
            "do = 'kill'",
            "line 7, column 6: do is \"kill\"; it must be one of kill-worker, start-worker, kill-server, start-server",
        ),
        second(
            "do = 'kill-worker'\noutcome = 'applied'",
            "line 8, column 1: outcome belongs to an order, and this act has do and no order",
        ),
        second(
            "do = 'kill-worker'\nafter = 'end'",
            "line 8, column 9: after is \"end\"; it must be ended, committed ORDER, ",
        ),
        second("do = 'kill-worker'\nafter = 'committed B'", "line 8, column 9: no act before this one places order B"),
        second("do = 'kill-worker'\nafter = 'failed '", "line 8, column 9: after names no order: the id is empty"),
        second(
            "do = 'start-server'\nafter = 'server down'",
            "line 8, column 9: no act before this one kills the server",
        ),
        second(
            "do = 'start-server'\nafter = 'supplier down'",
            "line 8, column 9: no act before this one kills the supplier",
        ),
        second(
            "do = 'supplier-outage'\nrequests = 2",
            "line 7, column 1: the scenario has no supplier; add supplier = ",
        ),
        second("do = 'supplier-outage'", "line 6, column 1: the act needs the key requests"),
        second(
            "do = 'supplier-outage'\nrequests = 51",
            "line 8, column 12: requests must be a whole number from 0 to 50",
        ),
        second("do = 'kill-worker'\nrequests = 1", "line 8, column 1: requests belongs to another act with do"),
        second(
            "order = 'B'\nquantity = 1\nrequests = 1",
            "line 9, column 1: requests belongs to an act with do, and this act has an order",
        ),
        second(
            "do = 'other-client-order'\nreference = 'A12'\nquantity = 7",
            "line 7, column 1: the scenario has no supplier; add supplier = ",
        ),
        second("do = 'other-client-order'\nquantity = 7", "line 6, column 1: the act needs the key reference"),
        second("do = 'other-client-order'\nreference = 'A12'", "line 6, column 1: the act needs the key quantity"),
        second("do = 'other-client-order'\nreference = ''\nquantity = 7", "line 8, column 13: the id is empty"),
        second(
            "do = 'other-client-order'\nreference = 'A12'\nquantity = 1000",
            "line 9, column 12: an order of 1000 units is the same order as ours",
        ),
        second(
            "do = 'supplier-outage'\nrequests = 1\nreference = 'A12'",
            "line 9, column 1: reference belongs to another act with do",
        ),
        second(
            "order = 'B'\nquantity = 1\nafter = 'other client shipped'",
            "line 9, column 9: no act before this one sends an order of another client",
        ),
        second(
            "order = 'B'\nquantity = 1\nafter = 'supplier outage'",
            "line 9, column 9: no act before this one begins an outage",
        ),
        second("do = 'kill-supplier'", "line 7, column 1: the scenario has no supplier; add supplier = "),
        second(
            "do = 'kill-worker'\nafter = 'not supplied B'",
            "line 8, column 9: no act before this one places order B",
        ),
        second(
            "order = 'B'\nquantity = 1\nafter = 'committed B'",
            "line 9, column 9: no act before this one places order B",
        ),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn mistakes_in_the_expectation_are_reported_with_their_position() {
    let expect = "[expect]\nstock = 1001\nverdict = 'right'\n";
    all_are_refused(&[
        (expect, "", "line 1, column 1: the scenario needs the key expect"),
        ("stock = 1001\n", "", "line 6, column 1: [expect] needs the key stock"),
        ("verdict = 'right'\n", "", "line 6, column 1: [expect] needs the key verdict"),
        ("'right'", "'good'", "line 8, column 11: verdict is \"good\"; it must be one of right, wrong"),
        ("stock = 1001", "stock = 99999999999999999999", "line 7, column 9: stock must be a whole number from "),
        (
            "stock = 1001",
            "stock = 1002",
            "line 7, column 9: the stock at the end cannot be 1002: by the rules it is 1001",
        ),
        ("'right'", "'wrong'", "line 8, column 11: the verdict cannot be wrong"),
        ("'right'", "'right'\nshipments = 1", "line 9, column 1: shipments needs a supplier; add supplier = "),
        ("'right'", "'right'\ndeaths = 1", "line 9, column 10: the number of worker deaths cannot be 1"),
        ("'right'", "'right'\nlate = 1", "line 9, column 8: the number of late attempts cannot be 1"),
        (
            "'right'",
            "'right'\nattempts = { update = 2 }",
            "line 9, column 23: the number of update attempts of all orders cannot be 2",
        ),
        (
            "quantity = 999",
            "quantity = 999\noutcome = 'replayed'",
            "line 6, column 11: the outcome of order A12 cannot be replayed",
        ),
        (
            "quantity = 999",
            "quantity = 999\nattempts = { supplier = 2 }",
            "line 6, column 25: the number of supplier attempts of order A12 cannot",
        ),
        ("why = 'w'", "why = 'w'\nfaults = 'before-commit=error'", "line 3, column 10: update of order A12 never ends"),
        (
            "quantity = 999",
            "quantity = 999\nfaults = 'before-commit=hang'",
            "line 6, column 10: update of order A12 never ends",
        ),
        (
            "quantity = 999",
            "quantity = 999\n[[acts]]\nafter = 'failed A12'\norder = 'B'\nquantity = 1",
            "line 7, column 9: no attempt of order A12's update fails",
        ),
    ]);
}
