//! Why there is no connection: each cause its own sentence, with what to do about it.

use std::{error::Error, io};

use tonic::{Code, Status, TimeoutExpired};

use super::{
    endpoint::{Endpoint, Transport},
    proxy::{Proxy, ProxyError},
    tls::CertificateError,
};
use crate::domain::sanitize;

/// The longest cause in a message.
pub(super) const MAX_CAUSE_CHARS: usize = 200;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error("nothing answers at {address} ({cause}); start a server there with: idempotence server")]
    Unreachable { address: String, cause: io::Error },
    /// As [`Self::Unreachable`], if a server of ours is not what was asked for.
    #[error("nothing answers at {address} ({cause}); {}", advice(cause))]
    Absent { address: String, cause: io::Error },
    #[error(
        "the host name '{host}' of {address} has no address here ({cause}); correct it, check the DNS and the network of \
         this machine, or set HTTPS_PROXY if servers are reached through a proxy"
    )]
    UnknownHost { address: String, host: String, cause: io::Error },
    /// A direct connection failed that was to go through a proxy.
    #[error("{error}. {notice}")]
    WithoutProxy { error: Box<Self>, notice: String },
    /// The tunnel was made, and what answers in it may be the proxy.
    #[error(
        "{error}. The connection goes through the proxy {proxy} ({origin}), which may be the cause: correct it, or add the \
         server's host to NO_PROXY"
    )]
    ThroughProxy { error: Box<Self>, proxy: String, origin: String },
    /// The tunnel was made, and no server answers in it.
    #[error(
        "the proxy {proxy} ({origin}) agreed to connect to {address}, but no Temporal server answers through it ({cause}); \
         check the address, correct the proxy, or add the server's host to NO_PROXY"
    )]
    DeadTunnel { proxy: String, origin: String, address: String, cause: String },
    #[error(
        "something listens at {address} that is not a Temporal server ({cause}); stop it, or name another address \
         with TEMPORAL_ADDRESS or --address. {}", if *secured { BROKEN_OFF } else { WANTS_TLS }
    )]
    NotTemporal { address: String, cause: String, secured: bool },
    #[error(
        "what listens at {address} is not a Temporal server, or hangs (no answer in {seconds} s); stop it, or name another \
         address with TEMPORAL_ADDRESS or --address"
    )]
    Silent { address: String, seconds: u64 },
    #[error("the server at {address} has gone or hangs ({cause})")]
    Lost { address: String, cause: String },
    #[error(
        "the server at {address} has no namespace '{namespace}'; create it with: temporal operator namespace create \
         -n '{namespace}', or name another with TEMPORAL_NAMESPACE"
    )]
    NoNamespace { address: String, namespace: String },
    #[error("the server at {address} refuses: {cause}")]
    Refused { address: String, cause: String },
    #[error(
        "the proxy {proxy} ({origin}) does not connect to {address}: {cause}; correct the proxy, or add the server's host \
         to NO_PROXY"
    )]
    Proxy { proxy: String, origin: String, address: String, cause: ProxyError },
    #[error("'{address}' is no address: {cause}")]
    Address { address: String, cause: String },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(
        "what listens at {address} does not speak TLS; check the address. Only where you know it for a server without TLS, set \
         TEMPORAL_TLS=false, and remove the certificates and the API key that are set beside it"
    )]
    NotTls { address: String },
    #[error(
        "the certificate of {address} is signed by '{issuer}', which is not trusted here; if it is your server, set \
         TEMPORAL_SERVER_ROOT_CA_CERT to the certificate file of that authority"
    )]
    UnknownIssuer { address: String, issuer: String },
    #[error(
        "the certificate of {address} is for {names}, not for '{asked}'; correct the address, or set TEMPORAL_SERVER_NAME \
         to the name that it has"
    )]
    WrongName { address: String, asked: String, names: String },
    #[error("the certificate of {address} expired on {until}; the server needs a new one")]
    ServerExpired { address: String, until: String },
    #[error("the certificate of {address} is valid only from {from} on; check the clocks of both machines")]
    ServerNotYetValid { address: String, from: String },
    #[error(
        "the certificate of {address} says that it is an authority's (CA:TRUE), and is not one that is trusted here; if it \
         is your server, set TEMPORAL_SERVER_ROOT_CA_CERT to exactly this certificate, or make another: openssl req -x509 \
         -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem -subj /CN={host} -addext \
         subjectAltName={kind}:{host} -addext basicConstraints=critical,CA:FALSE"
    )]
    AuthorityAsServer { address: String, host: String, kind: &'static str },
    #[error(
        "what listens at {address} speaks TLS but does not agree to HTTP/2 (ALPN h2), which Temporal needs; let what ends the \
         TLS there offer it (stunnel: alpn = h2; HAProxy: bind ... alpn h2; nginx: a server of http2 with grpc_pass)"
    )]
    NoHttp2 { address: String },
    #[error("the certificate of {address} is refused: {cause}; the server needs another one")]
    BadServerCertificate { address: String, cause: String },
    #[error(
        "the server at {address} asks for a client certificate; set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY to its files"
    )]
    IdentityWanted { address: String },
    #[error(
        "the server at {address} does not take the client certificate ({cause}); name one with TEMPORAL_TLS_CERT and \
         TEMPORAL_TLS_KEY that an authority of the namespace has signed"
    )]
    IdentityRefused { address: String, cause: String },
    #[error("there is no TLS with {address}: {cause}")]
    Tls { address: String, cause: String },
    #[error(
        "the server at {address} does not know who asks ({cause}); set TEMPORAL_API_KEY to a key that is valid, or \
         TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY"
    )]
    Unauthenticated { address: String, cause: String },
    #[error(
        "the server at {address} does not permit us namespace '{namespace}' ({cause}); check that TEMPORAL_NAMESPACE is its \
         full name, as in myns.abcdf, and that the API key or the client certificate belongs to it"
    )]
    NotPermitted { address: String, namespace: String, cause: String },
}

impl ConnectError {
    /// The same, for a connection that goes through the proxy.
    pub(super) fn through(self, proxy: Option<&Proxy>) -> Self {
        let Some(Proxy { address: proxy, origin, .. }) = proxy else { return self };
        let (proxy, origin) = (proxy.clone(), origin.clone());
        match self {
            Self::NotTemporal { address, cause, .. } => Self::DeadTunnel { proxy, origin, address, cause },
            Self::Silent { address, seconds } => {
                Self::DeadTunnel { proxy, origin, address, cause: format!("no answer in {seconds} s") }
            }
            // A proxy that opens TLS shows its own certificate.
            Self::NotTls { .. }
            | Self::Tls { .. }
            | Self::NoHttp2 { .. }
            | Self::UnknownIssuer { .. }
            | Self::WrongName { .. }
            | Self::BadServerCertificate { .. } => Self::ThroughProxy { error: Box::new(self), proxy, origin },
            other => other,
        }
    }
}

/// More advice about what is not a Temporal server, without TLS and with it.
const WANTS_TLS: &str = "If it wants TLS, set TEMPORAL_TLS=true";
const BROKEN_OFF: &str = "A firewall or a load balancer in the way may end the connection too";

/// What is at the endpoint's address speaks something else.
pub(super) fn not_temporal(endpoint: &Endpoint, cause: String) -> ConnectError {
    let secured = matches!(endpoint.transport, Transport::Tls(_));
    ConnectError::NotTemporal { address: endpoint.address.clone(), cause, secured }
}

/// What to do about a connection that cannot be opened.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            "no program listens at this port; check the port, and whether the server runs there"
        }
        io::ErrorKind::TimedOut => {
            "check the address and the port, and whether a firewall or a missing VPN is in the way; if servers are reached \
             through a proxy, set HTTPS_PROXY"
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
            "this machine has no way there; check its network and VPN, and the address"
        }
        _ => "check the address, the network and whether the server runs",
    }
}

/// What a status of the server says of who asks.
pub(super) fn of_status(status: &Status, endpoint: &Endpoint) -> ConnectError {
    let (address, namespace) = (endpoint.address.clone(), endpoint.namespace.clone());
    let cause = status_cause(status);
    match status.code() {
        Code::NotFound => ConnectError::NoNamespace { address, namespace },
        Code::Unauthenticated => ConnectError::Unauthenticated { address, cause },
        Code::PermissionDenied => ConnectError::NotPermitted { address, namespace, cause },
        // A server that answered before, and is slow or hangs.
        _ if is_late(status) => {
            ConnectError::Lost { address, cause: format!("no answer in {} s", endpoint.timeout.as_secs()) }
        }
        // A status of the SDK's own making, where the server did not answer as one.
        _ if status.source().is_some() => not_temporal(endpoint, cause),
        _ => ConnectError::Refused { address, cause },
    }
}

/// Whether the time for a call was up, so that the server may have done what was asked.
pub(super) fn is_late(status: &Status) -> bool {
    let mut causes = std::iter::successors(status.source(), |&error| error.source());
    status.code() == Code::DeadlineExceeded || causes.any(<dyn Error>::is::<TimeoutExpired>)
}

/// The SDK shows its errors with all their insides; a person needs the last cause.
pub(super) fn status_cause(status: &Status) -> String {
    status.source().map_or_else(|| sanitize(status.message(), MAX_CAUSE_CHARS), last_cause)
}

pub(super) fn last_cause(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    sanitize(&last.to_string(), MAX_CAUSE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::tls::Tls;

    fn endpoint() -> Endpoint {
        Endpoint::plain("far:7233", "default", "test")
    }

    #[test]
    fn a_server_that_is_late_is_not_taken_for_another_program() {
        let expired = Status::from_error(Box::new(TimeoutExpired(())));
        for status in [Status::deadline_exceeded("Deadline Exceeded"), expired] {
            let said = of_status(&status, &endpoint()).to_string();
            assert_eq!(said, "the server at far:7233 has gone or hangs (no answer in 5 s)");
        }
        assert!(!is_late(&Status::unavailable("no healthy upstream")));
    }

    #[test]
    fn tls_is_advised_only_where_it_is_not_spoken() {
        let said = not_temporal(&endpoint(), "closed".to_owned()).to_string();
        assert!(said.ends_with("If it wants TLS, set TEMPORAL_TLS=true"), "{said}");
        let secured = Endpoint { transport: Transport::Tls(Tls::default()), ..endpoint() };
        let said = not_temporal(&secured, "closed".to_owned()).to_string();
        assert!(!said.contains("TEMPORAL_TLS"), "{said}");
    }

    #[test]
    fn each_kind_of_failure_has_the_advice_that_can_help() {
        for (kind, advised) in [
            (io::ErrorKind::ConnectionRefused, "no program listens at this port"),
            (io::ErrorKind::TimedOut, "a firewall"),
            (io::ErrorKind::NetworkUnreachable, "this machine has no way there"),
            (io::ErrorKind::HostUnreachable, "this machine has no way there"),
            (io::ErrorKind::Other, "check the address"),
        ] {
            assert!(advice(&kind.into()).contains(advised), "{kind}");
        }
    }
}
