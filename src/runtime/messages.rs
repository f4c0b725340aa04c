//! Sends messages to the core.

use tokio::sync::mpsc;

use crate::{app::Message, temporal::Watch};

/// Sends a message. If the core has ended, the message is dropped.
pub(super) async fn send(messages: &mpsc::Sender<Message>, message: Message) {
    let _core_ended = messages.send(message).await;
}

/// Waits until a run ends, even while the server does not answer, and reports the end.
pub(super) async fn report_end(messages: &mpsc::Sender<Message>, workflow: String, run: String, watch: &Watch) {
    let end = tokio::select! {
        end = watch.end_despite_errors() => end,
        () = messages.closed() => return,
    };
    send(messages, Message::Ended { workflow, run, end }).await;
}
