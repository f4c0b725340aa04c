//! The hidden command that runs the embedded server and ends it with this program.

use std::process::ExitCode;

use super::Failure;
use crate::{cli::SuperviseArgs, server};

pub async fn run(args: SuperviseArgs) -> Result<ExitCode, Failure> {
    let SuperviseArgs { program, arguments } = args;
    Ok(ExitCode::from(server::supervise(program, arguments).await?))
}
