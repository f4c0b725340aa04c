//! The arguments of `start`.

use std::{convert::Infallible, time::Duration};

use clap::Args;

use super::{ProcessingArgs, values};
use crate::domain::{OrderId, ProductId};

/// Arguments of `start`.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// 1 to 128 printable ASCII characters
    #[arg(default_value = "A12")]
    pub order_id: OrderId,
    /// 1 to 128 printable ASCII characters
    #[arg(default_value = "123456")]
    pub product_id: ProductId,
    /// Number of units, 1 or more
    #[arg(default_value_t = 999, allow_negative_numbers = true, value_parser = values::quantity)]
    pub quantity: i64,
    /// Accepted for compatibility; ignored
    #[arg(value_parser = ignore)]
    pub payment: Option<Ignored>,
    /// Workflow id [default: order-<ORDER_ID>]
    #[arg(long, value_name = "ID", value_parser = values::workflow_id)]
    pub workflow_id: Option<String>,
    /// Stop waiting after this time, e.g. 30s, 2m or 1h;
    /// the order stays open
    #[arg(long, value_name = "DURATION", value_parser = values::duration, verbatim_doc_comment)]
    pub timeout: Option<Duration>,
    /// Print the workflow id and run id, and do not wait
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// Flags for processing the order.
    #[command(flatten)]
    pub processing: ProcessingArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A value that is discarded, so that no code can log or show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored;

#[expect(clippy::unnecessary_wraps, reason = "clap requires a parser that returns a result")]
const fn ignore(_: &str) -> Result<Ignored, Infallible> {
    Ok(Ignored)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Cli, CommandArgs};

    fn start(arguments: &[&str]) -> Result<StartArgs, clap::Error> {
        let line = ["idempotence", "start"].iter().chain(arguments).map(OsString::from);
        match Cli::of(line)?.command {
            Some(CommandArgs::Start(args)) => Ok(args),
            other => panic!("expected a start, found {other:?}"),
        }
    }

    #[test]
    fn a_payment_is_accepted_and_ignored() {
        let args = start(&["11235", "123456", "999", "VISA-12345", "--faults", "none"]).unwrap();
        assert_eq!((args.order_id.as_str(), args.quantity, args.payment), ("11235", 999, Some(Ignored)));
        assert!(!format!("{args:?}").contains("VISA"), "{args:?}");
        assert!(start(&["11235", "123456", "999", "VISA-12345", "more"]).is_err());
        assert!(start(&["A12", "--no-wait", "--timeout", "3s"]).is_err());
    }

    #[test]
    fn a_wrong_argument_is_named_with_its_value_and_what_is_expected() {
        let long = "x".repeat(129);
        let workflow = "w".repeat(1001);
        let units = "expected a whole number from 1 to 2147483647";
        for (arguments, argument, expected) in [
            (vec!["A", "123456", "-5"], "[QUANTITY]", units),
            (vec!["A", "123456", "abc"], "[QUANTITY]", units),
            (vec!["A", "123456", "0"], "[QUANTITY]", units),
            (vec!["A", "123456", "1.5"], "[QUANTITY]", units),
            (vec!["A", "123456", ""], "[QUANTITY]", units),
            (vec!["A", "123456", "2147483648"], "[QUANTITY]", units),
            (vec!["A", "123456", "99999999999999999999"], "[QUANTITY]", units),
            (vec!["A", "123456", "-99999999999999999999"], "[QUANTITY]", units),
            (vec![""], "[ORDER_ID]", "give 1 to 128 printable ASCII characters"),
            (vec![" A"], "[ORDER_ID]", "begins or ends with a space"),
            (vec![&long], "[ORDER_ID]", "at most 128"),
            (vec!["A", ""], "[PRODUCT_ID]", "give 1 to 128 printable ASCII characters"),
            (vec!["A", "\u{e4}"], "[PRODUCT_ID]", "not printable ASCII"),
            (vec!["A", &long], "[PRODUCT_ID]", "at most 128"),
            (vec!["A", "--workflow-id", " "], "--workflow-id <ID>", "give 1 to 1000 bytes"),
            (vec!["A", "--workflow-id", &workflow], "--workflow-id <ID>", "give 1 to 1000 bytes"),
            (vec!["A", "--seed", "x"], "--seed <NUMBER>", "from 0 to 18446744073709551615"),
        ] {
            let error = start(&arguments).unwrap_err();
            let text = error.to_string();
            let value = arguments[arguments.len() - 1];
            let named = format!("invalid value '{value}' for '{argument}'");
            assert!(text.contains(&named) && text.contains(expected), "{arguments:?}: {text}");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
        let args = start(&["A", "123456", "2147483647"]).unwrap();
        assert_eq!(args.quantity, 2_147_483_647);
    }
}
