//! Keeps the link to the server, for as long as the dashboard lives: connects, starts an embedded server where there
//! is none on this machine, notices when the server goes, and tries again. Kills and starts the embedded server when
//! told. Every change is told as a message.

use std::{path::PathBuf, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    time::{Duration, sleep, timeout},
};

use super::backend::{Backend, BackendError, bring_up_with};
use crate::{
    app::{self, Message, Server, Tone},
    clock::now,
    config::Settings,
    domain::UnixMillis,
    server::{DevServer, Installation, ObtainError, Progress},
    temporal::{Link, Patience, backoff},
};

/// How often a link that works is checked.
const CHECK: Duration = Duration::from_secs(2);

/// How long a killed server may take to be gone.
const GONE: Duration = Duration::from_secs(3);

/// How much later than a broken link its server's end may be known.
const REAPED: Duration = Duration::from_millis(250);

/// The link as it is now; `None` while there is none.
pub type CurrentLink = watch::Receiver<Option<Link>>;

/// What the person at the keyboard wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRequest {
    /// SIGKILL to the embedded server, which then stays down.
    Kill,
    Start,
}

enum Next {
    Connect,
    Attend(Link),
    /// After a while.
    TryAgain(String),
    StayDown,
    End,
}

/// Keeps the link, and the embedded server behind it.
#[derive(Debug)]
pub struct LinkKeeper {
    settings: Arc<Settings>,
    program: PathBuf,
    messages: mpsc::Sender<Message>,
    current: watch::Sender<Option<Link>>,
    orders: mpsc::Receiver<ServerRequest>,
    /// An embedded server lives as long as this: dropping it ends it.
    ours: Option<DevServer>,
    /// Tries since there was a link.
    attempt: u32,
    /// How our server died, unasked, until that is told along with its return.
    death: Option<String>,
    /// Why the server's program could not be installed, until a key asks for another try.
    failed_installation: Option<String>,
}

impl LinkKeeper {
    /// `program` is our own, which supervises the embedded server; `current` is kept up to date.
    #[must_use]
    pub const fn new(
        settings: Arc<Settings>,
        program: PathBuf,
        messages: mpsc::Sender<Message>,
        current: watch::Sender<Option<Link>>,
        orders: mpsc::Receiver<ServerRequest>,
    ) -> Self {
        Self {
            settings,
            program,
            messages,
            current,
            orders,
            ours: None,
            attempt: 0,
            death: None,
            failed_installation: None,
        }
    }

    /// Runs until nobody gives orders any more.
    pub async fn keep(mut self) {
        let mut next = Next::Connect;
        loop {
            next = match next {
                Next::Connect => self.connect().await,
                Next::Attend(link) => self.attend(&link).await,
                Next::TryAgain(cause) => self.try_again(cause).await,
                Next::StayDown => self.stay_down().await,
                Next::End => break,
            };
        }
        if let Some(server) = self.ours.take() {
            server.stop().await;
        }
    }

    async fn tell(&self, message: Message) {
        // A dashboard that has gone needs to be told nothing.
        let _gone = self.messages.send(message).await;
    }

    async fn notice(&self, text: impl Into<String>, tone: Tone) {
        self.tell(Message::Notice { text: text.into(), tone }).await;
    }

    async fn connect(&mut self) -> Next {
        self.attempt = self.attempt.saturating_add(1);
        self.tell(Message::Link(app::Link::Connecting { attempt: self.attempt })).await;
        let (settings, program) = (Arc::clone(&self.settings), self.program.clone());
        let progress = progress(&self.messages);
        let installation =
            if self.failed_installation.is_some() { Installation::Withheld } else { Installation::Allowed };
        let bring_up = bring_up_with(&program, &settings, "dashboard", Patience::None, installation, &progress);
        tokio::pin!(bring_up);
        loop {
            tokio::select! {
                brought = &mut bring_up => return match brought {
                    Ok(backend) => self.connected(backend).await,
                    Err(error) => Next::TryAgain(self.cause_of(&error)),
                },
                order = self.orders.recv() => match order {
                    Some(ServerRequest::Start) => self.notice("the server is on its way", Tone::Plain).await,
                    Some(ServerRequest::Kill) if self.ours.is_some() => return self.kill().await,
                    Some(ServerRequest::Kill) => self.refuse_to_kill("there is no server yet").await,
                    None => return Next::End,
                },
            }
        }
    }

    /// Why there is no connection. An installation that failed is not repeated by itself: it takes minutes, and would most
    /// likely fail again.
    fn cause_of(&mut self, error: &BackendError) -> String {
        match error {
            BackendError::Obtain(ObtainError::Provision(error)) => self.failed_installation = Some(error.to_string()),
            BackendError::Obtain(ObtainError::NotInstalled) => {}
            other => return other.to_string(),
        }
        let failed = self.failed_installation.as_deref().unwrap_or_default();
        format!("press X to repeat the installation; {failed}")
    }

    async fn connected(&mut self, Backend { link, server }: Backend) -> Next {
        self.attempt = 0;
        let restarted = server.is_some();
        if restarted {
            self.ours = server;
        }
        let ours = self.ours.as_ref();
        let state = ours.map_or(Server::Foreign, |server| Server::Running { web_ui: server.web_ui() });
        // Before anybody hears of it, so that whoever does can use it.
        self.current.send_replace(Some(link.clone()));
        self.tell(Message::Server(state)).await;
        self.tell(Message::Link(app::Link::Up)).await;
        if let Some(expiring) = link.certificate().and_then(|certificate| certificate.expiring.as_ref()) {
            self.notice(expiring.to_string(), Tone::Bad).await;
        }
        if let Some(death) = self.death.take() {
            let then =
                if restarted { "it was started again, and knows its orders still" } else { "another one answers" };
            self.notice(format!("{death}; {then}"), Tone::Bad).await;
        }
        Next::Attend(link)
    }

    /// Stays with a link until it no longer works.
    async fn attend(&mut self, link: &Link) -> Next {
        let next = loop {
            tokio::select! {
                lost = until_lost(link, self.ours.as_ref()) => break self.lost(lost).await,
                order = self.orders.recv() => match order {
                    Some(ServerRequest::Start) => self.notice("the server runs already", Tone::Plain).await,
                    Some(ServerRequest::Kill) if self.ours.is_some() => break self.kill().await,
                    Some(ServerRequest::Kill) => self.refuse_to_kill("it was not started here").await,
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
            self.ours = None;
            self.death = Some(lost.cause.clone());
            self.tell(Message::Server(Server::Ended { cause: lost.cause.clone() })).await;
        }
        Next::TryAgain(lost.cause)
    }

    async fn refuse_to_kill(&self, why: &str) {
        let address = &self.settings.address;
        let text = format!("the server at {address} is not killed: {why}, and only one of ours is");
        self.notice(text, Tone::Bad).await;
    }

    /// Kills our server, and stays down.
    async fn kill(&mut self) -> Next {
        self.current.send_replace(None);
        if let Some(server) = self.ours.take() {
            server.kill();
            if timeout(GONE, server.wait()).await.is_err() {
                server.stop().await;
            }
        }
        self.tell(Message::Server(Server::Killed)).await;
        let cause = "the embedded server was killed, as asked; it stays down until it is started again".to_owned();
        self.tell(Message::Link(app::Link::Down { cause, attempt: 0, next_try: now() })).await;
        Next::StayDown
    }

    async fn stay_down(&mut self) -> Next {
        loop {
            match self.orders.recv().await {
                Some(ServerRequest::Start) => {
                    self.attempt = 0;
                    return Next::Connect;
                }
                Some(ServerRequest::Kill) => self.notice("the server is down already", Tone::Plain).await,
                None => return Next::End,
            }
        }
    }

    /// Says what is wrong and when it is tried again, and waits until then.
    async fn try_again(&mut self, cause: String) -> Next {
        let attempt = self.attempt.max(1);
        let wait = backoff(attempt);
        let next_try = UnixMillis(now().0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or_default()));
        self.tell(Message::Link(app::Link::Down { cause, attempt, next_try })).await;
        let waited = sleep(wait);
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => return Next::Connect,
                order = self.orders.recv() => match order {
                    Some(ServerRequest::Start) => {
                        self.failed_installation = None;
                        return Next::Connect;
                    }
                    Some(ServerRequest::Kill) if self.ours.is_some() => return self.kill().await,
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
        // Progress that finds no room is overtaken by the next.
        let _full = messages.try_send(Message::Server(Server::Preparing { step: step.to_string() }));
    }
}

struct Lost {
    cause: String,
    server_ended: bool,
}

/// Returns when the link no longer works.
async fn until_lost(link: &Link, ours: Option<&DevServer>) -> Lost {
    let ended = async || match ours {
        Some(server) => server.wait().await.to_string(),
        None => std::future::pending().await,
    };
    let broken = async {
        loop {
            sleep(CHECK).await;
            if let Err(error) = link.check().await {
                return error.to_string();
            }
        }
    };
    let broken = tokio::select! {
        cause = ended() => return Lost { cause, server_ended: true },
        cause = broken => cause,
    };
    // A server that dies is mostly the reason, and its end says more.
    match timeout(REAPED, ended()).await {
        Ok(cause) => Lost { cause, server_ended: true },
        Err(_) => Lost { cause: broken, server_ended: false },
    }
}
