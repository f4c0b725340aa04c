//! A server behind a proxy that terminates TLS but does not offer HTTP/2.

use crate::{
    authority::{Authority, Validity},
    proxy::{HTTP2, ProxyOptions, TlsProxy},
    sandbox::{address, offline, program, text},
};

#[test]
fn a_tls_proxy_without_http2_is_named_with_the_setting_to_change() {
    if offline() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let root = Authority::new(home.path(), "root");
    let options = |alpn| {
        let certificate = root.server(&["127.0.0.1"], Validity::NOW);
        ProxyOptions { certificate, client_ca: None, alpn }
    };
    let proxy = TlsProxy::start(address(), &options(HTTP2));
    let run = |arguments: &[&str]| {
        let mut command = program(home.path());
        command.args(arguments).args(["--address", &proxy.address(), "--task-queue", "tls-termination", "--tls=true"]);
        text(&command.env("TEMPORAL_SERVER_ROOT_CA_CERT", root.path()).output().unwrap())
    };
    assert!(run(&["doctor"]).0.contains(&format!("right    server      {} answers", proxy.address())));
    // nginx offers another protocol, and rejects a client that offers none of nginx's protocols. stunnel offers none.
    for alpn in [&[][..], &["http/1.1"]] {
        proxy.change(&options(alpn));
        for arguments in [&["doctor"][..], &["worker"], &["start", "A", "123456", "1", "--faults", "none"]] {
            let (out, problem) = run(arguments);
            let said = format!("{out}{problem}");
            assert!(said.contains("does not offer HTTP/2 (ALPN h2)"), "{alpn:?} {arguments:?}: {said}");
            assert!(said.contains("stunnel: alpn = h2"), "{alpn:?} {arguments:?}: {said}");
        }
    }
}
