//! Keeps the link to the server while the dashboard runs: connects, starts an embedded server if none answers on this
//! machine, detects a lost server, and retries. On request it kills and starts the embedded server. Every change is
//! sent as a message.

use std::{path::PathBuf, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    time::{Duration, sleep, timeout},
};

use super::{
    backend::{Backend, BackendError, bring_up_with, connect_only},
    messages,
};
use crate::{
    app::{self, Message, Server, Tone},
    clock::now,
    config::Settings,
    server::{DevServer, Installation, ObtainError, Progress},
    temporal::{CallRetries, Link, backoff},
};

/// Interval of health checks of a working link.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Maximum time until a killed server has ended.
const KILL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for the end of the server process after the link is lost.
const EXIT_REPORT_DELAY: Duration = Duration::from_millis(250);

/// The current link; `None` while there is none.
pub type CurrentLink = watch::Receiver<Option<Link>>;

/// A request from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRequest {
    /// Kill the embedded server with SIGKILL, and leave it down.
    Kill,
    /// Start the embedded server, or retry the connection now.
    Start,
}

enum Next {
    Connect,
    Monitor(Link),
    /// Retry after a delay; the string is the cause.
    RetryLater(String),
    StayDown,
    End,
}

/// State of the task that keeps the link and the embedded server.
#[derive(Debug)]
pub struct LinkKeeper {
    settings: Arc<Settings>,
    /// The path of this program, which supervises the embedded server; `None` if no server is started.
    program: Option<PathBuf>,
    messages: mpsc::Sender<Message>,
    current: watch::Sender<Option<Link>>,
    requests: mpsc::Receiver<ServerRequest>,
    /// The embedded server. Dropping it ends the server.
    embedded: Option<DevServer>,
    /// Number of connection attempts since the last link.
    attempt: u32,
    /// How the embedded server crashed, until a notice reports the crash together with the restart.
    crash: Option<String>,
    /// Why the server's program could not be installed, until a request retries the installation.
    failed_installation: Option<String>,
}

impl LinkKeeper {
    /// Creates a keeper. `program` is the path of this program, which supervises the embedded server; `None` if none is
    /// to be started. `current` always contains the current link.
    #[must_use]
    pub const fn new(
        settings: Arc<Settings>,
        program: Option<PathBuf>,
        messages: mpsc::Sender<Message>,
        current: watch::Sender<Option<Link>>,
        requests: mpsc::Receiver<ServerRequest>,
    ) -> Self {
        Self {
            settings,
            program,
            messages,
            current,
            requests,
            embedded: None,
            attempt: 0,
            crash: None,
            failed_installation: None,
        }
    }

    /// Runs until the sender of requests is dropped.
    pub async fn run(mut self) {
        let mut next = Next::Connect;
        loop {
            next = match next {
                Next::Connect => self.connect().await,
                Next::Monitor(link) => self.monitor(&link).await,
                Next::RetryLater(cause) => self.retry_later(cause).await,
                Next::StayDown => self.stay_down().await,
                Next::End => break,
            };
        }
        if let Some(server) = self.embedded.take() {
            server.stop().await;
        }
    }

    async fn send(&self, message: Message) {
        messages::send(&self.messages, message).await;
    }

    async fn notice(&self, text: impl Into<String>, tone: Tone) {
        self.send(Message::Notice { text: text.into(), tone }).await;
    }

    async fn connect(&mut self) -> Next {
        self.attempt = self.attempt.saturating_add(1);
        self.send(Message::Link(app::Link::Connecting { attempt: self.attempt })).await;
        let (settings, program) = (Arc::clone(&self.settings), self.program.clone());
        let progress = progress(&self.messages);
        let installation =
            if self.failed_installation.is_some() { Installation::Withheld } else { Installation::Allowed };
        let bring_up = async {
            match &program {
                Some(program) => {
                    bring_up_with(program, &settings, "dashboard", CallRetries::None, installation, &progress).await
                }
                None => connect_only(&settings, "watch", CallRetries::None).await,
            }
        };
        tokio::pin!(bring_up);
        loop {
            tokio::select! {
                brought = &mut bring_up => return match brought {
                    Ok(backend) => self.connected(backend).await,
                    Err(error) => Next::RetryLater(self.cause_of(&error)),
                },
                request = self.requests.recv() => match request {
                    Some(ServerRequest::Start) => self.notice("the server is already starting", Tone::Plain).await,
                    Some(ServerRequest::Kill) if self.embedded.is_some() => return self.kill().await,
                    Some(ServerRequest::Kill) => self.refuse_to_kill("no server is connected yet").await,
                    None => return Next::End,
                },
            }
        }
    }

    /// Returns why there is no connection. A failed installation is not retried automatically, since it takes minutes
    /// and would probably fail again.
    fn cause_of(&mut self, error: &BackendError) -> String {
        match error {
            BackendError::Obtain(ObtainError::Provision(error)) => self.failed_installation = Some(error.to_string()),
            BackendError::Obtain(ObtainError::NotInstalled) => {}
            other => return other.to_string(),
        }
        let failed = self.failed_installation.as_deref().unwrap_or_default();
        format!("press X to retry the installation; {failed}")
    }

    async fn connected(&mut self, Backend { link, server }: Backend) -> Next {
        self.attempt = 0;
        let restarted = server.is_some();
        if restarted {
            self.embedded = server;
        }
        let embedded = self.embedded.as_ref();
        let state = embedded.map_or(Server::Foreign, |server| Server::Running { web_ui: server.web_ui() });
        // Set the link before sending the messages, so that their receivers can use it.
        self.current.send_replace(Some(link.clone()));
        self.send(Message::Server(state)).await;
        self.send(Message::Link(app::Link::Up)).await;
        if let Some(expiring) = link.certificate().and_then(|certificate| certificate.expiring.as_ref()) {
            self.notice(expiring.to_string(), Tone::Bad).await;
        }
        if let Some(crash) = self.crash.take() {
            let then = if restarted { "restarted; no orders were lost" } else { "another server answers now" };
            self.notice(format!("{crash}; {then}"), Tone::Bad).await;
        }
        Next::Monitor(link)
    }

    /// Monitors a link until it is lost.
    async fn monitor(&mut self, link: &Link) -> Next {
        let next = loop {
            tokio::select! {
                lost = until_lost(link, self.embedded.as_ref()) => break self.lost(lost).await,
                request = self.requests.recv() => match request {
                    Some(ServerRequest::Start) => self.notice("the server is already running", Tone::Plain).await,
                    Some(ServerRequest::Kill) if self.embedded.is_some() => break self.kill().await,
                    Some(ServerRequest::Kill) => self.refuse_to_kill("this dashboard did not start it").await,
                    None => break Next::End,
                },
            }
        };
        self.current.send_replace(None);
        next
    }

    async fn lost(&mut self, lost: Lost) -> Next {
        self.current.send_replace(None);
        if lost.server_ended {
            self.embedded = None;
            self.crash = Some(lost.cause.clone());
            self.send(Message::Server(Server::Ended { cause: lost.cause.clone() })).await;
        }
        Next::RetryLater(lost.cause)
    }

    async fn refuse_to_kill(&self, why: &str) {
        let address = &self.settings.address;
        let text = format!("cannot kill the server at {address}: {why}; only an embedded server can be killed");
        self.notice(text, Tone::Bad).await;
    }

    /// Kills the embedded server.
    async fn kill(&mut self) -> Next {
        self.current.send_replace(None);
        if let Some(server) = self.embedded.take() {
            server.kill();
            if timeout(KILL_TIMEOUT, server.wait()).await.is_err() {
                server.stop().await;
            }
        }
        self.send(Message::Server(Server::Killed)).await;
        let cause = "the embedded server was killed; press X to start it".to_owned();
        self.send(Message::Link(app::Link::Down { cause, attempt: 0, next_try: now() })).await;
        Next::StayDown
    }

    async fn stay_down(&mut self) -> Next {
        loop {
            match self.requests.recv().await {
                Some(ServerRequest::Start) => {
                    self.attempt = 0;
                    return Next::Connect;
                }
                Some(ServerRequest::Kill) => self.notice("the server is already down", Tone::Plain).await,
                None => return Next::End,
            }
        }
    }

    /// Reports the cause and the time of the next attempt, and waits until then.
    async fn retry_later(&mut self, cause: String) -> Next {
        let attempt = self.attempt.max(1);
        let wait = backoff(attempt);
        let next_try = now().saturating_add(wait);
        self.send(Message::Link(app::Link::Down { cause, attempt, next_try })).await;
        let waited = sleep(wait);
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => return Next::Connect,
                request = self.requests.recv() => match request {
                    Some(ServerRequest::Start) => {
                        self.failed_installation = None;
                        return Next::Connect;
                    }
                    Some(ServerRequest::Kill) if self.embedded.is_some() => return self.kill().await,
                    Some(ServerRequest::Kill) => self.refuse_to_kill("it does not answer").await,
                    None => return Next::End,
                },
            }
        }
    }
}

fn progress(messages: &mpsc::Sender<Message>) -> impl Fn(Progress) + Send + Sync + use<> {
    let messages = messages.clone();
    move |step| {
        // If the queue is full, this step is not shown. A later step follows.
        let _queue_full = messages.try_send(Message::Server(Server::Preparing { step: step.to_string() }));
    }
}

struct Lost {
    cause: String,
    server_ended: bool,
}

/// Waits until the link is lost, and returns the cause.
async fn until_lost(link: &Link, embedded: Option<&DevServer>) -> Lost {
    let ended = async || match embedded {
        Some(server) => server.wait().await.to_string(),
        None => std::future::pending().await,
    };
    let broken = async {
        loop {
            sleep(HEALTH_CHECK_INTERVAL).await;
            if link.has_answered_within(HEALTH_CHECK_INTERVAL) {
                continue;
            }
            if let Err(error) = link.check().await {
                return error.to_string();
            }
        }
    };
    let broken = tokio::select! {
        cause = ended() => return Lost { cause, server_ended: true },
        cause = broken => cause,
    };
    // The usual cause is that the server ended. Its exit status explains more than the failed call.
    match timeout(EXIT_REPORT_DELAY, ended()).await {
        Ok(cause) => Lost { cause, server_ended: true },
        Err(_) => Lost { cause: broken, server_ended: false },
    }
}
