//! Prints the walkthrough as lines, for a terminal without a cursor or for a screen reader. Each step runs and is
//! checked without a key. It prints no escape sequences.

use std::{ops::ControlFlow, process::ExitCode};

use tokio::sync::mpsc;

use super::Prepared;
use crate::{
    app::{App, Core, Intent, Message, StartMode, StepState, summary},
    commands::{
        Failure,
        demo::{SHUTDOWN_TIMEOUT, backend, end, end_signal, hopeless},
        log::LogFile,
        print,
        replay::lines::{print_step, sentences},
        session::MESSAGE_QUEUE_LEN,
    },
    recording::{Recorded, Recorder},
    runtime::{headless, worker_keeper::WorkerRequest},
};

/// Runs every step, and prints its text, its events and the results of its checks.
///
/// # Errors
/// Returns [`Failure`] if no server or worker becomes available.
pub(super) async fn play(
    Prepared { script, sandbox, processes, .. }: Prepared,
    log: &LogFile,
    recorder: Option<Recorder>,
) -> Result<ExitCode, Failure> {
    let backend = backend(&sandbox.settings, false).await?;
    let core = Recorded::new(sandbox.setup(log, StartMode::Walkthrough(Box::new(script))), recorder);
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let executor = processes.start(&sandbox.settings, sender.clone());
    let (mut shown, mut turner) = (None, PageTurner { sender, turned: None });
    let heard = |message: &Message, core: &Recorded| {
        let app = core.app();
        for text in sentences(message) {
            print::line(&text);
        }
        print_step(app, &mut shown);
        hopeless(message, app).map_or_else(|| turner.turn(app), |failure| ControlFlow::Break(Err(failure)))
    };
    let playing = headless::run(core, &mut messages, |command| executor.execute(command), heard);
    let played = tokio::select! {
        played = playing => Ok(played),
        signal = end_signal()? => Err(Failure::Signal(signal)),
    };
    drop(messages);
    executor.finish(WorkerRequest::Kill, SHUTDOWN_TIMEOUT).await;
    end(backend).await;
    let (core, why) = played?;
    let (app, _recorder) = core.end();
    if let Some(Err(failure)) = why {
        return Err(failure);
    }
    print::line(&summary(&app));
    let holds = app
        .walkthrough()
        .is_some_and(|walkthrough| walkthrough.unseen() == 0 && walkthrough.counts().is_none_or(|(_, holds)| holds));
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends the walkthrough's one key: once for each text, and once at the end of each step.
struct PageTurner {
    sender: mpsc::Sender<Message>,
    /// The step at which the last key was sent, and whether the step had ended.
    turned: Option<(usize, bool)>,
}

impl PageTurner {
    fn turn(&mut self, app: &App) -> ControlFlow<Result<(), Failure>> {
        let Some(walkthrough) = app.walkthrough() else { return ControlFlow::Continue(()) };
        let Some((_, state)) = walkthrough.step() else { return ControlFlow::Break(Ok(())) };
        let here = (walkthrough.position().0, *state != StepState::Ready);
        let is_due = *state != StepState::Playing && self.turned != Some(here);
        if is_due && self.sender.try_send(Message::Intent(Intent::GoOn)).is_ok() {
            self.turned = Some(here);
        }
        ControlFlow::Continue(())
    }
}
