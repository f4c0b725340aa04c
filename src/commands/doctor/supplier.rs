//! Checks the supplier, if the settings name one.

use std::time::Duration;

use super::Check;
use crate::{
    commands::supplier::free_own_port,
    config::Settings,
    domain::KeyPolicy,
    supplier::{
        SupplierClient, SupplierError, SupplierUrl,
        api::{API_VERSION, ShipmentPage},
    },
};

/// Maximum time for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Name of the checks.
const NAME: &str = "supplier";

/// Remedy for an address that is not a supplier's.
const ANOTHER_ADDRESS: &str = "export SUPPLIER_URL=http://HOST:PORT";

/// Checks whether the supplier can ship, and whether its connection is encrypted.
pub async fn examine(settings: &Settings) -> Vec<Check> {
    let Some(url) = &settings.supplier else { return Vec::new() };
    let mut checks = vec![supplier(url, settings.supplier_key).await];
    if !url.is_https() && !url.is_loopback() {
        let says = format!("without TLS, so anyone on the network between here and {url} can read and alter orders");
        checks.push(Check::warning(NAME, says, Some("export SUPPLIER_URL=https://HOST:PORT".to_owned())));
    }
    checks
}

async fn supplier(url: &SupplierUrl, policy: KeyPolicy) -> Check {
    let client = match SupplierClient::new(url.clone()) {
        Ok(client) => client,
        Err(error) => {
            return Check::wrong(NAME, format!("the certificates of this system cannot be read: {error}"), None);
        }
    };
    let health = match client.health(ANSWER_LIMIT).await {
        Ok(health) => health,
        Err(error) => return unhealthy(url, &error),
    };
    if health.api > API_VERSION {
        let says = format!(
            "{url} has version {} of the supplier's API, and this program has version {API_VERSION}; use the same version \
             of idempotence for both",
            health.api
        );
        return Check::warning(NAME, says, None);
    }
    // No shipment has a number after this one, so the answer has the counters only.
    match client.shipments(u64::MAX, ANSWER_LIMIT).await {
        Ok(page) => answers(url, policy, &page),
        Err(error) => {
            let says = format!("{url} answers, but audit and the dashboard cannot compare its shipments: {error}");
            Check::warning(NAME, says, None)
        }
    }
}

fn answers(url: &SupplierUrl, policy: KeyPolicy, page: &ShipmentPage) -> Check {
    if page.outage > 0 {
        let says = format!("{url} answers the next {} orders with 503, because an outage was requested", page.outage);
        let end = format!("curl -X PUT {url}/outage -H 'Content-Type: application/json' -d '{{\"requests\":0}}'");
        return Check::warning(NAME, says, Some(end));
    }
    let says = format!(
        "{url} answers, shipments {}, keys known for {} s; policy {policy}: {}",
        page.shipped,
        page.key_lifetime_seconds,
        policy.meaning()
    );
    Check::right(NAME, says)
}

/// Returns the check of a supplier that does not say that it can ship.
fn unhealthy(url: &SupplierUrl, error: &SupplierError) -> Check {
    match error {
        SupplierError::Unreachable { .. } if free_own_port(url).is_some() => {
            Check::skipped(NAME, format!("nothing listens at {url}; the dashboard starts its own supplier there"))
        }
        SupplierError::Unreachable { .. } => {
            let start = url.is_loopback().then(|| "idempotence supplier".to_owned());
            Check::wrong(NAME, error.to_string(), start.or_else(|| Some(ANOTHER_ADDRESS.to_owned())))
        }
        // Another company's supplier need not have a health check.
        SupplierError::Refused { .. } | SupplierError::Unreadable { .. } => {
            let says = format!(
                "{url} answers, but not as `idempotence supplier` does, so audit and the dashboard cannot compare its \
                 shipments: {error}"
            );
            Check::warning(NAME, says, None)
        }
        SupplierError::NoAnswer { cause, .. } => Check::wrong(NAME, format!("{url} gives no answer: {cause}"), None),
        SupplierError::Failed { status, detail } | SupplierError::Unavailable { status, detail } => {
            Check::wrong(NAME, format!("{url} cannot ship: it answers {status}: {detail}"), None)
        }
        _ => Check::wrong(NAME, format!("{url} cannot ship: {error}"), None),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        commands::doctor::State,
        supplier::service::{Supplier, SupplierOptions},
    };

    /// Asserts the state of the check, and words of its sentence and of its remedy.
    fn assert_check(check: &Check, state: State, says: &str, mend: Option<&str>) {
        assert_eq!(check.state, state, "{check:?}");
        assert!(check.says.contains(says), "{check:?}");
        assert_eq!(check.mend.is_some(), mend.is_some(), "{check:?}");
        assert!(mend.is_none_or(|mend| check.mend.as_ref().is_some_and(|found| found.contains(mend))), "{check:?}");
    }

    async fn check(url: &str) -> Check {
        supplier(&url.parse().unwrap(), KeyPolicy::Lookup).await
    }

    #[tokio::test]
    async fn our_own_supplier_is_right_and_its_outage_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let options = SupplierOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            file: folder.path().join("supplier.jsonl"),
            require_key: false,
            key_lifetime: Duration::from_mins(1),
        };
        let service = Supplier::open(options).await.unwrap();
        let url = format!("http://{}", service.address());
        tokio::spawn(service.serve(std::future::pending()));
        let says = format!("{url} answers, shipments 0, keys known for 60 s; policy lookup: asks before it sends");
        assert_check(&check(&url).await, State::Right, &says, None);
        let client = SupplierClient::new(url.parse().unwrap()).unwrap();
        client.set_outage(2, ANSWER_LIMIT).await.unwrap();
        let says = "answers the next 2 orders with 503";
        assert_check(&check(&url).await, State::Warning, says, Some("/outage -H"));
    }

    #[tokio::test]
    async fn a_free_port_of_this_machine_is_for_the_dashboard() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let found = check(&format!("http://{free}")).await;
        assert_check(&found, State::Skipped, "the dashboard starts its own supplier there", None);
        // The dashboard does not start one there.
        let found = check(&format!("http://{free}/shop")).await;
        assert_check(&found, State::Wrong, "is not reachable", Some("idempotence supplier"));
        // Addresses for documentation (RFC 6761, RFC 5737) never exist.
        let found = check("https://supplier.invalid").await;
        assert_check(&found, State::Wrong, "check SUPPLIER_URL and the network", Some("export SUPPLIER_URL="));
    }

    /// A service that gives this answer to every request.
    async fn other(status: &'static str, body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _request = stream.read(&mut [0; 4096]).await.unwrap();
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn another_service_is_reported_for_what_it_answers() {
        let healthy = r#"{"status":"ok","api":1}"#;
        for (status, body, state, says) in [
            ("404 Not Found", "", State::Warning, "not as `idempotence supplier` does"),
            ("200 OK", "<html>", State::Warning, "not as `idempotence supplier` does"),
            ("200 OK", healthy, State::Warning, "cannot compare its shipments"),
            ("200 OK", r#"{"status":"ok","api":9}"#, State::Warning, "version 9 of the supplier's API"),
            ("503 Busy", "maintenance\u{1b}[2J", State::Wrong, "cannot ship: it answers 503"),
            ("500 Oops", "", State::Wrong, "cannot ship: it answers 500"),
        ] {
            let found = check(&other(status, body).await).await;
            assert_check(&found, state, says, None);
            assert!(!found.says.contains('\u{1b}'), "{found:?}");
        }
    }
}
