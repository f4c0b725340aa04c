//! Sends messages to the core.

use tokio::sync::mpsc;

use crate::app::Message;

/// Sends a message. If the core has ended, the message is dropped.
pub(super) async fn send(messages: &mpsc::Sender<Message>, message: Message) {
    let _core_ended = messages.send(message).await;
}
