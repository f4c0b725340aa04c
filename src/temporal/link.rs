//! The connection to the server. Connecting has a time limit and a separate error for each cause.

use crate::domain::WorkflowId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use secrecy::ExposeSecret;
use temporalio_client::{Client, ClientOptions, ConnectionOptions, RetryOptions};
use temporalio_common::protos::temporal::api::workflowservice::v1::{DescribeNamespaceRequest, GetSystemInfoRequest};
use tokio::time::timeout;
use tonic::IntoRequest;
use url::Url;

use super::{
    codec::Codec,
    connect_error::{ConnectError, of_status, status_cause},
    diagnosis::diagnose,
    dial::reach,
    endpoint::{Endpoint, Transport},
    metrics::Exporter,
    tls::{RecordingVerifier, ServerCertificate},
};

/// Maximum delay between two connection attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Whether calls are retried when the server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRetries {
    /// Calls fail at once. The caller reports the cause and retries.
    None,
    /// The SDK retries a call for up to 10 s.
    Sdk,
}

/// A working connection. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    client: Client,
    address: String,
    certificate: Option<ServerCertificate>,
    codec: Option<Codec>,
    /// The time of the latest answer that a caller noted.
    answered: Arc<Mutex<Instant>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects, and checks that the namespace exists.
    ///
    /// # Errors
    /// Returns a [`ConnectError`] for each cause, within a few times the endpoint's timeout.
    pub async fn connect(endpoint: &Endpoint, call_retries: CallRetries) -> Result<Self, ConnectError> {
        Self::connect_counted(endpoint, call_retries, None).await
    }

    /// Connects as [`Self::connect`] does. The `exporter` counts the calls of the connection.
    ///
    /// # Errors
    /// Returns the same errors as [`Self::connect`].
    pub async fn connect_counted(
        endpoint: &Endpoint,
        call_retries: CallRetries,
        exporter: Option<&Exporter>,
    ) -> Result<Self, ConnectError> {
        reach(endpoint).await?;
        let (mut options, verifier) = connection_options(endpoint, call_retries)?;
        options.metrics_meter = exporter.and_then(Exporter::client_meter);
        let converter = endpoint.codec.as_ref().map(Codec::data_converter);
        let client = ClientOptions::new(endpoint.namespace.clone()).maybe_data_converter(converter).build();
        let client = Client::connect(options, client);
        let last = || verifier.as_ref().and_then(RecordingVerifier::last);
        let client = match timeout(endpoint.timeout, client).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                return Err(diagnose(&error, endpoint, verifier.as_ref()).await.through(endpoint.proxy.as_ref()));
            }
            Err(_) => {
                let (address, seconds) = (endpoint.address.clone(), endpoint.timeout.as_secs());
                return Err(ConnectError::Silent { address, seconds }.through(endpoint.proxy.as_ref()));
            }
        };
        let certificate = last().and_then(|verification| verification.certificate);
        let answered = Arc::new(Mutex::new(Instant::now()));
        let (address, codec) = (endpoint.address.clone(), endpoint.codec.clone());
        let link = Self { client, address, certificate, codec, answered };
        link.check_namespace(endpoint).await?;
        Ok(link)
    }

    /// Checks that the namespace exists. A new server creates its namespaces shortly after it begins to answer, so
    /// callers may retry.
    async fn check_namespace(&self, endpoint: &Endpoint) -> Result<(), ConnectError> {
        let request = DescribeNamespaceRequest { namespace: endpoint.namespace.clone(), ..Default::default() };
        let mut request = request.into_request();
        request.set_timeout(endpoint.timeout);
        let answer = self.service().describe_namespace(request).await;
        answer.map(drop).map_err(|status| of_status(&status, endpoint))
    }

    /// Returns the workflow id to send for `id`, which contains an order's id. If payloads are encrypted, a keyed hash
    /// replaces the order's id. Equal ids have equal hashes as long as the key stays the same, so a second start still
    /// joins the first.
    #[must_use]
    pub fn conceal(&self, id: &str) -> String {
        match &self.codec {
            Some(codec) => WorkflowId::of_order(&codec.ring().pseudonym(id)).into(),
            None => id.to_owned(),
        }
    }

    /// The server's certificate; `None` without TLS.
    #[must_use]
    pub const fn certificate(&self) -> Option<&ServerCertificate> {
        self.certificate.as_ref()
    }

    /// The SDK's client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The codec that encrypts this link's payloads; `None` if they are not encrypted.
    #[must_use]
    pub const fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }

    /// The id of the key that encrypts this link's payloads; `None` if they are not encrypted.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.codec.as_ref().map(|codec| codec.ring().active().as_str())
    }

    pub(super) fn service(&self) -> Box<dyn temporalio_client::grpc::WorkflowService> {
        self.client.connection().workflow_service()
    }

    /// Notes that the server has answered, so that no check is needed for a while.
    pub fn note_answer(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether an answer was noted within this period.
    #[must_use]
    pub fn has_answered_within(&self, period: Duration) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < period
    }

    /// Checks that the server still answers, with one small call.
    ///
    /// # Errors
    /// Returns [`ConnectError::Lost`] if the server does not answer within 2 s.
    pub async fn check(&self) -> Result<(), ConnectError> {
        let answer = self.service().get_system_info(limited(GetSystemInfoRequest::default())).await;
        let lost = |status| ConnectError::Lost { address: self.address.clone(), cause: status_cause(&status) };
        answer.map(drop).map_err(lost)
    }
}

/// Returns a request with a timeout of 2 s.
pub(super) fn limited<T>(request: T) -> tonic::Request<T> {
    let mut request = request.into_request();
    request.set_timeout(Duration::from_secs(2));
    request
}

/// Returns the SDK's options for an endpoint, and the verifier of the server's certificate.
fn connection_options(
    endpoint: &Endpoint,
    call_retries: CallRetries,
) -> Result<(ConnectionOptions, Option<RecordingVerifier>), ConnectError> {
    let (scheme, tls) = match &endpoint.transport {
        Transport::Plaintext => ("http", None),
        Transport::Tls(tls) => ("https", Some(tls.options(SystemTime::now())?)),
    };
    let url = Url::parse(&format!("{scheme}://{}", endpoint.address))
        .map_err(|error| ConnectError::Address { address: endpoint.address.clone(), cause: error.to_string() })?;
    let retries = match call_retries {
        CallRetries::None => RetryOptions::no_retries(),
        CallRetries::Sdk => RetryOptions::default(),
    };
    let (tls, verifier) = tls.unzip();
    let metadata: HashMap<_, _> =
        endpoint.metadata.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
    let mut options = ConnectionOptions::new(url)
        .identity(endpoint.identity.clone())
        .connect_timeout(endpoint.timeout)
        .retry_options(retries)
        .maybe_tls_options(tls)
        .maybe_api_key(endpoint.api_key.as_ref().map(|key| key.expose_secret().to_owned()))
        .headers(metadata)
        .build();
    if let Some(proxy) = &endpoint.proxy {
        options.http_connect_proxy = Some(proxy.options());
        // The proxy resolves the name. The library does not accept both options together.
        options.dns_load_balancing = None;
    }
    Ok((options, verifier))
}

/// Returns the delay before attempt number `attempt`, counted from 1: it doubles from 250 ms up to 5 s.
#[must_use]
pub fn backoff(attempt: u32) -> Duration {
    let doubled = Duration::from_millis(250).saturating_mul(1_u32 << attempt.saturating_sub(1).min(16));
    doubled.min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_five_seconds() {
        let millis: Vec<_> = [1, 2, 3, 5, 6, 7, u32::MAX].map(|attempt| backoff(attempt).as_millis()).into();
        assert_eq!(millis, [250, 500, 1000, 4000, 5000, 5000, 5000]);
    }
}
