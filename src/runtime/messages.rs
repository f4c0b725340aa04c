//! Sends messages to the core.

use tokio::sync::mpsc;

use crate::{app::Message, temporal::Watch};

/// Sends a message. A core that has ended needs none.
pub(super) async fn send(messages: &mpsc::Sender<Message>, message: Message) {
    let _core_ended = messages.send(message).await;
}

/// Waits for the end of a run, also while the server is away, and reports it.
pub(super) async fn report_end(messages: &mpsc::Sender<Message>, workflow: String, run: String, watch: &Watch) {
    let end = tokio::select! {
        end = watch.end_despite_errors() => end,
        () = messages.closed() => return,
    };
    send(messages, Message::Ended { workflow, run, end }).await;
}
