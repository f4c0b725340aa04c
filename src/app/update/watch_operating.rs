//! Operations on an execution of any workflow: what a key asks for, and why it does nothing.

use crate::{
    app::{
        App,
        command::Command,
        intent::{Intent, Overlay, Question},
        watch::{Lane, LineProblem, Watch, Watched, options_line, parse_options, parse_signal},
    },
    domain::{ActivityOptions, Operation, PendingActivity, PendingState, Run},
};

const READ_ONLY: &str = "operations are removed by --read-only";

impl App {
    /// The execution that can be operated on now, or why there is none.
    fn operable(&self) -> Result<(&Watched, Run), String> {
        let watch = self.watch().ok_or("no execution is shown")?;
        if watch.options().read_only {
            return Err(READ_ONLY.to_owned());
        }
        if !self.connections.is_up() {
            return Err("not connected to a Temporal server".to_owned());
        }
        let opened = watch.opened().ok_or("no execution is shown")?;
        if opened.is_over() {
            return Err(format!("{} has ended", opened.target.workflow));
        }
        match &opened.info {
            Some(info) => Ok((opened, info.run.clone())),
            None => Err("the server has not described the execution yet".to_owned()),
        }
    }

    /// The selected activity if it is pending, or why there is none.
    fn operable_activity(&self) -> Result<(Run, &PendingActivity, Option<&ActivityOptions>), String> {
        let (opened, run) = self.operable()?;
        let lane = self.watch().and_then(Watch::selected_lane).ok_or("no activity is selected")?;
        let Lane::Activity(activity) = lane else {
            return Err(format!("{} is not an activity of a worker", lane.label()));
        };
        let (pending, _) =
            opened.pending(lane).ok_or_else(|| format!("the activity {} is not pending", lane.label()))?;
        Ok((run, pending, activity.activity_record().and_then(|record| record.options.as_ref())))
    }

    /// Whether `--read-only` has removed what a key does.
    #[must_use]
    pub fn has_removed(&self, intent: Intent) -> bool {
        let operates = matches!(
            intent,
            Intent::RetryNow
                | Intent::AskPause
                | Intent::AskResetActivity
                | Intent::EditOptions
                | Intent::EditSignal
                | Intent::AskCancel
                | Intent::AskTerminate
        );
        operates && self.watch().is_some_and(|watch| watch.options().read_only)
    }

    /// Whether the execution can be operated on now.
    pub(super) fn can_operate(&self) -> bool {
        self.operable().is_ok()
    }

    /// Whether the selected activity can be operated on now.
    pub(super) fn can_operate_on_activity(&self) -> bool {
        self.operable_activity().is_ok()
    }

    fn ask_to(&mut self, asked: Result<(Run, Operation), String>) -> Vec<Command> {
        match asked {
            Ok((run, operation)) => {
                if let Some(watch) = &mut self.watch {
                    watch.ask(run, operation);
                }
                self.view.show(Overlay::Confirm(Question::Operate));
                Vec::new()
            }
            Err(why) => self.refuse(&format!("{why}, so nothing is done")),
        }
    }

    /// Asks whether to operate on the execution.
    pub(super) fn ask_operation(&mut self, operation: Operation) -> Vec<Command> {
        let asked = self.operable().map(|(_, run)| (run, operation));
        self.ask_to(asked)
    }

    /// Asks whether to start the next attempt of the selected activity now.
    pub(super) fn ask_retry_now(&mut self) -> Vec<Command> {
        let asked = self.operable_activity().and_then(|(run, pending, _)| {
            if pending.runs() {
                return Err(format!("attempt {} runs", pending.attempt));
            }
            if pending.state == PendingState::Paused {
                return Err("the activity is paused; p undoes the pause".to_owned());
            }
            Ok((run, Operation::RetryNow { activity: pending.id.clone() }))
        });
        self.ask_to(asked)
    }

    /// Asks whether to pause the selected activity, or to undo its pause.
    pub(super) fn ask_pause(&mut self) -> Vec<Command> {
        let asked = self.operable_activity().map(|(run, pending, _)| {
            let activity = pending.id.clone();
            let is_paused = pending.state == PendingState::Paused;
            (run, if is_paused { Operation::Unpause { activity } } else { Operation::Pause { activity } })
        });
        self.ask_to(asked)
    }

    /// Asks whether to reset the selected activity.
    pub(super) fn ask_reset_activity(&mut self) -> Vec<Command> {
        let asked =
            self.operable_activity().map(|(run, pending, _)| (run, Operation::Reset { activity: pending.id.clone() }));
        self.ask_to(asked)
    }

    /// Begins to edit the options of the selected activity.
    pub(super) fn edit_options(&mut self) -> Vec<Command> {
        match self.operable_activity() {
            Ok((_, _, Some(options))) => {
                let line = options_line(options);
                self.view.edit_line(line, Overlay::ActivityOptions);
                Vec::new()
            }
            Ok((_, _, None)) => self.refuse("the server does not report the options of this activity"),
            Err(why) => self.refuse(&format!("{why}, so nothing is done")),
        }
    }

    /// Begins to edit a signal to the execution.
    pub(super) fn edit_signal(&mut self) -> Vec<Command> {
        match self.operable() {
            Ok(_) => {
                self.view.edit_line(String::new(), Overlay::Signal);
                Vec::new()
            }
            Err(why) => self.refuse(&format!("{why}, so nothing is done")),
        }
    }

    /// What is wrong with the signal or the options as they are typed; `None` if nothing is.
    #[must_use]
    pub fn line_problem(&self) -> Option<LineProblem> {
        let line = self.input().value();
        match self.overlay() {
            Overlay::Signal => parse_signal(line).err(),
            Overlay::ActivityOptions => {
                let current = self.operable_activity().ok().and_then(|(.., options)| options.cloned());
                parse_options(line, &current.unwrap_or_default()).err()
            }
            _ => None,
        }
    }

    /// Asks whether to send the edited signal. A line with a mistake stays open.
    pub(super) fn submit_signal(&mut self) -> Vec<Command> {
        let Ok((name, argument)) = parse_signal(self.input().value()) else { return Vec::new() };
        self.ask_operation(Operation::Signal { name, argument })
    }

    /// Asks whether to change the options. A line with a mistake stays open.
    pub(super) fn submit_options(&mut self) -> Vec<Command> {
        let line = self.input().value().to_owned();
        let asked = match self.operable_activity() {
            Ok((run, pending, options)) => match parse_options(&line, options.unwrap_or(&ActivityOptions::default())) {
                Ok(options) => {
                    let options = Box::new(options);
                    Ok((run, Operation::UpdateOptions { activity: pending.id.clone(), options }))
                }
                Err(_) => return Vec::new(),
            },
            Err(why) => Err(why),
        };
        self.ask_to(asked)
    }
}
