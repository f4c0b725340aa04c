//! The form of a scenario's file: what every key means. `refusals` checks the place and the text of each refusal.

mod refusals;

use std::time::Duration;

use crate::domain::OrderOutcome;
use proptest::prelude::*;

use super::*;

/// Every key.
const ALL: &str = r#"title = "t"
why = "w"
guard = "last-order"
faults = "update.after-commit=1*error"
seed = 7
limit_seconds = 90
supplier = "lookup"
supplier_key_seconds = 20

[retry]
initial_ms = 200
coefficient = 3
maximum_ms = 800
start_to_close_ms = 3_000

[[acts]]
order = "A"
product = "999999"
quantity = 3
copies = 2
workflow = "new"
guard = "ledger"
faults = "none"
outcome = "rejected"
attempts = { update = 1, supplier = 0 }

[[acts]]
after = "ended"
do = "kill-worker"

[[acts]]
do = "start-worker"

[[acts]]
do = "kill-server"

[[acts]]
after = "server down"
do = "start-server"

[[acts]]
after = "server up"
order = "B"
quantity = 4
workflow = "own"

[[acts]]
after = "committed B"
order = "C"
quantity = 5

[[acts]]
after = "failed B"
order = "D"
quantity = 6

[[acts]]
do = "kill-supplier"

[[acts]]
after = "supplier down"
order = "E"
quantity = 7

[[acts]]
after = "not supplied E"
do = "start-supplier"

[[acts]]
do = "supplier-outage"
requests = 2

[[acts]]
after = "supplier outage"
order = "F"
quantity = 8

[[acts]]
do = "other-client-order"
reference = "G"
product = "999999"
quantity = 7

[[acts]]
after = "other client shipped"
order = "G"
quantity = 9
outcome = "failed"

[expect]
stock = 981
verdict = "right"
shipments = 3
attempts = { update = 9, supplier = 4 }
deaths = 0
late = 0
"#;

const SMALLEST: &str = "title = 't'\nwhy = 'w'\n[[acts]]\norder = 'A12'\nquantity = 999\n[expect]\nstock = 1001\n\
                        verdict = 'right'\n";

fn id(text: &str) -> OrderId {
    text.parse().unwrap()
}

fn placing(order: &str, quantity: i64) -> Placing {
    Placing {
        order: id(order),
        copies: 1,
        product: "123456".parse().unwrap(),
        quantity,
        new_workflow: false,
        guard: None,
        faults: None,
        outcome: None,
        attempts: [None; 2],
    }
}

fn everything() -> Scenario {
    let act = |when, what| Act { when, what };
    let order = |when, order, quantity| act(when, What::Order(placing(order, quantity)));
    let first = Placing {
        copies: 2,
        product: "999999".parse().unwrap(),
        new_workflow: true,
        guard: Some(Guard::Ledger),
        faults: Some(FaultPlan::none()),
        outcome: Some(ExpectedEnd::Outcome(OrderOutcome::Rejected)),
        attempts: [Some(1), Some(0)],
        ..placing("A", 3)
    };
    Scenario {
        name: "all".into(),
        title: "t".into(),
        why: "w".into(),
        guard: Guard::LastOrder,
        faults: "after-commit-once".parse().unwrap(),
        seed: 7,
        supplier: Some(ScenarioSupplier { key: KeyPolicy::Lookup, key_lifetime: Some(Duration::from_secs(20)) }),
        retry: RetryWaits {
            initial: Duration::from_millis(200),
            coefficient: 3,
            maximum: Duration::from_millis(800),
            start_to_close: Duration::from_secs(3),
        },
        limit: Duration::from_secs(90),
        acts: vec![
            act(When::AtOnce, What::Order(first)),
            act(When::Ended, What::KillWorker),
            act(When::AtOnce, What::StartWorker),
            act(When::AtOnce, What::KillServer),
            act(When::ServerDown, What::StartServer),
            order(When::ServerUp, "B", 4),
            order(When::Committed(id("B")), "C", 5),
            order(When::Failed(id("B")), "D", 6),
            act(When::AtOnce, What::KillSupplier),
            order(When::SupplierDown, "E", 7),
            act(When::NotSupplied(id("E")), What::StartSupplier),
            act(When::AtOnce, What::SupplierOutage { requests: 2 }),
            order(When::SupplierOutage, "F", 8),
            act(
                When::AtOnce,
                What::OtherClientOrder(Order { id: id("G"), product: "999999".parse().unwrap(), quantity: 7 }),
            ),
            act(
                When::OtherClientShipped,
                What::Order(Placing { outcome: Some(ExpectedEnd::Failed), ..placing("G", 9) }),
            ),
        ],
        expect: Expectation {
            stock: Some(981),
            verdict: Verdict::Right,
            shipments: Some(3),
            attempts: [Some(9), Some(4)],
            deaths: Some(0),
            late: Some(0),
        },
    }
}

#[test]
fn every_key_of_the_file_has_its_effect() {
    assert_eq!(parse("all", "all.toml", ALL).unwrap(), everything());
}

#[test]
fn omitted_keys_have_defaults() {
    let scenario = parse("s", "s.toml", SMALLEST).unwrap();
    assert_eq!((scenario.guard, scenario.seed, scenario.limit), (Guard::Ledger, 42, Duration::from_mins(1)));
    assert_eq!((scenario.faults.is_none(), scenario.retry), (true, RetryWaits::default()));
    assert_eq!(scenario.acts, [Act { when: When::AtOnce, what: What::Order(placing("A12", 999)) }]);
    assert_eq!((scenario.expect.attempts, scenario.expect.deaths, scenario.expect.late), ([None; 2], None, None));
    assert!(!scenario.needs_own_server() && !scenario.has_faults());
    assert_eq!((scenario.supplier, scenario.expect.shipments, scenario.supply()), (None, None, Supply::Immediate));
}

#[test]
fn a_scenario_survives_json() {
    let texts = BUILT_IN.iter().copied().chain([("all", ALL)]);
    for (name, text) in texts {
        let scenario = parse(name, name, text).unwrap();
        let json = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario, "{json}");
        // Without a supplier, the form is that of the versions that had none.
        assert_eq!(json.contains(r#""supplier":"#), scenario.supplier.is_some(), "{json}");
    }
}

#[test]
fn copies_have_ids_of_their_own() {
    let copies = Placing { copies: 3, ..placing("A", 1) };
    assert_eq!(copies.ids().collect::<Vec<_>>(), [id("A-1"), id("A-2"), id("A-3")]);
    assert_eq!(placing("A", 1).ids().collect::<Vec<_>>(), [id("A")]);
}

/// Pieces of scenarios, in any order.
fn any_text() -> impl Strategy<Value = String> {
    let lines: Vec<_> = ALL.lines().chain(SMALLEST.lines()).map(|line| format!("{line}\n")).collect();
    let odd = prop_oneof![
        prop::sample::select(lines),
        "[\\[\\]a-z'\"={}. 0-9\\n-]{0,12}",
        "\\PC{0,8}",
        Just("\n".to_owned()),
    ];
    prop::collection::vec(odd, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_the_parser_panic(text in any_text()) {
        let _ = parse("s", "s.toml", &text);
    }

    #[test]
    fn no_order_makes_the_prediction_panic(quantities in prop::collection::vec(any::<i64>(), 1..5), copies in 1..100_u32,
                                           guard in prop::sample::select(&Guard::ALL[..]),
                                           supplier in prop::sample::select(&KeyPolicy::ALL[..]),
                                           faults in prop::sample::select(vec!["seed", "none", "before-commit=2*hang",
                                                                               "before-send=2*hang;after-send=3*crash"])) {
        let act = |quantity| format!("[[acts]]\norder = 'A'\nquantity = {quantity}\ncopies = {copies}\n");
        let acts: String = quantities.into_iter().map(act).collect();
        let text = format!("title = 't'\nwhy = 'w'\nguard = '{guard}'\nsupplier = '{supplier}'\nfaults = '{faults}'\n{acts}[expect]\nstock = 1\n\
                            verdict = 'right'\n");
        let _ = parse("s", "s.toml", &text);
    }
}
