//! Waits for a request to stop a command.

use std::future::Future;

use futures::StreamExt;
use tokio::io::AsyncReadExt;

use super::Failure;
use crate::runtime::signals::end_signals;

/// Resolves on SIGINT, SIGTERM, SIGHUP or SIGQUIT, or when the parent process has ended. SIGHUP stays ignored if it was
/// ignored at the start, as under nohup.
pub fn asked_to_stop(with_parent: bool) -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = end_signals().map_err(Failure::io("listen for signals"))?;
    Ok(async move {
        let parent_gone = async {
            if with_parent {
                parent_gone().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = signals.next() => {}
            () = parent_gone => {}
        }
    })
}

/// Waits for the end of standard input. The parent keeps its writing end open and writes nothing, so the end means that
/// the parent has ended or requests a stop.
async fn parent_gone() {
    let mut buffer = [0; 64];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
}
