//! The selected order as `temporal` CLI commands: to start, show, retry and cancel it without this dashboard.

use serde_json::json;

use crate::{
    app::{App, Execution, Options, Security},
    domain::{PendingActivity, Run},
};

/// Default address of `idempotence codec-server`. Without it, a start would send the order unencrypted.
const CODEC_SERVER: &str = "http://127.0.0.1:8081";

/// A command, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub does: &'static str,
    /// Words quoted for a shell if needed.
    pub words: Vec<String>,
}

impl Instruction {
    fn new(does: &'static str, verb: &[&str], place: &[String], rest: &[(&str, &str)]) -> Self {
        let verb = ["temporal"].iter().chain(verb).map(|word| (*word).to_owned());
        let rest = rest.iter().flat_map(|(flag, value)| [(*flag).to_owned(), quoted(value)]);
        Self { does, words: verb.chain(place.iter().cloned()).chain(rest).collect() }
    }

    /// On one line.
    #[must_use]
    pub fn line(&self) -> String {
        self.words.join(" ")
    }
}

/// The commands for `order`; the start is first, if the order's details are known.
#[must_use]
pub fn instructions(app: &App, order: &Execution) -> Vec<Instruction> {
    let setup = app.options();
    let place = place(setup);
    let run = order.run.as_deref().unwrap_or_default();
    let one = [("--workflow-id", order.workflow.as_str()), ("--run-id", run)];
    let one = if run.is_empty() { &one[..1] } else { &one };
    let input = input(app, order);
    let start = input.as_deref().map(|input| {
        let start = [
            ("--task-queue", setup.task_queue.as_str()),
            ("--type", "InventoryWorkflow"),
            ("--workflow-id", &order.workflow),
            ("--input", input),
        ];
        Instruction::new("start the order", &["workflow", "start"], &place, &start)
    });
    let look = Instruction::new("show its pending activities", &["workflow", "describe"], &place, one);
    let cancel = Instruction::new("cancel the order", &["workflow", "cancel"], &place, one);
    let reset = order.pending(order.current()).map(|pending| {
        let reset = [one, &[("--activity-id", pending.id.as_str())]].concat();
        Instruction::new("retry now (attempt numbers restart at 1)", &["activity", "reset"], &place, &reset)
    });
    let open = !order.is_over();
    start.into_iter().chain([look]).chain(reset).chain(open.then_some(cancel)).collect()
}

/// The flags for the server and the namespace. Certificates and keys come from the environment; the Temporal CLI uses the
/// same names.
fn place(setup: &Options) -> Vec<String> {
    let place = [("--address", &setup.server), ("--namespace", &setup.namespace)];
    let mut place: Vec<String> = place.into_iter().flat_map(|(flag, value)| [flag.to_owned(), quoted(value)]).collect();
    if matches!(setup.security, Security::Tls | Security::Unverified) {
        place.push("--tls".to_owned());
    }
    if setup.encrypted {
        place.extend(["--codec-endpoint".to_owned(), CODEC_SERVER.to_owned()]);
    }
    place
}

/// The commands for an execution of any workflow, and for one of its pending activities.
#[must_use]
pub fn execution_instructions(
    setup: &Options,
    run: &Run,
    pending: Option<&PendingActivity>,
    is_open: bool,
) -> Vec<Instruction> {
    let place = place(setup);
    let one = [("--workflow-id", run.workflow.as_str()), ("--run-id", run.run.as_str())];
    let one = if run.run.is_empty() { &one[..1] } else { &one };
    let command = |does, verb: &[&str], rest: &[(&str, &str)]| Instruction::new(does, verb, &place, rest);
    let mut all = vec![
        command("show its pending activities", &["workflow", "describe"], one),
        command("show its history", &["workflow", "show"], one),
    ];
    if let Some(pending) = pending.filter(|_| is_open) {
        let activity = [one, &[("--activity-id", pending.id.as_str())]].concat();
        let timeout = [activity.as_slice(), &[("--start-to-close-timeout", "30s")]].concat();
        all.extend([
            command("pause the activity", &["activity", "pause"], &activity),
            command("undo the pause; a waiting attempt starts now", &["activity", "unpause"], &activity),
            command("reset the activity (attempt numbers restart at 1)", &["activity", "reset"], &activity),
            command("change its options", &["activity", "update-options"], &timeout),
        ]);
    }
    if is_open {
        let signal = [one, &[("--name", "NAME"), ("--input", "JSON")]].concat();
        all.extend([
            command("send a signal", &["workflow", "signal"], &signal),
            command("request its cancellation", &["workflow", "cancel"], one),
            command("terminate it", &["workflow", "terminate"], one),
        ]);
    }
    all
}

/// The workflow's input, with the field `Demo` as the dashboard sends it.
fn input(app: &App, order: &Execution) -> Option<String> {
    let terms = order.details()?;
    let mut input =
        json!({ "OrderID": order.order, "Item": terms.product.as_str(), "Quantity": terms.quantity, "Demo": {} });
    // A start that joined another one's run did not decide on its faults.
    let demo = match order.submission.as_ref().filter(|asked| !asked.joined) {
        Some(asked) => json!({ "Faults": asked.faults.to_string(), "Seed": app.options().seed, "Guard": terms.guard }),
        None => json!({ "Guard": terms.guard }),
    };
    input["Demo"] = demo;
    Some(input.to_string())
}

/// Quotes a text for a shell. It cannot contain NUL, because it was sanitized.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::testing::fixture::{Scene, waiting};

    #[test]
    fn an_order_is_shown_as_commands() {
        let scene = Scene::mid_retry();
        let shown = instructions(&scene.app, scene.app.selected().unwrap());
        let lines: Vec<_> = shown.iter().map(Instruction::line).collect();
        assert_eq!(
            lines[0],
            "temporal workflow start --address localhost:7233 --namespace default --task-queue inventory-task-queue \
             --type InventoryWorkflow --workflow-id order-A12 --input \
             '{\"OrderID\":\"A12\",\"Item\":\"123456\",\"Quantity\":999,\"Demo\":{\"Faults\":\"before-commit=34%error;\
             after-commit=34%error\",\"Seed\":42,\"Guard\":\"ledger\"}}'"
        );
        assert!(lines[2].starts_with("temporal workflow cancel") && shown.len() == 3);
        let over = Scene::right();
        assert_eq!(instructions(&over.app, over.app.selected().unwrap()).len(), 2);
    }

    #[test]
    fn a_joined_start_shows_no_fault_plan() {
        let mut scene = Scene::new();
        scene.started(crate::app::testing::fixture::UPDATE, 1);
        scene.commit(crate::app::testing::fixture::UPDATE, 1, -999);
        let commands = scene.press(crate::app::Intent::SeedOrder);
        let crate::app::Command::StartOrder(start) = &commands[0] else { panic!("{commands:?}") };
        let (ticket, order) = (start.ticket, start.order.to_string());
        let (workflow, run) = (scene.workflow.clone(), scene.run.clone());
        scene.tell(crate::app::Message::Started { ticket, order, workflow, run, joined: true });
        let shown = instructions(&scene.app, scene.app.selected().unwrap());
        assert!(shown[0].line().ends_with("\"Demo\":{\"Guard\":\"ledger\"}}'"), "{}", shown[0].line());
    }

    #[test]
    fn an_activity_that_the_server_reports_can_be_reset() {
        let mut scene = Scene::mid_retry();
        let now = scene.now;
        scene.described(vec![waiting(3, now - 300, now + 1_700)]);
        let shown = instructions(&scene.app, scene.app.selected().unwrap());
        assert!(shown[2].line().starts_with("temporal activity reset") && shown[2].line().ends_with("--activity-id 1"));
    }

    #[test]
    fn an_execution_of_any_workflow_has_a_command_for_each_operation() {
        let setup = crate::app::testing::fixture::setup();
        let run = Run { workflow: "check out/7".into(), run: "r1".into() };
        let lines = |pending: Option<&PendingActivity>, is_open| -> Vec<String> {
            let all = execution_instructions(&setup, &run, pending, is_open);
            all.iter().map(|one| one.words.iter().skip(1).take(2).cloned().collect::<Vec<_>>().join(" ")).collect()
        };
        let pending = waiting(3, 1_000, 2_000);
        assert_eq!(
            lines(Some(&pending), true).join(", "),
            "workflow describe, workflow show, activity pause, activity unpause, activity reset, activity update-options, \
             workflow signal, workflow cancel, workflow terminate"
        );
        assert_eq!(lines(Some(&pending), false), ["workflow describe", "workflow show"]);
        let first = execution_instructions(&setup, &run, None, true).remove(0).line();
        assert_eq!(
            first,
            "temporal workflow describe --address localhost:7233 --namespace default --workflow-id 'check out/7' --run-id r1"
        );
    }

    #[test]
    fn a_hostile_id_remains_one_argument() {
        let mut scene = Scene::new();
        scene.workflow = "order-'; rm -rf / #".into();
        scene.started(crate::app::testing::fixture::UPDATE, 1);
        let shown = instructions(&scene.app, scene.app.selected().unwrap());
        for instruction in shown {
            let words = shlex::split(&instruction.line()).unwrap();
            assert!(words.contains(&scene.workflow), "{words:?}");
        }
    }
}
