//! Arguments in, exit code out. Holds no logic.

use std::process::ExitCode;

use idempotence::{cli::Cli, commands};

fn main() -> anyhow::Result<ExitCode> {
    let cli = match Cli::of_process() {
        Ok(cli) => cli,
        Err(answer) => return Ok(commands::answer(&answer)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(commands::run(cli));
    // What still runs in the background (a poll, a file watch) must not hold up the end.
    runtime.shutdown_background();
    Ok(commands::finish(result.unwrap_or_else(|failure| commands::report(&failure))))
}
