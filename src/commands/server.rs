//! Runs only the embedded Temporal dev server, until SIGINT, SIGTERM or SIGHUP.

use std::process::ExitCode;

use super::{Failure, log, print, progress::awaited, stop::asked_to_stop};
use crate::{
    cli::ServerArgs,
    config::Settings,
    runtime::backend::{Backend, bring_up, server_log},
    temporal::CallRetries,
};

/// Starts the server and prints its addresses, unless a server already answers.
pub async fn run(settings: Settings, args: ServerArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(&settings);
    let stop = asked_to_stop(args.with_parent)?;
    if settings.address.loopback_port().is_none() {
        let address = &settings.address;
        return Err(Failure::Usage(format!("{address} is not this machine; the embedded server listens on it only")));
    }
    let progress = |step: crate::server::Progress| print::problem(&step.to_string());
    let bring_up = bring_up(&settings, "server", CallRetries::None, &progress);
    let Backend { server, .. } = awaited(format!("the server at {} is not up yet", settings.address), bring_up).await?;
    let Some(server) = server else {
        print::line(&format!("a Temporal server already answers at {}", settings.address));
        return Ok(ExitCode::SUCCESS);
    };
    print::line(&format!("Temporal at {}, namespace '{}'", server.address(), settings.namespace));
    print::line(&format!("Web UI at {}", server.web_ui()));
    print::line(&format!("log {}", server_log(&settings).display()));
    tokio::select! {
        () = stop => {}
        ended = server.wait() => return Err(Failure::Other(ended.to_string())),
    }
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
