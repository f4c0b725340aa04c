//! The identity with which a process of this program connects to Temporal: role, process id and host. The host tells apart
//! processes that have the same process id on two hosts or in two containers.

/// The role of a worker process.
pub const WORKER_ROLE: &str = "worker";

/// The identity of process `pid` on `host`. The host is empty in recordings of older versions.
#[must_use]
pub fn process_identity(role: &str, pid: u32, host: &str) -> String {
    match host {
        "" => format!("idempotence-{role}@{pid}"),
        host => format!("idempotence-{role}@{pid}@{host}"),
    }
}

/// Whether a worker with this identity runs this program, on any host and for any user.
#[must_use]
pub fn is_worker_of_ours(identity: &str) -> bool {
    identity
        .strip_prefix("idempotence-")
        .and_then(|rest| rest.strip_prefix(WORKER_ROLE))
        .is_some_and(|rest| rest.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_names_role_process_and_host() {
        assert_eq!(process_identity(WORKER_ROLE, 7, "laptop"), "idempotence-worker@7@laptop");
        assert_eq!(process_identity("starter", 7, ""), "idempotence-starter@7");
        assert!(is_worker_of_ours("idempotence-worker@7@laptop"));
        assert!(!is_worker_of_ours("7@laptop") && !is_worker_of_ours("idempotence-starter@7"));
    }
}
