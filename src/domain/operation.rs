//! What an operator can do to an execution of any workflow.

use serde::{Deserialize, Serialize};

use super::ActivityOptions;

/// An operation on an execution, or on one of its pending activities by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Start the next attempt of an activity now. The attempt number continues.
    RetryNow {
        /// The activity id.
        activity: String,
    },
    /// Start no further attempt of an activity. A running attempt continues.
    Pause {
        /// The activity id.
        activity: String,
    },
    /// Undo the pause of an activity.
    Unpause {
        /// The activity id.
        activity: String,
    },
    /// Let the attempts of an activity count from 1 again; the next one starts now.
    Reset {
        /// The activity id.
        activity: String,
    },
    /// Replace the timeouts and the retry policy of an activity.
    UpdateOptions {
        /// The activity id.
        activity: String,
        /// The new options.
        options: Box<ActivityOptions>,
    },
    /// Request the cancellation of the execution.
    Cancel,
    /// End the execution at once, without its worker.
    Terminate,
    /// Send a signal to the execution.
    Signal {
        /// The name of the signal.
        name: String,
        /// The argument, as JSON; `None` for a signal without an argument.
        argument: Option<String>,
    },
}
