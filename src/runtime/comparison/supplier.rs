//! The supplier process of one side of a comparison, with its own file of shipments.

use std::{io, path::PathBuf, time::Duration};

use tokio::time::timeout;

use crate::{
    runtime::{
        child::{ChildEvent, ChildProcess},
        supplier_child::{SupplierCommand, url_in},
    },
    supplier::{SupplierClient, SupplierUrl, SupplierUrlError},
};

/// Maximum time until a supplier listens, or until it has ended.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the supplier of a side cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SideSupplierError {
    /// The process could not be started, or its certificates could not be read.
    #[error("could not start the supplier ({0}); check the free space and the permissions of the state folder")]
    Start(#[from] io::Error),
    /// The process ended.
    #[error("the supplier ended: {0}; press v to compare again")]
    Ended(String),
    /// The process does not listen.
    #[error("the supplier did not listen within {} s; press v to compare again", PROCESS_TIMEOUT.as_secs())]
    TooLate,
    /// The address that the process printed is not an address.
    #[error("the supplier printed the address {address}, which cannot be used: {source}")]
    Address {
        /// The printed address.
        address: String,
        /// Why it cannot be used.
        source: SupplierUrlError,
    },
}

/// The supplier of one side.
#[derive(Debug)]
pub struct SideSupplier {
    program: PathBuf,
    file: PathBuf,
    log: Option<PathBuf>,
    child: Option<ChildProcess>,
}

impl SideSupplier {
    /// Creates a supplier that is not started. `program` is the path of this program.
    pub const fn new(program: PathBuf, file: PathBuf, log: Option<PathBuf>) -> Self {
        Self { program, file, log, child: None }
    }

    /// Starts the process on a free port of loopback. Returns its address and a client.
    ///
    /// # Errors
    /// Returns [`SideSupplierError`] unless the process listens.
    pub async fn start(&mut self) -> Result<(SupplierUrl, SupplierClient), SideSupplierError> {
        let command = SupplierCommand::new(0, self.file.clone(), self.log.as_deref())?;
        let command = SupplierCommand { program: self.program.clone(), ..command };
        // Kept at once, so that it is killed even if this future is dropped.
        let child = self.child.insert(command.spawn()?);
        let line = match timeout(PROCESS_TIMEOUT, child.next()).await {
            Ok(Ok(ChildEvent::Ready(line))) => line,
            Ok(Ok(ChildEvent::Ended(how))) => return Err(SideSupplierError::Ended(how.to_string())),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(SideSupplierError::TooLate),
        };
        let address = url_in(&line);
        let url: SupplierUrl =
            address.parse().map_err(|source| SideSupplierError::Address { address: address.to_owned(), source })?;
        let client = SupplierClient::new(url.clone())?;
        Ok((url, client))
    }

    /// Waits until the process ends without a request. Does not return if none was started.
    pub async fn ended(&mut self) -> SideSupplierError {
        let Some(child) = &mut self.child else { return std::future::pending().await };
        match child.next().await {
            Ok(ChildEvent::Ready(line)) => SideSupplierError::Ended(line),
            Ok(ChildEvent::Ended(how)) => SideSupplierError::Ended(how.to_string()),
            Err(error) => error.into(),
        }
    }

    /// Kills the process, and waits until it has ended.
    pub async fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // A process that has ended by itself cannot be killed.
        let _has_ended = child.kill();
        if timeout(PROCESS_TIMEOUT, child.next()).await.is_err() {
            tracing::warn!("the supplier of a comparison did not end within {} s", PROCESS_TIMEOUT.as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// Starts a shell script in place of this program.
    async fn start(script: &str) -> SideSupplierError {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut supplier = SideSupplier::new(program, folder.path().join("supplier.jsonl"), None);
        let error = supplier.start().await.unwrap_err();
        supplier.kill().await;
        error
    }

    #[tokio::test]
    async fn a_supplier_that_cannot_start_is_an_error_with_its_reason() {
        let refused = start("echo 'error: no room on the disk'; exit 1").await.to_string();
        assert!(refused.contains("no room on the disk") && refused.contains("press v"), "{refused}");
        let silent = start("exit 3").await.to_string();
        assert!(silent.contains('3'), "{silent}");
        let address = start("echo 'supplier at nowhere, 0 shipments'; sleep 60").await;
        assert!(matches!(&address, SideSupplierError::Address { address, .. } if address == "nowhere"), "{address}");
        let mut missing = SideSupplier::new("/no/such/program".into(), "supplier.jsonl".into(), None);
        assert!(matches!(missing.start().await, Err(SideSupplierError::Start(_))));
    }
}
