//! The dashboard.

use std::process::ExitCode;

use super::Failure;
use crate::{cli::DashboardArgs, config::Settings};

pub async fn run(_settings: Settings, _args: DashboardArgs) -> Result<ExitCode, Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}
