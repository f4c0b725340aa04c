//! The loop without a terminal: update, perform, until the core has come to where its caller wants it.

use std::ops::ControlFlow;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    app::{Command, Core, Message},
    clock::now,
};

/// Runs until `heard` breaks off, which is asked after each message; before it, the core has taken the message in. Gives
/// back the core and why it was broken off; `None` where nobody tells anything any more.
pub async fn run<C: Core, B>(
    mut core: C,
    messages: &mut mpsc::Receiver<Message>,
    execute: impl Fn(Command) -> ControlFlow<()>,
    mut heard: impl FnMut(&Message, &C) -> ControlFlow<B>,
) -> (C, Option<B>) {
    let mut ticked = Instant::now();
    loop {
        let message = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => message,
                None => return (core, None),
            },
            () = sleep_until(ticked + core.pace()) => {
                ticked = Instant::now();
                Message::Tick { now: now() }
            }
        };
        let mut commands = core.update(Message::Tick { now: now() });
        commands.extend(core.update(message.clone()));
        for command in commands {
            // A quit needs a terminal.
            let _quit = execute(command);
        }
        if let ControlFlow::Break(why) = heard(&message, &core) {
            return (core, Some(why));
        }
    }
}
