//! Sends orders to a supplier: to this program's own service, or to any other that honours `Idempotency-Key`.
//!
//! A failure is definite if the supplier has certainly shipped nothing for the request. Every other failure is
//! indefinite: the request may have been executed, and only its answer was lost.

use std::{fmt, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    api::{
        HEALTH, Health, IDEMPOTENCY_REPLAYED, MAX_PAGE_SHIPMENTS, ORDERS, OUTAGE, OrderRequest, Outage, Problem,
        SHIPMENTS, ShipmentPage,
    },
    key::{IDEMPOTENCY_KEY, RequestKey},
    url::SupplierUrl,
};
use crate::domain::{IdempotencyKey, OrderId, SUPPLIER_QUANTITY, ShipmentId, sanitize};

/// Maximum time for a connection to be established.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Time after which an unused connection is not used again. Our own service closes one after 10 s, and a request that is sent
/// at that moment would get no answer.
const MAX_IDLE: Duration = Duration::from_secs(5);

/// Maximum size of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Maximum number of characters of a supplier's text in a message.
const MAX_TEXT_CHARS: usize = 200;

/// Headers by which suppliers say that an answer is an earlier one: ours, and Stripe's.
const REPLAYED: [HeaderName; 2] =
    [HeaderName::from_static(IDEMPOTENCY_REPLAYED), HeaderName::from_static("idempotent-replayed")];

/// A client of a supplier. Clones share its connections.
#[derive(Clone)]
pub struct SupplierClient {
    url: SupplierUrl,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Debug for SupplierClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupplierClient").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The supplier's answer to an order: units were shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The supplier's id of the shipment.
    pub shipment: ShipmentId,
    /// Whether an earlier request had caused it.
    pub replayed: bool,
}

/// Why a supplier did not confirm a shipment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupplierError {
    /// No connection.
    #[error("the supplier at {url} is not reachable: {cause}; {}", .url.remedy())]
    Unreachable {
        /// The supplier.
        url: SupplierUrl,
        /// The operating system's or the TLS library's error.
        cause: String,
    },
    /// The connection was lost, or the time was over, before the answer.
    #[error("the supplier at {url} gave no answer: {cause}; it may have shipped")]
    NoAnswer {
        /// The supplier.
        url: SupplierUrl,
        /// What happened instead.
        cause: String,
    },
    /// A request with the same key is being executed.
    #[error("the supplier is still executing an earlier request with this key")]
    InFlight,
    /// The key belongs to another order.
    #[error("the supplier knows this key with another order: {detail}")]
    Conflict {
        /// The supplier's explanation.
        detail: String,
    },
    /// The supplier cannot execute orders at the moment.
    #[error("the supplier answers {status}: {detail}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// The supplier's explanation.
        detail: String,
    },
    /// The supplier failed while it executed the order.
    #[error("the supplier failed with {status}: {detail}; it may have shipped")]
    Failed {
        /// The status.
        status: StatusCode,
        /// The supplier's explanation.
        detail: String,
    },
    /// The supplier refuses the request.
    #[error("the supplier refuses the order with {status}: {detail}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The supplier's explanation.
        detail: String,
    },
    /// The quantity is not one that can be ordered. The store refuses it before an order is sent.
    #[error("{quantity} units cannot be ordered")]
    Quantity {
        /// The quantity.
        quantity: i64,
    },
    /// The answer to a question cannot be read.
    #[error("the answer of the supplier at {url} cannot be read: {cause}; check SUPPLIER_URL")]
    Unreadable {
        /// The supplier.
        url: SupplierUrl,
        /// Why.
        cause: String,
    },
}

impl SupplierError {
    /// The types of all failures of this kind.
    pub const TYPE_NAMES: [&'static str; 8] = [
        "SupplierUnreachable",
        "SupplierNoAnswer",
        "SupplierInFlight",
        "SupplierConflict",
        "SupplierUnavailable",
        "SupplierFailed",
        "SupplierRefused",
        "SupplierUnreadable",
    ];

    /// Returns the type of the application failure. The types are stable, because clients match on them.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        Self::TYPE_NAMES[match self {
            Self::Unreachable { .. } => 0,
            Self::NoAnswer { .. } => 1,
            Self::InFlight => 2,
            Self::Conflict { .. } => 3,
            Self::Unavailable { .. } => 4,
            Self::Failed { .. } => 5,
            Self::Refused { .. } | Self::Quantity { .. } => 6,
            Self::Unreadable { .. } => 7,
        }]
    }

    /// Whether a retry can succeed. A configuration can be corrected, so an unreadable answer is retried.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::Conflict { .. } | Self::Refused { .. } | Self::Quantity { .. })
    }
}

impl SupplierClient {
    /// Creates a client. It opens no connection.
    ///
    /// # Errors
    /// Returns an error if the certificates of the system's authorities cannot be read.
    pub fn new(url: SupplierUrl) -> Result<Self, std::io::Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(MAX_IDLE)
            .build(connector);
        Ok(Self { url, http })
    }

    /// The supplier's address.
    #[must_use]
    pub const fn url(&self) -> &SupplierUrl {
        &self.url
    }

    /// Sends an order, with the key if there is one. Waits at most `limit`.
    ///
    /// # Errors
    /// [`SupplierError`] unless the supplier confirms the shipment.
    pub async fn send(
        &self,
        order: &OrderRequest,
        key: Option<&IdempotencyKey>,
        limit: Duration,
    ) -> Result<Sent, SupplierError> {
        let body = serde_json::to_vec(order).map_err(|error| self.unreadable(error))?;
        let mut request = self.request(Method::POST, ORDERS, body)?;
        if let Some(key) = key {
            let value = HeaderValue::from_str(&RequestKey::from(key).header_value());
            let value = value.map_err(|error| self.unreadable(error))?;
            request.headers_mut().insert(HeaderName::from_static(IDEMPOTENCY_KEY), value);
        }
        let (status, headers, body) = self.call(request, limit).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        let replayed = REPLAYED.iter().any(|name| headers.get(name).is_some_and(|value| value == "true"));
        let shipment = shipment_id(&headers, serde_json::from_slice(&body).ok().as_ref());
        Ok(Sent { shipment: shipment.unwrap_or_else(|| String::from(order.reference.clone()).into()), replayed })
    }

    /// Returns the shipments of an order. Shipments of another quantity than ours belong to other clients. Waits at most
    /// `limit`.
    ///
    /// # Errors
    /// [`SupplierError`] if there is no readable answer. Asking ships nothing.
    pub async fn find(&self, reference: &OrderId, limit: Duration) -> Result<Vec<ShipmentId>, SupplierError> {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("reference", reference.as_str()).finish();
        let found: Value = self.ask(&format!("{ORDERS}?{query}"), limit).await?;
        let found = found.get("shipments").and_then(Value::as_array);
        let found = found.ok_or_else(|| self.unreadable("it has no list of shipments"))?;
        let is_ours = |shipment: &&Value| {
            shipment.get("quantity").and_then(Value::as_i64).is_none_or(|units| units == SUPPLIER_QUANTITY)
        };
        Ok(found.iter().filter(is_ours).filter_map(named_id).collect())
    }

    /// Returns the counters of this program's own service, and a page of the shipments after number `after`. Waits at most
    /// `limit`.
    ///
    /// # Errors
    /// [`SupplierError`] if there is no readable answer.
    pub async fn shipments(&self, after: u64, limit: Duration) -> Result<ShipmentPage, SupplierError> {
        self.ask(&format!("{SHIPMENTS}?after={after}&limit={MAX_PAGE_SHIPMENTS}"), limit).await
    }

    /// Returns the health of this program's own service. Waits at most `limit`.
    ///
    /// # Errors
    /// [`SupplierError`] if it cannot ship, or if there is no readable answer.
    pub async fn health(&self, limit: Duration) -> Result<Health, SupplierError> {
        self.ask(HEALTH, limit).await
    }

    /// Lets this program's own service on this machine refuse the next `requests` orders with 503. Waits at most `limit`.
    ///
    /// # Errors
    /// [`SupplierError`] if the service does not confirm it.
    pub async fn set_outage(&self, requests: u64, limit: Duration) -> Result<(), SupplierError> {
        let body = serde_json::to_vec(&Outage { requests }).map_err(|error| self.unreadable(error))?;
        let request = self.request(Method::PUT, OUTAGE, body)?;
        let (status, _, body) = self.call(request, limit).await?;
        if status.is_success() { Ok(()) } else { Err(self.refusal(status, &body)) }
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<T, SupplierError> {
        let request = self.request(Method::GET, path, Vec::new())?;
        let (status, _, body) = self.call(request, limit).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| self.unreadable(error))
    }

    fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Request<Full<Bytes>>, SupplierError> {
        let mut request = Request::builder().method(method).uri(self.url.join(path));
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request.body(Full::new(Bytes::from(body))).map_err(|error| self.unreadable(error))
    }

    /// Returns the answer to a request. Redirects are not followed, because they would send the order twice.
    async fn call(
        &self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<(StatusCode, HeaderMap, Bytes), SupplierError> {
        let answered = async {
            let response: Response<Incoming> = self.http.request(request).await.map_err(|error| self.lost(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|cause| SupplierError::NoAnswer {
                url: self.url.clone(),
                cause: sanitize(&format!("its answer ended early: {cause}"), MAX_TEXT_CHARS),
            })?;
            Ok((parts.status, parts.headers, body.to_bytes()))
        };
        let too_late = |_| SupplierError::NoAnswer {
            url: self.url.clone(),
            cause: format!("it needs more than {} ms", limit.as_millis()),
        };
        timeout(limit, answered).await.map_err(too_late)?
    }

    fn lost(&self, error: &hyper_util::client::legacy::Error) -> SupplierError {
        let url = self.url.clone();
        let cause = sanitize(&root_cause(error), MAX_TEXT_CHARS);
        if error.is_connect() {
            SupplierError::Unreachable { url, cause }
        } else {
            SupplierError::NoAnswer { url, cause }
        }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> SupplierError {
        let detail = sanitize(&detail(body), MAX_TEXT_CHARS);
        match status {
            StatusCode::CONFLICT => SupplierError::InFlight,
            StatusCode::UNPROCESSABLE_ENTITY => SupplierError::Conflict { detail },
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE => SupplierError::Unavailable { status, detail },
            status if status.is_server_error() => SupplierError::Failed { status, detail },
            status if status.is_client_error() => SupplierError::Refused { status, detail },
            status => self.unreadable(format!("it has the status {status}")),
        }
    }

    fn unreadable(&self, cause: impl fmt::Display) -> SupplierError {
        let cause = sanitize(&cause.to_string(), MAX_TEXT_CHARS);
        SupplierError::Unreadable { url: self.url.clone(), cause }
    }
}

/// Finds the id of a shipment in an answer.
fn shipment_id(headers: &HeaderMap, body: Option<&Value>) -> Option<ShipmentId> {
    let located = || {
        let last = headers.get(LOCATION)?.to_str().ok()?.rsplit('/').next()?;
        (!last.is_empty()).then(|| last.to_owned().into())
    };
    body.and_then(named_id).or_else(located)
}

/// The id that a shipment has in JSON. Suppliers name it differently.
fn named_id(shipment: &Value) -> Option<ShipmentId> {
    match shipment.get("shipment").or_else(|| shipment.get("id"))? {
        Value::String(text) if !text.is_empty() => Some(text.clone().into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// The explanation in a refusal: that of RFC 9457 if the body has one, else the body.
fn detail(body: &[u8]) -> String {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let explained = problem.map(|problem| if problem.detail.is_empty() { problem.title } else { problem.detail });
    explained.filter(|text| !text.is_empty()).unwrap_or_else(|| match String::from_utf8_lossy(body).trim() {
        "" => "no explanation".to_owned(),
        text => text.to_owned(),
    })
}

/// The innermost cause of an error, which names what the operating system reported.
fn root_cause(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}
