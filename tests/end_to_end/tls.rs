//! TLS in front of the real server. These tests check the proxies and the authority themselves with the SDK's client.

use std::{fs, path::Path, time::Duration};

use temporalio_client::{
    ClientTlsOptions, Connection, ConnectionOptions, RetryOptions, TlsOptions, errors::ClientConnectError,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{GetSystemInfoRequest, ListNamespacesRequest};
use tonic::{Code, IntoRequest};
use url::Url;

use crate::{
    authority::{Authority, Certified, Validity},
    proxy::{HTTP2, HeaderProxy, ProxyOptions, Requests, TlsProxy},
    sandbox::{EVENT_TIMEOUT, address, offline},
};

/// Connection options of a client.
#[derive(Default)]
struct Client<'a> {
    /// Expected server name, if it differs from the address.
    domain: Option<&'a str>,
    certificate: Option<&'a Certified>,
    key: Option<&'a str>,
}

impl Client<'_> {
    /// Connects and requests the server's system info.
    async fn ask(&self, address: &str, trusted: &Path) -> Result<(), ClientConnectError> {
        self.connect(address, trusted).await.map(drop)
    }

    /// The SDK requests the system info before it reports a connection.
    async fn connect(&self, address: &str, trusted: &Path) -> Result<Connection, ClientConnectError> {
        let client = self.certificate.map(|certified| {
            ClientTlsOptions::builder()
                .client_cert(fs::read(&certified.certificate).unwrap())
                .client_private_key(fs::read(&certified.key).unwrap())
                .build()
        });
        let tls = TlsOptions::builder()
            .server_root_ca_cert(fs::read(trusted).unwrap())
            .maybe_domain(self.domain.map(str::to_owned))
            .maybe_client_tls_options(client)
            .build();
        let options = ConnectionOptions::new(Url::parse(&format!("https://{address}")).unwrap())
            .tls_options(tls)
            .maybe_api_key(self.key.map(str::to_owned))
            .retry_options(RetryOptions::no_retries())
            .build();
        Connection::connect(options).await
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn only_a_chain_to_the_trusted_root_is_accepted() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new(folder.path(), "root"), Authority::new(folder.path(), "other"));
    let between = root.intermediate("between");
    let names = ["temporal.test", "127.0.0.1"];
    let options = |certificate| ProxyOptions { certificate, client_ca: None, alpn: HTTP2 };
    let proxy = TlsProxy::start(address(), &options(between.server(&names, Validity::NOW)));

    let by_address = Client::default();
    by_address.ask(&proxy.address(), &root.path()).await.unwrap();
    let by_name = |name| Client { domain: Some(name), ..Client::default() };
    by_name("temporal.test").ask(&proxy.address(), &root.path()).await.unwrap();
    assert_eq!(proxy.handshakes(), 2);

    let wrong = by_address.ask(&proxy.address(), &other.path()).await.unwrap_err();
    assert!(error_chain(&wrong).contains("UnknownIssuer"), "{}", error_chain(&wrong));
    let wrong = by_name("temporal.example").ask(&proxy.address(), &root.path()).await.unwrap_err();
    assert!(error_chain(&wrong).contains("NotValidForName"), "{}", error_chain(&wrong));
    for (validity, said) in [(Validity::Expired, "Expired"), (Validity::NotYet, "NotValidYet")] {
        proxy.change(&options(root.server(&names, validity)));
        let wrong = by_address.ask(&proxy.address(), &root.path()).await.unwrap_err();
        assert!(error_chain(&wrong).contains(said), "{}", error_chain(&wrong));
    }
    for reason in ["UnknownCA", "BadCertificate", "CertificateExpired"] {
        proxy.wait_for_refusal(reason);
    }
    assert_eq!(proxy.handshakes(), 2);
}

#[tokio::test]
async fn a_client_is_identified_by_its_certificate() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new(folder.path(), "root"), Authority::new(folder.path(), "other"));
    let certificate = root.server(&["127.0.0.1"], Validity::NOW);
    let proxy =
        TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: Some(root.certificate()), alpn: HTTP2 });
    let known = root.intermediate("between").client("teller", Validity::NOW);
    Client { certificate: Some(&known), ..Client::default() }.ask(&proxy.address(), &root.path()).await.unwrap();

    let unknown = [other.client("stranger", Validity::NOW), root.client("late", Validity::Expired)];
    for certificate in [None, Some(&unknown[0]), Some(&unknown[1])] {
        let client = Client { certificate, ..Client::default() };
        client.ask(&proxy.address(), &root.path()).await.unwrap_err();
    }
    for reason in ["peer sent no certificates", "UnknownIssuer", "certificate expired"] {
        proxy.wait_for_refusal(reason);
    }
    assert_eq!(proxy.handshakes(), 1);
}

#[tokio::test]
async fn a_proxy_closes_its_connections_and_restarts_on_its_port() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new(folder.path(), "root");
    let certificate = root.server(&["127.0.0.1"], Validity::NOW);
    let mut proxy = TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: None, alpn: HTTP2 });
    let (at, client) = (proxy.address(), Client::default());
    let connection = client.connect(&at, &root.path()).await.unwrap();
    let ask = || async {
        let mut service = connection.workflow_service();
        let asked = service.get_system_info(GetSystemInfoRequest::default().into_request());
        asked.await
    };
    ask().await.unwrap();
    proxy.stop();
    ask().await.unwrap_err();
    client.ask(&at, &root.path()).await.unwrap_err();
    proxy.restart();
    assert_eq!(proxy.address(), at);
    client.ask(&at, &root.path()).await.unwrap();
    let reconnected = async {
        while ask().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(EVENT_TIMEOUT, reconnected).await.expect("the connection comes back by itself");
    drop(proxy);
    client.ask(&at, &root.path()).await.unwrap_err();
}

#[tokio::test]
async fn every_request_needs_the_api_key() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new(folder.path(), "root");
    let certificate = root.server(&["127.0.0.1"], Validity::NOW);
    let forbidden = "/temporal.api.workflowservice.v1.WorkflowService/ListNamespaces";
    let options = ProxyOptions { certificate, client_ca: None, alpn: HTTP2 };
    let proxy = HeaderProxy::start(address(), &options, "the-key", &[forbidden]);
    let with = |key| Client { key, ..Client::default() };
    let refused = async |key| match with(key).ask(&proxy.address(), &root.path()).await {
        Err(ClientConnectError::SystemInfoCallError(status)) => status.code(),
        other => panic!("{other:?}"),
    };
    let connection = with(Some("the-key")).connect(&proxy.address(), &root.path()).await.unwrap();
    assert_eq!(proxy.requests(), Requests { total: 1, ..Requests::default() });
    let listed = connection.workflow_service().list_namespaces(ListNamespacesRequest::default().into_request()).await;
    assert_eq!(listed.unwrap_err().code(), Code::PermissionDenied);

    assert_eq!(refused(None).await, Code::Unauthenticated);
    assert_eq!(refused(Some("another")).await, Code::Unauthenticated);
    proxy.change_key("the-next-key");
    assert_eq!(refused(Some("the-key")).await, Code::Unauthenticated);
    assert_eq!(proxy.requests(), Requests { total: 5, without_key: 1, with_wrong_key: 2 });
}
