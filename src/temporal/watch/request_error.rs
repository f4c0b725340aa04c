//! Why a request about an execution failed.

use prost::Message as _;
use temporalio_common::protos::google::rpc;
use tonic::{Code, Status};

use crate::{
    domain::sanitize,
    temporal::connect_error::{is_late, status_cause},
};

/// Maximum length of the server's message. A query error quotes the query.
const MAX_CAUSE_CHARS: usize = 1_000;

/// Name of the status detail that the server sends if the namespace does not exist.
const NAMESPACE_NOT_FOUND: &str = "NamespaceNotFoundFailure";

/// Why a request failed. `cause` is the server's message.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The server does not know the execution.
    #[error("the server does not know this execution")]
    NotFound,
    /// The namespace does not exist.
    #[error("the namespace does not exist: {cause}")]
    NoNamespace { cause: String },
    /// The permission is missing, or the API key or the client certificate is not valid.
    #[error("permission denied: {cause}")]
    Denied { cause: String },
    /// The server limits the requests.
    #[error("the server is busy: {cause}")]
    Busy { cause: String },
    /// The server does not have this call.
    #[error("this server does not support the request: {cause}")]
    Unsupported { cause: String },
    /// The request is not valid, such as a query with an error.
    #[error("{cause}")]
    Invalid { cause: String },
    /// The server did not answer in time, or not with an answer.
    #[error("the server did not answer: {cause}")]
    Unanswered { cause: String },
}

impl RequestError {
    /// Converts the status of a failed call.
    pub(super) fn of(status: &Status) -> Self {
        let cause = sanitize(status.message(), MAX_CAUSE_CHARS);
        match status.code() {
            Code::NotFound if is_about_namespace(status) => Self::NoNamespace { cause },
            Code::NotFound => Self::NotFound,
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied { cause },
            Code::ResourceExhausted => Self::Busy { cause },
            Code::Unimplemented => Self::Unsupported { cause },
            Code::InvalidArgument => Self::Invalid { cause },
            _ if is_late(status) => Self::Unanswered { cause: "no answer in time".to_owned() },
            _ => Self::Unanswered { cause: status_cause(status) },
        }
    }

    /// Converts the status of a failed call about one execution. The server rejects ids that cannot belong to an
    /// execution as invalid.
    pub(super) fn of_execution(status: &Status) -> Self {
        match Self::of(status) {
            Self::Invalid { .. } => Self::NotFound,
            error => error,
        }
    }
}

/// Whether the namespace was not found, rather than an execution. A proxy may remove the details.
fn is_about_namespace(status: &Status) -> bool {
    let details = rpc::Status::decode(status.details()).unwrap_or_default().details;
    details.iter().any(|detail| detail.type_url.ends_with(NAMESPACE_NOT_FOUND))
        || status.message().starts_with("Namespace ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_error() {
        let cause = || "why\\u{1b}".to_owned();
        let of = |code| RequestError::of(&Status::new(code, "why\u{1b}"));
        assert_eq!(of(Code::NotFound), RequestError::NotFound);
        assert_eq!(of(Code::PermissionDenied), RequestError::Denied { cause: cause() });
        assert_eq!(of(Code::Unauthenticated), RequestError::Denied { cause: cause() });
        assert_eq!(of(Code::ResourceExhausted), RequestError::Busy { cause: cause() });
        assert_eq!(of(Code::Unimplemented), RequestError::Unsupported { cause: cause() });
        assert_eq!(of(Code::InvalidArgument), RequestError::Invalid { cause: cause() });
        assert_eq!(of(Code::Unavailable), RequestError::Unanswered { cause: cause() });
        let late = RequestError::of(&Status::deadline_exceeded("context deadline exceeded"));
        assert_eq!(late, RequestError::Unanswered { cause: "no answer in time".to_owned() });
        let malformed = Status::invalid_argument("Invalid RunId.");
        assert_eq!(RequestError::of_execution(&malformed), RequestError::NotFound);
    }

    #[test]
    fn a_missing_namespace_is_distinguished_from_a_missing_execution() {
        let cause = "Namespace shop is not found.".to_owned();
        let without_details = Status::not_found(cause.clone());
        assert_eq!(RequestError::of(&without_details), RequestError::NoNamespace { cause });
        let mut details = rpc::Status::default();
        details.details.resize_with(1, Default::default);
        details.details[0].type_url = format!("type.googleapis.com/temporal.api.errordetails.v1.{NAMESPACE_NOT_FOUND}");
        let status = Status::with_details(Code::NotFound, "not here", details.encode_to_vec().into());
        assert_eq!(RequestError::of(&status), RequestError::NoNamespace { cause: "not here".to_owned() });
    }
}
