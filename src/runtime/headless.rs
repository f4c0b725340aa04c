//! The event loop without a terminal: update and execute until the caller ends the loop.

use std::ops::ControlFlow;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    app::{Command, Core, Message},
    clock::now,
};

/// Runs until `after_message` breaks. It is called after the core has applied each message. Returns the core and the
/// break value, or `None` if all message senders have been dropped.
pub async fn run<C: Core, B>(
    mut core: C,
    messages: &mut mpsc::Receiver<Message>,
    execute: impl Fn(Command) -> ControlFlow<()>,
    mut after_message: impl FnMut(&Message, &C) -> ControlFlow<B>,
) -> (C, Option<B>) {
    let mut ticked = Instant::now();
    loop {
        let message = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => message,
                None => return (core, None),
            },
            () = sleep_until(ticked + core.pace()) => Message::Tick { now: now() },
        };
        ticked = Instant::now();
        let mut commands = core.update(Message::Tick { now: now() });
        commands.extend(core.update(message.clone()));
        for command in commands {
            // A quit command needs a terminal.
            let _quit = execute(command);
        }
        if let ControlFlow::Break(why) = after_message(&message, &core) {
            return (core, Some(why));
        }
    }
}
