//! TLS before the real server. Here first: that the proxies and the authority of these tests are what they say, asked by
//! the SDK's own client.

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

/// How a client comes.
#[derive(Default)]
struct Client<'a> {
    /// The name that it expects of the server, where that is not in its address.
    domain: Option<&'a str>,
    certificate: Option<&'a Certified>,
    key: Option<&'a str>,
}

impl Client<'_> {
    /// Connects, and asks the server for what it is.
    async fn ask(&self, address: &str, trusted: &Path) -> Result<(), ClientConnectError> {
        self.connect(address, trusted).await.map(drop)
    }

    /// The client asks the server for what it is before it counts as connected.
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

fn everything(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_chain_to_the_trusted_root_is_taken_and_no_other() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new(folder.path(), "root"), Authority::new(folder.path(), "other"));
    let between = root.below("between");
    let names = ["temporal.test", "127.0.0.1"];
    let options = |certificate| ProxyOptions { certificate, client_ca: None, alpn: HTTP2 };
    let proxy = TlsProxy::start(address(), &options(between.server(&names, Validity::NOW)));

    let by_address = Client::default();
    by_address.ask(&proxy.address(), &root.path()).await.unwrap();
    let by_name = |name| Client { domain: Some(name), ..Client::default() };
    by_name("temporal.test").ask(&proxy.address(), &root.path()).await.unwrap();
    assert_eq!(proxy.passed(), 2);

    let wrong = by_address.ask(&proxy.address(), &other.path()).await.unwrap_err();
    assert!(everything(&wrong).contains("UnknownIssuer"), "{}", everything(&wrong));
    let wrong = by_name("temporal.example").ask(&proxy.address(), &root.path()).await.unwrap_err();
    assert!(everything(&wrong).contains("NotValidForName"), "{}", everything(&wrong));
    for (validity, said) in [(Validity::Expired, "Expired"), (Validity::NotYet, "NotValidYet")] {
        proxy.change(&options(root.server(&names, validity)));
        let wrong = by_address.ask(&proxy.address(), &root.path()).await.unwrap_err();
        assert!(everything(&wrong).contains(said), "{}", everything(&wrong));
    }
    for reason in ["UnknownCA", "BadCertificate", "CertificateExpired"] {
        proxy.wait_for_refusal(reason);
    }
    assert_eq!(proxy.passed(), 2);
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    if offline() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new(folder.path(), "root"), Authority::new(folder.path(), "other"));
    let certificate = root.server(&["127.0.0.1"], Validity::NOW);
    let proxy =
        TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: Some(root.certificate()), alpn: HTTP2 });
    let known = root.below("between").client("teller", Validity::NOW);
    Client { certificate: Some(&known), ..Client::default() }.ask(&proxy.address(), &root.path()).await.unwrap();

    let unknown = [other.client("stranger", Validity::NOW), root.client("late", Validity::Expired)];
    for certificate in [None, Some(&unknown[0]), Some(&unknown[1])] {
        let client = Client { certificate, ..Client::default() };
        client.ask(&proxy.address(), &root.path()).await.unwrap_err();
    }
    for reason in ["peer sent no certificates", "UnknownIssuer", "certificate expired"] {
        proxy.wait_for_refusal(reason);
    }
    assert_eq!(proxy.passed(), 1);
}

#[tokio::test]
async fn a_proxy_ends_its_connections_and_comes_back_on_its_port() {
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
async fn every_request_needs_the_key() {
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
