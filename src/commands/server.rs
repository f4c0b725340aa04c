//! The embedded Temporal dev server alone, until SIGINT or SIGTERM.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, log, print};
use crate::{
    config::Settings,
    runtime::backend::{Backend, bring_up, server_log},
    temporal::Patience,
};

pub async fn run(settings: Settings) -> Result<ExitCode, Failure> {
    log::to_stderr(&settings);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::io("listen for SIGINT"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::io("listen for SIGTERM"))?;
    if settings.address.loopback_port().is_none() {
        let address = &settings.address;
        return Err(Failure::Usage(format!("{address} is not this machine; the embedded server listens on it only")));
    }
    let progress = |step: crate::server::Progress| print::problem(&step.to_string());
    let Backend { server, .. } = bring_up(&settings, "server", Patience::None, &progress).await?;
    let Some(server) = server else {
        print::line(&format!("a Temporal server answers at {} already", settings.address));
        return Ok(ExitCode::SUCCESS);
    };
    print::line(&format!("Temporal at {}, namespace '{}'", server.address(), settings.namespace));
    print::line(&format!("Web UI at {}", server.web_ui()));
    print::line(&format!("log {}", server_log(&settings).display()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        ended = server.wait() => return Err(Failure::Unanswered(ended.to_string())),
    }
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
