//! Runs the supplier until SIGINT, SIGTERM or SIGHUP.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Failure, log, print, stop::asked_to_stop};
use crate::{
    cli::SupplierArgs,
    config::{Settings, private},
    runtime::supplier_child::READY,
    supplier::{
        SupplierUrl,
        service::{Supplier, SupplierOptions},
    },
    ui::times,
};

/// Name of the file beside the database.
const FILE: &str = "supplier.jsonl";

/// Prints the address and serves until a signal arrives or the parent process ends. With a parent process, a failure is
/// also printed on standard output.
pub async fn run(settings: &Settings, args: SupplierArgs) -> Result<ExitCode, Failure> {
    let with_parent = args.with_parent;
    let ended = serve(settings, args).await;
    if let (true, Err(failure)) = (with_parent, &ended) {
        // The parent reads and shows this line.
        print::line(&failure.to_string());
    }
    ended
}

async fn serve(settings: &Settings, args: SupplierArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(settings);
    let file = args.file.unwrap_or_else(|| default_file(settings));
    if let Some(folder) = settings.private_folder_around(&file) {
        private(folder).map_err(|source| Failure::PrivateFolder { folder: folder.to_owned(), source })?;
    }
    let no_address = |error| Failure::Usage(format!("--listen {}: {error}", args.listen));
    let listen = args.listen.resolve().await.map_err(no_address)?;
    // Install the handler before printing the address, so that a signal after that does not kill the process.
    let stop = asked_to_stop(args.with_parent)?;
    let (require_key, key_lifetime) = (args.require_key, args.key_lifetime);
    let supplier = Supplier::open(SupplierOptions { listen, file: file.clone(), require_key, key_lifetime }).await?;
    let shipments = supplier.shipments();
    print::line(&format!(
        "{READY}http://{}, {shipments} shipment{} in {}, keys expire after {}",
        supplier.address(),
        if shipments == 1 { "" } else { "s" },
        file.display(),
        times::round(key_lifetime)
    ));
    if !supplier.address().ip().is_loopback() {
        print::problem(
            "INSECURE: plain HTTP without a password, so anyone on the network can order and read the shipments; put a \
             proxy with TLS in front of it, and allow only that to connect",
        );
    }
    supplier.serve(stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the port of a supplier that this program can start: nothing listens there.
pub(super) fn free_own_port(url: &SupplierUrl) -> Option<u16> {
    url.own_port().filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

/// Returns the file beside the database; in the state folder if the database is not a file.
pub(super) fn default_file(settings: &Settings) -> PathBuf {
    let folder = settings.database.location.file().and_then(Path::parent);
    folder.unwrap_or(&settings.state_dir).join(FILE)
}
