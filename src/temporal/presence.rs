//! Determines which workers poll a task queue.
//!
//! There are two sources, combined per worker identity:
//!
//! | source | covers | limits |
//! | --- | --- | --- |
//! | `ListWorkers` | workers that send heartbeats | the time is the worker's own clock; old servers lack the call |
//! | `DescribeTaskQueue` | pollers of any SDK | the server lists a poller for minutes after it died |
//!
//! Clocks of different machines are never compared. A worker is alive while its reported time advances between two
//! queries. The worker's own heartbeat interval limits how long the time may stay unchanged on the local monotonic
//! clock.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, SystemTime},
};

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    enums::v1::{TaskQueueType, WorkerStatus},
    taskqueue::v1::TaskQueue,
    worker::v1::WorkerHeartbeat,
    workflowservice::v1::{DescribeNamespaceRequest, DescribeTaskQueueRequest, ListWorkersRequest},
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::link::{Link, limited};
use crate::domain::{is_worker_of_ours, sanitize};

/// A worker counts as dead after this many heartbeat intervals without a heartbeat.
const LATE_FACTOR: f64 = 2.5;

/// The shortest heartbeat interval that Temporal allows, and the default of its SDKs.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);

/// Longest heartbeat interval for which a worker is observed before a decision. A worker with a longer interval counts
/// as alive at once.
const MAX_OBSERVED_INTERVAL: Duration = Duration::from_secs(5);

/// Maximum time between two polls of a live poller. The server ends a long poll after 60 s.
const MAX_POLL_GAP: Duration = Duration::from_secs(75);

/// Maximum time for which [`find_worker`] observes heartbeats that may come from a dead worker, and its query interval.
const OBSERVATION_TIMEOUT: Duration = Duration::from_millis(2_600);
const QUERY_INTERVAL: Duration = Duration::from_millis(250);

/// Maximum number of workers per page, and of pages per listing.
const PAGE_SIZE: i32 = 1_000;
const MAX_PAGES: usize = 50;

/// Maximum length of an identity.
const MAX_IDENTITY_CHARS: usize = 120;

/// Whether a worker polls a task queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// No worker polls.
    Absent,
    /// A worker polls.
    Polling {
        /// The worker's identity.
        identity: String,
    },
}

/// Result of one query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pollers {
    /// Identities of the workers that poll, sorted.
    pub identities: Vec<String>,
    /// Whether some of them have only an old heartbeat, which the next queries confirm or refute.
    pub unsettled: bool,
}

/// Returns whether a worker polls `task_queue`. Takes up to 3 s if a dead worker has left a heartbeat.
///
/// # Errors
/// Returns the server's status if it answers neither of the two calls.
pub async fn find_worker(link: &Link, task_queue: &str) -> Result<Presence, Status> {
    let since = Instant::now();
    let mut watch = PollerWatch::default();
    loop {
        let pollers = watch.query(link, task_queue).await?;
        if !pollers.unsettled || since.elapsed() > OBSERVATION_TIMEOUT {
            let identity = pollers.identities.into_iter().next();
            return Ok(identity.map_or(Presence::Absent, |identity| Presence::Polling { identity }));
        }
        sleep(QUERY_INTERVAL).await;
    }
}

/// Results of earlier queries, which distinguish live workers from dead ones.
#[derive(Debug, Default)]
pub struct PollerWatch {
    /// Heartbeats by worker instance.
    heartbeats: HashMap<String, Sign>,
    /// Polls by queue type and identity.
    polls: HashMap<(i32, String), Sign>,
    /// Whether this server supports heartbeats; `None` until that is known.
    supports_heartbeats: Option<bool>,
}

/// The latest time reported for a worker, by its own clock, or for a poller, by the server's.
#[derive(Debug, Clone, Copy)]
struct Sign {
    reported: SystemTime,
    /// When this value was first received.
    since: Instant,
    /// Whether the value has advanced since the first query.
    advanced: bool,
}

impl Sign {
    const fn first(reported: SystemTime, now: Instant) -> Self {
        Self { reported, since: now, advanced: false }
    }

    fn observe(&mut self, reported: SystemTime, now: Instant) {
        if reported != self.reported {
            *self = Self { reported, since: now, advanced: true };
        }
    }
}

/// A worker's heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heartbeat {
    instance: String,
    identity: String,
    running: bool,
    time: SystemTime,
    interval: Duration,
}

/// A poller that the server lists.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Poll {
    /// `TaskQueueType`.
    kind: i32,
    identity: String,
    /// Time of the last poll, on the server's clock.
    last: SystemTime,
}

impl PollerWatch {
    /// Queries the server once.
    ///
    /// # Errors
    /// Returns the server's status if it answers neither of the two calls.
    pub async fn query(&mut self, link: &Link, task_queue: &str) -> Result<Pollers, Status> {
        let (heartbeats, polls) = tokio::join!(heartbeats(link, task_queue), polls(link, task_queue));
        if let (Err(status), Err(_)) = (&heartbeats, &polls) {
            return Err(status.clone());
        }
        if self.supports_heartbeats.is_none() && heartbeats.is_ok() {
            self.supports_heartbeats = supports_heartbeats(link).await.ok();
        }
        // If one call fails, the other source decides alone.
        let note = |call: &str, status: &Status| tracing::debug!(%status, call, "the server does not list workers");
        let heartbeats = heartbeats.inspect_err(|status| note("ListWorkers", status)).ok();
        let polls = polls.inspect_err(|status| note("DescribeTaskQueue", status)).ok();
        Ok(self.judge(&heartbeats.unwrap_or_default(), polls.as_deref(), Instant::now()))
    }

    /// Determines who polls. `polls` is `None` if the server does not list pollers.
    fn judge(&mut self, heartbeats: &[Heartbeat], polls: Option<&[Poll]>, now: Instant) -> Pollers {
        self.observe(heartbeats, polls.unwrap_or_default(), now);
        let polling: BTreeSet<&str> = polls.unwrap_or_default().iter().map(|poll| poll.identity.as_str()).collect();
        let mut alive = BTreeSet::new();
        let mut unsettled = false;
        for heartbeat in heartbeats {
            let Some(sign) = self.heartbeats.get(&heartbeat.instance) else { continue };
            if !heartbeat.running {
                // A worker of this program may have replaced its SDK worker, and the new one has not sent a heartbeat
                // yet.
                let may_be_replaced = sign.advanced && is_worker_of_ours(&heartbeat.identity);
                if may_be_replaced && now.duration_since(sign.since) <= MIN_INTERVAL.mul_f64(LATE_FACTOR) {
                    alive.insert(heartbeat.identity.clone());
                    unsettled = true;
                }
                continue;
            }
            let is_late = now.duration_since(sign.since) > heartbeat.interval.mul_f64(LATE_FACTOR);
            // The heartbeat may be the last one from a worker that was killed long ago. The server then no longer lists
            // polls of that worker.
            let may_live = sign.advanced || polls.is_none() || polling.contains(heartbeat.identity.as_str());
            if !is_late && may_live {
                alive.insert(heartbeat.identity.clone());
                unsettled |= !sign.advanced && heartbeat.interval <= MAX_OBSERVED_INTERVAL;
            }
        }
        let reports: BTreeSet<&str> = heartbeats.iter().map(|heartbeat| heartbeat.identity.as_str()).collect();
        let server = self.server_time(now);
        // Polls count only for workers that send no heartbeats.
        for poll in polls.unwrap_or_default().iter().filter(|poll| !reports.contains(poll.identity.as_str())) {
            // A worker of this program sends its first heartbeat within a second. A worker that has not sent one was
            // killed before that.
            if self.supports_heartbeats == Some(true) && is_worker_of_ours(&poll.identity) {
                let sign = self.polls.get(&(poll.kind, poll.identity.clone()));
                if sign.is_some_and(|sign| now.duration_since(sign.since) <= MIN_INTERVAL.mul_f64(LATE_FACTOR)) {
                    alive.insert(poll.identity.clone());
                    unsettled = true;
                }
                continue;
            }
            let silent = server.and_then(|server| server.duration_since(poll.last).ok()).unwrap_or_default();
            if silent <= MAX_POLL_GAP {
                alive.insert(poll.identity.clone());
            }
        }
        Pollers { identities: alive.into_iter().collect(), unsettled }
    }

    fn observe(&mut self, heartbeats: &[Heartbeat], polls: &[Poll], now: Instant) {
        let heartbeats: HashMap<_, _> =
            heartbeats.iter().map(|heartbeat| (heartbeat.instance.clone(), heartbeat.time)).collect();
        let polls: HashMap<_, _> = polls.iter().map(|poll| ((poll.kind, poll.identity.clone()), poll.last)).collect();
        observe(&mut self.heartbeats, &heartbeats, now);
        observe(&mut self.polls, &polls, now);
    }

    /// Returns a lower bound of the server's time: the latest reported poll plus the local time since then.
    fn server_time(&self, now: Instant) -> Option<SystemTime> {
        self.polls.values().filter_map(|sign| sign.reported.checked_add(now.duration_since(sign.since))).max()
    }
}

/// Updates the latest times, and removes those of workers and pollers that are no longer reported.
fn observe<K: std::hash::Hash + Eq + Clone>(
    signs: &mut HashMap<K, Sign>,
    reported: &HashMap<K, SystemTime>,
    now: Instant,
) {
    signs.retain(|key, _| reported.contains_key(key));
    for (key, time) in reported {
        signs.entry(key.clone()).or_insert(Sign::first(*time, now)).observe(*time, now);
    }
}

/// Lists the workers of `task_queue` that send heartbeats, from all pages.
async fn heartbeats(link: &Link, task_queue: &str) -> Result<Vec<Heartbeat>, Status> {
    let filter = format!("TaskQueue = '{task_queue}'");
    match listed(link, task_queue, &filter).await {
        // The filter cannot contain the name, or the server does not support filters.
        Err(status) if status.code() == Code::InvalidArgument => listed(link, task_queue, "").await,
        listed => listed,
    }
}

async fn supports_heartbeats(link: &Link) -> Result<bool, Status> {
    let request = DescribeNamespaceRequest { namespace: link.client().namespace(), ..Default::default() };
    let answer = link.service().describe_namespace(limited(request)).await?.into_inner();
    let capabilities = answer.namespace_info.and_then(|info| info.capabilities);
    Ok(capabilities.is_some_and(|capabilities| capabilities.worker_heartbeats))
}

async fn listed(link: &Link, task_queue: &str, filter: &str) -> Result<Vec<Heartbeat>, Status> {
    let mut found = Vec::new();
    let mut token = Vec::new();
    for _ in 0..MAX_PAGES {
        let request = ListWorkersRequest {
            namespace: link.client().namespace(),
            page_size: PAGE_SIZE,
            next_page_token: token,
            query: filter.to_owned(),
            ..Default::default()
        };
        let answer = link.service().list_workers(limited(request)).await?.into_inner();
        #[expect(deprecated, reason = "the list that replaces it carries no time of the last heartbeat")]
        let heartbeats = answer.workers_info.into_iter().filter_map(|worker| worker.worker_heartbeat);
        let ours = heartbeats.filter(|heartbeat| heartbeat.task_queue == task_queue);
        found.extend(ours.filter_map(|heartbeat| read_heartbeat(&heartbeat)));
        token = answer.next_page_token;
        if token.is_empty() {
            return Ok(found);
        }
    }
    tracing::warn!(task_queue, "more than {MAX_PAGES} pages of workers; the rest is ignored");
    Ok(found)
}

fn read_heartbeat(heartbeat: &WorkerHeartbeat) -> Option<Heartbeat> {
    let elapsed = heartbeat.elapsed_since_last_heartbeat.and_then(|elapsed| Duration::try_from(elapsed).ok());
    // A first heartbeat has no interval. The interval of this program's workers is known.
    let ours = is_worker_of_ours(&heartbeat.worker_identity).then_some(MIN_INTERVAL);
    Some(Heartbeat {
        instance: heartbeat.worker_instance_key.clone(),
        identity: sanitize(&heartbeat.worker_identity, MAX_IDENTITY_CHARS),
        // A worker that is shutting down still sends heartbeats but accepts no work.
        running: matches!(heartbeat.status(), WorkerStatus::Running | WorkerStatus::Unspecified),
        time: heartbeat.heartbeat_time.and_then(|time| SystemTime::try_from(time).ok())?,
        interval: elapsed.or(ours).unwrap_or(DEFAULT_INTERVAL).clamp(MIN_INTERVAL, DEFAULT_INTERVAL),
    })
}

/// Lists the pollers of workflow tasks and of activity tasks.
async fn polls(link: &Link, task_queue: &str) -> Result<Vec<Poll>, Status> {
    let kinds = [TaskQueueType::Workflow, TaskQueueType::Activity];
    let [workflow, activity] = kinds.map(|kind| async move {
        let request = DescribeTaskQueueRequest {
            namespace: link.client().namespace(),
            task_queue: Some(TaskQueue { name: task_queue.to_owned(), ..Default::default() }),
            task_queue_type: kind.into(),
            ..Default::default()
        };
        let answer = link.service().describe_task_queue(limited(request)).await?.into_inner();
        let polls = answer.pollers.into_iter().filter_map(move |poller| {
            Some(Poll {
                kind: kind.into(),
                identity: sanitize(&poller.identity, MAX_IDENTITY_CHARS),
                last: poller.last_access_time.and_then(|time| SystemTime::try_from(time).ok())?,
            })
        });
        Ok::<_, Status>(polls.collect::<Vec<_>>())
    });
    let (workflow, activity) = tokio::try_join!(workflow, activity)?;
    Ok([workflow, activity].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "idempotence-worker@7@here";
    const PYTHON: &str = "31@there";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn heartbeat(identity: &str, time: u64, interval: u64) -> Heartbeat {
        let (instance, identity) = (format!("instance of {identity}"), identity.to_owned());
        Heartbeat { instance, identity, running: true, time: at(time), interval: Duration::from_secs(interval) }
    }

    fn poll(identity: &str, last: u64) -> Poll {
        Poll { kind: 1, identity: identity.to_owned(), last: at(last) }
    }

    /// A watch on a clock that the test advances.
    struct Observer {
        watch: PollerWatch,
        now: Instant,
    }

    impl Observer {
        fn new() -> Self {
            Self { watch: PollerWatch::default(), now: Instant::now() }
        }

        fn after(&mut self, millis: u64, heartbeats: &[Heartbeat], polls: Option<&[Poll]>) -> Pollers {
            self.now += Duration::from_millis(millis);
            self.watch.judge(heartbeats, polls, self.now)
        }
    }

    fn polling(identities: &[&str]) -> Pollers {
        Pollers { identities: identities.iter().map(|&identity| identity.to_owned()).collect(), unsettled: false }
    }

    fn unsettled(identities: &[&str]) -> Pollers {
        Pollers { unsettled: true, ..polling(identities) }
    }

    #[test]
    fn a_killed_worker_counts_as_dead_as_soon_as_its_heartbeat_is_late() {
        let mut observer = Observer::new();
        let (beats, polls) = ([heartbeat(OURS, 100, 1)], [poll(OURS, 99)]);
        assert_eq!(observer.after(0, &beats, Some(&polls)), unsettled(&[OURS]));
        assert_eq!(observer.after(2_400, &beats, Some(&polls)), unsettled(&[OURS]));
        assert_eq!(observer.after(200, &beats, Some(&polls)), polling(&[]), "its polls are still listed");
        // A worker that was killed long ago is not waited for.
        assert_eq!(Observer::new().after(0, &beats, Some(&[])), polling(&[]));
    }

    #[test]
    fn a_worker_is_alive_with_any_clock() {
        for clock in [0, 5_000_000] {
            let mut observer = Observer::new();
            let polls = [poll(OURS, 1_000)];
            observer.after(0, &[heartbeat(OURS, clock, 1)], Some(&polls));
            for second in 1..200 {
                let beats = [heartbeat(OURS, clock + second, 1)];
                assert_eq!(observer.after(1_000, &beats, Some(&polls)), polling(&[OURS]), "second {second}");
            }
            assert_eq!(observer.after(3_000, &[heartbeat(OURS, clock + 199, 1)], Some(&polls)), polling(&[]));
        }
    }

    #[test]
    fn a_worker_that_shuts_down_no_longer_polls() {
        let mut ending = heartbeat(OURS, 100, 1);
        ending.running = false;
        assert_eq!(Observer::new().after(0, &[ending], Some(&[poll(OURS, 99)])), polling(&[]));
    }

    #[test]
    fn a_worker_of_this_program_counts_while_its_sdk_worker_is_replaced() {
        let ending = |time| Heartbeat { running: false, ..heartbeat(OURS, time, 1) };
        let next = |time| Heartbeat { instance: "the next".to_owned(), ..heartbeat(OURS, time, 1) };
        let polls = [poll(OURS, 99)];
        let mut observer = Observer::new();
        observer.after(0, &[heartbeat(OURS, 100, 1)], Some(&polls));
        assert_eq!(observer.after(1_000, &[heartbeat(OURS, 101, 1)], Some(&polls)), polling(&[OURS]));
        assert_eq!(observer.after(1_000, &[ending(102)], Some(&polls)), unsettled(&[OURS]));
        assert_eq!(observer.after(900, &[ending(102), next(103)], Some(&polls)), unsettled(&[OURS]));
        assert_eq!(observer.after(2_000, &[ending(102), next(105)], Some(&polls)), polling(&[OURS]));
        // Without a heartbeat from a replacement, the worker has ended.
        assert_eq!(observer.after(2_600, &[ending(102)], Some(&polls)), polling(&[]));
    }

    #[test]
    fn a_worker_that_reports_once_a_minute_is_present_at_once_and_for_its_own_interval() {
        let mut observer = Observer::new();
        let (beats, polls) = ([heartbeat(PYTHON, 100, 60)], [poll(PYTHON, 99)]);
        assert_eq!(observer.after(0, &beats, Some(&polls)), polling(&[PYTHON]));
        assert_eq!(observer.after(140_000, &beats, Some(&polls)), polling(&[PYTHON]));
        assert_eq!(observer.after(11_000, &beats, Some(&polls)), polling(&[]));
    }

    #[test]
    fn a_worker_without_heartbeats_is_known_by_its_polls() {
        let mut observer = Observer::new();
        let polls = [poll(PYTHON, 50)];
        assert_eq!(observer.after(0, &[], Some(&polls)), polling(&[PYTHON]));
        assert_eq!(observer.after(74_000, &[], Some(&polls)), polling(&[PYTHON]));
        assert_eq!(observer.after(2_000, &[], Some(&polls)), polling(&[]), "it has not polled again");
        assert_eq!(observer.after(0, &[], Some(&[poll(PYTHON, 130)])), polling(&[PYTHON]), "now it has");
    }

    #[test]
    fn a_worker_of_this_program_killed_before_its_first_heartbeat_is_dead() {
        let polls = [poll(OURS, 50)];
        let mut observer = Observer::new();
        observer.watch.supports_heartbeats = Some(true);
        assert_eq!(observer.after(0, &[], Some(&polls)), unsettled(&[OURS]));
        assert_eq!(observer.after(2_600, &[], Some(&polls)), polling(&[]));
        // An old server does not support heartbeats.
        let mut observer = Observer::new();
        observer.watch.supports_heartbeats = Some(false);
        observer.after(0, &[], Some(&polls));
        assert_eq!(observer.after(2_600, &[], Some(&polls)), polling(&[OURS]));
    }

    #[test]
    fn the_servers_time_shows_which_polls_are_old() {
        let polls = [poll("1@dead", 0), poll(PYTHON, 200)];
        assert_eq!(Observer::new().after(0, &[], Some(&polls)), polling(&[PYTHON]));
    }

    #[test]
    fn without_the_list_of_pollers_heartbeats_decide() {
        let mut observer = Observer::new();
        assert_eq!(observer.after(0, &[heartbeat(OURS, 100, 1)], None), unsettled(&[OURS]));
        assert_eq!(observer.after(1_000, &[heartbeat(OURS, 101, 1)], None), polling(&[OURS]));
    }

    #[test]
    fn the_interval_is_the_workers_own_within_bounds() {
        let read = |elapsed: Option<u64>| {
            let elapsed = elapsed.and_then(|seconds| Duration::from_secs(seconds).try_into().ok());
            let time = Some(at(0).into());
            let heartbeat =
                WorkerHeartbeat { elapsed_since_last_heartbeat: elapsed, heartbeat_time: time, ..Default::default() };
            read_heartbeat(&heartbeat).unwrap().interval.as_secs()
        };
        assert_eq!([None, Some(0), Some(1), Some(30), Some(7_200)].map(read), [60, 1, 1, 30, 60]);
    }
}
