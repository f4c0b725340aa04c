//! The dev server's command line, as a pure function.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

/// Settings of the server, as pairs of flag and value.
const FIXED: [(&str, &str); 10] = [
    // With SQLite's default settings, the server is three times slower. These settings can lose the last writes before
    // a power failure.
    ("--sqlite-pragma", "journal_mode=WAL"),
    ("--sqlite-pragma", "synchronous=OFF"),
    // With the default of four partitions, the pollers of a single worker sometimes wait at the wrong partition.
    ("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    ("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
    // The assumed clock difference between the hosts of a cluster delays every retry. The default is one second, but
    // this server is one process with one clock.
    ("--dynamic-config-value", "history.timerProcessorMaxTimeShift=\"10ms\""),
    // By default, the server reads its queue of tasks at most 20 times per second, so each order waits for 150 ms.
    ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
    ("--log-level", "warn"),
    ("--color", "never"),
    // `temporal env set` and TEMPORAL_ENV can change the default of any flag.
    ("--env", "default"),
    ("--env-file", "/dev/null"),
];

/// Returns the arguments of the executable.
pub(super) fn start_dev(server: SocketAddr, web_ui: SocketAddr, namespace: &str, database: &Path) -> Vec<OsString> {
    let mut line: Vec<OsString> = ["server", "start-dev"].map(OsString::from).to_vec();
    let mut flag = |name: &str, value: OsString| line.extend([name.into(), value]);
    flag("--ip", server.ip().to_string().into());
    flag("--port", server.port().to_string().into());
    flag("--ui-ip", web_ui.ip().to_string().into());
    flag("--ui-port", web_ui.port().to_string().into());
    // The namespace `default` always exists.
    flag("--namespace", namespace.into());
    flag("--db-filename", database.into());
    for (name, value) in FIXED {
        flag(name, value.into());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::ports::loopback;
    use super::*;

    #[test]
    fn the_server_is_on_loopback_only_and_keeps_its_state_in_the_database() {
        let line = start_dev(loopback(7233), loopback(8233), "demo", Path::new("state/temporal.db"));
        let line = line.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        let start = "server start-dev --ip 127.0.0.1 --port 7233 --ui-ip 127.0.0.1 --ui-port 8233 \
                     --namespace demo --db-filename state/temporal.db --sqlite-pragma journal_mode=WAL";
        assert!(line.starts_with(start), "{line}");
    }
}
