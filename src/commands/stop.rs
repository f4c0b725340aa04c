//! When a command that runs until it is told to stop is told to stop.

use std::future::Future;

use futures::StreamExt;
use tokio::io::AsyncReadExt;

use super::Failure;
use crate::runtime::signals::end_signals;

/// Resolves at SIGINT, SIGTERM, SIGHUP or SIGQUIT, or when the parent has gone. A SIGHUP that is ignored from the start,
/// as under nohup, stays ignored.
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

/// The parent holds the other end of our standard input and writes nothing to it: any end of reading means that it
/// is gone, or wants us to go.
async fn parent_gone() {
    let mut buffer = [0; 64];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
}
