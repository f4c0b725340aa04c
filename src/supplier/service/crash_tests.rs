//! Tests of the orders on a file that fails, waits, or dies with its process at any operation.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use super::{
    file::{AppendFile, Disk},
    orders::{Answer, Orders, Placed},
    refusal::Refusal,
};
use crate::{
    connections::testing::TEST_TIMEOUT,
    domain::UnixMillis,
    supplier::{
        api::{OrderRequest, Shipment},
        key::RequestKey,
    },
};

/// What happens at an operation that changes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The process is killed before the operation, or within it after half of an append.
    Kill { halfway: bool },
    /// The operation fails after half of an append. The process lives on.
    Fail,
    /// The operation waits until [`Machine::release`].
    Wait,
}

#[derive(Default)]
struct Content {
    /// What processes read.
    cached: Vec<u8>,
    /// What a loss of power leaves.
    durable: Vec<u8>,
    /// Number of operations that have changed the file, or tried to.
    operations: u64,
    events: BTreeMap<u64, Event>,
    syncs: u64,
    is_dead: bool,
    is_waiting: bool,
}

/// A machine with one file.
#[derive(Clone, Default)]
struct Machine(Arc<(Mutex<Content>, Condvar)>);

impl Machine {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.0.lock().unwrap()
    }

    /// Begins the next process. `events` are numbered from its first operation on.
    fn restart(&self, power_lost: bool, events: &[(u64, Event)]) -> Result<Orders, super::FileError> {
        let mut content = self.content();
        if power_lost {
            content.cached = content.durable.clone();
        }
        (content.operations, content.syncs, content.is_dead) = (0, 0, false);
        content.events = events.iter().copied().collect();
        drop(content);
        let clock = Box::new(|| UnixMillis(7));
        Orders::open(Box::new(self.clone()), Duration::from_hours(1), clock)
    }

    fn wait_until(&self, is_reached: impl Fn(&Content) -> bool) {
        let content = self.content();
        let waited = self.0.1.wait_timeout_while(content, TEST_TIMEOUT, |content| !is_reached(content)).unwrap();
        assert!(!waited.1.timed_out());
    }

    fn release(&self) {
        self.content().is_waiting = false;
        self.0.1.notify_all();
    }

    /// Returns the content before an operation, or how it ends. `half` is done if the operation fails in the middle.
    fn operation(&self, half: impl FnOnce(&mut Content)) -> io::Result<MutexGuard<'_, Content>> {
        let mut content = self.content();
        if content.is_dead {
            return Err(io::Error::other("the process is dead"));
        }
        let number = content.operations;
        content.operations += 1;
        match content.events.get(&number).copied() {
            None => Ok(content),
            Some(Event::Wait) => {
                content.is_waiting = true;
                self.0.1.notify_all();
                // Ends even if the test has failed.
                Ok(self.0.1.wait_timeout_while(content, TEST_TIMEOUT, |content| content.is_waiting).unwrap().0)
            }
            Some(event) => {
                if matches!(event, Event::Fail | Event::Kill { halfway: true }) {
                    half(&mut content);
                }
                content.is_dead = matches!(event, Event::Kill { .. });
                Err(io::Error::other("injected"))
            }
        }
    }
}

impl AppendFile for Machine {
    fn path(&self) -> &Path {
        Path::new("/simulated/supplier.jsonl")
    }

    fn read(&self, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let content = self.content();
        let from = usize::try_from(from).unwrap().min(content.cached.len());
        Ok(content.cached[from..].iter().copied().take(most).collect())
    }

    fn check(&self, length: u64) -> io::Result<()> {
        let found = self.content().cached.len() as u64;
        if found == length { Ok(()) } else { Err(io::Error::other(format!("{found} bytes"))) }
    }

    fn append(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.operation(|content| content.cached.extend_from_slice(&bytes[..bytes.len() / 2]))?;
        assert_eq!(content.cached.len() as u64, at, "it overwrites");
        content.cached.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut content = self.operation(|_| {})?;
        content.cached.truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.operation(|_| {})?;
        content.syncs += 1;
        content.durable = content.cached.clone();
        Ok(())
    }
}

fn order(reference: &str) -> OrderRequest {
    let text = format!(r#"{{"product":"123456","quantity":10,"reference":"{reference}"}}"#);
    serde_json::from_str(&text).unwrap()
}

fn key(text: &str) -> RequestKey {
    RequestKey::new(text).unwrap()
}

/// Waits for the answer of an order.
fn answer(placed: Result<Placed, Refusal>) -> Result<Answer, Refusal> {
    match placed? {
        Placed::Replayed(answer) => Ok(answer),
        Placed::Shipping(answer) => answer.blocking_recv().unwrap(),
    }
}

fn ship(orders: &Orders, text: &str) -> Result<Answer, Refusal> {
    answer(orders.place(order(text), Some(key(text))))
}

/// Answers with 201 that clients have received: the body of each key, and the bodies without a key.
#[derive(Default)]
struct Received {
    keyed: BTreeMap<String, Vec<u8>>,
    others: Vec<Vec<u8>>,
}

impl Received {
    /// Sends a series of orders, one after another and at once, with repetitions.
    fn order_all(&mut self, orders: &Orders) {
        self.order_again(orders, &["a", "b", "a"]);
        if let Ok(answer) = answer(orders.place(order("a"), None)) {
            self.others.push(answer.body);
        }
        let placed: Vec<_> =
            ["c", "d", "e", "a"].map(|text| (text, orders.place(order(text), Some(key(text))))).into_iter().collect();
        for (reference, placed) in placed {
            self.receive_keyed(reference, answer(placed));
        }
    }

    /// Sends these orders one after another.
    fn order_again(&mut self, orders: &Orders, references: &[&str]) {
        for reference in references {
            self.receive_keyed(reference, ship(orders, reference));
        }
    }

    fn receive_keyed(&mut self, reference: &str, answer: Result<Answer, Refusal>) {
        let Ok(answer) = answer else { return };
        if let Some(earlier) = self.keyed.insert(reference.to_owned(), answer.body.clone()) {
            assert_eq!(earlier, answer.body, "{reference} has two answers");
            assert!(answer.replayed, "{reference} was shipped twice");
        }
    }

    /// Asserts that every received answer is a shipment, and that no key was shipped twice.
    fn check(&self, orders: &Orders) {
        let page = orders.page(0, 1_000).unwrap();
        let numbers: Vec<_> = page.shipments.iter().map(|shipment| shipment.shipment.0).collect();
        assert_eq!(numbers, (1..=page.shipped).collect::<Vec<_>>());
        let bodies: Vec<_> = page.shipments.iter().map(|shipment| serde_json::to_vec(shipment).unwrap()).collect();
        for body in self.keyed.values().chain(&self.others) {
            assert!(bodies.contains(body), "lost: {}", String::from_utf8_lossy(body));
        }
        let mut keys: Vec<_> = page.shipments.iter().filter_map(|shipment| shipment.key.as_ref()).collect();
        let shipped = keys.len();
        keys.sort_by_key(|key| key.as_str());
        keys.dedup();
        assert_eq!(keys.len(), shipped, "a key was shipped twice");
    }
}

/// Lets a process die or fail at each of its operations, with and without a loss of power, and repeats all orders in the
/// next process. Returns how many operations were hit.
fn at_every_operation(event: Event, power_lost: bool) -> u64 {
    for number in 0.. {
        let (machine, mut received) = (Machine::default(), Received::default());
        // The first process has a past.
        let before = machine.restart(false, &[]).unwrap();
        received.receive_keyed("b", ship(&before, "b"));
        drop(before);
        let opened = machine.restart(false, &[(number, event)]);
        if let Ok(orders) = &opened {
            received.order_all(orders);
        }
        drop(opened);
        let hit = machine.content().operations > number;
        let orders = machine.restart(power_lost, &[]).unwrap();
        received.check(&orders);
        // These may all be replays, which must be durable too.
        received.order_again(&orders, &["a", "b", "c", "d", "e"]);
        assert_eq!(received.keyed.len(), 5);
        drop(orders);
        let orders = machine.restart(true, &[]).unwrap();
        received.check(&orders);
        received.order_all(&orders);
        received.check(&orders);
        if !hit {
            return number;
        }
    }
    unreachable!("a process has a limited number of operations");
}

#[test]
fn no_answer_is_lost_and_no_key_ships_twice_wherever_a_process_dies() {
    for power_lost in [false, true] {
        for halfway in [false, true] {
            assert!(at_every_operation(Event::Kill { halfway }, power_lost) > 6);
        }
    }
}

#[test]
fn no_answer_is_lost_and_no_key_ships_twice_whatever_operation_fails() {
    for power_lost in [false, true] {
        assert!(at_every_operation(Event::Fail, power_lost) > 6);
    }
}

#[test]
fn a_process_that_dies_during_the_creation_of_the_file_leaves_one_that_can_be_opened() {
    for number in 0..3 {
        for halfway in [false, true] {
            let machine = Machine::default();
            assert!(machine.restart(false, &[(number, Event::Kill { halfway })]).is_err());
            let orders = machine.restart(false, &[]).unwrap();
            assert_eq!(ship(&orders, "a").unwrap().number.0, 1);
        }
    }
}

/// The operations of a process that opens an existing file: its sync. The next ones are those of the first order.
const OPENING: u64 = 1;

/// Returns a machine with an empty file, and a process with these events from its first order on.
fn running(events: &[(u64, Event)]) -> (Machine, Orders) {
    let machine = Machine::default();
    drop(machine.restart(false, &[]).unwrap());
    let events: Vec<_> = events.iter().map(|(number, event)| (OPENING + number, *event)).collect();
    let orders = machine.restart(false, &events).unwrap();
    (machine, orders)
}

#[test]
fn a_key_in_progress_is_refused_and_the_order_completes_without_its_client() {
    let (machine, orders) = running(&[(1, Event::Wait)]);
    let gone = orders.place(order("a"), Some(key("a"))).unwrap();
    machine.wait_until(|content| content.is_waiting);
    assert_eq!(orders.place(order("a"), Some(key("a"))).unwrap_err(), Refusal::KeyInFlight);
    assert_eq!(orders.place(order("b"), Some(key("a"))).unwrap_err(), Refusal::KeyInFlight);
    assert_eq!(orders.page(0, 9).unwrap().shipped, 0, "not durable yet");
    drop(gone);
    machine.release();
    let since = Instant::now();
    let replayed = loop {
        match answer(orders.place(order("a"), Some(key("a")))) {
            Err(Refusal::KeyInFlight) => assert!(since.elapsed() < TEST_TIMEOUT),
            answer => break answer.unwrap(),
        }
        std::thread::yield_now();
    };
    assert_eq!((replayed.number.0, replayed.replayed), (1, true));
}

#[test]
fn orders_that_wait_at_the_same_time_share_one_sync() {
    let (machine, orders) = running(&[(1, Event::Wait)]);
    let first = orders.place(order("first"), None);
    machine.wait_until(|content| content.is_waiting);
    let others: Vec<_> = (0..100).map(|number| orders.place(order("other"), Some(key(&number.to_string())))).collect();
    machine.release();
    assert_eq!(answer(first).unwrap().number.0, 1);
    let numbers: Vec<_> = others.into_iter().map(|placed| answer(placed).unwrap().number.0).collect();
    assert_eq!(numbers, (2..=101).collect::<Vec<_>>());
    assert_eq!(machine.content().syncs, OPENING + 2);
}

#[test]
fn orders_that_wait_too_long_for_the_disk_are_refused_and_use_up_no_key() {
    let (machine, orders) = running(&[(1, Event::Wait)]);
    let mut placed = vec![orders.place(order("first"), None)];
    machine.wait_until(|content| content.is_waiting);
    let refused = loop {
        let number = placed.len().to_string();
        match orders.place(order("other"), Some(key(&number))) {
            Err(refusal) => break refusal,
            waiting => placed.push(waiting),
        }
        assert!(placed.len() < 10_000, "the queue has no limit");
    };
    assert_eq!(refused, Refusal::Busy);
    machine.release();
    let next = placed.len();
    for placed in placed {
        drop(answer(placed).unwrap());
    }
    assert!(!answer(orders.place(order("other"), Some(key(&next.to_string())))).unwrap().replayed);
}

#[test]
fn an_order_that_cannot_be_written_is_not_shipped_and_can_be_repeated() {
    let (machine, orders) = running(&[(0, Event::Fail)]);
    let before = machine.content().cached.clone();
    assert_eq!(ship(&orders, "a"), Err(Refusal::Unwritten("injected".to_owned())));
    assert_eq!(machine.content().cached, before);
    let shipped = ship(&orders, "a").unwrap();
    assert_eq!((shipped.number.0, shipped.replayed), (1, false));
    assert_eq!(orders.failure(), None);
}

#[test]
fn a_failed_sync_ends_shipping_until_a_restart_which_does_not_trust_the_cache() {
    let (machine, orders) = running(&[(3, Event::Fail)]);
    let first = ship(&orders, "a").unwrap();
    assert_eq!(ship(&orders, "b"), Err(Refusal::Failed("sync: injected".to_owned())));
    for text in ["b", "c"] {
        assert_eq!(ship(&orders, text), Err(Refusal::Stopped("sync: injected".to_owned())));
    }
    assert_eq!(ship(&orders, "a").unwrap().body, first.body, "what is durable is still replayed");
    assert_eq!(orders.failure(), Some("sync: injected".to_owned()));
    let content = machine.content();
    assert_eq!(content.cached, content.durable);
    drop(content);
    drop(orders);
    let orders = machine.restart(false, &[]).unwrap();
    let shipped = ship(&orders, "b").unwrap();
    assert_eq!((shipped.number.0, shipped.replayed), (2, false));
}

#[test]
fn a_part_of_a_line_that_cannot_be_removed_ends_shipping() {
    let (_, orders) = running(&[(0, Event::Fail), (1, Event::Fail)]);
    assert_eq!(ship(&orders, "a"), Err(Refusal::Stopped("injected".to_owned())));
    assert_eq!(ship(&orders, "a"), Err(Refusal::Stopped("injected".to_owned())));
}

#[test]
fn a_file_that_another_program_changes_ends_shipping() {
    type Change = fn(&Path) -> io::Result<()>;
    let changes: [(Change, &str); 4] = [
        (|path| fs::remove_file(path), "it was moved or deleted"),
        (|path| fs::rename(path, path.with_extension("old")), "it was moved or deleted"),
        (
            |path| {
                fs::copy(path, path.with_extension("new")).and_then(|_| fs::rename(path.with_extension("new"), path))
            },
            "another file has replaced it",
        ),
        (|path| fs::OpenOptions::new().write(true).open(path)?.set_len(10), "another program has changed its length"),
    ];
    for (change, expected) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("supplier.jsonl");
        let disk = Box::new(Disk::open(&path).unwrap());
        let orders = Orders::open(disk, Duration::from_hours(1), Box::new(|| UnixMillis(7))).unwrap();
        assert_eq!(ship(&orders, "a").unwrap().number.0, 1);
        change(&path).unwrap();
        let Err(Refusal::Stopped(cause)) = ship(&orders, "b") else { panic!("{expected}") };
        assert!(cause.starts_with(expected), "{cause}");
    }
}

#[test]
fn a_recorded_answer_that_was_damaged_is_not_replayed_and_not_shipped_again() {
    let (machine, orders) = running(&[]);
    ship(&orders, "a").unwrap();
    let last = machine.content().cached.len() - 10;
    machine.content().cached[last] ^= 1;
    assert_eq!(ship(&orders, "a"), Err(Refusal::Unreadable));
    assert_eq!(orders.page(0, 9).unwrap_err(), Refusal::Unreadable);
    assert_eq!(orders.page(0, 0).unwrap().shipped, 1);
    let _: Vec<Shipment> = orders.with_reference(&order("b").reference).unwrap();
}
