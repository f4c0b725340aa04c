//! Requests and answers of a codec server.
//!
//! A request passes, in this order: its origin must be one of the named ones or none (403), a preflight is answered, the
//! token must fit (401), path and method must be known (404, 405), the body must fit (413) and be payloads that can be
//! read (400). Every refusal is `{"error":"a sentence"}`, and one of an origin or a token is logged.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Bytes, HttpBody as _},
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
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
    domain::sanitize,
    temporal::{Codec, CodecDirection, CodecJsonError, codec_json},
};

use super::options::CodecServerOptions;

/// The most bytes of a body: what Temporal takes in one message.
pub(super) const LARGEST: usize = 4 * 1024 * 1024;

/// How many bodies are converted at once.
const TURNS: usize = 4;

/// The longest origin in a message, in characters.
const MAX_ORIGIN_CHARS: usize = 200;

/// The most refused origins that are logged, each once.
const MAX_LOGGED_ORIGINS: usize = 100;

/// What all requests share.
struct Shared {
    options: CodecServerOptions,
    codec: Codec,
    /// Conversions that may be under way at once.
    turns: Semaphore,
    /// Refused origins that were logged.
    logged: Mutex<BTreeSet<String>>,
}

impl Shared {
    /// Logs a refused origin once.
    fn log_refused(&self, origin: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < MAX_LOGGED_ORIGINS && logged.insert(origin.to_owned()) {
            tracing::warn!("refused a page of {origin}; if it is your Web UI, restart with --ui-origin {origin}");
        }
    }
}

/// The whole server but for its connections.
pub(super) fn router(options: CodecServerOptions, codec: Codec) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(options.origins().to_vec())
        .allow_methods([Method::POST, Method::OPTIONS])
        // The named pages may send what they like, such as Authorization-Extras; only Authorization means something here.
        .allow_headers(AllowHeaders::mirror_request())
        // Temporal's pages may send their cookies along.
        .allow_credentials(true)
        // Browsers ask this before a page of another network, such as Temporal Cloud's, reaches this computer.
        .allow_private_network(true);
    let shared = Arc::new(Shared { options, codec, turns: Semaphore::new(TURNS), logged: Mutex::default() });
    // The last layer is the first that a request meets.
    Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(Arc::clone(&shared), check_token))
        .layer(cors)
        .layer(from_fn_with_state(Arc::clone(&shared), check_origin))
        .with_state(shared)
}

/// A page that is not named must not ask, not even where it got this server's address under its own name (DNS
/// rebinding): browsers send the origin with every POST.
async fn check_origin(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let Some(refused) = origins.find(|origin| !shared.options.origins().contains(origin)) else {
        return next.run(request).await;
    };
    let origin = sanitize(&String::from_utf8_lossy(refused.as_bytes()), MAX_ORIGIN_CHARS);
    shared.log_refused(&origin);
    let sentence = format!("pages of {origin} may not ask this codec server; start it with --ui-origin {origin}");
    refuse(StatusCode::FORBIDDEN, &sentence)
}

async fn check_token(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if shared.options.admits(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    tracing::warn!("refused a request without the token of this codec server");
    let sentence = "this codec server needs its token, sent as 'Authorization: Bearer TOKEN'. The Web UI sends the user's own \
                    access token instead: put a proxy between them that verifies that and sends this server's token";
    let mut response = refuse(StatusCode::UNAUTHORIZED, sentence);
    let challenge = HeaderValue::from_static("Bearer realm=\"codec server\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let direction = match request.uri().path().rsplit('/').next() {
        Some("encode") => CodecDirection::Encode,
        Some("decode") => CodecDirection::Decode,
        // What the Web UI asks for payloads that were moved to external storage. Ours never are.
        Some("download") => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "this codec server has no external storage, so there is nothing to download; ask for /decode",
            );
        }
        _ => return refuse(StatusCode::NOT_FOUND, "there is nothing here; ask for /encode or /decode"),
    };
    if request.method() != Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "send the payloads with POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        return response;
    }
    let response = match body(request).await {
        Ok(body) => converted(&shared, direction, body).await,
        Err(refusal) => refusal,
    };
    if !response.status().is_success() {
        tracing::info!(?direction, status = response.status().as_u16(), "the codec server refused");
    }
    response
}

/// The body, of at most 4 MiB. One that says that it is larger is not even read.
async fn body(request: Request) -> Result<Bytes, Response> {
    let too_large =
        || refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 4 MiB; ask for fewer payloads at once");
    if request.body().size_hint().lower() > LARGEST as u64 {
        return Err(too_large());
    }
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => refuse(status, "the body did not arrive whole; send it again"),
    })
}

/// A large body keeps a thread busy for a while, which must be none of those that serve connections, and few at once.
async fn converted(shared: &Arc<Shared>, direction: CodecDirection, body: Bytes) -> Response {
    let turn = shared.turns.acquire().await;
    let of_thread = Arc::clone(shared);
    let response = tokio::task::spawn_blocking(move || convert(&of_thread.codec, direction, &body)).await;
    drop(turn);
    response.unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "the payloads could not be converted"))
}

fn convert(codec: &Codec, direction: CodecDirection, body: &[u8]) -> Response {
    match codec_json(codec, direction, body) {
        Ok(answer) => {
            let payloads = answer.count;
            tracing::info!(?direction, payloads, status = StatusCode::OK.as_u16(), "the codec server answered");
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

fn refuse(status: StatusCode, sentence: &str) -> Response {
    respond(status, json!({ "error": sentence }).to_string().into_bytes())
}

/// What was decrypted is for the one who asked, and for no cache.
fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}
