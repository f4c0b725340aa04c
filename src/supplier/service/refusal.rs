//! Errors as HTTP responses (RFC 9457). A detail says what happened and what to do.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};

use crate::supplier::{
    api::{PROBLEM_JSON, Problem},
    key::KeyError,
};

/// Maximum size of a body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Why a request is refused. Nothing was shipped for it, except possibly for [`Refusal::Failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request needs a key.
    KeyMissing,
    /// The header is not a key.
    KeyMalformed(KeyError),
    /// The first request with the key is in progress.
    KeyInFlight,
    /// The key belongs to another order.
    KeyConflict,
    /// The body is not valid.
    Body(String),
    /// The query is not valid.
    Query(String),
    /// The body is incomplete.
    IncompleteBody,
    /// The body is larger than [`MAX_BODY_BYTES`].
    TooLarge,
    /// The body is not JSON by its declaration.
    NotJson,
    /// No resource has the path.
    UnknownPath,
    /// No shipment has the number.
    UnknownShipment,
    /// The resource does not have the method.
    UnknownMethod,
    /// The client is on another machine.
    NotLocal,
    /// An outage was requested.
    Outage,
    /// Too many orders wait for the disk.
    Busy,
    /// The file cannot be written at the moment.
    Unwritten(String),
    /// The sync of this order failed, so the service does not ship any more.
    Failed(String),
    /// An earlier write failed, so the service does not ship any more.
    Stopped(String),
    /// A recorded shipment cannot be read.
    Unreadable,
}

impl Refusal {
    /// The status of the response.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::KeyMissing | Self::KeyMalformed(_) | Self::Body(_) | Self::Query(_) | Self::IncompleteBody => {
                StatusCode::BAD_REQUEST
            }
            Self::NotLocal => StatusCode::FORBIDDEN,
            Self::UnknownPath | Self::UnknownShipment => StatusCode::NOT_FOUND,
            Self::UnknownMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::KeyInFlight => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyConflict => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed(_) | Self::Stopped(_) | Self::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Outage | Self::Busy | Self::Unwritten(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The kind of the problem and its description, if the status does not say everything.
    const fn kind(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::KeyMissing => Some((Problem::KEY_MISSING, "The request needs an idempotency key")),
            Self::KeyMalformed(_) => Some((Problem::KEY_MALFORMED, "The header is not an idempotency key")),
            Self::KeyInFlight => Some((Problem::KEY_IN_FLIGHT, "The first request with this key is in progress")),
            Self::KeyConflict => Some((Problem::KEY_CONFLICT, "The key belongs to another order")),
            _ => None,
        }
    }

    pub(super) fn detail(&self) -> String {
        let text = match self {
            Self::KeyMissing => {
                "this supplier requires a key; send Idempotency-Key: \"KEY\" with a key of your own per order"
            }
            Self::KeyMalformed(error) => return error.to_string(),
            Self::KeyInFlight => "wait for the answer of the first request, or send this request again after a second",
            Self::KeyConflict => "that order has another product, quantity or reference; use a new key for a new order",
            Self::Body(problem) => {
                return format!(
                    "the body is not valid: {problem}; send JSON such as \
                     {{\"product\":\"123456\",\"quantity\":1000,\"reference\":\"A12\"}}"
                );
            }
            Self::Query(problem) => return problem.clone(),
            Self::IncompleteBody => "the body is incomplete; send it again",
            Self::TooLarge => return format!("the body is larger than {} KiB; send less", MAX_BODY_BYTES / 1024),
            Self::NotJson => "send the body as JSON, with Content-Type: application/json",
            Self::UnknownPath => "there is no such path; GET / describes this service",
            Self::UnknownShipment => "there is no such shipment; GET /shipments lists them",
            Self::UnknownMethod => "this path does not have that method; send one of the header Allow",
            Self::NotLocal => "only clients on the supplier's own machine can request an outage",
            Self::Outage => "an outage was requested with PUT /outage, so nothing was shipped; send the order again",
            Self::Busy => "too many orders wait for the disk, and nothing was shipped; send the order again",
            Self::Unwritten(cause) => {
                return format!(
                    "the order could not be recorded ({cause}), and nothing was shipped; send it again later"
                );
            }
            Self::Failed(cause) => {
                return format!(
                    "shipments cannot be recorded any more ({cause}), so it is unknown whether this order was shipped; \
                     restart the supplier, then send the order again with its key"
                );
            }
            Self::Stopped(cause) => {
                return format!(
                    "shipments cannot be recorded any more ({cause}), and nothing was shipped for this request; restart \
                     the supplier, then send it again"
                );
            }
            Self::Unreadable => "a recorded shipment cannot be read, and nothing was shipped; see the supplier's log",
        };
        text.to_owned()
    }

    /// Returns the problem in the response.
    pub(super) fn problem(&self) -> Problem {
        let status = self.status();
        let phrase = status.canonical_reason().unwrap_or_default();
        let (kind, title) = self.kind().unwrap_or((Problem::BLANK, phrase));
        Problem { kind: kind.to_owned(), title: title.to_owned(), status: status.as_u16(), detail: self.detail() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let headers = [(CONTENT_TYPE, PROBLEM_JSON), (CACHE_CONTROL, "no-store")];
        let mut response = (self.status(), headers, problem).into_response();
        if matches!(self, Self::KeyInFlight | Self::Outage | Self::Busy | Self::Unwritten(_)) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
