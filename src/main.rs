//! Passes the arguments to the library and returns its exit code.

use std::process::ExitCode;

use idempotence::{cli::Cli, commands};

fn main() -> anyhow::Result<ExitCode> {
    let cli = match Cli::of_process() {
        Ok(cli) => cli,
        Err(answer) => return Ok(commands::answer(&answer)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(commands::run(cli));
    // Background tasks that still run, such as a poll or a file watch, must not delay the exit.
    runtime.shutdown_background();
    Ok(commands::finish(result.unwrap_or_else(|failure| commands::report(&failure))))
}
