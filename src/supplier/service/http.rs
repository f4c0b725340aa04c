//! Requests and responses of the service.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State, rejection::PathRejection},
    http::{
        HeaderValue, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    description::description,
    orders::{Answer, Orders, Placed},
    refusal::{MAX_BODY_BYTES, Refusal},
};
use crate::{
    connections::{BodyError, Client, read_body},
    domain::{OrderId, sanitize},
    supplier::{
        api::{
            API_VERSION, DEFAULT_PAGE_SHIPMENTS, HEALTH, Health, IDEMPOTENCY_REPLAYED, MAX_PAGE_SHIPMENTS, ORDERS,
            OUTAGE, OrderRequest, Outage, ReferencedShipments, SHIPMENTS, ShipmentPage,
        },
        key::{IDEMPOTENCY_KEY, RequestKey},
    },
};

/// Maximum length of a part of a request in a message, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// What all requests share.
pub(super) struct Service {
    pub(super) orders: Orders,
    /// Whether an order must have a key.
    pub(super) require_key: bool,
    pub(super) key_lifetime: Duration,
}

/// Creates the router of the service.
pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(describe))
        .route(ORDERS, post(order).get(referenced))
        .route(SHIPMENTS, get(page))
        .route(&format!("{SHIPMENTS}/{{number}}"), get(shipment))
        .route(HEALTH, get(health))
        .route(OUTAGE, put(outage))
        .fallback(async || Refusal::UnknownPath)
        .method_not_allowed_fallback(async || Refusal::UnknownMethod)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(service)
}

async fn describe(State(service): State<Arc<Service>>) -> String {
    description(service.require_key, service.key_lifetime)
}

/// Ships an order, or returns the recorded answer.
async fn order(State(service): State<Arc<Service>>, request: Request) -> Response {
    match ship(&service, request).await {
        Ok(answer) => created(answer),
        Err(refusal) => {
            service.orders.count_refused();
            tracing::info!(status = refusal.status().as_u16(), detail = refusal.detail(), "refused an order");
            refusal.into_response()
        }
    }
}

async fn ship(service: &Arc<Service>, request: Request) -> Result<Answer, Refusal> {
    service.orders.begin_request()?;
    let values = request.headers().get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes);
    let key = RequestKey::from_headers(values).map_err(Refusal::KeyMalformed)?;
    if key.is_none() && service.require_key {
        return Err(Refusal::KeyMissing);
    }
    let order: OrderRequest = json_body(request).await?;
    let placed = blocking(service, move |service| service.orders.place(order, key)).await?;
    match placed {
        Placed::Replayed(answer) => Ok(answer),
        Placed::Shipping(answer) => {
            let stopped = || Err(Refusal::Failed("its writer has stopped".to_owned()));
            answer.await.unwrap_or_else(|_| stopped())
        }
    }
}

fn created(answer: Answer) -> Response {
    tracing::info!(shipment = %answer.number, replayed = answer.replayed, "answered an order");
    let location = [(LOCATION, format!("{SHIPMENTS}/{}", answer.number))];
    let mut response = (StatusCode::CREATED, location, json(answer.body)).into_response();
    if answer.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

async fn referenced(State(service): State<Arc<Service>>, uri: Uri) -> Result<Response, Refusal> {
    let query = query(&uri, &["reference"])?;
    let missing = || Refusal::Query("name a reference, as in /orders?reference=A12".to_owned());
    let reference = query.get("reference").ok_or_else(missing)?;
    let reference = OrderId::new(reference).map_err(|error| Refusal::Query(error.to_string()))?;
    let shipments = blocking(&service, move |service| service.orders.with_reference(&reference)).await?;
    Ok(fresh(&ReferencedShipments { shipments }))
}

async fn page(State(service): State<Arc<Service>>, uri: Uri) -> Result<Response, Refusal> {
    let query = query(&uri, &["after", "limit"])?;
    let number = |name, default, most| {
        let Some(text) = query.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| Refusal::Query(format!("{name} must be a whole number from 0 to {most}")))
    };
    let (after, limit) = (number("after", 0, u64::MAX)?, number("limit", DEFAULT_PAGE_SHIPMENTS, MAX_PAGE_SHIPMENTS)?);
    let page: ShipmentPage = blocking(&service, move |service| service.orders.page(after, limit)).await?;
    Ok(fresh(&page))
}

async fn shipment(
    State(service): State<Arc<Service>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let number = name.ok().and_then(|name| name.parse().ok()).ok_or(Refusal::UnknownShipment)?;
    let found = blocking(&service, move |service| service.orders.shipment(number)).await?;
    Ok(json(found.ok_or(Refusal::UnknownShipment)?.body).into_response())
}

async fn health(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    match service.orders.failure() {
        None => Ok(fresh(&Health { status: "ok".to_owned(), api: API_VERSION })),
        Some(cause) => Err(Refusal::Stopped(cause)),
    }
}

async fn outage(
    State(service): State<Arc<Service>>,
    ConnectInfo(Client(client)): ConnectInfo<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    if !client.ip().to_canonical().is_loopback() {
        return Err(Refusal::NotLocal);
    }
    let outage: Outage = json_body(request).await?;
    service.orders.set_outage(outage.requests);
    Ok(fresh(&outage))
}

/// Runs `action` on a thread that may wait for the file. It completes even if the client is gone.
async fn blocking<T: Send + 'static>(
    service: &Arc<Service>,
    action: impl FnOnce(&Service) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let service = Arc::clone(service);
    let done = tokio::task::spawn_blocking(move || action(&service)).await;
    done.unwrap_or_else(|_| Err(Refusal::Failed("its thread has stopped".to_owned())))
}

/// Returns a response with this value.
fn fresh(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json(body).into_response(),
        Err(error) => Refusal::Stopped(error.to_string()).into_response(),
    }
}

/// Returns a JSON body that must not be cached.
fn json(body: Vec<u8>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body)
}

/// Reads a JSON object.
async fn json_body<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    if !request.headers().get(CONTENT_TYPE).is_some_and(is_json) {
        return Err(Refusal::NotJson);
    }
    let body = read_body(request, MAX_BODY_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Incomplete => Refusal::IncompleteBody,
    })?;
    // The parser would also accept an array with the values of the fields.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::Body("it is not a JSON object".to_owned()));
    }
    serde_json::from_slice(&body).map_err(|error| Refusal::Body(sanitize(&error.to_string(), MAX_QUOTED_CHARS)))
}

fn is_json(content_type: &HeaderValue) -> bool {
    let media_type = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Returns the parameters of a query. Each may be given once, and only those in `known`.
fn query(uri: &Uri, known: &[&str]) -> Result<HashMap<String, String>, Refusal> {
    let mut parameters = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if !known.contains(&&*name) {
            let name = sanitize(&name, MAX_QUOTED_CHARS);
            return Err(Refusal::Query(format!("there is no parameter '{name}'; use {}", known.join(" and "))));
        }
        if parameters.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(Refusal::Query(format!("there is more than one parameter '{name}'; send one")));
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::{domain::UnixMillis, supplier::service::file::Disk};

    #[tokio::test]
    async fn only_clients_on_this_machine_can_request_an_outage() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, lifetime) = (Disk::open(&folder.path().join("supplier.jsonl")).unwrap(), Duration::from_secs(1));
        let orders = Orders::open(Box::new(disk), lifetime, Box::new(|| UnixMillis(0))).unwrap();
        let service = Arc::new(Service { orders, require_key: false, key_lifetime: lifetime });
        for (client, is_local) in [
            ("127.0.0.1:9", true),
            ("[::1]:9", true),
            ("[::ffff:127.0.0.1]:9", true),
            ("192.0.2.1:9", false),
            ("[::ffff:192.0.2.1]:9", false),
        ] {
            let request = Request::put(OUTAGE).header(CONTENT_TYPE, "application/json");
            let request = request.body(Body::from(r#"{"requests":1}"#)).unwrap();
            let client = ConnectInfo(Client(client.parse().unwrap()));
            let answer = outage(State(Arc::clone(&service)), client, request).await;
            assert_eq!(
                answer.map(|answer| answer.status()).map_err(|error| error.status()),
                if is_local { Ok(StatusCode::OK) } else { Err(StatusCode::FORBIDDEN) }
            );
        }
    }
}
