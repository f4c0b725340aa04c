//! The connection to the server: made with a limit on time, told apart by what is wrong, and asked for its health.

use std::time::Duration;

use temporalio_client::{Client, ClientOptions, ConnectionOptions, RetryOptions, errors::ClientConnectError};
use temporalio_common::protos::temporal::api::workflowservice::v1::{DescribeNamespaceRequest, GetSystemInfoRequest};
use tokio::{net::TcpStream, time::timeout};
use tonic::{Code, IntoRequest, Status};
use url::Url;

use super::codec::Codec;

/// How long a server may take to answer before it counts as silent.
const ANSWER: Duration = Duration::from_secs(5);

/// The longest wait between two tries to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Where the server is, and who asks.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    pub url: String,
    pub namespace: String,
    /// Shown by Temporal beside what this process does.
    pub identity: String,
}

/// What a call does when the server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Fails at once: somebody watches, and the link says why and tries again.
    None,
    /// The SDK's own retries, for up to 10 s.
    Retries,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("nothing answers at {address} ({cause}); start a server there with: idempotence server")]
    Unreachable { address: String, cause: String },
    #[error(
        "something listens at {address} that is not a Temporal server ({cause}); stop it, or name another address \
         with TEMPORAL_ADDRESS or --address"
    )]
    NotTemporal { address: String, cause: String },
    #[error(
        "what listens at {address} is not a Temporal server, or hangs (no answer in {} s); stop it, or name another \
         address with TEMPORAL_ADDRESS or --address",
        ANSWER.as_secs()
    )]
    Silent { address: String },
    #[error("the server at {address} has gone or hangs ({cause})")]
    Lost { address: String, cause: String },
    #[error(
        "the server at {address} has no namespace '{namespace}'; create it with: temporal operator namespace create \
         -n '{namespace}', or name another with TEMPORAL_NAMESPACE"
    )]
    NoNamespace { address: String, namespace: String },
    #[error("the server at {address} refuses: {cause}")]
    Refused { address: String, cause: String },
    #[error("'{address}' is no address: {cause}")]
    Address { address: String, cause: String },
}

/// A connection that works.
#[derive(Clone)]
pub struct Link {
    client: Client,
    address: String,
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
    /// [`ConnectError`], within about ten seconds whatever is at the other end.
    pub async fn connect(endpoint: &Endpoint, patience: Patience) -> Result<Self, ConnectError> {
        let address = endpoint.address.clone();
        reach(&address).await?;
        let url = Url::parse(&endpoint.url)
            .map_err(|error| ConnectError::Address { address: address.clone(), cause: error.to_string() })?;
        let retries = match patience {
            Patience::None => RetryOptions::no_retries(),
            Patience::Retries => RetryOptions::default(),
        };
        let connection = ConnectionOptions::new(url)
            .identity(endpoint.identity.clone())
            .connect_timeout(ANSWER)
            .retry_options(retries)
            .build();
        let client = Client::connect(connection, ClientOptions::new(endpoint.namespace.clone()).build());
        let client = match timeout(ANSWER, client).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(ConnectError::NotTemporal { address, cause: connect_cause(&error) }),
            Err(_) => return Err(ConnectError::Silent { address }),
        };
        let link = Self { client, address, codec: None };
        link.check_namespace(&endpoint.namespace).await?;
        Ok(link)
    }

    /// A fresh server knows its namespaces a moment after it answers, so its caller may want to ask again.
    async fn check_namespace(&self, namespace: &str) -> Result<(), ConnectError> {
        let request = DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
        let address = self.address.clone();
        match self.service().describe_namespace(limited(request)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => {
                Err(ConnectError::NoNamespace { address, namespace: namespace.to_owned() })
            }
            Err(status) => Err(ConnectError::Refused { address, cause: status.message().to_owned() }),
        }
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

/// Tells a dead address from a live one that speaks something else.
async fn reach(address: &str) -> Result<(), ConnectError> {
    let unreachable = |cause: String| ConnectError::Unreachable { address: address.to_owned(), cause };
    match timeout(ANSWER, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer in {} s", ANSWER.as_secs()))),
    }
}

/// The SDK shows its errors with all their insides; a person needs the last cause.
fn connect_cause(error: &ClientConnectError) -> String {
    match error {
        ClientConnectError::SystemInfoCallError(status) => status_cause(status),
        other => last_cause(other),
    }
}

fn status_cause(status: &Status) -> String {
    std::error::Error::source(status).map_or_else(|| status.message().to_owned(), last_cause)
}

fn last_cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    crate::domain::sanitize(&last.to_string(), 200)
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
