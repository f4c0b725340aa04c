//! When a command that runs until it is told to stop is told to stop.

use std::future::Future;

use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

use super::Failure;

/// Resolves at SIGINT, at SIGTERM, or when the parent has gone.
pub fn asked_to_stop(with_parent: bool) -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::io("listen for SIGINT"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::io("listen for SIGTERM"))?;
    Ok(async move {
        let parent_gone = async {
            if with_parent {
                parent_gone().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent_gone => {}
        }
    })
}

/// The parent holds the other end of our standard input and writes nothing to it: any end of reading means that it
/// is gone, or wants us to go.
async fn parent_gone() {
    let mut buffer = [0; 64];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
}
