//! Watches which workers poll the task queue while the dashboard runs. Sends each change as a message.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};
use tonic::{Code, Status};

use super::{link_keeper::CurrentLink, messages::send};
use crate::{
    app::Message,
    temporal::{PollerWatch, Pollers},
};

/// Interval of queries, and the shorter one while it is uncertain whether a worker still polls.
const QUERY_INTERVAL: Duration = Duration::from_secs(2);
const UNSETTLED_QUERY_INTERVAL: Duration = Duration::from_millis(250);

/// Time of continuous errors after which the pollers count as unknown.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known about the workers on the task queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// No server has answered yet, or the answers are not conclusive.
    Unsettled,
    /// Identities of the workers that poll. The list may be empty.
    Known(Vec<String>),
    /// The server does not report workers; the string is the cause.
    Unknown(String),
}

/// The current presence.
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
    let mut last_sent: Option<Vec<String>> = None;
    loop {
        let Ok(Some(linked)) = link.wait_for(Option::is_some).await.map(|link| link.clone()) else { return };
        let (found, pause) = match poller_watch.query(&linked, &task_queue).await {
            Ok(Pollers { identities, unsettled }) => {
                failing = None;
                if last_sent.as_ref() != Some(&identities) {
                    last_sent = Some(identities.clone());
                    send(&messages, Message::Pollers { identities: identities.clone() }).await;
                }
                if unsettled {
                    (Presence::Unsettled, UNSETTLED_QUERY_INTERVAL)
                } else {
                    (Presence::Known(identities), QUERY_INTERVAL)
                }
            }
            Err(status) => {
                let since = *failing.get_or_insert_with(Instant::now);
                (failed(&status, since.elapsed()), UNSETTLED_QUERY_INTERVAL.max(since.elapsed().min(QUERY_INTERVAL)))
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

/// Returns the presence after an error. If the server lacks or forbids these calls, do not wait for it.
fn failed(status: &Status, failing: Duration) -> Presence {
    let is_final =
        matches!(status.code(), Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated | Code::NotFound);
    if is_final || failing > ERROR_TIMEOUT {
        tracing::warn!(%status, "the server does not report whether another worker polls");
        Presence::Unknown(crate::domain::sanitize(status.message(), 200))
    } else {
        Presence::Unsettled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_report_workers_is_not_waited_for() {
        let at_once = Duration::ZERO;
        assert!(matches!(failed(&Status::unimplemented("unknown method"), at_once), Presence::Unknown(_)));
        assert!(matches!(failed(&Status::permission_denied("no"), at_once), Presence::Unknown(_)));
        assert_eq!(failed(&Status::unavailable("restarting"), at_once), Presence::Unsettled);
        let cause = Presence::Unknown("restarting".to_owned());
        assert_eq!(failed(&Status::unavailable("restarting"), Duration::from_secs(6)), cause);
    }
}
