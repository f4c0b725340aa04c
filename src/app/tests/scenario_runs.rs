//! Runs of scenarios and walkthroughs in a headless world.

use std::time::Duration;

use crate::{
    app::{
        App, Command, Description, FailingTask, Intent, Message, Options, Overlay, PairVerdict, Question, RunState,
        ScenarioRun, StepState, SupplierCounts, SupplierReport, SupplierState,
        testing::{
            fixture::setup,
            headless::{World, scenario, scenario_mode, walkthrough},
        },
    },
    domain::{Guard, OrderOutcome, UnixMillis},
    scenario::BUILT_IN,
    store::Verdict,
};

fn played(name: &str) -> World {
    let mut world = World::new(scenario_mode(scenario(name)));
    world.settle();
    world
}

#[test]
fn every_built_in_scenario_has_its_expected_result() {
    for (name, _) in BUILT_IN {
        let world = played(name);
        let part = world.app().scenario_run().map(ScenarioRun::state);
        let Some(RunState::Finished(judged)) = part else { panic!("{name}: {part:?}") };
        assert_eq!(judged.complaint(), None, "{name}");
        assert!(judged.checks.len() >= 2, "{name}");
    }
}

#[test]
fn an_unexpected_result_is_named() {
    let mut unguarded = scenario("fail-once");
    unguarded.guard = Guard::Off;
    let mut world = World::new(scenario_mode(unguarded));
    world.settle();
    let Some(RunState::Finished(judged)) = world.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    assert!(!judged.passed());
    assert_eq!(judged.complaint().unwrap(), "stock 2 instead of 1001; verdict wrong instead of right");
    assert_eq!(world.app().journal().audit.verdict(), Verdict::Wrong);
}

#[test]
fn shipments_without_a_credit_make_the_verdict_wrong() {
    let mut expected = scenario("supplier-no-key");
    (expected.expect.shipments, expected.expect.verdict) = (Some(1), Verdict::Right);
    let mut world = World::new(scenario_mode(expected));
    world.settle();
    let Some(RunState::Finished(judged)) = world.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    let complaint = "verdict wrong instead of right; shipments 2 instead of 1; units shipped 2000 instead of 1000";
    assert_eq!(judged.complaint().unwrap(), complaint);
    assert_eq!(world.app().journal().audit.verdict(), Verdict::Right, "the stock alone does not show it");
    assert_eq!(world.app().pair_verdict(), Some(PairVerdict::Wrong));
}

#[test]
fn a_supplier_is_counted_after_everything_else_has_ended() {
    let mut world = World::new(scenario_mode(scenario("supplier-no-key")));
    let asks = |world: &World| world.asked.iter().filter(|ask| matches!(ask, Command::AskSupplier(_))).count();
    while asks(&world) < 2 {
        assert!(world.go_on(), "the supplier is not asked");
    }
    // A report from before the question, on its way until now.
    let counts = SupplierCounts { requests: 1, shipped: 1, units: 1_000, ..SupplierCounts::default() };
    world.tell(Message::Supplier(SupplierReport { answers: 1, state: SupplierState::Up(counts), foreign: false }));
    assert!(!world.app().scenario_run().unwrap().is_over());
    world.settle();
    let Some(RunState::Finished(judged)) = world.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    assert_eq!((judged.complaint(), asks(&world)), (None, 2));
}

#[test]
fn nothing_is_sent_before_server_worker_and_stock_are_there() {
    let world = World::new(scenario_mode(scenario("happy-path")));
    let sent = world.asked.iter().filter(|command| matches!(command, Command::StartOrder(_))).count();
    assert_eq!(sent, 1, "{:?}", world.asked);
    assert!(world.app().scenario_run().is_some_and(ScenarioRun::has_begun));
}

#[test]
fn a_run_that_does_not_end_is_given_up_at_its_limit_with_the_reason() {
    let mut world = World::new(scenario_mode(scenario("happy-path")));
    world.wait(59_000);
    assert!(!world.app().scenario_run().unwrap().is_over());
    world.wait(2_000);
    let Some(RunState::Abandoned(why)) = world.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    assert_eq!(why, "not over after 60 s: waiting for the end of A12");
}

#[test]
fn a_failing_workflow_task_is_named_as_the_cause_at_the_limit() {
    let mut world = World::new(scenario_mode(scenario("happy-path")));
    let (workflow, run) = loop {
        let started = world.heard.iter().find_map(|(_, message)| match message {
            Message::Started { workflow, run, .. } => Some((workflow.clone(), run.clone())),
            _ => None,
        });
        if let Some(started) = started {
            break started;
        }
        assert!(world.go_on(), "the order is not started");
    };
    let failing = FailingTask { attempt: 3, explanation: "the worker has no key".to_owned() };
    let at = UnixMillis(world.now);
    let pending = Vec::new();
    let answer = Ok(Description { at, open: true, pending, failing: Some(failing), others: Vec::new() });
    world.tell(Message::Described { workflow, run, answer });
    world.wait(61_000);
    let Some(RunState::Abandoned(why)) = world.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    assert_eq!(why, "not over after 60 s: waiting for the end of A12, but the worker has no key");
}

fn state(world: &World) -> &StepState {
    world.app().walkthrough().unwrap().step().unwrap().1
}

#[test]
fn one_key_plays_every_step_and_every_check_passes() {
    let mut world = World::new(walkthrough());
    let count = world.app().walkthrough().unwrap().position().1;
    assert!(count >= 8);
    for step in 0..count {
        assert_eq!(world.app().walkthrough().unwrap().position().0, step);
        let plays = world.app().walkthrough().unwrap().step().unwrap().0.scenario.is_some();
        if plays {
            assert_eq!(*state(&world), StepState::Ready);
            world.press(Intent::GoOn);
            assert_eq!(*state(&world), StepState::Playing);
            world.press(Intent::GoOn);
            assert_eq!(*state(&world), StepState::Playing, "it is not left while it is played");
            world.settle();
            assert_eq!(state(&world).passed(), Some(true), "step {step}: {:?}", state(&world));
        }
        world.press(Intent::GoOn);
    }
    let walkthrough = world.app().walkthrough().unwrap();
    assert!(walkthrough.step().is_none(), "the summary");
    let (figures, holds) = walkthrough.counts().unwrap();
    assert!(
        holds && figures.starts >= 11 && figures.retries >= 4 && figures.replays >= 4 && figures.deaths == 1,
        "{figures:?}"
    );
}

#[test]
fn a_step_can_be_gone_back_to_repeated_and_skipped() {
    let mut world = World::new(walkthrough());
    world.press(Intent::GoOn);
    world.settle();
    world.press(Intent::SkipStep);
    world.press(Intent::SkipStep);
    assert_eq!(world.app().walkthrough().unwrap().position().0, 2);
    world.press(Intent::GoBack);
    assert_eq!(*state(&world), StepState::Skipped);
    world.press(Intent::GoBack);
    assert_eq!(state(&world).passed(), Some(true), "what was seen stays seen");
    world.press(Intent::RepeatStep);
    assert_eq!(*state(&world), StepState::Playing);
    world.settle();
    assert_eq!(state(&world).passed(), Some(true), "from a fresh stock");
    world.press(Intent::GoBack);
    assert_eq!(world.app().walkthrough().unwrap().position().0, 0);
}

#[test]
fn leftovers_of_a_skipped_step_are_removed_before_the_next() {
    let mut world = World::new(walkthrough());
    world.press(Intent::GoOn);
    // Its order is sent and runs.
    for _ in 0..2 {
        world.go_on();
    }
    world.asked.clear();
    world.press(Intent::SkipStep);
    world.press(Intent::GoOn);
    world.settle();
    let names: Vec<_> = world.asked.iter().map(|command| format!("{command:?}")).collect();
    for (place, wanted) in ["KillWorker", "Terminate", "StartWorker", "Reset", "StartOrder"].into_iter().enumerate() {
        let found: Vec<_> =
            names.iter().filter(|name| !name.starts_with("Present") && !name.starts_with("Describe")).collect();
        assert!(found[place].starts_with(wanted), "{found:#?}");
    }
    assert_eq!(state(&world).passed(), Some(true), "{:?}", state(&world));
}

#[test]
fn escape_opens_the_dashboard_and_p_returns_to_the_walkthrough() {
    let mut world = World::new(walkthrough());
    world.press(Intent::Help);
    world.press(Intent::Close);
    assert_eq!(world.app().overlay(), Overlay::Walkthrough, "behind the help");
    world.press(Intent::Close);
    assert_eq!(world.app().overlay(), Overlay::Confirm(Question::LeaveWalkthrough), "a clicker's Esc ends no talk");
    world.press(Intent::No);
    assert_eq!(world.app().overlay(), Overlay::Walkthrough);
    world.press(Intent::Blank);
    assert_eq!(world.app().overlay(), Overlay::Blank);
    world.press(Intent::Close);
    assert_eq!(world.app().overlay(), Overlay::Walkthrough);
    world.press(Intent::Close);
    world.press(Intent::Yes);
    assert_eq!(world.app().overlay(), Overlay::None);
    world.press(Intent::Blank);
    world.press(Intent::Close);
    assert_eq!(world.app().overlay(), Overlay::None, "back to where it was");
    assert!(world.app().notice().is_some_and(|notice| notice.text.contains("the walkthrough waits")));
    world.press(Intent::Walkthrough);
    assert_eq!(world.app().overlay(), Overlay::Walkthrough);
    assert_eq!(world.app().notice(), None, "it no longer waits");
    world.press(Intent::GoOn);
    world.press(Intent::GoOn);
    assert!(world.app().notice().is_some_and(|notice| notice.text.contains("press s to skip")));
    world.press(Intent::SkipStep);
    assert_eq!(world.app().notice(), None, "it was skipped");
    let mut dashboard = World::new(crate::app::StartMode::Dashboard);
    dashboard.press(Intent::Walkthrough);
    assert!(dashboard.asked.contains(&Command::Walkthrough));
}

#[test]
fn control_c_ends_the_program_even_if_q_returns_to_the_dashboard() {
    let start_mode = walkthrough();
    let mut alone = App::new(Options { start_mode: start_mode.clone(), ..setup() });
    assert!(alone.update(Message::Intent(Intent::Quit)).contains(&Command::Quit));
    let mut above = App::new(Options { above_dashboard: true, start_mode, ..setup() });
    for leaves_the_talk in [false, true] {
        if leaves_the_talk {
            above.update(Message::Intent(Intent::Close));
            above.update(Message::Intent(Intent::Yes));
        }
        assert!(above.update(Message::Intent(Intent::Quit)).contains(&Command::Return));
        assert!(above.update(Message::Intent(Intent::Exit)).contains(&Command::Quit));
        let keys = crate::ui::tests::text(&crate::ui::tests::frame(&above, 200, 40));
        let keys = keys.lines().last().unwrap();
        assert!(keys.contains("q leave") && !keys.contains("quit"), "{keys}");
    }
}

#[test]
fn the_speakers_screen_receives_each_step_and_its_progress() {
    let mut world = World::new(walkthrough());
    world.press(Intent::GoOn);
    world.settle();
    world.press(Intent::GoOn);
    let pages = world.asked.iter().filter_map(|command| match command {
        Command::Present(page) => Some((page.position.0, page.stands.as_str())),
        _ => None,
    });
    let pages: Vec<_> = pages.collect();
    let plays = "The next key plays this step.";
    assert_eq!(
        pages,
        [(0, plays), (0, "Still playing. Press s to skip."), (0, "The next key goes to the next step."), (1, plays)]
    );
}

#[test]
fn an_ended_worker_or_server_is_started_for_the_next_step() {
    for (intent, back) in [(Intent::KillWorker, Command::StartWorker), (Intent::ToggleServer, Command::StartServer)] {
        let mut world = World::new(walkthrough());
        world.press(Intent::GoOn);
        world.settle();
        world.press(Intent::Close);
        world.press(Intent::Yes);
        world.press(intent);
        world.press(Intent::Yes);
        world.settle();
        world.asked.clear();
        world.press(Intent::Walkthrough);
        world.press(Intent::GoOn);
        world.press(Intent::GoOn);
        world.settle();
        assert!(world.asked.contains(&back), "{:?}", world.asked);
        assert_eq!(state(&world).passed(), Some(true), "{:?}", state(&world));
    }
}

#[test]
fn an_order_by_hand_does_not_delay_the_first_step() {
    let mut world = World::new(walkthrough());
    world.press(Intent::Close);
    world.press(Intent::Yes);
    world.press(Intent::FreshOrder);
    world.settle();
    world.press(Intent::Walkthrough);
    world.press(Intent::GoOn);
    world.settle();
    assert_eq!(state(&world).passed(), Some(true), "{:?}", state(&world));
}

#[test]
fn a_key_that_is_held_puts_the_stock_back_once() {
    let mut world = World::new(walkthrough());
    world.press(Intent::GoOn);
    world.settle();
    world.asked.clear();
    for _ in 0..5 {
        world.press(Intent::RepeatStep);
    }
    world.settle();
    assert_eq!(world.asked.iter().filter(|command| **command == Command::Reset).count(), 1);
    assert_eq!(state(&world).passed(), Some(true), "{:?}", state(&world));
}

#[test]
fn a_setup_that_never_becomes_ready_is_given_up_and_names_what_is_missing() {
    let mut world = World::new(walkthrough());
    world.press(Intent::GoOn);
    world.settle();
    world.press(Intent::GoOn);
    // The world that answers is asked no more.
    world.press(Intent::GoOn);
    world.wait(59_000);
    assert_eq!(*state(&world), StepState::Playing);
    world.wait(2_000);
    let StepState::Abandoned(why) = state(&world) else { panic!("{:?}", state(&world)) };
    assert_eq!(why, "not ready after 60 s: the stock is not reset");
}

#[test]
fn on_a_used_database_only_the_verdict_counts() {
    let mut world = World::new(scenario_mode(scenario("happy-path")));
    world.settle();
    let start_mode = crate::app::StartMode::Scenario {
        scenario: Box::new(scenario("happy-path")),
        initial_stock: crate::app::InitialStock::Keep,
    };
    let mut again = world.again(start_mode);
    again.settle();
    let Some(RunState::Finished(judged)) = again.app().scenario_run().map(ScenarioRun::state) else { panic!() };
    assert!(judged.passed(), "{:?}", judged.checks);
    assert_eq!(
        again.app().scenario_run().unwrap().sent_orders()[0].outcome(again.app().orders()),
        Ok(OrderOutcome::Replayed)
    );
}

#[test]
fn orders_of_a_scenario_are_removed_from_the_server_and_the_users_are_kept() {
    let limit = |world: &World| {
        world.asked.iter().find_map(|command| match command {
            Command::StartOrder(start) => Some(start.limit),
            _ => None,
        })
    };
    assert_eq!(limit(&played("happy-path")), Some(Some(Duration::from_mins(2))));
    let mut keyboard = World::new(crate::app::StartMode::Dashboard);
    keyboard.press(Intent::FreshOrder);
    assert_eq!(limit(&keyboard), Some(None));
}
