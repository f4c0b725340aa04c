//! The arguments of `watch`.

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use crate::domain::Run;

/// Arguments of `watch`.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Show this execution; without a run id its latest
    /// run, and those that continue it [default: a list
    /// of all open executions]
    #[arg(value_name = "WORKFLOW_ID[/RUN_ID]", value_parser = execution, verbatim_doc_comment)]
    pub execution: Option<Run>,
    /// List what this visibility query finds
    /// [default: ExecutionStatus = 'Running']
    #[arg(long, value_name = "QUERY", verbatim_doc_comment)]
    pub query: Option<String>,
    /// Remove all operations from the keys
    #[arg(long)]
    pub read_only: bool,
    /// Print one JSON object per event
    #[arg(long)]
    pub json: bool,
    /// Record to FILE for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Parses a workflow id with or without a run id. A workflow id may contain slashes, and a run id is a UUID.
fn execution(text: &str) -> Result<Run, String> {
    let run_id =
        |(workflow, run): &(&str, &str)| !workflow.is_empty() && run.len() == 36 && Uuid::parse_str(run).is_ok();
    let (workflow, run) = text.rsplit_once('/').filter(run_id).unwrap_or((text, ""));
    if workflow.is_empty() {
        return Err("the workflow id is empty".to_owned());
    }
    Ok(Run { workflow: workflow.to_owned(), run: run.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_after_the_last_slash_is_the_run_id() {
        let run = "0198f1a2-6b1f-7c3e-9a2b-0123456789ab";
        for (text, expected) in [
            (format!("checkout-7/{run}"), ("checkout-7", run)),
            (format!("eu/checkout/7/{run}"), ("eu/checkout/7", run)),
            ("eu/checkout/7".to_owned(), ("eu/checkout/7", "")),
            (run.to_owned(), (run, "")),
            (format!("/{run}"), (format!("/{run}").as_str(), "")),
        ] {
            let found = execution(&text).unwrap();
            assert_eq!((found.workflow.as_str(), found.run.as_str()), expected, "{text}");
        }
        assert!(execution("").is_err());
    }
}
