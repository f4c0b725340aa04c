//! The hidden command that runs the embedded server and ends it when this program ends.

use std::process::ExitCode;

use super::Failure;
use crate::{cli::SuperviseArgs, server};

/// Runs the program until it ends or the parent process does, and exits with its code.
pub async fn run(args: SuperviseArgs) -> Result<ExitCode, Failure> {
    let SuperviseArgs { program, arguments } = args;
    Ok(ExitCode::from(server::supervise(program, arguments).await?))
}
