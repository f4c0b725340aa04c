//! Lists the open runs on the task queue every few seconds, so that the screen also shows orders from other programs,
//! even if no worker runs.

use std::{collections::HashSet, time::Duration};

use tokio::{sync::mpsc, time::sleep};

use super::link_keeper::CurrentLink;
use crate::{
    app::{ListedRun, Message},
    temporal::{OpenRun, open_runs},
};

/// Interval of listings.
const LIST_INTERVAL: Duration = Duration::from_secs(3);

/// Runs until the dashboard ends. Sends each open run once.
pub async fn keep(task_queue: String, mut link: CurrentLink, messages: mpsc::Sender<Message>) {
    let mut sent: HashSet<String> = HashSet::new();
    let mut failed = false;
    loop {
        let Ok(Some(linked)) = link.wait_for(Option::is_some).await.map(|link| link.clone()) else { return };
        match open_runs(&linked, &task_queue).await {
            Ok(open) => {
                failed = false;
                let runs: Vec<_> = open.iter().filter(|run| !sent.contains(&run.run)).map(listed).collect();
                sent = open.into_iter().map(|run| run.run).collect();
                if !runs.is_empty() && messages.send(Message::Listed { runs }).await.is_err() {
                    return;
                }
            }
            // Log this once only, since some servers and some permissions never allow it.
            Err(status) if !std::mem::replace(&mut failed, true) => {
                tracing::warn!(%status, "cannot list the orders that other programs started");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = sleep(LIST_INTERVAL) => {}
            () = messages.closed() => return,
        }
    }
}

fn listed(run: &OpenRun) -> ListedRun {
    ListedRun { workflow: run.workflow.clone(), run: run.run.clone(), started: run.started }
}
