//! What is done to workers, servers and running orders, and what is set for the next ones.

use url::Url;

use crate::{
    app::{
        App, Command, Execution, Instruction, Link, Overlay, Question, Server, Stage, SupplierState, Worker,
        instructions, notice::Tone,
    },
    domain::{Activity, Guard, Run},
};

/// Hosts of Temporal Cloud, by namespace and by region, and its Web UI.
const CLOUD: [&str; 2] = [".tmprl.cloud", ".api.temporal.io"];
const CLOUD_WEB_UI: &str = "https://cloud.temporal.io";

/// Why there are no planned faults.
pub(super) const FAULTS_NOT_ALLOWED: &str = "this server is not on loopback: --remote-faults allows faults there";

impl App {
    /// Selects the next fault preset.
    pub(super) fn select_next_faults(&mut self) -> Vec<Command> {
        if !self.options.faults_allowed {
            return self.refuse(FAULTS_NOT_ALLOWED);
        }
        let preset = self.composer.next_preset();
        self.notify(&format!("faults for new orders: {}, {}", preset.label(), preset.meaning()), Tone::Plain);
        Vec::new()
    }

    /// Selects the next guard.
    pub(super) fn select_next_guard(&mut self) {
        let guard = self.guard().next();
        self.composer.set_guard(guard);
        let tone = if guard == Guard::Ledger { Tone::Good } else { Tone::Bad };
        self.notify(&format!("next orders: guard {guard}, {}", guard.meaning()), tone);
    }

    /// Kills the worker process.
    pub(super) fn kill_worker(&mut self) -> Vec<Command> {
        match self.worker() {
            Worker::Starting | Worker::Ready { .. } | Worker::Stopping => vec![Command::KillWorker],
            Worker::Elsewhere => self.refuse("the worker belongs to another program, so this dashboard cannot kill it"),
            Worker::Absent | Worker::Stopped | Worker::Killed | Worker::Exited { .. } => {
                self.refuse("no worker is running; press w to start one")
            }
        }
    }

    /// Stops the worker, or starts one; asks if another one polls.
    pub(super) fn toggle_worker(&mut self) -> Vec<Command> {
        match self.worker() {
            Worker::Starting | Worker::Ready { .. } => vec![Command::StopWorker],
            Worker::Stopping => self.refuse("the worker is stopping and finishes its running attempts"),
            _ if self.connections.other_worker().is_some() || *self.worker() == Worker::Elsewhere => {
                self.view.show(Overlay::Confirm(Question::StartBeside));
                Vec::new()
            }
            Worker::Absent | Worker::Elsewhere | Worker::Stopped | Worker::Killed | Worker::Exited { .. } => {
                vec![Command::StartWorker]
            }
        }
    }

    /// Kills the supplier if it answers, and otherwise starts it.
    pub(super) fn toggle_supplier(&mut self) -> Vec<Command> {
        match self.supplier().map(|report| &report.state) {
            Some(SupplierState::Up(_)) => {
                if self.supplier().is_some_and(|report| !report.foreign) {
                    self.notify("supplier killed; press K to start it again", Tone::Plain);
                }
                vec![Command::KillSupplier]
            }
            Some(SupplierState::Down { .. }) => vec![Command::StartSupplier],
            None => self.refuse("there is no supplier; start the dashboard with --supplier http://127.0.0.1:8855"),
        }
    }

    /// Starts the embedded server, or asks for confirmation before killing it.
    pub(super) fn toggle_server(&mut self) -> Vec<Command> {
        match self.server() {
            Server::Running { .. } => self.view.show(Overlay::Confirm(Question::KillServer)),
            Server::Killed => return vec![Command::StartServer],
            // Tries at once, and repeats an installation that failed.
            Server::Unknown if matches!(self.link(), Link::Down { .. }) => return vec![Command::StartServer],
            Server::Preparing { .. } | Server::Ended { .. } => return self.refuse("the server is already starting"),
            Server::Unknown => return self.refuse("no server answers yet; the dashboard keeps trying to connect"),
            Server::Foreign => {
                return self.refuse("this dashboard did not start the server, so it cannot stop or start it");
            }
        }
        Vec::new()
    }

    /// Brings the next attempt of the selected order forward.
    pub(super) fn retry_now(&mut self) -> Vec<Command> {
        if let Some(Stage::Elsewhere { first: Some(first), .. }) = self.selected().map(|order| self.stage(order)) {
            let why = format!("{} is not an activity of this program, so it cannot be retried here", first.activity);
            return self.refuse(&why);
        }
        match self.open_run() {
            Ok(run) => {
                let activity = self.selected().map_or(Activity::UpdateInventory, Execution::current);
                vec![Command::RetryNow(run, activity)]
            }
            Err(why) => self.refuse(&format!("{why}, so there is nothing to retry")),
        }
    }

    /// Asks whether to cancel the selected order.
    pub(super) fn ask_cancel(&mut self) -> Vec<Command> {
        match (self.open_run(), self.selected_slot()) {
            (Ok(_), Some(slot)) => self.view.show(Overlay::Confirm(Question::Cancel(slot))),
            (Err(why), _) => return self.refuse(&format!("{why}, so there is nothing to cancel")),
            (Ok(_), None) => {}
        }
        Vec::new()
    }

    /// The selected order's run if it is open, or why there is none.
    fn open_run(&self) -> Result<Run, String> {
        let order = self.selected().ok_or_else(|| "no order is selected".to_owned())?;
        if !self.connections.is_up() {
            return Err("not connected to a Temporal server".to_owned());
        }
        if order.is_over() {
            return Err(format!("{} is over", order.order));
        }
        order.run_ids().ok_or_else(|| format!("the server has not answered the start of {} yet", order.order))
    }

    /// Opens the selected order's page in Temporal's Web UI.
    pub(super) fn open_web_ui(&mut self) -> Vec<Command> {
        match self.selected().and_then(Execution::run_ids) {
            Some(run) => self.open_page_of(&run),
            None => self.refuse("no order with a workflow run is selected"),
        }
    }

    /// Opens the page of a run in Temporal's Web UI.
    pub(super) fn open_page_of(&mut self, run: &Run) -> Vec<Command> {
        match self.page_of(run) {
            Some(page) => {
                self.notify(&format!("opening {page}"), Tone::Plain);
                vec![Command::Open(page)]
            }
            None => self.refuse("Web UI address unknown; set TEMPORAL_UI_URL, or press t for CLI commands"),
        }
    }

    /// The Web UI's page of a run: at the address that is set, else that of our own server or of Temporal Cloud. A dev
    /// server's is at its own port + 1000.
    fn page_of(&self, run: &Run) -> Option<String> {
        let (host, port) = self.options.server.rsplit_once(':')?;
        let base = match (&self.options.web_ui, self.server()) {
            (Some(web_ui), _) | (None, Server::Running { web_ui }) => web_ui.clone(),
            _ if CLOUD.iter().any(|domain| host.ends_with(domain)) => CLOUD_WEB_UI.to_owned(),
            _ if self.options.faults_allowed => {
                format!("http://{host}:{}", port.parse::<u16>().ok()?.checked_add(1_000)?)
            }
            _ => return None,
        };
        let mut page = Url::parse(&base).ok()?;
        let namespace = self.options.namespace.as_str();
        let parts = ["namespaces", namespace, "workflows", &run.workflow, &run.run, "history"];
        page.path_segments_mut().ok()?.pop_if_empty().extend(parts);
        Some(page.into())
    }

    /// Copies the selected order's workflow id, or what the overlay shows: the first command, or an address.
    pub(super) fn copy(&mut self) -> Vec<Command> {
        let Some(order) = self.selected() else { return self.refuse("no order is selected") };
        if let (Overlay::Address, Some(address)) = (self.overlay(), self.view.address()) {
            return vec![Command::Copy(address.to_owned())];
        }
        let first = || instructions(self, order).first().map(Instruction::line);
        let command = if self.overlay() == Overlay::ShowCommand { first() } else { None };
        let text = command.unwrap_or_else(|| order.workflow.clone());
        vec![Command::Copy(text)]
    }

    /// Shows the selected order as `temporal` commands.
    pub(super) fn show_command(&mut self) -> Vec<Command> {
        if self.selected().is_none() {
            return self.refuse("no order is selected");
        }
        self.toggle(Overlay::ShowCommand);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{Intent, Message, testing::fixture::Scene};

    #[test]
    fn destructive_actions_ask_first() {
        let mut scene = Scene::mid_retry();
        let run = Run { workflow: scene.workflow.clone(), run: scene.run.clone() };
        let slot = scene.app.selected_slot().unwrap();
        for (intent, question, command) in [
            (Intent::AskReset, Question::Reset, Command::Reset),
            (Intent::ToggleServer, Question::KillServer, Command::KillServer),
            (Intent::AskCancel, Question::Cancel(slot), Command::Cancel(run)),
        ] {
            assert_eq!(scene.press(intent), []);
            assert_eq!(scene.app.overlay(), Overlay::Confirm(question));
            assert_eq!(scene.press(Intent::No), []);
            assert_eq!(scene.press(Intent::Yes), [], "the question is gone");
            scene.press(intent);
            assert_eq!(scene.press(Intent::Yes), [command]);
            assert_eq!(scene.app.overlay(), Overlay::None);
        }
    }

    #[test]
    fn an_open_order_is_retried_and_one_that_is_over_is_not() {
        let mut scene = Scene::mid_retry();
        let run = Run { workflow: scene.workflow.clone(), run: scene.run.clone() };
        assert_eq!(scene.press(Intent::RetryNow), [Command::RetryNow(run, Activity::UpdateInventory)]);
        let mut over = Scene::right();
        assert_eq!((over.press(Intent::RetryNow), over.press(Intent::AskCancel)), (vec![], vec![]));
        assert!(over.app.notice().unwrap().text.contains("A12 is over"));
    }

    #[test]
    fn the_web_ui_page_is_that_of_the_run() {
        let mut scene = Scene::mid_retry();
        let page = "namespaces/default/workflows/order-A12/0198f1a2-6b1f-7c3e/history";
        let open = |base: &str| vec![Command::Open(format!("{base}/{page}"))];
        assert_eq!(scene.press(Intent::OpenWebUi), open("http://localhost:8233"));
        scene.tell(Message::Server(Server::Foreign));
        assert_eq!(scene.press(Intent::OpenWebUi), open("http://localhost:8233"));
        scene.app.options.server = "payments.a1b2c.tmprl.cloud:7233".into();
        assert_eq!(scene.press(Intent::OpenWebUi), open("https://cloud.temporal.io"));
        scene.app.options.server = "us-east-1.aws.api.temporal.io:7233".into();
        assert_eq!(scene.press(Intent::OpenWebUi), open("https://cloud.temporal.io"));
        for set in ["https://ui.example.org/temporal", "https://ui.example.org/temporal/"] {
            scene.app.options.web_ui = Some(set.into());
            assert_eq!(scene.press(Intent::OpenWebUi), open("https://ui.example.org/temporal"));
        }
    }

    #[test]
    fn an_address_that_opens_nowhere_is_shown_whole_and_can_be_copied() {
        let mut scene = Scene::mid_retry();
        let url = format!("http://localhost:8233/{}", "x".repeat(200));
        scene.tell(Message::NotOpened { url: url.clone() });
        assert_eq!(scene.app.overlay(), Overlay::Address);
        assert_eq!(scene.press(Intent::CopyWorkflowId), [Command::Copy(url)]);
        scene.press(Intent::Close);
        assert_eq!(scene.app.overlay(), Overlay::None);
    }

    #[test]
    fn a_killed_server_is_started_and_one_of_others_is_left_alone() {
        let mut scene = Scene::new();
        scene.tell(Message::Server(Server::Killed));
        assert_eq!(scene.press(Intent::ToggleServer), [Command::StartServer]);
        scene.tell(Message::Server(Server::Foreign));
        assert_eq!((scene.press(Intent::ToggleServer), scene.app.overlay()), (vec![], Overlay::None));
        scene.tell(Message::Server(Server::Unknown));
        assert_eq!(scene.press(Intent::ToggleServer), []);
        scene.tell(Message::Link(Link::Down { cause: "x".into(), attempt: 1, next_try: scene.app.now }));
        assert_eq!(scene.press(Intent::ToggleServer), [Command::StartServer], "it is tried at once");
    }

    #[test]
    fn copying_copies_the_id_or_the_command() {
        let mut scene = Scene::mid_retry();
        assert_eq!(scene.press(Intent::CopyWorkflowId), [Command::Copy("order-A12".into())]);
        scene.press(Intent::ShowCommand);
        let copied = scene.press(Intent::CopyWorkflowId);
        assert!(matches!(&copied[..], [Command::Copy(text)] if text.starts_with("temporal workflow start")));
    }

    #[test]
    fn the_order_in_the_question_is_cancelled_even_if_a_newer_one_arrived() {
        let mut scene = Scene::mid_retry();
        let run = Run { workflow: scene.workflow.clone(), run: scene.run.clone() };
        scene.press(Intent::AskCancel);
        scene.wait(100);
        (scene.order, scene.workflow, scene.run) = ("B7", "order-B7".into(), "r9".into());
        scene.started(crate::app::testing::fixture::UPDATE, 1);
        assert_eq!(scene.app.selected().unwrap().order, "B7");
        assert_eq!(scene.press(Intent::Yes), [Command::Cancel(run)]);
    }
}
