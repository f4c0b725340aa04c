//! The question before an operation: what it does, and the consequence.

use crate::{
    app::App,
    domain::{Operation, Run},
};

use super::details;

/// The question and the consequence of the operation that waits for a confirmation.
pub fn question(app: &App) -> Option<(String, String)> {
    let (Run { workflow, .. }, operation) = app.watch()?.asked()?;
    let (asked, consequence) = match operation {
        Operation::RetryNow { activity } => (
            format!("Start the next attempt of activity {activity} now?"),
            "It does not wait for the retry policy. The attempt number continues.".to_owned(),
        ),
        Operation::Pause { activity } => (
            format!("Pause activity {activity}?"),
            "No further attempt starts. An attempt that runs continues.".to_owned(),
        ),
        Operation::Unpause { activity } => (
            format!("Unpause activity {activity}?"),
            "An attempt that waits starts now. The attempt number continues.".to_owned(),
        ),
        Operation::Reset { activity } => (
            format!("Reset activity {activity}?"),
            "Attempt numbers count from 1 again. The result of an attempt that runs is refused.".to_owned(),
        ),
        Operation::UpdateOptions { activity, options } => (
            format!("Change the options of activity {activity}?"),
            format!("Timeouts: {}. Retry: {}.", details::timeouts(options), details::retry(&options.retry)),
        ),
        Operation::Cancel => (
            format!("Request the cancellation of {workflow}?"),
            "The workflow receives the request and decides how it ends.".to_owned(),
        ),
        Operation::Terminate => (
            format!("Terminate {workflow}?"),
            "It ends at once. Its code cannot clean up, and effects of its activities stay.".to_owned(),
        ),
        Operation::Signal { name, argument } => {
            let argument = argument.as_ref().map_or("without an argument".to_owned(), |json| format!("with {json}"));
            (format!("Send the signal {name} to {workflow}?"), format!("It is sent {argument}."))
        }
    };
    Some((asked, consequence))
}
