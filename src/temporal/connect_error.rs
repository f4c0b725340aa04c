//! Why there is no connection. Each cause has its own message, which says what to do.

use std::{error::Error, io};

use tonic::{Code, Status, TimeoutExpired};

use super::{
    endpoint::{Endpoint, Transport},
    proxy::{Proxy, ProxyError},
    tls::CertificateError,
};
use crate::domain::sanitize;

/// Maximum length of a cause in a message.
pub(super) const MAX_CAUSE_CHARS: usize = 200;

/// Why there is no connection.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing listens at the address on this machine.
    #[error("nothing answers at {address} ({cause}); start a server there with: idempotence server")]
    Unreachable { address: String, cause: io::Error },
    /// Nothing listens at the address, and `idempotence server` cannot start a server there.
    #[error("nothing answers at {address} ({cause}); {}", advice(cause))]
    Absent { address: String, cause: io::Error },
    /// The host name cannot be resolved.
    #[error(
        "the host name '{host}' of {address} does not resolve on this machine ({cause}); correct it, check the DNS and the network of \
         this machine, or set HTTPS_PROXY if servers are reached through a proxy"
    )]
    UnknownHost { address: String, host: String, cause: io::Error },
    /// A direct connection failed, and a configured proxy was not used.
    #[error("{error}. {notice}")]
    WithoutProxy { error: Box<Self>, notice: String },
    /// The proxy opened the tunnel, and the error may be the proxy's.
    #[error(
        "{error}. The connection goes through the proxy {proxy} ({origin}), which may be the cause: correct it, or add the \
         server's host to NO_PROXY"
    )]
    ThroughProxy { error: Box<Self>, proxy: String, origin: String },
    /// The proxy opened the tunnel, but no server answers through it.
    #[error(
        "the proxy {proxy} ({origin}) agreed to connect to {address}, but no Temporal server answers through it ({cause}); \
         check the address, correct the proxy, or add the server's host to NO_PROXY"
    )]
    DeadTunnel { proxy: String, origin: String, address: String, cause: String },
    /// The program at the address uses another protocol.
    #[error(
        "the program at {address} is not a Temporal server ({cause}); stop it, or set another address \
         with TEMPORAL_ADDRESS or --address. {}", if *secured { FIREWALL_ADVICE } else { TLS_ADVICE }
    )]
    NotTemporal { address: String, cause: String, secured: bool },
    /// The program at the address does not answer.
    #[error(
        "the program at {address} is not a Temporal server, or hangs (no answer in {seconds} s); stop it, or set another \
         address with TEMPORAL_ADDRESS or --address"
    )]
    Silent { address: String, seconds: u64 },
    /// The server answered earlier, but no longer does.
    #[error("the server at {address} has stopped responding ({cause})")]
    Lost { address: String, cause: String },
    /// The server does not have the namespace.
    #[error(
        "the server at {address} has no namespace '{namespace}'; create it with: temporal operator namespace create \
         -n '{namespace}', or set another with TEMPORAL_NAMESPACE"
    )]
    NoNamespace { address: String, namespace: String },
    /// The server returned another status.
    #[error("the server at {address} refuses the connection: {cause}")]
    Refused { address: String, cause: String },
    /// The proxy did not open a tunnel.
    #[error(
        "the proxy {proxy} ({origin}) does not connect to {address}: {cause}; correct the proxy, or add the server's host \
         to NO_PROXY"
    )]
    Proxy { proxy: String, origin: String, address: String, cause: ProxyError },
    /// The address cannot be parsed.
    #[error("'{address}' is not a valid address: {cause}")]
    Address { address: String, cause: String },
    /// A certificate or key of the settings cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The program at the address does not use TLS.
    #[error(
        "the program at {address} does not use TLS; check the address. Only if you know that this server has no TLS, set \
         TEMPORAL_TLS=false, and remove the certificates and the API key from the settings"
    )]
    NotTls { address: String },
    /// The server's certificate is signed by an authority that this machine does not trust.
    #[error(
        "the certificate of {address} is signed by '{issuer}', which this machine does not trust; if it is your server, set \
         TEMPORAL_SERVER_ROOT_CA_CERT to the certificate file of that authority"
    )]
    UnknownIssuer { address: String, issuer: String },
    /// The server's certificate is for other names.
    #[error(
        "the certificate of {address} is for {names}, not for '{asked}'; correct the address, or set TEMPORAL_SERVER_NAME \
         to the name in the certificate"
    )]
    WrongName { address: String, asked: String, names: String },
    /// The server's certificate has expired.
    #[error("the certificate of {address} expired on {until}; the server needs a new one")]
    ServerExpired { address: String, until: String },
    /// The server's certificate is not valid yet.
    #[error("the certificate of {address} is not valid before {from}; check the clocks of both machines")]
    ServerNotYetValid { address: String, from: String },
    /// The server presents the certificate of an authority (CA:TRUE).
    #[error(
        "the certificate of {address} is an authority's (CA:TRUE), and this machine does not trust it; if it \
         is your server, set TEMPORAL_SERVER_ROOT_CA_CERT to exactly this certificate, or make another: openssl req -x509 \
         -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem -subj /CN={host} -addext \
         subjectAltName={kind}:{host} -addext basicConstraints=critical,CA:FALSE"
    )]
    AuthorityAsServer { address: String, host: String, kind: &'static str },
    /// The server does not offer HTTP/2.
    #[error(
        "the program at {address} uses TLS but does not offer HTTP/2 (ALPN h2), which Temporal needs; configure the TLS \
         endpoint there to offer it (stunnel: alpn = h2; HAProxy: bind ... alpn h2; nginx: a server of http2 with grpc_pass)"
    )]
    NoHttp2 { address: String },
    /// The server's certificate is invalid for another reason.
    #[error("the certificate of {address} is invalid: {cause}; the server needs another one")]
    BadServerCertificate { address: String, cause: String },
    /// The server requires a client certificate.
    #[error(
        "the server at {address} requires a client certificate; set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY to its files"
    )]
    IdentityWanted { address: String },
    /// The server rejects the client certificate.
    #[error(
        "the server at {address} rejects the client certificate ({cause}); set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY to \
         one that an authority of the namespace has signed"
    )]
    IdentityRefused { address: String, cause: String },
    /// TLS failed for another reason.
    #[error("TLS with {address} failed: {cause}")]
    Tls { address: String, cause: String },
    /// The server does not accept the credentials.
    #[error(
        "the server at {address} does not accept the credentials ({cause}); set TEMPORAL_API_KEY to a valid key, or \
         set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY"
    )]
    Unauthenticated { address: String, cause: String },
    /// The credentials have no access to the namespace.
    #[error(
        "the server at {address} does not permit access to namespace '{namespace}' ({cause}); check that TEMPORAL_NAMESPACE is its \
         full name, as in myns.abcdf, and that the API key or the client certificate belongs to it"
    )]
    NotPermitted { address: String, namespace: String, cause: String },
}

impl ConnectError {
    /// Adds the proxy to the error of a connection through it, since the proxy may be the cause.
    pub(super) fn through(self, proxy: Option<&Proxy>) -> Self {
        let Some(Proxy { address: proxy, origin, .. }) = proxy else { return self };
        let (proxy, origin) = (proxy.clone(), origin.clone());
        match self {
            Self::NotTemporal { address, cause, .. } => Self::DeadTunnel { proxy, origin, address, cause },
            Self::Silent { address, seconds } => {
                Self::DeadTunnel { proxy, origin, address, cause: format!("no answer in {seconds} s") }
            }
            // A proxy that intercepts TLS presents its own certificate.
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

/// Advice to add if the program is not a Temporal server: without TLS, and with TLS.
const TLS_ADVICE: &str = "If it requires TLS, set TEMPORAL_TLS=true";
const FIREWALL_ADVICE: &str = "A firewall or a load balancer in between may close the connection too";

/// Returns the error for a program that uses another protocol.
pub(super) fn not_temporal(endpoint: &Endpoint, cause: String) -> ConnectError {
    let secured = matches!(endpoint.transport, Transport::Tls(_));
    ConnectError::NotTemporal { address: endpoint.address.clone(), cause, secured }
}

/// Returns advice for a connection that cannot be opened.
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
            "this machine has no route to it; check its network and VPN, and the address"
        }
        _ => "check the address, the network and whether the server runs",
    }
}

/// Converts a status that the server returned into an error.
pub(super) fn of_status(status: &Status, endpoint: &Endpoint) -> ConnectError {
    let (address, namespace) = (endpoint.address.clone(), endpoint.namespace.clone());
    let cause = status_cause(status);
    match status.code() {
        Code::NotFound => ConnectError::NoNamespace { address, namespace },
        Code::Unauthenticated => ConnectError::Unauthenticated { address, cause },
        Code::PermissionDenied => ConnectError::NotPermitted { address, namespace, cause },
        // The server answered earlier, so it is slow or hangs.
        _ if is_late(status) => {
            ConnectError::Lost { address, cause: format!("no answer in {} s", endpoint.timeout.as_secs()) }
        }
        // The SDK created this status itself, because the answer was not gRPC.
        _ if status.source().is_some() => not_temporal(endpoint, cause),
        _ => ConnectError::Refused { address, cause },
    }
}

/// Whether a call timed out, so that the server may still have executed it.
pub(super) fn is_late(status: &Status) -> bool {
    let mut causes = std::iter::successors(status.source(), |&error| error.source());
    status.code() == Code::DeadlineExceeded || causes.any(<dyn Error>::is::<TimeoutExpired>)
}

/// The last cause of a status, or its message. The SDK's own text contains the whole chain.
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
    fn a_slow_server_is_not_reported_as_another_program() {
        let expired = Status::from_error(Box::new(TimeoutExpired(())));
        for status in [Status::deadline_exceeded("Deadline Exceeded"), expired] {
            let said = of_status(&status, &endpoint()).to_string();
            assert_eq!(said, "the server at far:7233 has stopped responding (no answer in 5 s)");
        }
        assert!(!is_late(&Status::unavailable("no healthy upstream")));
    }

    #[test]
    fn tls_is_suggested_only_without_tls() {
        let said = not_temporal(&endpoint(), "closed".to_owned()).to_string();
        assert!(said.ends_with("If it requires TLS, set TEMPORAL_TLS=true"), "{said}");
        let secured = Endpoint { transport: Transport::Tls(Tls::default()), ..endpoint() };
        let said = not_temporal(&secured, "closed".to_owned()).to_string();
        assert!(!said.contains("TEMPORAL_TLS"), "{said}");
    }

    #[test]
    fn each_kind_of_failure_has_its_own_advice() {
        for (kind, advised) in [
            (io::ErrorKind::ConnectionRefused, "no program listens at this port"),
            (io::ErrorKind::TimedOut, "a firewall"),
            (io::ErrorKind::NetworkUnreachable, "this machine has no route to it"),
            (io::ErrorKind::HostUnreachable, "this machine has no route to it"),
            (io::ErrorKind::Other, "check the address"),
        ] {
            assert!(advice(&kind.into()).contains(advised), "{kind}");
        }
    }
}
