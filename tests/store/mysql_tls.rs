//! TLS to a real MySQL server with a certificate of the test.

use std::{fs, path::Path};

use futures::executor::block_on;
use idempotence::{
    domain::Guard,
    store::{
        CommitOutcome, CommitRequest, Location, Store, StoreError, StoreHandle,
        mysql::{MySqlDatabase, MySqlHost, MySqlTls},
    },
};

use crate::{
    authority::{Authority, Certified, Validity},
    bench::{order, origin},
    mysql_server::Server,
};

fn open(database: &MySqlDatabase) -> Result<StoreHandle, StoreError> {
    Location::MySql(Box::new(database.clone())).open(None, &|_| {})
}

/// Replaces the files that the server reads when it starts, and with `FLUSH SSL`.
fn install(certified: &Certified, folder: &Path) -> Vec<String> {
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    fs::copy(&certified.certificate, &certificate).unwrap();
    fs::copy(&certified.key, &key).unwrap();
    vec![format!("--ssl-cert={}", certificate.display()), format!("--ssl-key={}", key.display())]
}

#[test]
fn a_server_is_verified_by_its_certificate_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new(folder.path(), "root"), Authority::new(folder.path(), "other"));
    let certified = root.intermediate("between").server(&["localhost"], Validity::NOW);
    let Some(server) = Server::start_with(|_| Some(install(&certified, folder.path()))) else { return };
    let plain = server.database();
    for host in ["%", "localhost"] {
        server.admin(&format!("ALTER USER '{}'@'{host}' REQUIRE SSL", plain.user));
    }
    let secured = |host: &str, authority: &Authority| MySqlDatabase {
        host: MySqlHost::Tcp { host: host.to_owned(), port: server.port() },
        tls: MySqlTls::On { root_certificates: Some(authority.path()) },
        ..plain.clone()
    };
    let store = open(&secured("localhost", &root)).unwrap();
    let effect = order("A", 10);
    let origin = origin(&effect, "run-1", 1);
    let request = CommitRequest { effect, guard: Guard::Ledger, origin };
    assert_eq!(block_on(store.commit(request.clone())).unwrap().outcome, CommitOutcome::Applied);
    let refused = |database: &MySqlDatabase| {
        let error = open(database).unwrap_err().to_string();
        assert!(error.starts_with("could not ") && !error.contains("secret"), "{error}");
        error
    };
    // The server refuses the account without TLS, so the connection above was encrypted.
    assert!(refused(&plain).contains("Access denied"));

    let (ca, name) = ("set MYSQL_CA to the server's root certificate", "MYSQL_HOST to the name in its certificate");
    let unknown = refused(&secured("localhost", &other));
    assert!(unknown.contains("UnknownIssuer") && unknown.contains(ca), "{unknown}");
    let system =
        refused(&MySqlDatabase { tls: MySqlTls::On { root_certificates: None }, ..secured("localhost", &root) });
    assert!(system.contains(ca), "{system}");
    let misnamed = refused(&secured("127.0.0.1", &root));
    assert!(misnamed.contains("not valid for name") && misnamed.contains(name), "{misnamed}");
    fs::write(folder.path().join("none.pem"), "no certificate").unwrap();
    let none = MySqlTls::On { root_certificates: Some(folder.path().join("none.pem")) };
    let none = refused(&MySqlDatabase { tls: none, ..secured("localhost", &root) });
    assert!(none.contains(ca), "{none}");

    // A running worker connects again after its connection was killed, and the certificate was renewed or has expired.
    let kill = || {
        let query = format!("SELECT id FROM information_schema.processlist WHERE user = '{}' LIMIT 1", plain.user);
        server.admin(&format!("KILL {}", server.value(&query).unwrap()));
    };
    install(&root.server(&["localhost"], Validity::NOW), folder.path());
    server.admin("FLUSH SSL");
    kill();
    assert_eq!(block_on(store.commit(request.clone())).unwrap().outcome, CommitOutcome::Replayed);
    install(&root.server(&["localhost"], Validity::Expired), folder.path());
    server.admin("FLUSH SSL");
    kill();
    let expired = block_on(store.commit(request)).unwrap_err();
    assert!(expired.is_retryable() && expired.to_string().contains("expired"), "{expired}");
    assert!(refused(&secured("localhost", &root)).contains("renew the server's certificate"));
}
