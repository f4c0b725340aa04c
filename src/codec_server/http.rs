//! Requests and responses of a codec server.
//!
//! Checks, in this order: the origin is allowed or absent (403), a preflight is answered, the token is correct (401),
//! path and method are known (404, 405), the body is not too large (413) and contains readable payloads (400). Every
//! error response is `{"error":"MESSAGE"}`, and every refusal is logged.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tokio::sync::Semaphore;
use tower_http::cors::{AllowHeaders, CorsLayer};

use crate::{
    connections::{BodyError, read_body},
    domain::sanitize,
    temporal::{Codec, CodecDirection, CodecJsonError, codec_json},
};

use super::options::CodecServerOptions;

/// Maximum size of a body, in bytes, which is the maximum of one Temporal message.
pub(super) const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Maximum number of bodies that are converted at once.
const MAX_CONVERSIONS: usize = 4;

/// Maximum length of an origin in a message, in characters.
const MAX_ORIGIN_CHARS: usize = 200;

/// Maximum number of refused origins that are logged, each once.
const MAX_LOGGED_ORIGINS: usize = 100;

/// State that all requests share.
struct Shared {
    options: CodecServerOptions,
    codec: Codec,
    /// Permits for conversions.
    conversions: Semaphore,
    /// Refused origins that have already been logged.
    logged: Mutex<BTreeSet<String>>,
}

impl Shared {
    /// Logs a refused origin once.
    fn log_refused(&self, origin: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < MAX_LOGGED_ORIGINS && logged.insert(origin.to_owned()) {
            tracing::warn!("refused a page from {origin}; if it is your Web UI, restart with --ui-origin {origin}");
        }
    }
}

/// Creates the HTTP service of a codec server.
pub(super) fn router(options: CodecServerOptions, codec: Codec) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(options.origins().to_vec())
        .allow_methods([Method::POST, Method::OPTIONS])
        // Allowed pages may send any header, such as Authorization-Extras; only Authorization is used.
        .allow_headers(AllowHeaders::mirror_request())
        // Temporal's Web UI may send cookies.
        .allow_credentials(true)
        // Browsers require this before a page from another network, such as Temporal Cloud's, may reach this machine.
        .allow_private_network(true);
    let shared =
        Arc::new(Shared { options, codec, conversions: Semaphore::new(MAX_CONVERSIONS), logged: Mutex::default() });
    // A request passes through the last layer first.
    Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&shared), check_token))
        .layer(cors)
        .layer(from_fn_with_state(Arc::clone(&shared), check_origin))
        .with_state(shared)
}

/// Refuses pages from other origins. Browsers send the origin with every POST, so this works even if DNS rebinding maps
/// the name of the page's host to this server's address.
async fn check_origin(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let Some(refused) = origins.find(|origin| !shared.options.origins().contains(origin)) else {
        return next.run(request).await;
    };
    let origin = sanitize(&String::from_utf8_lossy(refused.as_bytes()), MAX_ORIGIN_CHARS);
    shared.log_refused(&origin);
    let message =
        format!("pages from {origin} may not use this codec server; to allow them, start it with --ui-origin {origin}");
    refuse(StatusCode::FORBIDDEN, &message)
}

/// Refuses a request without the token, if the server has one.
async fn check_token(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if shared.options.admits(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    tracing::warn!("refused a request without the token of this codec server");
    let message = "this codec server requires its token as 'Authorization: Bearer TOKEN'. The Web UI sends the user's own access \
                   token instead: put a proxy in front that verifies that token and sends this server's token";
    let mut response = refuse(StatusCode::UNAUTHORIZED, message);
    let challenge = HeaderValue::from_static("Bearer realm=\"codec server\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Answers a request that has passed the checks of the origin and the token.
async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let direction = match request.uri().path().rsplit('/').next() {
        Some("encode") => CodecDirection::Encode,
        Some("decode") => CodecDirection::Decode,
        // The Web UI requests this for payloads in external storage, which this program does not use.
        Some("download") => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "this codec server has no external storage, so there is nothing to download; send the payloads to /decode",
            );
        }
        _ => return refuse(StatusCode::NOT_FOUND, "unknown path; send the payloads to /encode or /decode"),
    };
    if request.method() != Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "send the payloads with POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        return response;
    }
    let response = match read_body(request, MAX_BODY_BYTES).await {
        Ok(body) => converted(&shared, direction, body).await,
        Err(BodyError::TooLarge) => {
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 4 MiB; send fewer payloads at once")
        }
        Err(BodyError::Incomplete) => refuse(StatusCode::BAD_REQUEST, "the body is incomplete; send it again"),
    };
    if !response.status().is_success() {
        tracing::info!(?direction, status = response.status().as_u16(), "the codec server refused a request");
    }
    response
}

/// Converts a body on a blocking thread, because a large body would block the threads that serve connections.
async fn converted(shared: &Arc<Shared>, direction: CodecDirection, body: Bytes) -> Response {
    let permit = shared.conversions.acquire().await;
    let for_thread = Arc::clone(shared);
    let response = tokio::task::spawn_blocking(move || convert(&for_thread.codec, direction, &body)).await;
    drop(permit);
    response.unwrap_or_else(|_| {
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "the payloads could not be converted; send them again")
    })
}

fn convert(codec: &Codec, direction: CodecDirection, body: &[u8]) -> Response {
    match codec_json(codec, direction, body) {
        Ok(answer) => {
            let payloads = answer.count;
            tracing::info!(
                ?direction,
                payloads,
                status = StatusCode::OK.as_u16(),
                "the codec server answered a request"
            );
            respond(StatusCode::OK, answer.body)
        }
        Err(problem) => {
            let status = match problem {
                CodecJsonError::NotJson { .. } | CodecJsonError::NotPayloads | CodecJsonError::Decode { .. } => {
                    StatusCode::BAD_REQUEST
                }
                CodecJsonError::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                CodecJsonError::Encode { .. } | CodecJsonError::Answer => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refuse(status, &problem.to_string())
        }
    }
}

/// Returns a response with an error message.
fn refuse(status: StatusCode, message: &str) -> Response {
    respond(status, json!({ "error": message }).to_string().into_bytes())
}

/// Returns a JSON response that must not be cached, because it may contain decrypted data.
fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}
