//! Keeps the link to the server, for as long as the dashboard lives: connects, starts an embedded server where there
//! is none on this machine, notices when the server goes, and tries again. Every change is told as a message.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, watch},
    time::{Duration, sleep},
};

use super::backend::{Backend, bring_up};
use crate::{
    app::{self, Message},
    config::Settings,
    server::{DevServer, Progress},
    store::now,
    temporal::{Link, Patience, backoff},
};

/// How often a link that works is checked.
const CHECK: Duration = Duration::from_secs(2);

/// The link as it is now; `None` while there is none.
pub type CurrentLink = watch::Receiver<Option<Link>>;

/// Runs until nobody listens any more.
pub async fn keep(settings: Arc<Settings>, messages: mpsc::Sender<Message>, current: watch::Sender<Option<Link>>) {
    let mut attempt = 0_u32;
    // An embedded server lives as long as this: dropping it ends it.
    let mut ours: Option<DevServer> = None;
    while !messages.is_closed() {
        attempt = attempt.saturating_add(1);
        tell(&messages, Message::Link(app::Link::Connecting { attempt })).await;
        match bring_up(&settings, "dashboard", Patience::None, &progress(&messages)).await {
            Ok(Backend { link, server }) => {
                attempt = 0;
                if server.is_some() {
                    ours = server;
                }
                tell(&messages, Message::Server(server_state(ours.as_ref()))).await;
                tell(&messages, Message::Link(app::Link::Up)).await;
                current.send_replace(Some(link.clone()));
                let cause = until_lost(&link, ours.as_ref()).await;
                current.send_replace(None);
                if let Some(server) = ours.take_if(|_| cause.server_ended) {
                    tell(&messages, Message::Server(app::Server::Ended { cause: cause.text.clone() })).await;
                    drop(server);
                }
                report_down(&messages, cause.text, 1).await;
            }
            Err(error) => report_down(&messages, error.to_string(), attempt).await,
        }
    }
}

async fn tell(messages: &mpsc::Sender<Message>, message: Message) {
    // A dashboard that has gone needs to be told nothing.
    let _gone = messages.send(message).await;
}

/// Says what is wrong and when it is tried again, and waits until then.
async fn report_down(messages: &mpsc::Sender<Message>, cause: String, attempt: u32) {
    let wait = backoff(attempt);
    let next_try = crate::domain::UnixMillis(now().0 + u64::try_from(wait.as_millis()).unwrap_or_default());
    tell(messages, Message::Link(app::Link::Down { cause, attempt, next_try })).await;
    sleep(wait).await;
}

fn progress(messages: &mpsc::Sender<Message>) -> impl Fn(Progress) + Send + Sync + use<> {
    let messages = messages.clone();
    move |step| {
        // Progress that finds no room is overtaken by the next.
        let _full = messages.try_send(Message::Server(app::Server::Preparing { step: step.to_string() }));
    }
}

fn server_state(ours: Option<&DevServer>) -> app::Server {
    ours.map_or(app::Server::Foreign, |server| app::Server::Running { web_ui: server.web_ui() })
}

struct Lost {
    text: String,
    server_ended: bool,
}

/// Returns when the link no longer works.
async fn until_lost(link: &Link, ours: Option<&DevServer>) -> Lost {
    let ended = async {
        match ours {
            Some(server) => server.wait().await,
            None => std::future::pending().await,
        }
    };
    let broken = async {
        loop {
            sleep(CHECK).await;
            if let Err(error) = link.check().await {
                return error.to_string();
            }
        }
    };
    tokio::select! {
        ended = ended => Lost { text: ended.to_string(), server_ended: true },
        text = broken => Lost { text, server_ended: false },
    }
}
