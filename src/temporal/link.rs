//! The connection to the server: made with a limit on time, told apart by what is wrong, and asked for its health.

use crate::domain::WorkflowId;
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
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
    tls::{Judge, ServerCertificate},
};

/// The longest wait between two tries to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What a call does when the server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Fails at once: somebody watches, and the link says why and tries again.
    None,
    /// The SDK's own retries, for up to 10 s.
    Retries,
}

/// A connection that works.
#[derive(Clone)]
pub struct Link {
    client: Client,
    address: String,
    certificate: Option<ServerCertificate>,
    codec: Option<Codec>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects, and makes sure that the namespace is there.
    ///
    /// # Errors
    /// [`ConnectError`], within a few times the endpoint's timeout whatever is at the other end.
    pub async fn connect(endpoint: &Endpoint, patience: Patience) -> Result<Self, ConnectError> {
        Self::connect_counted(endpoint, patience, None).await
    }

    /// As [`Self::connect`], with its calls counted.
    ///
    /// # Errors
    /// Those of [`Self::connect`].
    pub async fn connect_counted(
        endpoint: &Endpoint,
        patience: Patience,
        exporter: Option<&Exporter>,
    ) -> Result<Self, ConnectError> {
        reach(endpoint).await?;
        let (mut options, judge) = connection_options(endpoint, patience)?;
        options.metrics_meter = exporter.and_then(Exporter::client_meter);
        let converter = endpoint.codec.as_ref().map(Codec::data_converter);
        let client = ClientOptions::new(endpoint.namespace.clone()).maybe_data_converter(converter).build();
        let client = Client::connect(options, client);
        let last = || judge.as_ref().and_then(Judge::last);
        let client = match timeout(endpoint.timeout, client).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                return Err(diagnose(&error, endpoint, judge.as_ref()).await.through(endpoint.proxy.as_ref()));
            }
            Err(_) => {
                let (address, seconds) = (endpoint.address.clone(), endpoint.timeout.as_secs());
                return Err(ConnectError::Silent { address, seconds }.through(endpoint.proxy.as_ref()));
            }
        };
        let certificate = last().and_then(|judgement| judgement.certificate);
        let link = Self { client, address: endpoint.address.clone(), certificate, codec: endpoint.codec.clone() };
        link.check_namespace(endpoint).await?;
        Ok(link)
    }

    /// A fresh server knows its namespaces a moment after it answers, so its caller may want to ask again.
    async fn check_namespace(&self, endpoint: &Endpoint) -> Result<(), ConnectError> {
        let request = DescribeNamespaceRequest { namespace: endpoint.namespace.clone(), ..Default::default() };
        let mut request = request.into_request();
        request.set_timeout(endpoint.timeout);
        let asked = self.service().describe_namespace(request).await;
        asked.map(drop).map_err(|status| of_status(&status, endpoint))
    }

    /// The workflow id for one that is `made` from an order's id. Where payloads are encrypted, it has a keyed hash in place of
    /// what would tell the order: the same one for the same id, so that a second start still joins the first, as long as
    /// the same key encrypts.
    #[must_use]
    pub fn conceal(&self, made: &str) -> String {
        match &self.codec {
            Some(codec) => WorkflowId::of_order(&codec.ring().pseudonym(made)).into(),
            None => made.to_owned(),
        }
    }

    /// What the server showed; `None` without TLS.
    #[must_use]
    pub const fn certificate(&self) -> Option<&ServerCertificate> {
        self.certificate.as_ref()
    }

    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// What this link's payloads are encrypted with; `None` where they travel in clear.
    #[must_use]
    pub const fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }

    /// The id of the key that this link's payloads are encrypted with; `None` where they travel in clear.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.codec.as_ref().map(|codec| codec.ring().active().as_str())
    }

    pub(super) fn service(&self) -> Box<dyn temporalio_client::grpc::WorkflowService> {
        self.client.connection().workflow_service()
    }

    /// Asks whether the server still answers. One small call.
    ///
    /// # Errors
    /// [`ConnectError::Lost`].
    pub async fn check(&self) -> Result<(), ConnectError> {
        let asked = self.service().get_system_info(limited(GetSystemInfoRequest::default())).await;
        let lost = |status| ConnectError::Lost { address: self.address.clone(), cause: status_cause(&status) };
        asked.map(drop).map_err(lost)
    }
}

/// A request that the server must answer soon.
pub(super) fn limited<T>(request: T) -> tonic::Request<T> {
    let mut request = request.into_request();
    request.set_timeout(Duration::from_secs(2));
    request
}

/// The SDK's options for an endpoint, and the judge of the certificate that the server presents.
fn connection_options(
    endpoint: &Endpoint,
    patience: Patience,
) -> Result<(ConnectionOptions, Option<Judge>), ConnectError> {
    let (scheme, tls) = match &endpoint.transport {
        Transport::Plaintext => ("http", None),
        Transport::Tls(tls) => ("https", Some(tls.options(SystemTime::now())?)),
    };
    let url = Url::parse(&format!("{scheme}://{}", endpoint.address))
        .map_err(|error| ConnectError::Address { address: endpoint.address.clone(), cause: error.to_string() })?;
    let retries = match patience {
        Patience::None => RetryOptions::no_retries(),
        Patience::Retries => RetryOptions::default(),
    };
    let (tls, judge) = tls.unzip();
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
        // The proxy resolves the name; the library refuses to do both.
        options.dns_load_balancing = None;
    }
    Ok((options, judge))
}

/// How long to wait before try number `attempt` (from 1): doubling from a quarter of a second, at most 5 s.
#[must_use]
pub fn backoff(attempt: u32) -> Duration {
    let doubled = Duration::from_millis(250).saturating_mul(1_u32 << attempt.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT)
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
