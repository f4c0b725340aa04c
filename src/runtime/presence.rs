//! Watches which workers poll the task queue, for as long as the dashboard lives. Each change is sent as a message.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};
use tonic::{Code, Status};

use super::link_keeper::CurrentLink;
use crate::{
    app::Message,
    temporal::{PollerWatch, Pollers},
};

/// Between two looks, and while a worker's life or death is not settled yet.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Errors for longer than this mean that the pollers cannot be known.
const GIVE_UP: Duration = Duration::from_secs(5);

/// What is known of the workers on the task queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// No server has answered yet, or the answers do not settle it.
    Unsettled,
    /// Identities of the workers that poll; may be empty.
    Known(Vec<String>),
    /// The server does not answer such questions.
    CannotTell(String),
}

pub type CurrentPresence = watch::Receiver<Presence>;

/// Runs until the dashboard ends.
pub async fn keep(
    task_queue: String,
    mut link: CurrentLink,
    presence: watch::Sender<Presence>,
    messages: mpsc::Sender<Message>,
) {
    let mut poller_watch = PollerWatch::default();
    let mut failing: Option<Instant> = None;
    let mut sent: Option<Vec<String>> = None;
    loop {
        let Ok(Some(linked)) = link.wait_for(Option::is_some).await.map(|link| link.clone()) else { return };
        let (found, pause) = match poller_watch.look(&linked, &task_queue).await {
            Ok(Pollers { identities, unsettled }) => {
                failing = None;
                if sent.as_ref() != Some(&identities) {
                    sent = Some(identities.clone());
                    // A dashboard that has ended needs no message.
                    let _gone = messages.send(Message::Pollers { identities: identities.clone() }).await;
                }
                if unsettled { (Presence::Unsettled, LOOK_AGAIN) } else { (Presence::Known(identities), LOOK) }
            }
            Err(status) => {
                let since = *failing.get_or_insert_with(Instant::now);
                (failed(&status, since.elapsed()), LOOK_AGAIN.max(since.elapsed().min(LOOK)))
            }
        };
        presence.send_if_modified(|before| {
            let changes = *before != found;
            *before = found;
            changes
        });
        tokio::select! {
            () = sleep(pause) => {}
            () = messages.closed() => return,
        }
    }
}

/// A server without these calls, or one that forbids them, is not asked for long.
fn failed(status: &Status, failing: Duration) -> Presence {
    let is_final =
        matches!(status.code(), Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated | Code::NotFound);
    if is_final || failing > GIVE_UP {
        tracing::warn!(%status, "cannot see whether another worker polls");
        Presence::CannotTell(crate::domain::sanitize(status.message(), 200))
    } else {
        Presence::Unsettled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_answer_such_questions_is_not_waited_for() {
        let at_once = Duration::ZERO;
        assert!(matches!(failed(&Status::unimplemented("unknown method"), at_once), Presence::CannotTell(_)));
        assert!(matches!(failed(&Status::permission_denied("no"), at_once), Presence::CannotTell(_)));
        assert_eq!(failed(&Status::unavailable("restarting"), at_once), Presence::Unsettled);
        let cause = Presence::CannotTell("restarting".to_owned());
        assert_eq!(failed(&Status::unavailable("restarting"), Duration::from_secs(6)), cause);
    }
}
