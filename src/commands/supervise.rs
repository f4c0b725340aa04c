//! The hidden command between us and the embedded server: it ends the server when we end.

use std::process::ExitCode;

use super::Failure;
use crate::{cli::SuperviseArgs, server};

pub async fn run(args: SuperviseArgs) -> Result<ExitCode, Failure> {
    let SuperviseArgs { program, arguments } = args;
    Ok(ExitCode::from(server::supervise(program, arguments).await?))
}
